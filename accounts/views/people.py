"""Pages about admins, and one's own account."""

from typing import Any

from django.db.models import Q, QuerySet
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import signin, two_step
from accounts.forms.people import AdminCreateForm, AdminForm, OwnAccountForm, OwnAdminPasswordForm, RoleForm
from accounts.models import Admin
from accounts.services import people as services
from accounts.services.appointments import FURTHER, visible_appointments
from accounts.views.base import ADMINS, CONTRACT, ConfirmPage, ListPage
from accounts.views.signin import remember_language
from panel.base.errors import Forbidden
from panel.base.models import Change
from panel.base.pages import FormPage, Page


class AdminList(ListPage):
    roles = CONTRACT
    template_name = "admins/list.html"
    part_template = "admins/_list.html"
    sorts = {"login": "login", "role": "role"}
    default_sort = "login"
    csv_columns = ("login", "role", "customer", "domains", "further_roles", "email", "language", "is_active")

    def cells(self, row: Admin) -> list[Any]:
        domains = [domain.name for domain in row.domains.all()]
        further = [one.role for one in row.appointments.all()]
        whose = row.customer.name if row.customer else None
        return [row.login, row.role, whose, domains, further, row.email, row.language, row.is_active]

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Admin.objects.visible_to(self.user).select_related("customer").prefetch_related("domains", FURTHER)
        return found

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(login__icontains=text) | Q(email__icontains=text))


class AdminCreate(FormPage):
    roles = CONTRACT
    template_name = "admins/create.html"
    form_class = AdminCreateForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.user}

    def perform(self, form: Any) -> Change | None:
        named = {key: form.cleaned_data[key] for key in ("login", "password")}
        self.made = services.create_admin(**named, **form.settings(), acting_user=self.user)
        return None

    def done_text(self, form: BaseForm) -> str:
        return _("The administrator %(login)s was created.") % {"login": self.made.login}

    def get_success_url(self) -> str:
        return reverse("admin-list")


class OnAdmin(Page):
    """A page under /admins/<login>/. One's own is under /account/."""

    roles = CONTRACT
    done_message: Any

    @cached_property
    def admin(self) -> Admin:
        visible = Admin.objects.visible_to(self.user).annotate(has_two_step=two_step.has_two_step())
        found: Admin = get_object_or_404(visible, login=self.kwargs["login"])
        if found.pk == self.user.pk:
            raise Forbidden(_("Your own role is for others to change."))
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "admin": self.admin})

    def get_success_url(self) -> str:
        return reverse("admin-list")

    def done_text(self, form: BaseForm) -> str:
        return str(self.done_message) % {"login": self.admin.login}


class AdminEdit(OnAdmin, FormPage):
    """Of somebody with roles elsewhere a customer admin changes what they are in the own contract, not the login."""

    template_name = "admins/edit.html"
    done_message = gettext_lazy("The administrator %(login)s was saved.")

    def get_form_kwargs(self) -> dict[str, Any]:
        admin = self.admin
        return {**super().get_form_kwargs(), "user": self.user, "admin": admin}

    def get_initial(self) -> dict[str, Any]:
        admin = self.admin
        return {
            "role": admin.role,
            "customer": admin.customer,
            "domains": admin.domains.all(),
            "email": admin.email,
            "language": admin.language,
        }

    @cached_property
    def is_in_hand(self) -> bool:
        return services.has_login_in_hand(self.admin, self.user)

    def get_form_class(self) -> Any:
        return AdminForm if self.is_in_hand else RoleForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        admin = self.admin
        knows_first = services.is_within_reach(admin.role, admin.customer.pk if admin.customer else None, self.user)
        shown = {"further": visible_appointments(admin, self.user), "in_hand": self.is_in_hand, "knows_first": knows_first}
        return super().get_context_data(**shown, **kwargs)

    def perform(self, form: Any) -> Change | None:
        password = form.cleaned_data.get("password") or None
        services.change_admin(self.admin, password=password, **form.settings(), acting_user=self.user)
        return None


class AdminDelete(OnAdmin, ConfirmPage):
    template_name = "admins/delete.html"
    done_message = gettext_lazy("The administrator %(login)s was deleted.")

    def perform(self, form: BaseForm) -> Change | None:
        services.delete_admin(self.admin, acting_user=self.user)
        return None


class Account(FormPage):
    """What every admin may change of themselves."""

    roles = ADMINS
    template_name = "account/account.html"
    form_class = OwnAccountForm
    done_message = gettext_lazy("Your settings were saved.")

    def get_initial(self) -> dict[str, Any]:
        user = self.user
        return {"email": user.email, "language": user.language}

    def perform(self, form: BaseForm) -> Change | None:
        services.change_own_account(self.user, **form.cleaned_data)
        return None

    def form_valid(self, form: BaseForm) -> HttpResponse:
        response = super().form_valid(form)
        return remember_language(response, form.cleaned_data["language"])

    def get_success_url(self) -> str:
        return reverse("account")


class AccountPassword(FormPage):
    roles = ADMINS
    template_name = "account/password.html"
    form_class = OwnAdminPasswordForm
    done_message = gettext_lazy("Your password was changed.")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "login": self.user.login}

    def perform(self, form: BaseForm) -> Change | None:
        admin = services.change_own_password(self.user, **form.cleaned_data)
        signin.stay(self.request, admin)  # this session goes on, all others end
        return None

    def get_success_url(self) -> str:
        return reverse("account")
