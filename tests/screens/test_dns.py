"""The page of DNS records and DKIM keys (A20, R4)."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import MailHost
from mailsettings.models import DkimKey, KeyState
from mailsettings.services import dkim, dns
from panel.base.models import Change
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast
from tests.dns import Resolver, serving
from tests.screens.conftest import MakeBox, SignIn, sign_in

pytestmark = pytest.mark.django_db
PAGE, HTMX = "/domains/a.example.com/dns/", {"HX-Request": "true"}


@pytest.fixture
def resolver(settings: Any, cast: Cast) -> Iterator[Resolver]:
    """The panel asks this one, and the mail host has a name that it knows."""
    MailHost.objects.update(hostname="mx1.host.test")
    with serving() as found:
        settings.DNS_RESOLVERS = [found.address]
        found.put("mx1.host.test", "A", "192.0.2.1")
        yield found


def text_of(client: Client, path: str = PAGE) -> str:
    """What the page's main part says, without tags."""
    main = client.get(path).content.decode().partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", main))


def publish(resolver: Resolver, cast: Cast) -> None:
    domain = type(cast.domain).objects.select_related("plan", "host").get(pk=cast.domain.pk)
    for record in dns.records_of(domain, domain.dkim_keys.all()):
        resolver.put(record.name, record.kind, record.value)


def test_the_records_stand_there_to_be_copied(cast: Cast, resolver: Resolver, bob: Client) -> None:
    page = bob.get(PAGE).content.decode()
    assert 'data-copy="10 mx1.host.test"' in page
    assert 'data-copy="v=spf1 a:mx1.host.test -all"' in page
    assert "a.example.com. 3600 IN MX 10 mx1.host.test." in page
    assert "Nobody has looked yet" in page


def test_without_a_host_name_the_page_says_who_has_to_act(cast: Cast, bob: Client, as_user: SignIn) -> None:
    assert "Whoever runs the service has to set it." in text_of(bob)
    assert "/mail-hosts/mx1/" in as_user(cast.operator).get(PAGE).content.decode()


def test_a_check_shows_what_is_wrong_and_what_was_found(cast: Cast, resolver: Resolver, bob: Client) -> None:
    publish(resolver, cast)
    resolver.put("a.example.com", "MX", "10 mail.elsewhere.test")
    resolver.put("_dmarc.a.example.com", "TXT")
    part = bob.post(PAGE + "check/", headers=HTMX).content.decode()
    assert part.startswith("<div")
    assert "2 records need you" in part
    assert "Mail goes to another server and not to mx1.host.test." in part
    assert "10 mail.elsewhere.test" in part
    publish(resolver, cast)
    assert "Everything that mail needs is published" in bob.post(PAGE + "check/", headers=HTMX).content.decode()


def test_where_no_name_server_answers_nobody_is_told_to_mend_anything(cast: Cast, resolver: Resolver, bob: Client, settings: Any) -> None:
    settings.DNS_RESOLVERS = [("127.0.0.1", 1)]
    part = bob.post(PAGE + "check/", headers=HTMX).content.decode()
    assert "The name servers gave no answer" in part and "need you" not in part


def test_without_script_the_check_leads_back_to_the_page(cast: Cast, resolver: Resolver, bob: Client) -> None:
    assert bob.post(PAGE + "check/").url == PAGE  # type: ignore[attr-defined]
    assert bob.get(PAGE + "check/").status_code == 405


def test_nobody_else_may_look(cast: Cast, resolver: Resolver, as_user: SignIn) -> None:
    assert as_user(cast.wendy).post(PAGE + "check/", headers=HTMX).status_code == 200
    for stranger in (cast.charlie, cast.mia):
        assert as_user(stranger).post(PAGE + "check/", headers=HTMX).status_code == 404
    assert Client().post(PAGE + "check/").status_code == 302


def test_what_strangers_publish_is_escaped(cast: Cast, resolver: Resolver, bob: Client) -> None:
    resolver.put("_dmarc.a.example.com", "TXT", 'v=DMARC1; p="><script>alert(1)</script>')
    resolver.put("a.example.com", "MX", r"10 \<img\>.test")
    page = bob.post(PAGE + "check/", headers=HTMX).content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_what_only_helps_is_not_called_missing(cast: Cast, resolver: Resolver, bob: Client) -> None:
    publish(resolver, cast)
    resolver.put("_imaps._tcp.a.example.com", "SRV")
    bob.post(PAGE + "check/")
    text = text_of(bob)
    assert "Everything that mail needs is published" in text
    assert "Server for IMAP Not there" in text


def test_a_plan_without_imap_says_so(make_box: MakeBox, as_user: SignIn, cast: Cast, resolver: Resolver) -> None:
    make_box("hs")
    text = text_of(as_user(cast.bob), "/domains/hs.example.com/dns/")
    assert "Server for IMAP The plan does not have this." in text


