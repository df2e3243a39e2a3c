"""R8: tokens. A token never does more than its owner, and what it makes never more than it."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import networks
from accounts.models import Appointment, Mailbox, Token
from accounts.services import people, tokens
from panel.base.errors import Forbidden
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM, Role
from tests.api.conftest import As, Asker, codes_of, fields_of
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def key_of(owner: Any, **more: Any) -> str:
    return tokens.create_token(owner, "test", **{"scopes": ["*"], **more})[1]


def asked_from(address: str, key: str) -> Any:
    return Client(REMOTE_ADDR=address, headers={"Authorization": f"Bearer {key}"}).get("/api/v1/me/")


# --- networks


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        (" 192.0.2.7/24 ", "192.0.2.0/24"),
        ("2001:DB8:0::1/32", "2001:db8::/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_networks_are_kept_in_one_form(written: str, kept: str) -> None:
    assert networks.normalised([written, kept]) == [kept]


@pytest.mark.parametrize("wrong", ["", "example.com", "192.0.2.0/33", "192.0.2", "fe80::1%eth0/64", "192.0.2.0/24,10.0.0.0/8", "２/8"])
def test_what_is_no_network_is_named(wrong: str) -> None:
    with pytest.raises(ValidationError, match="is no network"):
        networks.normalised([wrong])


def test_at_most_fifty_networks() -> None:
    networks.normalised([f"192.0.2.{n}" for n in range(50)])
    with pytest.raises(ValidationError, match="50"):
        networks.normalised([f"192.0.2.{n}" for n in range(51)])


network = st.one_of(st.ip_addresses(v=4).map(lambda a: (a, 32)), st.ip_addresses(v=6).map(lambda a: (a, 128))).flatmap(
    lambda one: st.integers(0, one[1]).map(lambda bits: f"{one[0]}/{bits}")
)


@given(st.lists(network, min_size=1, max_size=4), st.lists(network, min_size=1, max_size=4), st.ip_addresses())
def test_networks_within_others_hold_no_address_that_these_do_not(inner: list[str], outer: list[str], address: Any) -> None:
    inner, outer = networks.normalised(inner), networks.normalised(outer)
    assert networks.within(inner, inner)
    if networks.within(inner, outer) and networks.hold(inner, str(address)):
        assert networks.hold(outer, str(address))
    first = inner[0].partition("/")[0]
    assert networks.hold(inner, first)
    if networks.within(inner, outer):
        assert networks.hold(outer, first)


def test_a_request_from_elsewhere_is_refused(cast: Cast) -> None:
    key = key_of(cast.bob, networks=["192.0.2.0/24", "2001:db8::/32"])
    for inside in ("192.0.2.200", "2001:db8:1::5", "::ffff:192.0.2.9"):
        assert asked_from(inside, key).status_code == 200, inside
    for outside in ("192.0.3.1", "2001:db9::1", "::ffff:198.51.100.1", ""):
        answer = asked_from(outside, key)
        assert (answer.status_code, answer.json()["code"]) == (401, "network"), outside
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_refused_request_is_no_use_of_the_token(cast: Cast) -> None:
    key = key_of(cast.bob, networks=["192.0.2.0/24"])
    asked_from("198.51.100.1", key)
    assert Token.objects.get().last_used_at is None
    asked_from("192.0.2.1", key)
    assert Token.objects.get().last_used_at is not None


def test_the_client_behind_our_proxy_counts(cast: Cast, settings: Any) -> None:
    settings.PROXIES = ["10.0.0.0/8"]
    key = key_of(cast.bob, networks=["192.0.2.0/24"])
    asked = Client(REMOTE_ADDR="10.0.0.1", headers={"Authorization": f"Bearer {key}", "X-Forwarded-For": "192.0.2.1, 198.51.100.1"})
    assert asked.get("/api/v1/me/").status_code == 401
    asked = Client(REMOTE_ADDR="10.0.0.1", headers={"Authorization": f"Bearer {key}", "X-Forwarded-For": "198.51.100.1, 192.0.2.1"})
    assert asked.get("/api/v1/me/").status_code == 200


# --- made by the API


def test_a_token_says_all_of_itself_but_its_key_only_once(cast: Cast, api: As) -> None:
    bob = api(cast.bob, scopes=("*",))
    end = (timezone.now() + timedelta(days=30)).isoformat()
    wanted = {"name": "backup", "scopes": ["accounts:read"], "domains": ["a.example.com"], "networks": ["192.0.2.9/24"], "expires_at": end}
    made = bob.post("/tokens/", wanted)
    assert made.status_code == 201
    body = made.json()
    key = body.pop("key")
    assert (body["role"], body["networks"], body["last_used_at"]) == ("mail_admin", ["192.0.2.0/24"], None)
    assert bob.get(f"/tokens/{body['id']}/").json() == body
    assert key not in bob.get("/tokens/").content.decode()
    assert Token.objects.get(pk=body["id"]).digest == Token.digest_of(key)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"networks": ["192.0.2.0/99"]}, "networks"),
        ({"networks": [f"192.0.2.{n}" for n in range(51)]}, "networks"),
        ({"scopes": ["accounts:delete"]}, "scopes.0"),
        ({"scopes": []}, "scopes"),
        ({"domains": ["b.example.com"]}, "domains"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"name": ""}, "name"),
        ({"name": "two\nlines"}, "name"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], field: str, cast: Cast, api: As) -> None:
    answer = api(cast.bob).post("/tokens/", {"name": "x", "scopes": ["*"], **body})
    assert (answer.status_code, fields_of(answer)) == (400, [field])


def test_every_resource_is_a_scope(cast: Cast, api: As) -> None:
    answer = api(cast.operator).post("/tokens/", {"name": "all", "scopes": tokens.known_scopes()[1:]})
    assert answer.status_code == 201
    assert "webhooks:write" in answer.json()["scopes"]


def test_a_web_admins_token_may_be_limited_to_a_domain_of_theirs(cast: Cast, api: As) -> None:
    wendy = api(cast.wendy)
    assert wendy.post("/tokens/", {"name": "dns", "scopes": ["dns:read"], "domains": ["a.example.com"]}).status_code == 201
    assert wendy.post("/tokens/", {"name": "dns", "scopes": ["dns:read"], "domains": ["b.example.com"]}).status_code == 400


NARROW = {
    "name": "child",
    "scopes": ["accounts:read"],
    "domains": ["a.example.com"],
    "networks": ["127.0.0.0/16"],
    "expires_at": (timezone.now() + timedelta(days=5)).isoformat(),
}


@pytest.fixture
def maker(cast: Cast) -> Asker:
    """A token of the operator's that is limited in every way, and makes others."""
    limits = {"domains": ["a.example.com"], "networks": ["127.0.0.0/8"], "expires_at": timezone.now() + timedelta(days=9)}
    return Asker(key_of(cast.operator, scopes=["accounts:read", "tokens:write"], **limits))


