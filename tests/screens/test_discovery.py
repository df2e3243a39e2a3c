"""Automatic set-up as anybody may ask for it: without signing in, without telling who exists (A18)."""

import plistlib
import time
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from django.core.cache import cache
from django.core.cache.backends.redis import RedisCache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import strategies as st
from lxml import etree

from accounts.models import MailHost
from mailsettings.discovery.autodiscover import INVALID, OUTLOOK, UNKNOWN_SCHEMA
from mailsettings.views import discovery
from tests.conftest import Cast
from tests.unit.test_discovery import AUTOCONFIG, AUTODISCOVER, HOSTILE, REQUEST

pytestmark = pytest.mark.django_db

MIA, NOBODY = "mia@a.example.com", "zoe@a.example.com"  # of the same length
CONFIG, WELL_KNOWN = "/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"
DISCOVER, PROFILE = "/autodiscover/autodiscover.xml", "/setup/apple.mobileconfig"
ASKS = (f"{CONFIG}?emailaddress={{}}", f"{WELL_KNOWN}?emailaddress={{}}", f"{DISCOVER}?emailaddress={{}}", f"{PROFILE}?address={{}}")


@pytest.fixture(autouse=True)
def named_host(cast: Cast) -> Iterator[None]:
    MailHost.objects.update(hostname="mail.example.net", ipv4="192.0.2.10")
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def anybody() -> Client:
    return Client(enforce_csrf_checks=True)


def post(client: Client, body: bytes | str, path: str = DISCOVER, **more: Any) -> Any:
    return client.post(path, body, content_type="text/xml", **more)


def request_for(address: str, schema: str = OUTLOOK) -> str:
    return REQUEST.format(address=address, schema=schema)


def test_thunderbird_is_told_by_address(anybody: Client) -> None:
    for path in (CONFIG, WELL_KNOWN):
        answer = anybody.get(path, {"emailaddress": MIA})
        assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
        document = etree.fromstring(answer.content)
        AUTOCONFIG.assertValid(document)
        assert document.findtext(".//incomingServer/hostname") == "mail.example.net"
        assert document.findtext(".//incomingServer/username") == "mia%a.example.com"


@pytest.mark.parametrize(
    "name", ["autoconfig.a.example.com", "a.example.com", "AutoConfig.A.Example.com:443", "autodiscover.a.example.com"]
)
def test_the_name_that_is_asked_under_is_enough(name: str, anybody: Client) -> None:
    answer = anybody.get(CONFIG, headers={"Host": name})
    assert etree.fromstring(answer.content).findtext(".//domain") == "a.example.com"


@pytest.mark.parametrize("path", [DISCOVER, "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.XML"])
def test_outlook_is_told_in_any_case_of_the_path(path: str, anybody: Client) -> None:
    """By POST without a CSRF token: it writes nothing and knows no session."""
    answer = post(anybody, request_for(MIA), path, headers={"Host": "autodiscover.a.example.com"})
    document = etree.fromstring(answer.content)
    AUTODISCOVER.assertValid(document)
    assert [node.text for node in document.iter(f"{{{OUTLOOK}}}Type")] == ["IMAP", "POP3", "SMTP"]
    assert {node.text for node in document.iter(f"{{{OUTLOOK}}}LoginName")} == {"mia%a.example.com"}


def test_outlook_may_ask_by_get(anybody: Client) -> None:
    named = anybody.get(DISCOVER, headers={"Host": "autodiscover.a.example.com"})
    assert b"LoginName" not in named.content
    assert b"mia%a.example.com" in anybody.get(DISCOVER, {"emailaddress": MIA}).content


def test_apple_devices_get_a_profile(anybody: Client) -> None:
    answer = anybody.get(PROFILE, {"address": MIA})
    assert answer.headers["Content-Type"] == "application/x-apple-aspen-config"
    assert plistlib.loads(answer.content)["PayloadContent"][0]["EmailAddress"] == MIA


def test_a_profile_whose_certificate_cannot_be_read_is_not_signed(anybody: Client, settings: Any) -> None:
    settings.PROFILE_CERTIFICATE, settings.PROFILE_KEY = "/nowhere/chain.pem", "/nowhere/key.pem"
    assert plistlib.loads(anybody.get(PROFILE, {"address": MIA}).content)


@pytest.mark.parametrize("ask", ASKS)
def test_an_address_that_does_not_exist_gets_the_same_answer(ask: str, anybody: Client) -> None:
    """The same bytes but for the address (and the ids made from it), and the same queries: the mailbox is not looked up."""
    found = []
    for address in (MIA, NOBODY):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = anybody.get(ask.format(address))
        assert answer.status_code == 200
        found.append((answer.content.replace(address.partition("@")[0].encode(), b"x"), dict(answer.headers), [q["sql"] for q in queries]))
    for one in found:
        assert len(one[2]) == 1
        assert "accounts_mailbox" not in one[2][0]
    if PROFILE in ask:
        plain = [plistlib.loads(one[0]) for one in found]
        for made in plain:
            for part in (made, *made["PayloadContent"]):
                part.pop("PayloadUUID"), part.pop("PayloadIdentifier")
        assert plain[0] == plain[1]
        assert len(found[0][0]) == len(found[1][0])
    else:
        assert found[0] == found[1]


