"""Every address of the API × every method × every role × own and foreign objects.

The rows are compared with the URL configuration: a new address without a row fails. Nothing is changed by asking:
a body that nobody takes is 400 to those who may write, and a stale If-Match 412 to those who may delete.
"""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import permissions
from accounts.models import Alias, Domain, Group, OpenSession
from accounts.services import board, expansions, imports, mailboxes, people, tokens, webhooks
from mailsettings.models import DkimKey
from mailsettings.services import filters, profiles
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM, Role
from tests.api.conftest import As, Asker
from tests.conftest import Cast, make_mailbox

pytestmark = pytest.mark.django_db

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROLES = ("nobody", "operator", "alice", "bob", "wendy", "mia", "charlie")
# In the order of ROLES, for the objects of a.example.com and its contract: charlie is the outsider.
EVERYBODY = (401, 200, 200, 200, 200, 200, 200)
TABLE: dict[str, dict[str, tuple[int, ...]]] = {
    "plan-list": {"GET": (401, 200, 404, 404, 404, 404, 404), "POST": (401, 400, 404, 404, 404, 404, 404)},
    "plan-detail": {
        "GET": (401, 200, 404, 404, 404, 404, 404),
        "PATCH": (401, 400, 404, 404, 404, 404, 404),
        "DELETE": (401, 412, 404, 404, 404, 404, 404),
    },
    "customer-list": {"GET": (401, 200, 404, 404, 404, 404, 404), "POST": (401, 400, 404, 404, 404, 404, 404)},
    "customer-detail": {
        "GET": (401, 200, 404, 404, 404, 404, 404),
        "PATCH": (401, 400, 404, 404, 404, 404, 404),
        "DELETE": (401, 412, 404, 404, 404, 404, 404),
    },
    "mail-host-list": {"GET": (401, 200, 404, 404, 404, 404, 404)},
    "mail-host-detail": {"GET": (401, 200, 404, 404, 404, 404, 404), "PATCH": (401, 400, 404, 404, 404, 404, 404)},
    "server-information": {"GET": (401, 200, 200, 200, 200, 200, 404)},
    "domain-list": {"GET": (401, 200, 200, 200, 404, 404, 200), "POST": (401, 400, 403, 403, 404, 404, 403)},
    "domain-detail": {
        "GET": (401, 200, 200, 200, 404, 404, 404),
        "PATCH": (401, 400, 400, 400, 404, 404, 404),
        "DELETE": (401, 412, 403, 403, 404, 404, 404),
    },
    "admin-list": {"GET": (401, 200, 200, 404, 404, 404, 200), "POST": (401, 400, 400, 404, 404, 404, 400)},
    "admin-detail": {
        "GET": (401, 200, 200, 404, 404, 404, 404),
        "PATCH": (401, 400, 400, 404, 404, 404, 404),
        "DELETE": (401, 412, 412, 404, 404, 404, 404),
    },
    "account-list": {"GET": (401, 200, 200, 200, 404, 200, 200), "POST": (401, 400, 400, 400, 404, 403, 400)},
    "account-detail": {
        "GET": (401, 200, 200, 200, 404, 200, 404),
        "PATCH": (401, 400, 400, 400, 404, 403, 404),
        "DELETE": (401, 412, 412, 412, 404, 403, 404),
    },
    "account-set-password": {"POST": (401, 400, 400, 400, 404, 400, 404)},
    "account-force": {"POST": (401, 400, 403, 403, 404, 403, 404)},
    "account-purge": {"POST": (401, 400, 400, 400, 404, 400, 404)},
    "account-export": {"GET": (401, 200, 200, 200, 404, 403, 200)},
    "audit-list": {"GET": (401, 200, 200, 200, 404, 404, 200)},
    "audit-detail": {"GET": (401, 200, 200, 200, 404, 404, 404)},
    "audit-undo": {"POST": (401, 400, 400, 400, 404, 404, 404)},
    "audit-export": {"GET": (401, 200, 200, 200, 404, 404, 200)},
    "alias-list": {"GET": (401, 200, 200, 200, 404, 404, 200), "POST": (401, 400, 400, 400, 404, 404, 400)},
    "alias-detail": {
        "GET": (401, 200, 200, 200, 404, 404, 404),
        "PATCH": (401, 400, 400, 400, 404, 404, 404),
        "DELETE": (401, 412, 412, 412, 404, 404, 404),
    },
    "group-list": {"GET": (401, 200, 200, 200, 404, 404, 200), "POST": (401, 400, 400, 400, 404, 404, 400)},
    "group-detail": {
        "GET": (401, 200, 200, 200, 404, 404, 404),
        "PATCH": (401, 400, 400, 400, 404, 404, 404),
        "DELETE": (401, 412, 412, 412, 404, 404, 404),
    },
    # What belongs to an account, and to its user; mia may not forward, but other profiles are hers.
    "profile-list": {"GET": (401, 200, 200, 200, 404, 200, 404), "POST": (401, 400, 400, 400, 404, 400, 404)},
    "profile-detail": {
        "GET": (401, 200, 200, 200, 404, 200, 404),
        "PATCH": (401, 400, 400, 400, 404, 400, 404),
        "DELETE": (401, 412, 412, 412, 404, 412, 404),
    },
    "profile-order": {"POST": (401, 400, 400, 400, 404, 400, 404)},
    "auto-reply": {
        "GET": (401, 200, 200, 200, 404, 200, 404),
        "PUT": (401, 400, 400, 400, 404, 400, 404),
        "DELETE": (401, 412, 412, 412, 404, 412, 404),
    },
    "auto-reply-reset": {"POST": (401, 400, 400, 400, 404, 400, 404)},
    "spam": {"GET": (401, 200, 200, 200, 404, 200, 404), "PATCH": (401, 400, 400, 400, 404, 400, 404)},
    "explain": {"POST": (401, 400, 400, 400, 404, 400, 404)},
    # What belongs to a domain.
    "filter-list": {"GET": (401, 200, 200, 200, 404, 404, 404), "POST": (401, 400, 400, 400, 404, 404, 404)},
    "filter-detail": {
        "GET": (401, 200, 200, 200, 404, 404, 404),
        "PATCH": (401, 400, 400, 400, 404, 404, 404),
        "DELETE": (401, 412, 412, 412, 404, 404, 404),
    },
    "filter-order": {"POST": (401, 400, 400, 400, 404, 404, 404)},
    "senders": {
        "GET": (401, 200, 200, 200, 404, 404, 404),
        "PUT": (401, 400, 400, 400, 404, 404, 404),
        "PATCH": (401, 400, 400, 400, 404, 404, 404),
    },
    # DNS and DKIM are a web admin's too (R4).
    "dns": {"GET": (401, 200, 200, 200, 200, 404, 404)},
    "dns-check": {"POST": (401, 400, 400, 400, 400, 404, 404)},
    "dkim": {"GET": (401, 200, 200, 200, 200, 404, 404)},
    "dkim-rotate": {"POST": (401, 400, 400, 400, 400, 404, 404)},
    "dkim-switch": {"POST": (401, 400, 400, 400, 400, 404, 404)},
    "dkim-key": {"GET": (401, 200, 200, 200, 200, 404, 404), "DELETE": (401, 412, 412, 412, 412, 404, 404)},
    # For everybody in the domain; the operator writes.
    "notice-list": {"GET": EVERYBODY, "POST": (401, 400, 403, 403, 403, 403, 403)},
    "notice-detail": {
        "GET": (401, 200, 200, 200, 200, 200, 404),
        "PATCH": (401, 400, 403, 403, 403, 403, 404),
        "DELETE": (401, 412, 403, 403, 403, 403, 404),
    },
    "notice-dismiss": {"POST": (401, 400, 400, 400, 400, 400, 404)},
    # What follows belongs to whoever caused it: here alice, and charlie for the foreign ones.
    "token-list": {"GET": EVERYBODY, "POST": (401, 400, 400, 400, 400, 400, 400)},
    "token-detail": {"GET": (401, 404, 200, 404, 404, 404, 404), "DELETE": (401, 404, 412, 404, 404, 404, 404)},
    "webhook-list": {"GET": (401, 200, 200, 200, 404, 404, 200), "POST": (401, 400, 400, 400, 404, 404, 400)},
    "webhook-detail": {
        "GET": (401, 404, 200, 404, 404, 404, 404),
        "PATCH": (401, 404, 400, 404, 404, 404, 404),
        "DELETE": (401, 404, 412, 404, 404, 404, 404),
    },
    "webhook-ping": {"POST": (401, 404, 400, 404, 404, 404, 404)},
    "webhook-deliveries": {"GET": (401, 404, 200, 404, 404, 404, 404)},
    "webhook-retry": {"POST": (401, 404, 202, 404, 404, 404, 404)},
    "import-list": {"POST": (401, 415, 415, 415, 404, 404, 415)},  # a form with a file; the rest in test_imports.py
    "import-carry-out": {"POST": (401, 400, 400, 404, 404, 404, 404)},
    "import-sample": {"GET": (401, 200, 200, 200, 404, 404, 200)},
    "change": {"GET": (401, 200, 200, 404, 404, 404, 404)},
    "change-retry": {"POST": (401, 200, 200, 404, 404, 404, 404)},
    "job": {"GET": (401, 200, 200, 404, 404, 404, 404), "DELETE": (401, 412, 412, 404, 404, 404, 404)},
    "me": {"GET": EVERYBODY, "PATCH": (401, 400, 400, 400, 400, 400, 400)},
    "session": {"GET": EVERYBODY, "POST": (400,) * 7, "DELETE": (401, 403, 403, 403, 403, 403, 403)},
    "session-detail": {"GET": (401, 404, 200, 404, 404, 404, 404), "DELETE": (401, 404, 412, 404, 404, 404, 404)},
    "sign-in-policy": {"GET": (401, 200, 404, 404, 404, 404, 404), "PATCH": (401, 400, 404, 404, 404, 404, 404)},
    "admin-reset-two-step": {"POST": (401, 400, 400, 404, 404, 404, 404)},
    "schema": {"GET": (200,) * 7},
    "reference": {"GET": (200,) * 7},
}
OPEN = ("schema", "reference")


