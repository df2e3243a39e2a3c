"""What needs somebody: the first thing that an overview says. Each source costs a constant number of queries.

Apps above this one register theirs with `also` (imports run one way).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts import limits, notices, status, two_step
from accounts.models import Admin, Customer, Domain, Mailbox, Notice, SignInPolicy
from accounts.models.addresses import NEARLY_FULL
from accounts.names import to_unicode
from accounts.services.common import COUNTERS, LABELS
from panel.base.models import Change, ChangeTarget, Job, JobState, State
from panel.base.templatetags.tegami import say, size
from panel.base.tenancy import ADMINISTRATORS, Role

NEARLY_USED = 0.9  # of a limit
RECENT = timedelta(days=7)  # how long a failed job is worth telling
SHOWN = 5  # of one kind


@dataclass(frozen=True, slots=True)
class Need:
    """One thing to look at: what it is, in a sentence, and the page where something can be done about it."""

    icon: str
    level: str  # "bad", "warn" or "plain"
    text: str | SafeString
    url: str
    leads: str


Source = Callable[[Any], Iterator[Need]]
_sources: list[Source] = []


def also(source: Source) -> None:
    """Registers a further source; it yields nothing for a role that has no part in it."""
    _sources.append(source)


def needs_of(user: Any) -> list[Need]:
    """Everything, the gravest first."""
    own = (_notices, _second_steps, _accounts, _changes, _jobs, _contracts, _domains)
    found = [need for source in (*own, *_sources) for need in source(user)]
    return sorted(found, key=lambda need: ("bad", "warn", "plain").index(need.level))


def _notices(user: Any) -> Iterator[Need]:
    """The latest by its title; the board has the rest."""
    rows = list(Notice.objects.board_of(user).undismissed_by(user).order_by("-pk")[: SHOWN + 1])
    for notice in rows[:SHOWN]:
        level = {"problem": "bad", "warning": "warn"}.get(notice.level, "plain")
        said = notices.said(notice)
        yield Need("megaphone", level, said.title, said.url or reverse("board"), said.leads or pgettext("a notice", "Read"))
    if len(rows) > SHOWN:
        yield Need("megaphone", "plain", _("There are more notices on the message board."), reverse("board"), _("Message board"))


def _second_steps(user: Any) -> Iterator[Need]:
    """Of those whom one appoints (R10)."""
    if user.role not in (Role.OPERATOR, Role.CUSTOMER_ADMIN):
        return
    roles = SignInPolicy.current().two_step_roles
    if not roles:
        return
    asked = Q(role__in=roles) | Q(appointments__role__in=roles)
    lacking = Admin.objects.visible_to(user).filter(asked, ~two_step.has_two_step(), is_active=True)
    count = lacking.aggregate(n=Count("pk", distinct=True))["n"]
    if count:
        text = ngettext(
            "{count} administrator has not set up the second step that their role asks for.",
            "{count} administrators have not set up the second step that their role asks for.",
            count,
        )
        yield Need("shield-exclamation", "warn", say(text, count=_n(count)), reverse("admin-list"), _("Administrators"))


def _accounts(user: Any) -> Iterator[Need]:
    """Accounts whose status is not normal, by kind, and those that are nearly full."""
    if user.role not in ADMINISTRATORS:
        return
    mailboxes = Mailbox.objects.visible_to(user).order_by()
    suspended, forced = Q(suspended=True), Q(must_change_password=True, suspended=False)
    barred = mailboxes.barred().aggregate(n_suspended=Count("pk", filter=suspended), n_forced=Count("pk", filter=forced))
    figures = {"suspended": barred["n_suspended"], "password_forced": barred["n_forced"], **mailboxes.fullness(NEARLY_FULL)}
    for state, icon, level, sentence in _said_of_accounts(figures):
        if figures[state]:
            yield Need(icon, level, say(sentence, count=_n(figures[state])), f"{reverse('all-mailboxes')}?state={state}", _("Show"))


def _said_of_accounts(n: dict[str, int]) -> Iterator[tuple[str, str, str, str]]:
    yield (
        status.Code.PASSWORD_FORCED,
        "key",
        "bad",
        ngettext("{count} mailbox needs a new password.", "{count} mailboxes need a new password.", n["password_forced"]),
    )
    yield (
        status.Code.OVER_CAPACITY,
        "hdd",
        "bad",
        ngettext("{count} mailbox is full and receives nothing.", "{count} mailboxes are full and receive nothing.", n["over_capacity"]),
    )
    yield status.NEARLY, "hdd", "warn", ngettext("{count} mailbox is nearly full.", "{count} mailboxes are nearly full.", n["nearly"])
    yield (
        status.Code.SUSPENDED,
        "person-lock",
        "plain",
        ngettext("{count} mailbox is suspended.", "{count} mailboxes are suspended.", n["suspended"]),
    )


def _changes(user: Any) -> Iterator[Need]:
    """Changes of settings that did not reach the servers; the latest has the reason and the way to try again."""
    mine = Change.objects.visible_to(user).order_by().values("pk")
    failed = ChangeTarget.objects.filter(state=State.FAILED)
    failed = failed if user.role == Role.OPERATOR else failed.filter(change__in=mine)
    rows = list(failed.order_by("-change__requested_at", "pk").values_list("change_id", "key")[: SHOWN * 20])
    for change, key in list(dict(reversed(rows)).items())[::-1][:SHOWN]:
        yield Need(
            "exclamation-octagon",
            "bad",
            say(_("A change of {what} could not be applied."), what=to_unicode(key)),
            reverse("change-mark", args=[change]),
            _("See why"),
        )


def _jobs(user: Any) -> Iterator[Need]:
    if user.role == Role.WEB_ADMIN:
        return
    since = timezone.now() - RECENT
    count = Job.objects.visible_to(user).filter(state=JobState.FAILED, created_at__gt=since).count()
    if count:
        text = ngettext("{count} job failed in the last seven days.", "{count} jobs failed in the last seven days.", count)
        yield Need("exclamation-octagon", "bad", say(text, count=_n(count)), reverse("job-list"), _("Jobs"))


def _contracts(user: Any) -> Iterator[Need]:
    """Numbers of contracts that are nearly used up (A17)."""
    if user.role not in (Role.OPERATOR, Role.CUSTOMER_ADMIN):
        return
    rows = list(Customer.objects.visible_to(user).exclude(limits={}))
    used = limits.contract_figures([row.pk for row in rows]) if rows else {}
    is_operator = user.role == Role.OPERATOR
    found: list[Need] = []
    for row in rows:
        url = reverse("customer-edit", args=[row.pk]) if is_operator else reverse("domain-list")
        found += _tight(row.name if is_operator else _("your contract"), row.limits, used.get(row.pk, {}), url)
    yield from _some(found, reverse("customer-list") if is_operator else reverse("domain-list"))


def _domains(user: Any) -> Iterator[Need]:
    """Numbers of domains that are nearly used up."""
    if user.role not in ADMINISTRATORS:
        return
    found: list[Need] = []
    for row in Domain.objects.visible_to(user).exclude(limits={}).values("name", "limits", *COUNTERS.values()):
        used = {key: row[column] for key, column in COUNTERS.items()}
        found += _tight(to_unicode(row["name"]), row["limits"], used, reverse("domain-detail", args=[row["name"]]))
    yield from _some(found, reverse("domain-list"))


def _some(found: list[Need], url: str) -> Iterator[Need]:
    """The first of them; the rest as one."""
    yield from found[:SHOWN]
    more = len(found) - SHOWN
    if more > 0:
        text = ngettext("{count} more limit is nearly used up.", "{count} more limits are nearly used up.", more)
        yield Need("speedometer2", "warn", say(text, count=_n(more)), url, _("Show"))


def _tight(whose: str, limits_: dict[str, int | None], used: dict[str, int], url: str) -> Iterator[Need]:
    for key, limit in limits_.items():
        if limit and used.get(key, 0) >= limit * NEARLY_USED:
            show = size if key == "storage_mb" else _n
            figures = {"what": LABELS[key](), "used": show(used[key]), "limit": show(limit)}
            sentence = _("%(what)s of {whose}: %(used)s of %(limit)s in use.") % figures
            yield Need("speedometer2", "warn", say(sentence, whose=whose), url, _("Show"))


def _n(value: float) -> str:
    return number_format(int(value), force_grouping=True)