@pytest.mark.parametrize(
    "wider",
    [
        {"scopes": ["*"]},
        {"scopes": ["accounts:read", "accounts:write"]},
        {"scopes": ["tokens:read"]},
        {"domains": []},
        {"networks": []},
        {"networks": ["126.0.0.0/7"]},
        {"networks": ["127.0.0.0/16", "::1/128"]},
        {"expires_at": None},
        {"expires_at": (timezone.now() + timedelta(days=20)).isoformat()},
    ],
)
def test_a_token_never_makes_one_that_reaches_further(wider: dict[str, Any], maker: Asker) -> None:
    assert maker.post("/tokens/", NARROW).status_code == 201
    assert maker.post("/tokens/", {**NARROW, **wider}).status_code == 403
    assert maker.post("/tokens/", {**NARROW, "domains": ["b.example.com"]}).status_code == 400  # not there for this token


def test_a_session_of_the_api_may_make_lasting_tokens(cast: Cast) -> None:
    _session, key = people.open_api_session(cast.bob)
    assert Asker(key).post("/tokens/", {"name": "lasting", "scopes": ["*"]}).status_code == 201


ends = st.none() | st.integers(1, 50).map(lambda days: days)
reach = st.fixed_dictionaries(
    {
        "scopes": st.lists(st.sampled_from(["*", "accounts:read", "accounts:write", "aliases:read"]), min_size=1, unique=True),
        "domains": st.lists(st.sampled_from(["a.example.com", "c.example.com"]), unique=True),
        "networks": st.lists(st.sampled_from(["127.0.0.0/8", "127.0.0.0/16", "10.0.0.0/8", "::/0", "::1/128"]), unique=True),
        "days": ends,
    }
)


