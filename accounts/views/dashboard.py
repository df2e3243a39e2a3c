"""The overview: what needs whoever looks, then what they have."""

from typing import Any

from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import attention
from accounts.models import Domain
from accounts.permissions import may
from accounts.views.base import ADMINS
from panel.base.pages import ShownPage
from panel.base.tenancy import Role

NAMED = 10  # domains


class Dashboard(ShownPage):
    """A web admin sees the names of the own domains' servers, and nothing about mail (R4)."""

    roles = (*ADMINS, Role.MAILBOX_USER)
    template_name = "dashboard.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.user.role == Role.MAILBOX_USER:
            return redirect("me")
        return super().get(request, *args, **kwargs)

    def get_template_names(self) -> list[str]:
        is_web = self.user.role == Role.WEB_ADMIN
        return ["dashboard_web.html"] if is_web else ["dashboard.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = self._web() if self.user.role == Role.WEB_ADMIN else self._mail()
        return super().get_context_data(needs=attention.needs_of(self.user), **shown, **kwargs)

    def _web(self) -> dict[str, Any]:
        return {"domains": Domain.objects.web_of(self.user).select_related("host")}

    def _mail(self) -> dict[str, Any]:
        user = self.user
        visible = Domain.objects.visible_to(user)
        sums = visible.aggregate(
            domains=Count("pk"),
            accounts=Sum("accounts_count"),
            aliases=Sum("aliases_count"),
            groups=Sum("groups_count"),
            promised=Sum("promised_mb"),
        )
        customer = getattr(user, "customer", None)
        limits = customer.limits if customer and user.role == Role.CUSTOMER_ADMIN else {}
        named = visible.select_related("plan", "customer")[:NAMED]
        figures = {key: value or 0 for key, value in sums.items()}
        return {"domains": named, "sums": figures, "limits": limits, "may_create": may(user, "domain.create")}