def views() -> dict[str, Any]:
    """Name and view of every address below /api/v1/."""
    api = next(p for p in get_resolver().url_patterns if isinstance(p, URLResolver) and str(p.pattern) == "api/v1/")
    return {p.name or "": p.callback for p in api.url_patterns if isinstance(p, URLPattern)}


@dataclass(frozen=True)
class Side:
    """One contract's object for each kind of address."""

    names: dict[str, str]

    def path(self, route: str, reverse_of: str) -> str:
        kind = route.partition("-")[0] if not route.startswith("mail-host") else "mail-host"
        return reverse_of.replace("OBJECT", self.names.get(kind, ""))


NESTED = {
    "account-export": "/accounts/export.csv",
    "audit-list": "/audit/",
    "audit-detail": "/audit/ENTRY/",
    "audit-undo": "/audit/ENTRY/undo/",
    "audit-export": "/audit/export.csv",
    "account-force": "/accounts/ACCOUNT/force-password-change/",
    "notice-list": "/notices/",
    "notice-detail": "/notices/NOTICE/",
    "notice-dismiss": "/notices/NOTICE/dismiss/",
    "server-information": "/domains/DOMAIN/server-information/",
    "profile-list": "/accounts/ACCOUNT/profiles/",
    "profile-detail": "/accounts/ACCOUNT/profiles/PROFILE/",
    "profile-order": "/accounts/ACCOUNT/profiles/order/",
    "auto-reply": "/accounts/ACCOUNT/auto-reply/",
    "auto-reply-reset": "/accounts/ACCOUNT/auto-reply/reset/",
    "spam": "/accounts/ACCOUNT/spam/",
    "explain": "/accounts/ACCOUNT/explain/",
    "filter-list": "/domains/DOMAIN/filters/",
    "filter-detail": "/domains/DOMAIN/filters/FILTER/",
    "filter-order": "/domains/DOMAIN/filters/order/",
    "senders": "/domains/DOMAIN/senders/",
    "dns": "/domains/DOMAIN/dns/",
    "dns-check": "/domains/DOMAIN/dns/check/",
    "dkim": "/domains/DOMAIN/dkim/",
    "dkim-rotate": "/domains/DOMAIN/dkim/rotate/",
    "dkim-switch": "/domains/DOMAIN/dkim/switch/",
    "dkim-key": "/domains/DOMAIN/dkim/SELECTOR/",
    "import-list": "/imports/",
    "import-carry-out": "/imports/IMPORT/carry-out/",
    "import-sample": "/imports/samples/create.csv",
    "session-detail": "/sessions/SESSION/",
    "sign-in-policy": "/sign-in-policy/",
    "admin-reset-two-step": "/admins/ADMIN/reset-two-step/",
    "webhook-list": "/webhooks/",
    "webhook-detail": "/webhooks/WEBHOOK/",
    "webhook-ping": "/webhooks/WEBHOOK/ping/",
    "webhook-deliveries": "/webhooks/WEBHOOK/deliveries/",
    "webhook-retry": "/webhooks/WEBHOOK/deliveries/DELIVERY/retry/",
}