def test_the_life_of_a_key(cast: Cast, resolver: Resolver, bob: Client) -> None:
    text = text_of(bob)
    assert "Sent mail is not signed" in text
    assert "Make a key" in text
    made = bob.post("/domains/a.example.com/dkim/rotate/", follow=True).content.decode()
    assert "Publish its record; it signs by itself once that has been seen." in made
    assert f"/changes/{Change.objects.latest('requested_at').pk}/mark/" in made
    assert "As soon as it is seen in DNS this key signs by itself." in text_of(bob)
    publish(resolver, cast)
    bob.post(PAGE + "check/")
    text = text_of(bob)
    assert "Signs since" in text
    assert "Change the key" in text


def test_a_second_key_tells_when_it_will_sign_and_how_long_the_first_one_stays(cast: Cast, resolver: Resolver, bob: Client) -> None:
    old, _ = dkim.make_key(cast.domain, acting_user=SYSTEM)
    dkim.switch(cast.domain, force=True, acting_user=SYSTEM)
    new, _ = dkim.make_key(cast.domain, acting_user=SYSTEM)
    assert "An hour after it was seen in DNS this key signs by itself" in text_of(bob)
    assert "Its record had not been seen in DNS then" in text_of(bob)
    DkimKey.objects.filter(pk=new.pk).update(seen_at=timezone.now() - timedelta(minutes=10))
    assert "Its record was seen. It signs by itself from" in text_of(bob)
    switched = bob.post("/domains/a.example.com/dkim/switch/", follow=True).content.decode()
    assert "The new key signs from now on." in switched
    assert "Leave its record in DNS until" in text_of(bob)
    assert old.selector in text_of(bob)


def test_an_unseen_key_is_switched_to_only_on_purpose(cast: Cast, bob: Client) -> None:
    path = "/domains/a.example.com/dkim/switch/"
    assert bob.get(path).status_code == 404
    dkim.make_key(cast.domain, acting_user=SYSTEM)
    assert "may be taken for forged" in text_of(bob, path)
    assert "force" in bob.post(path).context["form"].errors
    bob.post(path, {"force": "on"})
    assert DkimKey.objects.get().state == KeyState.ACTIVE


def test_a_second_new_key_is_refused_with_the_reason(cast: Cast, bob: Client) -> None:
    dkim.make_key(cast.domain, acting_user=SYSTEM)
    assert "There is a new key already" in bob.post("/domains/a.example.com/dkim/rotate/").content.decode()


@pytest.mark.parametrize(
    ("state", "said"), [("published", "It has signed nothing yet"), ("active", "leaves unsigned"), ("retired", "on its way")]
)
def test_a_deletion_says_what_it_does(cast: Cast, bob: Client, state: str, said: str) -> None:
    key, _ = dkim.make_key(cast.domain, acting_user=SYSTEM)
    DkimKey.objects.filter(pk=key.pk).update(state=state)
    path = f"/domains/a.example.com/dkim/{key.selector}/delete/"
    assert said in text_of(bob, path)
    bob.post(path)
    assert not DkimKey.objects.exists()
    assert bob.get(path).status_code == 404


def test_a_web_admin_finds_it_and_nothing_about_mail(cast: Cast, resolver: Resolver, as_user: SignIn) -> None:
    """R4."""
    wendy = as_user(cast.wendy)
    assert PAGE in wendy.get("/").content.decode()
    page = wendy.get(PAGE).content.decode()
    assert "/domains/a.example.com/server-information/" in page
    for path in ("mailboxes", "aliases", "filters", "edit"):
        assert f"/domains/a.example.com/{path}/" not in page


def test_queries(cast: Cast, resolver: Resolver, bob: Client, django_assert_num_queries: Any) -> None:
    dkim.make_key(cast.domain, acting_user=SYSTEM)
    bob.post(PAGE + "check/")
    bob.get(PAGE)
    counts = []
    for _turn in range(2):
        with django_assert_num_queries(6) as context:  # session, admin, domain, keys, check; notices in the sidebar
            bob.get(PAGE)
        counts.append(len(context))
    assert len(set(counts)) == 1


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_checking_again_in_a_browser(cast: Cast, resolver: Resolver, page: Page) -> None:
    """Copying, the progress while it asks, the new state without leaving the page; axe is content."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, "bob")
    page.goto(PAGE)
    page.get_by_role("button", name="Copy 10 mx1.host.test").first.click()
    assert page.evaluate("navigator.clipboard.readText()") == "10 mx1.host.test"
    resolver.silent.add("_dmarc.a.example.com")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Asking the name servers")).to_be_visible()
    expect(page.get_by_text("records need you")).to_be_visible()
    resolver.silent.clear()
    publish(resolver, cast)
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_role("heading", name="Everything that mail needs is published")).to_be_visible()
    page.get_by_text("As text for a zone file").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.get_by_role("link", name="Make a key").click()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("being applied…")).to_be_visible()
    expect(page.get_by_role("link", name="Use it now…")).to_be_visible()
