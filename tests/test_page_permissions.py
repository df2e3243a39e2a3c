"""Every page × every role × own and foreign object, from the URL configuration: a new page without a row here fails.

200: may see it. 403: one's own object, forbidden verb. 404: no part in it, or not yours. 302: to the login page.
"""

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts import two_step, urls
from accounts.bulk.plan import Plan
from accounts.models import Admin, Mailbox, MailHost
from accounts.services import board, expansions, imports, mailboxes
from accounts.services.appointments import appoint
from accounts.services.tokens import create_token
from accounts.services.webhooks import create_webhook
from mailsettings import urls as treatment_urls
from mailsettings.models import DkimKey
from mailsettings.services import replies
from mailsettings.services.filters import create_filter
from mailsettings.services.profiles import create_profile
from panel.base.models import AuditEntry, Change, Job
from panel.base.tenancy import SYSTEM, Role
from tests.conftest import Cast, sign_in_mailbox

pytestmark = pytest.mark.django_db

WHO = ("operator", "alice", "bob", "wendy", "charlie", "mia", "anonymous")
# Expected GET by role, in the order of WHO, for an object of alice's contract (or for a page without an object).
ADMINS_200 = (200, 200, 200, 404, 404, 404, 302)
CONTRACT_200 = (200, 200, 404, 404, 404, 404, 302)
OPERATOR_200 = (200, 404, 404, 404, 404, 404, 302)
OPERATOR_ELSE_403 = (200, 403, 403, 404, 404, 404, 302)
LISTS = (200, 200, 200, 404, 200, 404, 302)
EACH_ADMIN = (200, 200, 200, 200, 200, 404, 302)
MAILBOX_USER = (404, 404, 404, 404, 404, 200, 302)
BOBS = (404, 404, 200, 404, 404, 404, 302)  # his own alone: not even operators see others' tokens and webhooks
EXPECTED: dict[str, tuple[int, ...]] = {
    "dashboard": (200, 200, 200, 200, 200, 302, 302),
    "domain-list": LISTS,
    "domain-create": (200, 403, 403, 404, 403, 404, 302),
    "domain-detail": ADMINS_200,
    "domain-edit": ADMINS_200,
    "domain-rules": OPERATOR_ELSE_403,
    "domain-limits": (200, 200, 403, 404, 404, 404, 302),
    "domain-delete": OPERATOR_ELSE_403,
    "mailbox-list": ADMINS_200,
    "mailbox-create": ADMINS_200,
    "mailbox-export": ADMINS_200,
    "audit-list": LISTS,
    "audit-undo": ADMINS_200,
    "mailbox-detail": ADMINS_200,
    "mailbox-edit": ADMINS_200,
    "mailbox-password": ADMINS_200,
    "mailbox-purge": ADMINS_200,
    "mailbox-delete": ADMINS_200,
    "alias-list": ADMINS_200,
    "alias-create": ADMINS_200,
    "alias-detail": ADMINS_200,
    "alias-delete": ADMINS_200,
    "group-list": ADMINS_200,
    "group-create": ADMINS_200,
    "group-detail": ADMINS_200,
    "group-delete": ADMINS_200,
    "plan-list": OPERATOR_200,
    "plan-create": OPERATOR_200,
    "plan-detail": OPERATOR_200,
    "plan-edit": OPERATOR_200,
    "plan-delete": OPERATOR_200,
    "customer-list": OPERATOR_200,
    "customer-create": OPERATOR_200,
    "customer-edit": OPERATOR_200,
    "customer-delete": OPERATOR_200,
    "admin-list": (200, 200, 404, 404, 200, 404, 302),
    "admin-create": (200, 200, 404, 404, 200, 404, 302),
    "admin-edit": CONTRACT_200,
    "admin-delete": CONTRACT_200,
    "admin-role-create": CONTRACT_200,
    "admin-role": CONTRACT_200,
    "admin-role-delete": CONTRACT_200,
    "account": (200, 200, 200, 200, 200, 404, 302),
    "account-password": EACH_ADMIN,
    "account-sessions": EACH_ADMIN,
    "confirm-password": EACH_ADMIN,
    "two-step": EACH_ADMIN,
    "two-step-app": EACH_ADMIN,
    "passkey-create": EACH_ADMIN,
    # bob has a second step, and so has charlie
    "recovery-codes": (404, 404, 200, 404, 200, 404, 302),
    "two-step-remove": (404, 404, 200, 404, 404, 404, 302),
    "admin-two-step": CONTRACT_200,
    "sign-in-policy": OPERATOR_200,
    "account-tokens": EACH_ADMIN,
    "account-token-create": EACH_ADMIN,
    "account-token-delete": BOBS,
    "account-webhooks": LISTS,
    "webhook-create": LISTS,
    "webhook-detail": BOBS,
    "webhook-edit": BOBS,
    "webhook-delete": BOBS,
    "me-tokens": MAILBOX_USER,
    "me-token-create": MAILBOX_USER,
    "me-token-delete": MAILBOX_USER,
    "all-mailboxes": LISTS,
    "mailbox-suspend": ADMINS_200,
    "mailbox-resume": ADMINS_200,
    "mailbox-force": OPERATOR_ELSE_403,
    "mailbox-force-many": OPERATOR_ELSE_403,
    "board": (200, 200, 200, 200, 200, 200, 302),
    "notice-list": OPERATOR_200,
    "notice-create": OPERATOR_200,
    "notice-edit": OPERATOR_200,
    "notice-delete": OPERATOR_200,
    "mailbox-reply": ADMINS_200,
    "mailbox-reply-reset": ADMINS_200,
    "mailbox-reply-delete": ADMINS_200,
    "mailbox-spam": ADMINS_200,
    "mailbox-spam-senders": ADMINS_200,
    "mailbox-spam-seat": ADMINS_200,
    "mailbox-explain": ADMINS_200,
    "mailbox-forwarding": ADMINS_200,
    "mailbox-forwarding-permission": ADMINS_200,
    "mailbox-profile-create": ADMINS_200,
    "mailbox-profile": ADMINS_200,
    "mailbox-profile-delete": ADMINS_200,
    "mailbox-filters": ADMINS_200,
    "mailbox-receive": ADMINS_200,
    "filter-list": ADMINS_200,
    "filter-create": ADMINS_200,
    "filter-edit": ADMINS_200,
    "filter-delete": ADMINS_200,
    "domain-senders": ADMINS_200,
    "server-information": (200, 200, 200, 200, 404, 404, 302),
    "domain-dns": (200, 200, 200, 200, 404, 404, 302),
    "domain-dkim-rotate": (200, 200, 200, 200, 404, 404, 302),
    "domain-dkim-switch": (200, 200, 200, 200, 404, 404, 302),
    "domain-dkim-delete": (200, 200, 200, 200, 404, 404, 302),
    "mailbox-server-information": ADMINS_200,
    "mailbox-set-up": ADMINS_200,
    "me-server-information": MAILBOX_USER,
    "me-set-up": MAILBOX_USER,
    "mail-host-list": OPERATOR_200,
    "mail-host-edit": OPERATOR_200,
    "me-reply": MAILBOX_USER,
    "me-reply-reset": MAILBOX_USER,
    "me-reply-delete": MAILBOX_USER,
    "me-spam": MAILBOX_USER,
    "me-spam-senders": MAILBOX_USER,
    "me-explain": MAILBOX_USER,
    # with the permission to forward; without it tests/screens/test_forwarding.py
    "me-forwarding": MAILBOX_USER,
    "me-profile-create": MAILBOX_USER,
    "me-profile": MAILBOX_USER,
    "me-profile-delete": MAILBOX_USER,
    "me-filters": MAILBOX_USER,
    "me-receive": MAILBOX_USER,
    "me": MAILBOX_USER,
    "me-password": MAILBOX_USER,
    "me-purge": MAILBOX_USER,
    "me-sessions": MAILBOX_USER,
    "bulk": ADMINS_200,
    "job-list": (200, 200, 200, 404, 200, 200, 302),
    # bob handed this file in, and caused this change; operators see all
    "job-detail": (200, 404, 200, 404, 404, 404, 302),
    "job-errors": (200, 404, 200, 404, 404, 404, 302),
    "job-carry-out": (200, 404, 200, 404, 404, 404, 302),
    "change-mark": (200, 404, 200, 404, 404, 404, 302),
}
# Open to everybody, or answering POST only; each has a test of its own in tests/screens.
ELSEWHERE = {
    # open to anybody, for programs: tests/screens/test_discovery.py
    "autoconfig",
    "autoconfig-well-known",
    "autodiscover",
    "apple-profile",
    "login",
    "mail-login",
    "second-step",
    "login-passkey",
    "logout",
    "act-as",
    "job-cancel",
    "set-language",
    "set-theme",
    "domain-switch",
    "mailbox-delete-many",
    "domain-dns-check",
    "board-dismiss",
    "change-retry",
    "filter-order",
    "mailbox-profile-order",
    "me-profile-order",
    # under plans with two switches only: tests/screens/test_spam.py
    "mailbox-spam-switch",
    "me-spam-switch",
}
PATTERNS = [*urls.urlpatterns, *treatment_urls.urlpatterns]
# Pages about an object that belongs to someone; plans belong to the operator, changes to who caused them.
WITH_OBJECT = [
    str(pattern.name)
    for pattern in PATTERNS
    if "<" in str(pattern.pattern)
    and str(pattern.name) in EXPECTED
    and not str(pattern.name).startswith(("plan-", "change-", "job-", "me-profile-create", "me-set-up", "mail-host-"))
]