def path_of(route: str, side: Side) -> str:
    if route in NESTED:
        return re.sub("[A-Z]+", lambda found: side.names[found[0].lower()], NESTED[route])
    found = {
        "plan": "plans",
        "customer": "customers",
        "mail-host": "mail-hosts",
        "domain": "domains",
        "admin": "admins",
        "account": "accounts",
        "alias": "aliases",
        "group": "groups",
        "token": "tokens",
    }
    for kind, folder in found.items():
        tails = {"list": "/", "detail": "/OBJECT/", "set-password": "/OBJECT/password/", "purge": "/OBJECT/purge/"}
        for tail, text in tails.items():
            if route == f"{kind}-{tail}":
                return side.path(route, f"/{folder}{text}")
    single = {
        "change": "/changes/OBJECT/",
        "change-retry": "/changes/OBJECT/retry/",
        "job": "/jobs/OBJECT/",
        "session": "/sessions/",
        "me": "/me/",
        "schema": "/schema/",
        "reference": "/docs/",
    }
    return side.path(route, single[route])


@pytest.fixture
def sides(cast: Cast) -> tuple[Side, Side]:
    return side_of(cast.domain, cast.alice, "bob", "mia"), side_of(cast.foreign_domain, cast.charlie, "charlie", "max")


def side_of(domain: Domain, boss: Any, admin: str, local: str) -> Side:
    alias, _ = expansions.create_alias(domain, "sales", ["x@example.net"], acting_user=SYSTEM)
    group, _ = expansions.create_group(domain, "all", [f"{local}@{domain.name}"], acting_user=SYSTEM)
    box = domain.mailboxes.get(pk=f"{local}@{domain.name}")
    job, change = mailboxes.purge_mailbox(box, acting_user=boss)
    preview = imports.start(domain, "create", "a.csv", b"mail_account", preview=True, acting_user=boss)
    token, _ = tokens.create_token(boss, "mine", scopes=["*"])
    hook, _ = webhooks.create_webhook(url="https://hooks.example.com/", events=["account.created"], acting_user=boss)
    assert isinstance(alias, Alias)
    assert isinstance(group, Group)
    profile, _ = profiles.create_profile(box, action="quarantine", acting_user=SYSTEM)
    rule, _ = filters.create_filter(domain, action="quarantine", acting_user=SYSTEM)
    return Side(
        {
            "entry": str(AuditEntry.objects.filter(domain=domain.name).latest("pk").pk),
            "profile": str(profile.pk),
            "selector": DkimKey.objects.create(domain=domain, selector="t1", public="MIIB", private=b"sealed").selector,
            "filter": str(rule.pk),
            "notice": str(board.create_notice(title="Hello", domain=domain, audience="everyone", acting_user=SYSTEM).pk),
            "plan": domain.plan.name,
            "customer": domain.customer.name,
            "mail-host": domain.host.name,
            "domain": domain.name,
            "admin": admin,
            "account": f"{local}@{domain.name}",
            "alias": alias.address,
            "group": group.address,
            "token": str(token.pk),
            "session": str(OpenSession.objects.create(token=people.open_api_session(boss)[0], admin=boss).pk),
            "webhook": str(hook.pk),
            "delivery": str(webhooks.ping(hook, acting_user=boss).pk),
            "change": str(change.pk),
            "job": str(job.pk),
            "import": str(preview.pk),
        }
    )


