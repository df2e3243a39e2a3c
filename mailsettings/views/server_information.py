"""Server information, and the guides for mail programs with the person's own values (A18)."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from accounts import navigation
from accounts.models import Domain, MailHost
from accounts.permissions import may
from accounts.views.base import ADMINS
from mailsettings import guides
from mailsettings.discovery import qr
from mailsettings.discovery.facts import Facts, facts
from mailsettings.views.base import ByAdmin, ByUser, OfMailbox
from panel.base.pages import ShownPage
from panel.base.tenancy import Role


def told(host: MailHost, found: Facts | None, user: Any) -> dict[str, Any]:
    """What the templates show: the host, the servers, and the operator's way to name the host."""
    servers = [*found.incoming, *found.outgoing] if found else []
    best = {found.receiving, found.sending} if found else set()
    return {
        "host": host,
        "facts": found,
        "servers": [(server, guides.PROTOCOLS[server.protocol], guides.SECURITIES[server.security], server in best) for server in servers],
        "other_names": [(guides.PROTOCOLS[name.protocol], name.host) for name in found.other_names] if found else [],
        "may_name": may(user, "host.write"),
    }


class DomainInformation(ShownPage):
    """For admins, web admins too (R4): a mailbox's own values are on its page."""

    roles = ADMINS
    template_name = "set_up/domain.html"

    @cached_property
    def domain(self) -> Domain:
        served = Domain.objects.served_for(self.user).select_related("plan", "host")
        found: Domain = get_object_or_404(served, name=self.kwargs["domain"])
        if self.user.role != Role.WEB_ADMIN:
            navigation.remember(self.request, found)
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        domain = self.domain
        more = told(domain.host, facts(domain.name, domain.rules, domain.host), self.user)
        return super().get_context_data(**{**kwargs, "domain": domain, **more})


class OfProgram(OfMailbox):
    """A page with the values of one mailbox."""

    @cached_property
    def facts(self) -> Facts | None:
        domain = self.mailbox.domain
        return facts(domain.name, domain.rules, domain.host, self.mailbox.address)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = told(self.mailbox.domain.host, self.facts, self.user)
        return super().get_context_data(programs=guides.PROGRAMS.values(), **more, **kwargs)


class Information(OfProgram, ShownPage):
    template_name = "set_up/mailbox.html"


class Guide(OfProgram, ShownPage):
    """One program's guide; there is none while the host has no name, or offers nothing to read or send by."""

    template_name = "set_up/guide.html"

    @cached_property
    def program(self) -> guides.Program:
        found = guides.PROGRAMS.get(self.kwargs["program"])
        if found is None:
            raise Http404
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        program, values = self.program, guides.values(self.facts) if self.facts else None
        if values is None:
            raise Http404
        parts = {name: guides.said(getattr(program, name), values) for name in ("steps", "installing", "notes")}
        more = {"program": program, "values": values, "profile": self._profile(), "code": self._code(), **parts}
        return super().get_context_data(**{**kwargs, **more})

    def _profile(self) -> str:
        return f"{reverse('apple-profile')}?{urlencode({'address': self.mailbox.address})}"

    def _code(self) -> Any:
        """Leads a phone to the profile, or to this guide, where its owner signs in."""
        if not self.program.phone:
            return ""
        path = self._profile() if self.program.installing else reverse("me-set-up", args=[self.program.slug])
        label = _("A code that leads a phone to %(what)s") % {"what": _("the profile") if self.program.installing else _("this page")}
        return qr.svg(self.request.build_absolute_uri(path), label)


class MailboxInformation(Information, ByAdmin):
    pass


class MyInformation(Information, ByUser):
    pass


class MailboxGuide(Guide, ByAdmin):
    pass


class MyGuide(Guide, ByUser):
    pass
