"""A domain's DNS records and the keys that sign its mail (A20). A web admin's main page (R4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy

from accounts import navigation
from accounts.models import Domain
from accounts.permissions import may
from accounts.views.base import ADMINS, ConfirmPage
from mailsettings.dns import records, words
from mailsettings.dns.judge import Finding, State
from mailsettings.dns.records import HOST, MAIL, Record
from mailsettings.forms.dns import SwitchKeyForm
from mailsettings.models import DkimKey, DnsCheck, KeyState
from mailsettings.services import dkim, dns
from panel.base.models import Change
from panel.base.pages import Page, ShownPage, is_htmx
from panel.base.tenancy import Role


class OfServedDomain(Page):
    """A page about a domain whose DNS the user may see."""

    roles = ADMINS

    @cached_property
    def domain(self) -> Domain:
        served = Domain.objects.served_for(self.user).select_related("plan", "host")
        found: Domain = get_object_or_404(served, name=self.kwargs["domain"])
        if self.user.role != Role.WEB_ADMIN:
            navigation.remember(self.request, found)
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "domain": self.domain})


@dataclass(frozen=True, slots=True)
class Row:
    """A record as the page shows it: what it is for, what to publish, what was found."""

    record: Record
    finding: Finding | None
    title: Any
    about: Any

    @property
    def css(self) -> str:
        return words.STATES[self._state][0]

    @property
    def label(self) -> Any:
        return words.STATES[self._state][1]

    @property
    def why(self) -> str:
        return words.why(self.finding.why, self.finding.about) if self.finding else ""

    @property
    def found(self) -> tuple[str, ...]:
        """What stands there instead of the record's value."""
        return tuple(value for value in self.finding.found if value != self.record.value) if self.finding else ()

    @property
    def is_fault(self) -> bool:
        return self._state in (State.WRONG, State.MISSING, State.UNKNOWN)

    @property
    def is_unanswered(self) -> bool:
        """Whether it is there is not known: nothing that anybody has to mend."""
        return self._state == State.UNKNOWN

    @property
    def _state(self) -> str:
        """Nobody suffers where what only helps is missing."""
        state = self.finding.state if self.finding else ""
        return "optional" if state == State.MISSING and not self.record.needed else state


class DnsRecords(OfServedDomain, ShownPage):
    """What to publish, what was found, and the life of the keys."""

    template_name = "dns/records.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, **shown(self.domain, self.user)})


class DnsLook(OfServedDomain):
    """Looks now; a part of the page for htmx, the page for everybody else."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        dns.check(self.domain)
        if not is_htmx(request):
            return redirect("domain-dns", self.domain.name)
        return TemplateResponse(request, "dns/_look.html", self.get_context_data(**shown(self.domain, self.user)))


def shown(domain: Domain, user: Any) -> dict[str, Any]:
    """What the page and its part show; two queries."""
    keys = list(domain.dkim_keys.all())
    look = DnsCheck.objects.filter(domain=domain).first()
    wanted = [record for record in dns.records_of(domain, keys) if record.group != HOST or user.role == Role.OPERATOR]
    rows = [Row(record, dns.finding_of(record, look), *words.purpose_of(record)) for record in wanted]
    by_group = {group: [row for row in rows if row.record.group == group] for group in words.GROUPS}
    needed = [row for row in rows if row.record.needed and row.record.group != HOST]
    return {
        "look": look,
        "mail": by_group.pop(MAIL),
        "others": [(words.GROUPS[group], found) for group, found in by_group.items() if found],
        "faults": sum(row.is_fault and not row.is_unanswered for row in needed),
        "unanswered": any(row.is_unanswered for row in needed),
        "is_named": bool(domain.host.hostname),
        "may_name": may(user, "host.write"),
        "has_panel_name": bool(dns.panel_name()),
        "zone": records.zone_text(tuple(record for record in wanted if record.group != HOST), domain.name),
        "keys": list(_keys(keys)),
        "waits": any(key.state == KeyState.PUBLISHED for key in keys),
        "signs": any(key.state == KeyState.ACTIVE for key in keys),
    }


def _keys(keys: list[DkimKey]) -> Iterator[tuple[DkimKey, datetime | None]]:
    """Each key with the moment of its next step: when it will sign, when its record may go."""
    follows = any(key.state == KeyState.ACTIVE for key in keys)
    for key in reversed(keys):
        signs = key.seen_at + dkim.SETTLE if key.seen_at and follows else key.seen_at
        yield key, signs if key.state == KeyState.PUBLISHED else dkim.remove_at(key)


# --- keys
class KeyStep(OfServedDomain, ConfirmPage):
    """A step in the life of a key, once it is confirmed."""

    def get_success_url(self) -> str:
        return f"{reverse('domain-dns', args=[self.domain.name])}#keys"

    def waiting(self) -> DkimKey | None:
        found: DkimKey | None = self.domain.dkim_keys.filter(state=KeyState.PUBLISHED).first()
        return found

    def active(self) -> DkimKey | None:
        found: DkimKey | None = self.domain.dkim_keys.filter(state=KeyState.ACTIVE).first()
        return found


class KeyCreate(KeyStep):
    template_name = "dns/rotate.html"
    done_message = gettext_lazy("The key was made. Publish its record; it signs by itself once that has been seen.")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "active": self.active()})

    def perform(self, form: Any) -> Change | None:
        return dkim.make_key(self.domain, acting_user=self.user)[1]


class KeySwitch(KeyStep):
    """404 where there is no new key."""

    template_name = "dns/switch.html"
    form_class = SwitchKeyForm
    done_message = gettext_lazy("The new key signs from now on.")

    def admit(self) -> None:
        if self.key is None:
            raise Http404

    @cached_property
    def key(self) -> DkimKey | None:
        return self.waiting()

    @property
    def is_seen(self) -> bool:
        return self.key is not None and self.key.seen_at is not None

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "is_seen": self.is_seen}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "key": self.key, "active": self.active(), "is_seen": self.is_seen})

    def perform(self, form: Any) -> Change | None:
        return dkim.switch(self.domain, force=bool(form.cleaned_data.get("force")), acting_user=self.user)[1]


class KeyDelete(KeyStep):
    template_name = "dns/delete.html"
    done_message = gettext_lazy("The key was deleted. Take its record out of DNS.")

    @cached_property
    def key(self) -> DkimKey:
        found: DkimKey = get_object_or_404(self.domain.dkim_keys.select_related("domain"), selector=self.kwargs["selector"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "key": self.key})

    def perform(self, form: Any) -> Change | None:
        return dkim.delete_key(self.key, acting_user=self.user)