@pytest.fixture
def askers(cast: Cast, api: As) -> dict[str, Asker]:
    return {name: api(getattr(cast, name, None)) for name in ROLES}


def status(asker: Asker, method: str, path: str) -> int:
    body = {"nonsense": 1} if method in ("POST", "PUT", "PATCH") and "/retry/" not in path else None
    headers = {"If_Match": '"stale"'} if method == "DELETE" else {}
    answer = asker.ask(method, path, body, **headers)
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"].startswith("Bearer")
    return int(answer.status_code)


def expected(route: str, method: str) -> tuple[int, ...]:
    """The row; for a method that nobody has: 405, after 401 and after 404 for roles without a part."""
    row = TABLE[route]
    if method in row:
        return row[method]
    parts = (405 if has_part(route, who) else 404 for who in ROLES[1:])
    return (405 if route in OPEN else 401, *parts)


ROLE_OF = {
    "operator": Role.OPERATOR,
    "alice": Role.CUSTOMER_ADMIN,
    "bob": Role.MAIL_ADMIN,
    "wendy": Role.WEB_ADMIN,
    "mia": Role.MAILBOX_USER,
    "charlie": Role.CUSTOMER_ADMIN,
}


def resource_of(route: str) -> str:
    """What the address' view calls itself in scopes; "" for what is open to all."""
    return str(getattr(getattr(views()[route], "cls", None), "resource", ""))


