"""RP4: every address of the pages and the API that writes, when it succeeds, leaves an entry in the audit trail.

The rows are compared with the URL configuration: a new address that writes without a row here fails. Each request is made
and taken back; pages are filled in as a browser would, from the form that they show.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.bulk.plan import Plan as Work
from accounts.models import Admin, Appointment, Mailbox, Plan
from accounts.services import appointments, board, contracts, expansions, imports, mailboxes, tokens, webhooks
from mailsettings.services import dkim, filters, profiles, replies
from panel.base import audit
from panel.base.models import AuditEntry, Change, ChangeTarget
from panel.base.tenancy import SYSTEM, Role
from tests.api.conftest import Asker
from tests.conftest import PASSWORD, Cast, make_domain, make_mailbox, sign_in_mailbox
from tests.two_step import give_app

pytestmark = pytest.mark.django_db

OTHER = "Other#Pass2026word"
CONDITION = {"field": "subject", "operator": "contains", "value": "win"}
# What succeeds without an entry, and why.
SILENT_API = {
    ("explain", "POST"): "asks only",
    ("dns-check", "POST"): "looks only",
    ("notice-dismiss", "POST"): "one's own view of the board",
}
SILENT_PAGES = {
    "set-language": "a cookie of one's own",
    "set-theme": "a cookie of one's own",
    "change-mark": "shows only",
    "bulk": "checks only; what is carried out is recorded",
    "domain-dns-check": "looks only",
    "act-as": "the role that one's own session acts in; each act says by whom",
    "board-dismiss": "one's own view of the board",
    "mailbox-explain": "asks only",
    "me-explain": "asks only",
    "confirm-password": "a question within one's own session; sign-in and what follows are recorded",
    "autoconfig": "shows only",
    "autoconfig-well-known": "shows only",
    "autodiscover": "shows only",
    "apple-profile": "shows only",
}
# Recorded as well, and shown where an authenticator or several requests are needed.
ELSEWHERE = {"second-step", "login-passkey", "two-step-app", "passkey-create", "recovery-codes", "two-step-remove", "logout"}

Ask = tuple[str, Any]  # path below /api/v1, body
World = dict[str, str]


@pytest.fixture
def world(cast: Cast) -> World:
    """What the paths name: everything there is once, in alice's domain, and a mailbox under another plan."""
    mailboxes.change_mailbox(cast.mia, spam_seat=True, user_may_forward=True, acting_user=SYSTEM)
    alias, _ = expansions.create_alias(cast.domain, "info", ["x@example.net"], acting_user=SYSTEM)
    group, _ = expansions.create_group(cast.domain, "all", ["x@example.net"], acting_user=SYSTEM)
    profile, _ = profiles.create_profile(cast.mia, action="forward", destinations=["x@example.net"], acting_user=SYSTEM)
    second, _ = profiles.create_profile(cast.mia, action="forward", destinations=["y@example.net"], acting_user=SYSTEM)
    rules = [filters.create_filter(cast.domain, action="discard", conditions=[CONDITION], acting_user=SYSTEM)[0] for _ in range(2)]
    replies.set_auto_reply(cast.mia, body="Away", acting_user=SYSTEM)
    contracts.create_plan("spare", title="Spare", values={}, acting_user=SYSTEM)
    empty = contracts.create_customer("empty", limits={}, acting_user=SYSTEM)
    token, _ = tokens.create_token(cast.operator, "mine", scopes=["*"])
    hers, _ = tokens.create_token(cast.mia, "hers", scopes=["*"])
    hook = webhooks.create_webhook(url="https://hooks.example.net/x", events=["account.created"], acting_user=cast.operator)[0]
    delivery = webhooks.ping(hook, acting_user=cast.operator)
    type(delivery).objects.update(state="failed")
    notice = board.create_notice(title="Hello", body="", acting_user=cast.operator)
    job, change = mailboxes.purge_mailbox(cast.mia, acting_user=cast.operator)
    ChangeTarget.objects.filter(change=change).update(state="failed")
    preview = imports.start(cast.domain, "create", "x.csv", CSV, acting_user=cast.operator, preview=True)
    type(preview).objects.filter(pk=preview.pk).update(state="done", result=Work(rows=1).result())
    key, _ = dkim.make_key(cast.domain, acting_user=SYSTEM)
    give_app(cast.bob)
    appointments.appoint(cast.bob, role=Role.WEB_ADMIN, customer=cast.bob.customer, domains=[cast.domain], acting_user=SYSTEM)
    mailboxes.change_mailbox(cast.mia, comment="undo me", acting_user=cast.bob)
    tariff = make_domain("std.example.com", "standard", cast.domain.customer, cast.domain.host)
    make_mailbox(tariff, "nina")
    wim = make_mailbox(make_domain("warp.example.com", "warp", cast.domain.customer, cast.domain.host), "wim")
    rows = [profiles.create_profile(wim, action="discard", conditions=[CONDITION], acting_user=SYSTEM)[0].pk for _ in range(2)]
    return {
        "alias": alias.address,
        "group": group.address,
        "profile": str(profile.pk),
        "profiles": f"{second.pk},{profile.pk}",
        "rules": f"{rows[1]},{rows[0]}",
        "filter": str(rules[0].pk),
        "filters": f"{rules[1].pk},{rules[0].pk}",
        "empty": str(empty.pk),
        "token": str(token.pk),
        "hers": str(hers.pk),
        "hook": str(hook.pk),
        "delivery": str(delivery.pk),
        "notice": str(notice.pk),
        "job": str(job.pk),
        "change": str(change.pk),
        "preview": str(preview.pk),
        "selector": key.selector,
        "role": str(Appointment.objects.get().pk),
        "entry": str(AuditEntry.objects.filter(action="mailbox.change").latest("pk").pk),
    }