@given(reach, reach)
def test_whatever_a_token_makes_reaches_no_further(mine: dict[str, Any], wanted: dict[str, Any]) -> None:
    """By meaning, not by the rule's own words: each scope, domain and address that the child has the maker has too."""
    now = timezone.now()

    def token(of: dict[str, Any]) -> Token:
        end = None if of["days"] is None else now + timedelta(days=of["days"])
        return Token(scopes=of["scopes"], domains=of["domains"], networks=networks.normalised(of["networks"]), expires_at=end)

    maker, child = token(mine), token(wanted)
    try:
        tokens._check_reach(child, maker)
    except Forbidden:
        return

    def has(one: Token, scope: str, domain: str, address: str, moment: Any) -> bool:
        return (
            ("*" in one.scopes or scope in one.scopes)
            and (not one.domains or domain in one.domains)
            and (not one.networks or networks.hold(one.networks, address))
            and (one.expires_at is None or moment < one.expires_at)
        )

    for scope in ("accounts:read", "accounts:write", "aliases:read", "plans:write"):
        for domain in ("a.example.com", "c.example.com", "b.example.com"):
            for address in ("127.0.0.1", "127.1.0.1", "10.0.0.1", "192.0.2.1", "::1", "2001:db8::1"):
                for days in (0, 5, 25, 400):
                    moment = now + timedelta(days=days)
                    assert not has(child, scope, domain, address, moment) or has(maker, scope, domain, address, moment)


# --- roles


def test_a_token_acts_in_the_role_in_which_it_was_made_and_ends_with_it(cast: Cast) -> None:
    """Bob is mail admin at first, and looks after the DNS of the domain in a further role."""
    further = Appointment.objects.create(admin=cast.bob, role=Role.WEB_ADMIN, customer=cast.bob.customer)
    further.domains.add(cast.domain)
    first = Asker(key_of(cast.bob))
    cast.bob.act_as(further)
    second = Asker(key_of(cast.bob))
    assert [asker.get("/me/").json()["role"] for asker in (first, second)] == ["mail_admin", "web_admin"]
    assert [asker.get("/accounts/").status_code for asker in (first, second)] == [200, 404]
    child = second.post("/tokens/", {"name": "child", "scopes": ["*"]}).json()
    assert child["role"] == "web_admin"
    further.delete()
    assert second.get("/me/").status_code == 401
    assert Asker(child["key"]).get("/me/").status_code == 401
    assert first.get("/me/").status_code == 200


def test_a_role_taken_away_takes_its_rights_from_the_token(cast: Cast) -> None:
    bob = Asker(key_of(cast.bob, scopes=["accounts:read"]))
    assert bob.get("/accounts/mia@a.example.com/").status_code == 200
    people.change_admin(cast.bob, domains=[], acting_user=SYSTEM)
    assert bob.get("/accounts/mia@a.example.com/").status_code == 404
    people.change_admin(cast.bob, role=Role.WEB_ADMIN, acting_user=SYSTEM)
    assert bob.get("/accounts/").status_code == 404


def test_a_token_ends_at_once(cast: Cast) -> None:
    """Revoked, run out, its owner deactivated or suspended."""
    gone, over, off = key_of(cast.bob), key_of(cast.bob, expires_at=timezone.now() + timedelta(days=1)), key_of(cast.alice)
    mine = key_of(cast.mia)
    assert {asked_from("127.0.0.1", key).status_code for key in (gone, over, off, mine)} == {200}
    tokens.delete_token(Token.objects.get(digest=Token.digest_of(gone)), acting_user=cast.bob)
    Token.objects.filter(digest=Token.digest_of(over)).update(expires_at=timezone.now())
    people.change_admin(cast.alice, is_active=False, acting_user=SYSTEM)
    Mailbox.objects.filter(pk=cast.mia.pk).update(suspended=True)
    assert {asked_from("127.0.0.1", key).status_code for key in (gone, over, off, mine)} == {401}


def test_the_trail_knows_what_a_token_may_and_never_its_key(cast: Cast) -> None:
    token, key = tokens.create_token(cast.bob, "backup", scopes=["accounts:read"], networks=["192.0.2.0/24"])
    tokens.delete_token(token, acting_user=cast.bob)
    made, gone = AuditEntry.objects.order_by("pk").filter(action__startswith="token.")
    assert (made.tenant, made.after["networks"], gone.before["scopes"]) == (cast.domain.customer_id, ["192.0.2.0/24"], ["accounts:read"])
    assert key not in str([made.after, gone.before])


def test_codes_name_the_broken_rule(cast: Cast, api: As) -> None:
    assert codes_of(api(cast.bob).post("/tokens/", {"name": "x", "scopes": ["*"], "networks": ["x"]})) == ["network"]