def has_part(route: str, who: str) -> bool:
    """Whole roles have no part in a resource: their 404 comes before any other answer."""
    resource = resource_of(route)
    return not resource or ROLE_OF[who] in permissions.RESOURCES[resource][0]


def test_every_address_has_a_row() -> None:
    assert set(views()) == set(TABLE)


@pytest.mark.parametrize("route", TABLE)
def test_nothing_leaks_and_nothing_is_missing(route: str, sides: tuple[Side, Side], askers: dict[str, Asker]) -> None:
    ours, theirs = sides
    found, wanted = {}, {}
    for method in METHODS:
        row = dict(zip(ROLES, expected(route, method), strict=True))
        if method not in TABLE[route] and row["charlie"] == 404:
            row["charlie"] = row["alice"]  # an unknown method is refused before any object is looked for
        for who in ROLES:
            found[method, who, "ours"] = status(askers[who], method, path_of(route, ours))
            wanted[method, who, "ours"] = row[who]
        if path_of(route, ours) == path_of(route, theirs):
            continue  # lists; plans and hosts belong to no contract
        for who in ROLES:
            found[method, who, "theirs"] = status(askers[who], method, path_of(route, theirs))
            wanted[method, who, "theirs"] = _foreign(route, method, row, who)
    assert found == wanted


def _foreign(route: str, method: str, row: dict[str, int], who: str) -> int:
    """Of b.example.com charlie is the boss, and everybody of a.example.com an outsider."""
    if who in ("nobody", "operator"):
        return row[who]
    if who == "charlie":
        return row["alice"]
    return row[who] if method not in TABLE[route] else 404


def test_a_colleagues_account_is_not_there_for_a_user(cast: Cast, api: As) -> None:
    make_mailbox(cast.domain, "ken")
    mia = api(cast.mia)
    for method in ("GET", "PATCH", "DELETE"):
        assert mia.ask(method, "/accounts/ken@a.example.com/").status_code == 404
    for what in ("password", "purge", "profiles", "profiles/order", "auto-reply/reset", "explain"):
        assert mia.post(f"/accounts/ken@a.example.com/{what}/", {}).status_code == 404
    for what in ("profiles", "auto-reply", "spam"):
        assert mia.get(f"/accounts/ken@a.example.com/{what}/").status_code == 404