@pytest.fixture
def paths(cast: Cast) -> Callable[[str, str], str]:
    """The address of a page for an object of alice's contract ("own") or of charlie's ("foreign")."""
    found: dict[tuple[str, str], str] = {}
    MailHost.objects.update(hostname="mail.example.net")  # without a name there are no guides
    for domain in (cast.domain, cast.foreign_domain):
        DkimKey.objects.create(domain=domain, selector="t1", public="MIIB", private=b"sealed")
        expansions.create_alias(domain, "info", ["x@example.net"], acting_user=SYSTEM)
        expansions.create_group(domain, "all", ["x@example.net"], acting_user=SYSTEM)
    change = Change.objects.create(actor=cast.bob.actor)
    job = imports.start(cast.domain, "create", "staff.csv", b"mail_account", acting_user=cast.bob, preview=True)
    Job.objects.filter(pk=job.pk).update(state="done", result=Plan(rows=1).result())
    boxes = (cast.mia, cast.foreign_box)
    for box in boxes:
        mailboxes.change_mailbox(box, spam_seat=True, user_may_forward=True, acting_user=SYSTEM)
        replies.set_auto_reply(box, body="Away", acting_user=SYSTEM)
    condition = {"field": "spam", "operator": "is", "value": "yes"}
    kept = {
        d: create_filter(d, action="discard", conditions=[condition], acting_user=SYSTEM)[0] for d in (cast.domain, cast.foreign_domain)
    }
    sent = {box.domain: create_profile(box, action="forward", destinations=["x@example.net"], acting_user=SYSTEM)[0].pk for box in boxes}
    for admin in (cast.bob, cast.charlie):
        two_step.add_app(admin, two_step.new_secret(), 0)
        two_step.new_codes(admin)
    keys = {owner: create_token(owner, "mine", scopes=["*"])[0].pk for owner in (cast.bob, cast.charlie, *boxes)}
    hooks = {
        owner: create_webhook(url="https://hooks.example.com/", events=["account.created"], acting_user=owner)[0].pk
        for owner in (cast.bob, cast.charlie)
    }
    held = {
        admin.login: appoint(admin, Role.WEB_ADMIN, customer=d.customer, domains=[d], acting_user=SYSTEM)
        for admin, d in ((cast.bob, cast.domain), (cast.charlie, cast.foreign_domain))
    }
    said = {d: board.create_notice(title="Hello", domain=d, acting_user=SYSTEM).pk for d in (cast.domain, cast.foreign_domain)}
    for pattern in PATTERNS:
        route, name = str(pattern.pattern), str(pattern.name)
        for whose, domain in (("own", cast.domain), ("foreign", cast.foreign_domain)):
            box = cast.mia if whose == "own" else cast.foreign_box
            local = {"alias": f"info@{domain}", "group": f"all@{domain}"}.get(name.partition("-")[0], box.address)
            words = {
                "<str:domain>": domain.name,
                "<str:address>": local,
                "<str:plan>": "platinum",
                "<int:pk>": str(
                    sent[domain] if "-profile" in name else kept[domain].pk if name.startswith("filter-") else domain.customer_id
                ),
                "<str:group>": "forward",
                "<str:selector>": "t1",
                "<str:program>": "thunderbird",
                "<str:host>": domain.host.name,
                "<str:login>": "bob" if whose == "own" else "charlie",
                "<uuid:change_id>": str(change.pk),
                "<uuid:job_id>": str(job.pk),
            }
            if "-token-" in name or name.startswith("webhook-"):
                owner = box if name.startswith("me-") else cast.bob if whose == "own" else cast.charlie
                words["<int:pk>"] = str((hooks if name.startswith("webhook-") else keys)[owner])
            if name.startswith("audit-"):
                words["<int:pk>"] = str(AuditEntry.objects.filter(domain=domain.name).latest("pk").pk)
            if name.startswith("notice-"):
                words["<int:pk>"] = str(said[domain])
            if name == "two-step-remove":
                words["<int:pk>"] = str(Authenticator.objects.get(user__login=words["<str:login>"], type="totp").pk)
            if name.startswith("admin-role"):
                words["<int:pk>"] = str(held[words["<str:login>"]].pk)
            path = "/" + route
            for word, value in words.items():
                path = path.replace(word, value)
            found[name, whose] = path
    return lambda name, whose: found[name, whose]