CSV = b"mail_account,mail_password,mail_capacity,comment\r\nneu," + PASSWORD.encode() + b",100,x\r\n"


def ids(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


MIA, DOMAIN = "/accounts/mia@a.example.com/", "/domains/a.example.com/"
API: dict[tuple[str, str], Callable[[World], Ask]] = {
    ("plan-list", "POST"): lambda w: ("/plans/", {"name": "fresh"}),
    ("plan-detail", "PATCH"): lambda w: ("/plans/spare/", {"title": "X"}),
    ("plan-detail", "DELETE"): lambda w: ("/plans/spare/", None),
    ("customer-list", "POST"): lambda w: ("/customers/", {"name": "fresh"}),
    ("customer-detail", "PATCH"): lambda w: ("/customers/empty/", {"limits": {"accounts": 1}}),
    ("customer-detail", "DELETE"): lambda w: ("/customers/empty/", None),
    ("mail-host-detail", "PATCH"): lambda w: ("/mail-hosts/mx1/", {"hostname": "mx1.example.net"}),
    ("domain-list", "POST"): lambda w: ("/domains/", {"name": "new.example.com", "customer": "ours", "plan": "hs"}),
    ("domain-detail", "PATCH"): lambda w: (DOMAIN, {"admin_address": "new@example.net"}),
    ("domain-detail", "DELETE"): lambda w: (DOMAIN, None),
    ("admin-list", "POST"): lambda w: ("/admins/", {"login": "eve", "password": PASSWORD, "role": "operator"}),
    ("admin-detail", "PATCH"): lambda w: ("/admins/bob/", {"email": "bob@example.net"}),
    ("admin-detail", "DELETE"): lambda w: ("/admins/bob/", None),
    ("admin-reset-two-step", "POST"): lambda w: ("/admins/bob/reset-two-step/", None),
    ("account-list", "POST"): lambda w: ("/accounts/", {"address": "neu@a.example.com", "password": PASSWORD}),
    ("account-detail", "PATCH"): lambda w: (MIA, {"comment": "new"}),
    ("account-detail", "DELETE"): lambda w: (MIA, None),
    ("account-force", "POST"): lambda w: (f"{MIA}force-password-change/", None),
    ("account-purge", "POST"): lambda w: (f"{MIA}purge/", None),
    ("account-set-password", "POST"): lambda w: (f"{MIA}password/", {"password": OTHER}),
    ("alias-list", "POST"): lambda w: ("/aliases/", {"address": "al@a.example.com", "destinations": ["x@example.net"]}),
    ("alias-detail", "PATCH"): lambda w: (f"/aliases/{w['alias']}/", {"destinations": ["z@example.net"]}),
    ("alias-detail", "DELETE"): lambda w: (f"/aliases/{w['alias']}/", None),
    ("group-list", "POST"): lambda w: ("/groups/", {"address": "gr@a.example.com", "members": ["x@example.net"]}),
    ("group-detail", "PATCH"): lambda w: (f"/groups/{w['group']}/", {"members": ["z@example.net"]}),
    ("group-detail", "DELETE"): lambda w: (f"/groups/{w['group']}/", None),
    ("audit-undo", "POST"): lambda w: (f"/audit/{w['entry']}/undo/", None),
    ("notice-list", "POST"): lambda w: ("/notices/", {"title": "New"}),
    ("notice-detail", "PATCH"): lambda w: (f"/notices/{w['notice']}/", {"title": "Newer"}),
    ("notice-detail", "DELETE"): lambda w: (f"/notices/{w['notice']}/", None),
    ("token-list", "POST"): lambda w: ("/tokens/", {"name": "new", "scopes": ["accounts:read"]}),
    ("token-detail", "DELETE"): lambda w: (f"/tokens/{w['token']}/", None),
    ("webhook-list", "POST"): lambda w: ("/webhooks/", {"url": "https://hooks.example.net/y", "events": ["account.created"]}),
    ("webhook-detail", "PATCH"): lambda w: (f"/webhooks/{w['hook']}/", {"enabled": False}),
    ("webhook-detail", "DELETE"): lambda w: (f"/webhooks/{w['hook']}/", None),
    ("webhook-ping", "POST"): lambda w: (f"/webhooks/{w['hook']}/ping/", None),
    ("webhook-retry", "POST"): lambda w: (f"/webhooks/{w['hook']}/deliveries/{w['delivery']}/retry/", None),
    ("change-retry", "POST"): lambda w: (f"/changes/{w['change']}/retry/", None),
    ("job", "DELETE"): lambda w: (f"/jobs/{w['job']}/", None),
    ("import-list", "POST"): lambda w: ("/imports/", {"domain": "a.example.com", "kind": "create", "file": CSV}),
    ("import-carry-out", "POST"): lambda w: (f"/imports/{w['preview']}/carry-out/", None),
    ("session", "POST"): lambda w: ("/sessions/", {"login": "alice", "password": PASSWORD}),
    ("sign-in-policy", "PATCH"): lambda w: ("/sign-in-policy/", {"two_step_roles": ["web_admin"]}),
    ("me", "PATCH"): lambda w: ("/me/", {"language": "ja"}),
    ("profile-list", "POST"): lambda w: (f"{MIA}profiles/", {"action": "quarantine"}),
    ("profile-order", "POST"): lambda w: (f"{MIA}profiles/order/", {"ids": ids(w["profiles"])}),
    ("profile-detail", "PATCH"): lambda w: (f"{MIA}profiles/{w['profile']}/", {"name": "n"}),
    ("profile-detail", "DELETE"): lambda w: (f"{MIA}profiles/{w['profile']}/", None),
    ("filter-list", "POST"): lambda w: (f"{DOMAIN}filters/", {"action": "discard"}),
    ("filter-order", "POST"): lambda w: (f"{DOMAIN}filters/order/", {"ids": ids(w["filters"])}),
    ("filter-detail", "PATCH"): lambda w: (f"{DOMAIN}filters/{w['filter']}/", {"enabled": False}),
    ("filter-detail", "DELETE"): lambda w: (f"{DOMAIN}filters/{w['filter']}/", None),
    ("auto-reply", "PUT"): lambda w: (f"{MIA}auto-reply/", {"body": "new"}),
    ("auto-reply", "DELETE"): lambda w: (f"{MIA}auto-reply/", None),
    ("auto-reply-reset", "POST"): lambda w: (f"{MIA}auto-reply/reset/", None),
    ("spam", "PATCH"): lambda w: (f"{MIA}spam/", {"move_to_folder": True}),
    ("dkim-rotate", "POST"): lambda w: ("/domains/std.example.com/dkim/rotate/", None),
    ("dkim-switch", "POST"): lambda w: (f"{DOMAIN}dkim/switch/?force=true", {"force": True}),
    ("dkim-key", "DELETE"): lambda w: (f"{DOMAIN}dkim/{w['selector']}/", None),
    ("senders", "PUT"): lambda w: (f"{DOMAIN}senders/", {"allow": ["@example.net"]}),
    ("senders", "PATCH"): lambda w: (f"{DOMAIN}senders/", {"block": ["@example.net"]}),
}
# Needs a session of one's own beside the token: tests/api/test_sign_in.py.
API_ELSEWHERE = {("session", "DELETE"), ("session-detail", "DELETE")}


def patterns() -> Iterator[tuple[URLPattern, bool]]:
    """Every address, and whether it is the API's."""
    for found in get_resolver().url_patterns:
        if isinstance(found, URLResolver):
            is_api = str(found.pattern) == "api/v1/"
            yield from ((one, is_api) for one in found.url_patterns if isinstance(one, URLPattern))


def methods(pattern: URLPattern) -> set[str]:
    """What writes there; of a view that is a function nobody can tell, so each has to be listed."""
    view: Any = pattern.callback
    if actions := getattr(view, "actions", None):
        return {verb.upper() for verb in actions} - {"GET", "HEAD"}  # REST framework adds HEAD at the first request
    if hasattr(view, "cls"):
        return {verb for verb in ("POST", "PUT", "PATCH", "DELETE") if hasattr(view.cls, verb.lower())}
    if hasattr(view, "view_class"):
        return {"POST"} if hasattr(view.view_class, "post") else set()
    return {"POST"}


def test_every_address_that_writes_has_a_row() -> None:
    api = {(str(one.name), verb) for one, is_api in patterns() if is_api for verb in methods(one)}
    assert api - {("schema", "POST"), ("reference", "POST")} == set(API) | set(SILENT_API) | API_ELSEWHERE
    pages = {str(one.name) for one, is_api in patterns() if not is_api and methods(one)}
    assert pages == set(PAGES) | set(SILENT_PAGES) | ELSEWHERE


def test_every_write_of_the_api_is_recorded(cast: Cast, world: World) -> None:
    """By whom, by what way, from where; a password or a key is nowhere in it."""
    _token, key = tokens.create_token(cast.operator, "all", scopes=["*"])
    asker, wrong = Asker(key), []
    for (route, method), make in API.items():
        path, body = make(world)
        with taken_back():
            known = newest()
            answer = upload(asker, path, body) if route == "import-list" else asker.ask(method, path, body)
            wrong += verdict(f"{method} {route}", answer, known, "api", {200, 201, 202, 204})
    assert not wrong, "\n".join(wrong)


def upload(asker: Asker, path: str, body: dict[str, Any]) -> Any:
    return asker.client.post("/api/v1" + path, {**body, "file": SimpleUploadedFile("x.csv", body["file"])})


class taken_back:
    """Whatever is done inside leaves nothing behind."""

    def __enter__(self) -> None:
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.point = transaction.savepoint()

    def __exit__(self, *raised: Any) -> None:
        transaction.savepoint_rollback(self.point)
        self.outer.__exit__(None, None, None)


def newest() -> int:
    return int(AuditEntry.objects.latest("pk").pk)


def verdict(name: str, answer: Any, known: int, via: str, good: set[int]) -> list[str]:
    if answer.status_code not in good:
        return [f"{name}: {answer.status_code} {answer.content[:300]!r}"]
    found = list(AuditEntry.objects.filter(pk__gt=known))
    if not found:
        return [f"{name}: no entry"]
    texts = str([(one.before, one.after) for one in found])
    told = [f"{name}: {word} is in the entry" for word in (PASSWORD, OTHER, "tgm_") if word in texts]
    ways = {(one.via, one.remote) for one in found}
    return told + ([] if ways == {(via, "127.0.0.1")} else [f"{name}: {ways}"])


# --- pages: who, the address, and what is typed into its form


Typed = dict[str, Any]
ONE_CONDITION: Typed = {
    "match": "all",
    "condition_field": ["subject"],
    "condition_operator": ["contains"],
    "condition_value": ["win"],
    "condition_header_name": [""],
}
NEW_DOMAIN: Typed = {"name": "new.example.com", "customer": "ours", "plan": "hs", "admin_address": "x@example.net"}
CHOSEN: Typed = {"address": "mia@a.example.com", "confirmed": "1"}
PAGES: dict[str, tuple[str, str, Typed]] = {
    "login": ("", "/login/", {"login": "alice", "password": PASSWORD}),
    "mail-login": ("", "/mail/login/", {"login": "mia@a.example.com", "password": PASSWORD}),
    "change-retry": ("operator", "/changes/{change}/retry/", {}),
    "job-cancel": ("operator", "/jobs/{job}/cancel/", {}),
    "job-carry-out": ("operator", "/jobs/{preview}/carry-out/", {}),
    "domain-create": (
        "operator",
        "/domains/new/",
        {"name": "new.example.com", "customer": "ours", "plan": "hs", "admin_address": "x@example.net"},
    ),
    "domain-edit": ("operator", "/domains/a.example.com/edit/", {"admin_address": "new@example.net"}),
    "domain-rules": ("operator", "/domains/a.example.com/rules/", {}),
    "domain-limits": ("alice", "/domains/a.example.com/limits/", {"accounts": "7"}),
    "domain-delete": ("operator", "/domains/a.example.com/delete/", {"confirm": "a.example.com"}),
    "mailbox-create": ("bob", "/domains/a.example.com/mailboxes/new/", {"local_part": "neu", "password": PASSWORD}),
    "mailbox-delete-many": ("bob", "/domains/a.example.com/mailboxes/delete/", CHOSEN),
    "mailbox-force-many": (
        "operator",
        "/domains/a.example.com/mailboxes/force-password/",
        CHOSEN,
    ),
    "mailbox-edit": ("bob", "/mailboxes/mia@a.example.com/edit/", {"comment": "new"}),
    "mailbox-password": ("bob", "/mailboxes/mia@a.example.com/password/", {"password": OTHER}),
    "mailbox-suspend": ("bob", "/mailboxes/mia@a.example.com/suspend/", {}),
    "mailbox-resume": ("bob", "/mailboxes/sus@a.example.com/resume/", {}),
    "mailbox-force": ("operator", "/mailboxes/mia@a.example.com/force-password/", {}),
    "mailbox-purge": ("bob", "/mailboxes/mia@a.example.com/purge/", {}),
    "mailbox-delete": ("bob", "/mailboxes/mia@a.example.com/delete/", {}),
    "alias-create": ("bob", "/domains/a.example.com/aliases/new/", {"local_part": "al", "destinations": "x@example.net"}),
    "alias-detail": ("bob", "/aliases/{alias}/", {"destinations": "z@example.net"}),
    "alias-delete": ("bob", "/aliases/{alias}/delete/", {}),
    "group-create": ("bob", "/domains/a.example.com/groups/new/", {"local_part": "gr", "members": "x@example.net"}),
    "group-detail": ("bob", "/groups/{group}/", {"members": "z@example.net"}),
    "group-delete": ("bob", "/groups/{group}/delete/", {}),
    "notice-create": ("operator", "/notices/new/", {"title": "New", "level": "info"}),
    "notice-edit": ("operator", "/notices/{notice}/edit/", {"title": "Newer"}),
    "notice-delete": ("operator", "/notices/{notice}/delete/", {}),
    "plan-create": ("operator", "/plans/new/", {"name": "fresh", "title": "Fresh"}),
    "plan-edit": ("operator", "/plans/spare/edit/", {"title": "X"}),
    "plan-delete": ("operator", "/plans/spare/delete/", {}),
    "mail-host-edit": ("operator", "/mail-hosts/mx1/", {"hostname": "mx1.example.net"}),
    "customer-create": ("operator", "/customers/new/", {"name": "fresh"}),
    "customer-edit": ("operator", "/customers/{empty}/", {"accounts": "3"}),
    "customer-delete": ("operator", "/customers/{empty}/delete/", {}),
    "admin-create": ("operator", "/admins/new/", {"login": "eve", "password": PASSWORD, "role": "operator"}),
    "admin-edit": ("operator", "/admins/bob/edit/", {"email": "bob@example.net"}),
    "admin-delete": ("operator", "/admins/bob/delete/", {}),
    "admin-two-step": ("operator", "/admins/bob/two-step/", {}),
    "sign-in-policy": ("operator", "/sign-in-policy/", {"two_step_roles": "web_admin"}),
    "admin-role-create": ("operator", "/admins/bob/roles/new/", {"role": "operator"}),
    "admin-role": ("operator", "/admins/bob/roles/{role}/", {"role": "operator", "domains": []}),
    "admin-role-delete": ("operator", "/admins/bob/roles/{role}/delete/", {}),
    "audit-undo": ("bob", "/audit/{entry}/undo/", {}),
    "account": ("bob", "/account/", {"email": "me@example.net"}),
    "account-sessions": ("bob", "/account/sessions/", {"end": "others"}),
    "account-password": ("bob", "/account/password/", {"current_password": PASSWORD, "password": OTHER}),
    "account-token-create": ("operator", "/account/tokens/new/", {"name": "new", "reach": "everything"}),
    "account-token-delete": ("operator", "/account/tokens/{token}/delete/", {}),
    "webhook-create": ("operator", "/account/webhooks/new/", {"url": "https://hooks.example.net/y", "events": "account.created"}),
    "webhook-detail": ("operator", "/account/webhooks/{hook}/", {"ping": "1"}),
    "webhook-edit": ("operator", "/account/webhooks/{hook}/edit/", {"url": "https://hooks.example.net/z"}),
    "webhook-delete": ("operator", "/account/webhooks/{hook}/delete/", {}),
    "me-sessions": ("mia", "/me/sessions/", {"end": "others"}),
    "me-password": ("mia", "/me/password/", {"current_password": PASSWORD, "password": OTHER}),
    "me-purge": ("mia", "/me/purge/", {}),
    "me-token-create": ("mia", "/me/tokens/new/", {"name": "new", "reach": "everything"}),
    "me-token-delete": ("mia", "/me/tokens/{hers}/delete/", {}),
    "domain-dkim-rotate": ("operator", "/domains/std.example.com/dkim/rotate/", {}),
    "domain-dkim-switch": ("bob", "/domains/a.example.com/dkim/switch/", {"force": "on"}),
    "domain-dkim-delete": ("bob", "/domains/a.example.com/dkim/{selector}/delete/", {}),
    "filter-create": ("bob", "/domains/a.example.com/filters/new/", {"action": "discard", **ONE_CONDITION}),
    "filter-order": ("bob", "/domains/a.example.com/filters/order/", {"ids": "{filters}"}),
    "filter-edit": ("bob", "/domains/a.example.com/filters/{filter}/", {"name": "n"}),
    "filter-delete": ("bob", "/domains/a.example.com/filters/{filter}/delete/", {}),
    "domain-senders": ("bob", "/domains/a.example.com/senders/", {"allow": "@example.net"}),
    "mailbox-spam-seat": ("bob", "/mailboxes/mia@a.example.com/spam/seat/", {}),
    "mailbox-forwarding-permission": ("bob", "/mailboxes/mia@a.example.com/forwarding/permission/", {}),
}
TREATMENT: dict[str, tuple[str, Typed]] = {  # for the admin below /mailboxes/<address>/, for the user below /me/
    "reply": ("auto-reply/", {"body": "New", "enabled": "on"}),
    "reply-reset": ("auto-reply/reset/", {}),
    "reply-delete": ("auto-reply/delete/", {}),
    "spam": ("spam/", {"choice": "folder"}),
    "spam-senders": ("spam/senders/", {"allow": "@example.net"}),
    "profile-create": ("forwarding/new/filter/", {"name": "n", **ONE_CONDITION}),
    "profile": ("forwarding/{profile}/", {"name": "n"}),
    "profile-delete": ("forwarding/{profile}/delete/", {}),
    "receive": ("receive/", {"receive": ""}),
}
for _name, (_path, _typed) in TREATMENT.items():
    PAGES[f"mailbox-{_name}"] = ("bob", f"/mailboxes/mia@a.example.com/{_path}", _typed)
    PAGES[f"me-{_name}"] = ("mia", f"/me/{_path}", _typed)
PAGES |= {  # under plans that have them
    "mailbox-spam-switch": ("operator", "/mailboxes/nina@std.example.com/spam/tag/", {"on": "yes"}),
    "me-spam-switch": ("nina", "/me/spam/tag/", {"on": "yes"}),
    "mailbox-forwarding": ("operator", "/mailboxes/wim@warp.example.com/forwarding/", {"destinations": "z@example.net"}),
    "me-forwarding": ("wim", "/me/forwarding/", {"destinations": "z@example.net"}),
    "mailbox-profile-order": ("operator", "/mailboxes/wim@warp.example.com/forwarding/order/rule/", {"ids": "{rules}"}),
    "me-profile-order": ("wim", "/me/forwarding/order/rule/", {"ids": "{rules}"}),
}


class Form(HTMLParser):
    """The fields of the page's own form, as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self.open = self.select = self.area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag == "form":
            self.open = "yes" if found.get("method") == "post" and "action" not in found else ""
        name = found.get("name", "")
        if not self.open or "disabled" in found:
            return
        if tag == "input" and name and self._is_sent(found):
            self.values.setdefault(name, []).append(found.get("value", "on" if found.get("type") == "checkbox" else ""))
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in found:
            self.values.setdefault(self.select, []).append(found.get("value", ""))
        elif tag == "textarea":
            self.area = name
            self.values.setdefault(name, [""])

    def _is_sent(self, found: dict[str, str]) -> bool:
        return found.get("type") not in ("submit", "button") and (found.get("type") not in ("checkbox", "radio") or "checked" in found)

    def handle_data(self, data: str) -> None:
        if self.area:
            self.values[self.area][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.select = ""
        elif tag == "textarea":
            self.area = ""
        elif tag == "form":
            self.open = ""


def filled(client: Client, path: str, typed: Typed) -> dict[str, Any]:
    """What the page's form would send, with `typed` in its fields."""
    shown = client.get(path)
    form = Form()
    if shown.status_code == 200:
        form.feed(shown.content.decode())
    values: dict[str, Any] = {name: value for name, value in form.values.items() if name != "csrfmiddlewaretoken"}
    for name, value in typed.items():
        if isinstance(value, bytes):
            value = SimpleUploadedFile("x.csv", value)
        values[name] = value if isinstance(value, list) else value.split(",") if name == "ids" else [value]
    return values


def client_of(user: Admin | Mailbox | None) -> Client:
    client = Client()
    if isinstance(user, Admin):
        client.force_login(user)
    elif user is not None:
        sign_in_mailbox(client, user)
    return client


def test_every_write_of_a_page_is_recorded(cast: Cast, world: World) -> None:
    """As the people themselves send the forms that they are shown."""
    suspended = make_mailbox(cast.domain, "sus")
    Mailbox.objects.filter(pk=suspended.pk).update(suspended=True)
    people = {name: getattr(cast, name) for name in ("operator", "alice", "bob", "mia")}
    people |= {box.local_part: box for box in Mailbox.objects.filter(pk__in=["nina@std.example.com", "wim@warp.example.com"])}
    names = {"ours": cast.domain.customer.pk, "hs": Plan.objects.get(name="hs").pk}
    wrong = []
    for page, (who, path, typed) in PAGES.items():
        with taken_back():
            client_of(people.get(who))  # a second browser, for those that end others
            client, address = client_of(people.get(who)), path.format(**world)
            given = {key: world.get(text[1:-1], text) if isinstance(text, str) else text for key, text in typed.items()}
            given = {key: str(names.get(text, text)) if isinstance(text, str) else text for key, text in given.items()}
            values = filled(client, address, given)
            known = newest()
            answer = client.post(address, values)
            wrong += verdict(page, answer, known, "page", {200, 302})
            if wrong and wrong[-1] == f"{page}: no entry" and answer.context and "form" in answer.context:
                wrong[-1] = f"{page}: {dict(answer.context['form'].errors)}; sent {values}"
    assert not wrong, "\n".join(wrong)


def test_commands_and_tasks_are_recorded_as_what_they_are(cast: Cast) -> None:
    """By command where nobody says otherwise; a job takes along where it came from."""
    mailboxes.change_mailbox(cast.mia, comment="x", acting_user=SYSTEM)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.via, entry.remote, entry.actor) == ("command", None, "system")
    with audit.origin("csv", "203.0.113.5"):
        mailboxes.change_mailbox(cast.mia, comment="y", acting_user=cast.bob)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.via, entry.remote, entry.actor) == ("csv", "203.0.113.5", "admin:bob")


def test_old_entries_go_when_the_operator_says_so(cast: Cast, settings: Any) -> None:
    """TEGAMI_AUDIT_DAYS; 0 keeps all."""
    from mailsettings.tasks import tidy

    AuditEntry.objects.update(at=timezone.now() - timedelta(days=40))
    mailboxes.change_mailbox(cast.mia, comment="new", acting_user=SYSTEM)
    count = AuditEntry.objects.count()
    tidy()
    assert AuditEntry.objects.count() == count
    settings.AUDIT_DAYS = 30
    tidy()
    assert AuditEntry.objects.count() == 1
    assert Change.objects.exists()