def test_anothers_rule_is_not_there_under_ones_own_address(cast: Cast, api: As, sides: tuple[Side, Side]) -> None:
    """The operator sees both; an id counts only under its own account or domain."""
    operator, foreign = api(cast.operator), sides[1].names
    for path in (f"/accounts/mia@a.example.com/profiles/{foreign['profile']}/", f"/domains/a.example.com/filters/{foreign['filter']}/"):
        for method in ("GET", "PATCH", "DELETE"):
            assert operator.ask(method, path, {}).status_code == 404, (method, path)
    for path, rule in (("/accounts/mia@a.example.com/profiles", "profile"), ("/domains/a.example.com/filters", "filter")):
        assert operator.post(f"{path}/order/", {"ids": [int(foreign[rule])]}).status_code == 400


def test_a_user_changes_of_the_account_only_whether_it_receives(cast: Cast, api: As) -> None:
    mia, path = api(cast.mia), "/accounts/mia@a.example.com/"
    assert mia.patch(path, {"receive": False}).json()["receive"] is False
    for body in ({"comment": "x"}, {"user_may_forward": True}, {"spam_seat": 5}, {"receive": True, "quota_mb": 5}, {}):
        assert mia.patch(path, body).status_code == 403, body
    assert mia.patch(path, {"receive": "yes"}).status_code == 400
    assert mia.get(path).json()["receive"] is False


@pytest.mark.parametrize("route", [name for name in TABLE if name not in (*OPEN, "session")])
def test_a_token_does_what_its_owner_may_and_its_scopes_say(route: str, cast: Cast, api: As, sides: tuple[Side, Side]) -> None:
    """Every address × method × role × scope (R8): with the right scope as with all, with another 403, and 404 stays 404."""
    path, resource = path_of(route, sides[0]), resource_of(route)
    others = [scope for scope in tokens.known_scopes()[1:] if not scope.startswith(f"{resource}:")]
    found, wanted = {}, {}
    for number, who in enumerate(ROLES[1:], 1):
        owner, refused = getattr(cast, who), 403 if has_part(route, who) else 404
        reader, writer = api(owner, scopes=(f"{resource}:read",)), api(owner, scopes=(f"{resource}:write",))
        without = api(owner, scopes=tuple(others))
        for method, row in TABLE[route].items():
            reads = method == "GET" or getattr(views()[route].cls, "only_reads", False)
            found[who, method] = [status(asker, method, path) for asker in (reader, writer, without)]
            wanted[who, method] = [row[number] if reads else refused, refused if reads else row[number], refused]
    assert found == wanted


def test_a_field_that_is_the_operators_is_403(cast: Cast, api: As) -> None:
    for field, value in {"plan": "hs", "customer": "theirs", "limits": {}, "overrides": 5}.items():
        assert api(cast.bob).patch("/domains/a.example.com/", {field: value}).status_code == 403


def test_nobody_appoints_above_themselves(cast: Cast, api: As) -> None:
    alice = api(cast.alice)
    for role in ("operator", "customer_admin"):
        new = {"login": "eve", "password": "Tegami#Mail2026x", "role": role}
        assert alice.post("/admins/", new).status_code == 403
        assert alice.patch("/admins/alice/", {"role": "operator"}).status_code == 403
        assert alice.patch("/admins/bob/", {"role": role}).status_code == 403


def test_a_token_for_one_domain_reaches_nothing_else(cast: Cast, api: As) -> None:
    limited = api(cast.operator, domains=("a.example.com",))
    assert [row["name"] for row in limited.get("/domains/").json()["results"]] == ["a.example.com"]
    assert limited.get("/accounts/mia@a.example.com/").status_code == 200
    assert limited.get("/accounts/max@b.example.com/").status_code == 404
    assert limited.get("/accounts/max@b.example.com/profiles/").status_code == 404
    assert limited.get("/domains/b.example.com/senders/").status_code == 404
    assert limited.get("/customers/ours/").status_code == 404
    for path, body in LIMITED_POSTS.items():
        assert limited.post(path, body).status_code == 403, path


LIMITED_POSTS: dict[str, Any] = {
    "/plans/": {"name": "x"},
    "/customers/": {"name": "x"},
    "/domains/": {"name": "c.example.com", "customer": "ours", "plan": "hs"},
    "/admins/": {"login": "eve", "password": "Tegami#Mail2026x", "role": "operator"},
    "/tokens/": {"name": "more", "scopes": ["*"]},
    "/webhooks/": {"url": "https://hooks.example.com/", "events": ["account.created"]},
}