def signed_in(who: Admin | Mailbox | None) -> Client:
    client = Client()
    if isinstance(who, Admin):
        client.force_login(who)
    elif who is not None:
        sign_in_mailbox(client, who)
    return client


def test_no_page_is_missing_from_the_table() -> None:
    assert {str(pattern.name) for pattern in PATTERNS} == set(EXPECTED) | ELSEWHERE


def test_each_page_for_each_role_own_object(cast: Cast, paths: Callable[[str, str], str]) -> None:
    wrong = []
    for position, name in enumerate(WHO):
        client = signed_in(getattr(cast, name, None))
        for page, row in EXPECTED.items():
            status = client.get(paths(page, "own")).status_code
            if status != row[position]:
                wrong.append(f"{name} {page}: {status}, wanted {row[position]}")
    assert not wrong, "\n".join(wrong)


def test_foreign_objects_do_not_exist(cast: Cast, paths: Callable[[str, str], str]) -> None:
    """For alice and bob everything of charlie's is 404, by GET and POST; the operator sees it."""
    wrong = []
    for name in ("alice", "bob", "wendy", "mia"):
        client = signed_in(getattr(cast, name))
        for page in WITH_OBJECT:
            # 405: a page that takes no POST from anybody says so before it looks for the object
            for verb, allowed in ((client.get, {404}), (client.post, {404, 405})):
                status = verb(paths(page, "foreign")).status_code
                if status not in allowed:
                    wrong.append(f"{name} {page}: {status}")
    assert not wrong, "\n".join(wrong)
    operator = signed_in(cast.operator)
    assert operator.get(paths("mailbox-detail", "foreign")).status_code == 200


def test_pages_answer_post_of_nobody_with_the_login_page(paths: Callable[[str, str], str]) -> None:
    client = Client()
    for page in set(EXPECTED) - {"change-mark"}:
        answer = client.post(paths(page, "own"))
        assert answer.status_code == 302, page
        assert "login" in answer.headers["Location"], page
