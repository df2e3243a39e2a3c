"""The sidebar: what each role finds there, and which domain it is about."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import notices, words
from accounts.models import Domain
from accounts.names import to_unicode
from accounts.permissions import has_part
from panel.base.tenancy import ADMINISTRATORS, Role

LAST = "domain"  # the session's key for the domain that was looked at last


@dataclass(slots=True)
class Row:
    url: str
    icon: str
    label: str
    views: tuple[str, ...]  # url names under which the row is the current one; "*" as in file names
    figure: int | None = None
    current: bool = False


@dataclass(slots=True)
class Section:
    title: str
    rows: list[Row] = field(default_factory=list)


# Rows that apps above this one add to "Mail" of a domain, or to a mailbox user's own pages (imports run one way).
More = Callable[[Any, Domain | None], Iterator[Row]]
_more: list[More] = []


def also(rows: More) -> None:
    """Registers further rows: given who looks, and the domain (None for a mailbox user)."""
    _more.append(rows)


def current_domain(request: HttpRequest, shown: Domain | None) -> Domain | None:
    """The page's domain, else the last one looked at, else the first; one query at most."""
    user: Any = request.user
    if shown is not None or user.role not in ADMINISTRATORS:
        return shown
    visible = Domain.objects.visible_to(user).select_related("plan")
    last = request.session.get(LAST)
    found: Domain | None = (last and visible.filter(name=last).first()) or visible.first()
    return found


def remember(request: HttpRequest, domain: Domain) -> None:
    """Writes the session only when the domain is another one."""
    if request.session.get(LAST) != domain.name:
        request.session[LAST] = domain.name


def sections(request: HttpRequest, domain: Domain | None) -> list[Section]:
    """What the sidebar holds, the page's own row marked."""
    user: Any = request.user
    match = request.resolver_match
    found = [section for section in _sections(user, domain) if section.rows]
    for section in found:
        for row in section.rows:
            row.figure = notices.waiting(request) or None if row.views[0] == "board" else row.figure
            row.current = bool(match and any(fnmatch(match.url_name or "", view) for view in row.views))
    return found


def _sections(user: Any, domain: Domain | None) -> Iterator[Section]:
    if user.role == Role.MAILBOX_USER:
        own = Row(reverse("me"), "envelope", words.word("own page", user.domain.plan.name), ("me", "me-password", "me-purge", "me-token*"))
        yield Section("", [own, *(row for rows in _more for row in rows(user, None)), _work(), _board()])
        return
    works = [_work()] if user.role in ADMINISTRATORS else []
    yield Section("", [Row(reverse("dashboard"), "house", _("Overview"), ("dashboard", "all-mailboxes")), *works, _board()])
    if domain is not None and user.role == Role.WEB_ADMIN:  # nothing about mail (R4)
        yield Section(to_unicode(domain.name), [row for rows in _more for row in rows(user, domain)])
    elif domain is not None:
        yield Section(_("Mail"), list(_mail(user, domain)))
    yield Section(_("Service") if user.role == Role.OPERATOR else _("Contract"), list(_service(user)))


def _work() -> Row:
    return Row(reverse("job-list"), "hourglass-split", _("Work in progress"), ("job-list", "job-detail"))


def _board() -> Row:
    return Row(reverse("board"), "megaphone", _("Message board"), ("board", "notice-*"))


def _mail(user: Any, domain: Domain) -> Iterator[Row]:
    def url(name: str) -> str:
        return reverse(name, args=[domain.name])

    plan = domain.plan.name
    yield Row(url("mailbox-list"), "envelope", words.word("mailboxes", plan), ("mailbox-*",), domain.accounts_count)
    yield Row(url("bulk"), "filetype-csv", words.word("bulk", plan), ("bulk", "job-carry-out"))
    yield Row(
        url("alias-list"),
        "arrow-left-right",
        words.word("aliases", plan),
        ("alias-list", "alias-create", "alias-detail", "alias-delete"),
        domain.aliases_count,
    )
    if domain.rules.group_addresses or domain.groups_count:
        yield Row(
            url("group-list"),
            "people",
            _("Group addresses"),
            ("group-list", "group-create", "group-detail", "group-delete"),
            domain.groups_count,
        )
    for rows in _more:
        yield from rows(user, domain)
    yield Row(
        url("domain-detail"),
        "gear",
        _("Domain settings"),
        ("domain-detail", "domain-edit", "domain-rules", "domain-limits", "domain-delete"),
    )


def _service(user: Any) -> Iterator[Row]:
    if has_part(user, "domains"):
        yield Row(reverse("domain-list"), "globe2", _("Domains"), ("domain-list", "domain-create"))
    if has_part(user, "customers"):
        yield Row(
            reverse("customer-list"), "buildings", _("Customers"), ("customer-list", "customer-create", "customer-edit", "customer-delete")
        )
    if has_part(user, "plans"):
        yield Row(reverse("plan-list"), "sliders", _("Plans"), ("plan-list", "plan-create", "plan-detail", "plan-edit"))
    if has_part(user, "mail-hosts"):
        yield Row(reverse("mail-host-list"), "server", _("Mail hosts"), ("mail-host-*",))
    if has_part(user, "admins"):
        yield Row(
            reverse("admin-list"),
            "person-badge",
            _("Administrators"),
            ("admin-*",),
        )
    if has_part(user, "audit"):
        yield Row(reverse("audit-list"), "clock-history", _("Audit trail"), ("audit-*",))
    if has_part(user, "sign-in-policy"):
        yield Row(reverse("sign-in-policy"), "shield-lock", _("Sign-in rules"), ("sign-in-policy",))
