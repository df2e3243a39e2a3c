"""Further roles of an administrator, and the switch between one's own (R1 to R4)."""

from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import signin
from accounts.forms.people import RoleForm
from accounts.models import Appointment
from accounts.reach import reach
from accounts.services import appointments as services
from accounts.views.base import ADMINS, ConfirmPage
from accounts.views.people import OnAdmin
from panel.base.models import Change
from panel.base.pages import FormPage, Page
from panel.base.tenancy import Role


class RoleCreate(OnAdmin, FormPage):
    template_name = "admins/role.html"
    form_class = RoleForm
    done_message = gettext_lazy("%(login)s has a further role now.")

    def get_form_kwargs(self) -> dict[str, Any]:
        self.admin  # noqa: B018 - 404 and 403 before anything is shown
        return {**super().get_form_kwargs(), "user": self.user}

    def perform(self, form: Any) -> Change | None:
        services.appoint(self.admin, acting_user=self.user, **form.settings())
        return None

    def get_success_url(self) -> str:
        return reverse("admin-edit", args=[self.admin.login])


class OnRole(OnAdmin):
    """A page under /admins/<login>/roles/<key>/."""

    @cached_property
    def held(self) -> Appointment:
        found: Appointment = get_object_or_404(services.visible_appointments(self.admin, self.user), pk=self.kwargs["pk"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "held": self.held})

    def get_success_url(self) -> str:
        return reverse("admin-edit", args=[self.admin.login])


class RoleEdit(OnRole, FormPage):
    template_name = "admins/role.html"
    form_class = RoleForm
    done_message = gettext_lazy("The role of %(login)s was saved.")

    def get_form_kwargs(self) -> dict[str, Any]:
        self.held  # noqa: B018
        return {**super().get_form_kwargs(), "user": self.user}

    def get_initial(self) -> dict[str, Any]:
        held = self.held
        return {"role": held.role, "customer": held.customer, "domains": held.domains.all()}

    def perform(self, form: Any) -> Change | None:
        services.change_appointment(self.held, acting_user=self.user, **form.settings())
        return None


class RoleDelete(OnRole, ConfirmPage):
    template_name = "admins/role_delete.html"
    done_message = gettext_lazy("The role of %(login)s was taken away.")

    def perform(self, form: BaseForm) -> Change | None:
        services.dismiss_appointment(self.held, acting_user=self.user)
        return None


class ActAs(Page):
    """From the next page on one is somebody in another of one's own roles; an empty `role` is the first."""

    roles = ADMINS
    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        wanted = request.POST.get("role", "")
        held = {str(services.key_of(row) or ""): row for row in services.roles_of(self.user)}
        if wanted not in held:
            messages.error(request, _("This role is not yours any more."))
            return redirect("dashboard")
        request.session[signin.ACTING] = services.key_of(held[wanted])
        said = {"role": Role(held[wanted].role).label, "reach": reach(held[wanted])}
        messages.success(request, _("You act as %(role)s now: %(reach)s.") % said)
        return redirect("dashboard")