def test_outlooks_answer_tells_nothing_either(anybody: Client) -> None:
    answers = [post(anybody, request_for(address)).content.replace(address[:3].encode(), b"x") for address in (MIA, NOBODY)]
    assert answers[0] == answers[1]


UNKNOWN = ["mia@nowhere.example", "mia@", "@a.example.com", "mia", "mi a@a.example.com", '"mia"@a.example.com', "%00", "a" * 300]


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("address", UNKNOWN)
def test_what_is_not_hosted_is_one_404(ask: str, address: str, anybody: Client) -> None:
    answer = anybody.get(ask.format(address))
    unknown = anybody.get(ask.format("x@unknown.example"))
    assert (answer.status_code, answer.content) == (unknown.status_code, unknown.content) == (404, b"Not found.\n")


TEXTS = st.text(max_size=40)
ADDRESSES = TEXTS | TEXTS.map(lambda text: f"{text}@a.example.com") | TEXTS.map(lambda text: f"mia@{text}")


@hypothesis.settings(max_examples=50, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], deadline=None)
@hypothesis.given(ADDRESSES, st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40))
def test_whatever_is_asked_is_answered(anybody: Client, address: str, name: str) -> None:
    cache.clear()
    for path in (CONFIG, DISCOVER):
        assert anybody.get(path, {"emailaddress": address}).status_code in (200, 404)
        assert anybody.get(path, headers={"Host": name}).status_code in (200, 400, 404)  # 400: no name can have these letters
    assert anybody.get(PROFILE, {"address": address}).status_code in (200, 404)


def test_neither_is_a_name_of_nobody(anybody: Client) -> None:
    for host in ("autoconfig.nowhere.example", "autoconfig.", "testserver", "10.0.0.1", "[::1]"):
        assert anybody.get(CONFIG, headers={"Host": host}).content == b"Not found.\n"


def test_a_host_without_a_name_is_not_told_of(anybody: Client) -> None:
    MailHost.objects.update(hostname="")
    for ask in ASKS:
        assert anybody.get(ask.format(MIA)).content == b"Not found.\n"


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_xml_is_answered_safely(kind: str, anybody: Client) -> None:
    began = time.monotonic()
    answer = post(anybody, HOSTILE[kind])
    assert time.monotonic() - began < 2
    document = etree.fromstring(answer.content)
    AUTODISCOVER.assertValid(document)
    assert document.findtext(".//{*}ErrorCode") == str(INVALID)
    assert b"root:" not in answer.content


def test_another_schema_is_not_spoken(anybody: Client) -> None:
    mobile = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
    answer = post(anybody, request_for(MIA, mobile))
    assert etree.fromstring(answer.content).findtext(".//{*}ErrorCode") == str(UNKNOWN_SCHEMA)


ELSEWHERE = ["/login/", "/", "/setup/apple.mobileconfig?address=mia@a.example.com", "/api/v1/schema/", "/autodiscover/", "/mail/login/"]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_other_names_are_accepted_on_these_paths_only(path: str, anybody: Client) -> None:
    """ALLOWED_HOSTS stays closed: 400 as before."""
    for host in ("autoconfig.a.example.com", "evil.example"):
        assert anybody.get(path, headers={"Host": host}).status_code == 400


def test_under_a_customers_name_nothing_binds_its_site_to_https(anybody: Client, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 1000
    fresh = Client()
    own = fresh.get(CONFIG, {"emailaddress": MIA}, secure=True)
    assert "Strict-Transport-Security" in own.headers
    theirs = fresh.get(CONFIG, headers={"Host": "a.example.com"}, secure=True)
    assert theirs.status_code == 200
    assert "Strict-Transport-Security" not in theirs.headers


@pytest.mark.parametrize("path", [CONFIG, WELL_KNOWN, PROFILE])
def test_only_outlook_may_post(path: str) -> None:
    assert Client().post(path).status_code == 405
    assert Client().put(DISCOVER).status_code == 405


def test_no_session_begins_and_no_cookie_is_set(anybody: Client) -> None:
    assert not any(anybody.get(ask.format(MIA)).cookies for ask in ASKS)
    assert not post(anybody, request_for(MIA)).cookies


def test_a_network_that_asks_without_end_is_slowed_down(anybody: Client) -> None:
    """By /24: another network goes on being answered."""
    for number in range(discovery.MOST_A_MINUTE):
        assert anybody.get(CONFIG, {"emailaddress": MIA}, REMOTE_ADDR=f"192.0.2.{number}").status_code == 200
    slowed = post(anybody, request_for(MIA), REMOTE_ADDR="192.0.2.250")
    assert (slowed.status_code, slowed.headers["Retry-After"]) == (429, "60")
    assert anybody.get(CONFIG, {"emailaddress": MIA}, REMOTE_ADDR="198.51.100.1").status_code == 200


def test_without_its_cache_everybody_is_answered(anybody: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "cache", RedisCache("redis://127.0.0.1:1", {}))
    assert anybody.get(CONFIG, {"emailaddress": MIA}).status_code == 200
