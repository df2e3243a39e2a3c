"""Forms about admins, one's own account, and signing in."""

from typing import Any

from crispy_forms.layout import Div, Field, Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import PanelForm, PasswordField, admin_rules, current_password, new_password
from accounts.models import Admin, Customer, Domain
from accounts.names import to_ascii, to_unicode
from accounts.services.people import BELOW
from panel.base.tenancy import Principal, Role

LANGUAGES = [("", gettext_lazy("the browser's")), ("en", "English"), ("ja", "日本語")]


class SignInForm(PanelForm):
    """Login and password; what is wrong is never said more precisely than "one of the two"."""

    login = forms.CharField(label=gettext_lazy("Login"), max_length=320)
    password = current_password(gettext_lazy("Password"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs.update(
            {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        )
        self.helper.layout = Layout("login", PasswordField("password"))


class MailSignInForm(SignInForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("Mail address")
        self.fields["login"].widget.attrs["inputmode"] = "email"


MANY = 200  # domains that are offered as boxes to tick; above that their names are typed


class DomainBoxes(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Domains as boxes to tick, named as people read them."""

    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        return to_unicode(obj.name)


class DomainNames(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Domains by name, one a line: for whoever has too many to tick."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else "\n".join(to_unicode(row.name) for row in value)

    def clean(self, value: Any) -> Any:
        wanted = {to_ascii(line) for line in str(value or "").split()}
        found = self.queryset.filter(name__in=wanted)  # type: ignore[union-attr]
        if unknown := wanted - {row.name for row in found}:
            raise forms.ValidationError(_("There is no domain %(name)s here.") % {"name": to_unicode(min(unknown))}, code="unknown")
        return found


class AdminForm(PanelForm):
    """Role, reach and mail address of an admin. Operators choose among all, customer admins among their own."""

    role = forms.ChoiceField(label=gettext_lazy("Role"))
    customer = forms.ModelChoiceField(Customer.objects.none(), label=gettext_lazy("Customer"), required=False)
    domains = DomainBoxes(Domain.objects.none(), label=gettext_lazy("Domains"), required=False)
    email = forms.EmailField(label=gettext_lazy("Mail address"), required=False)
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES, required=False)
    password = new_password(required=False)

    def __init__(self, *args: Any, user: Principal, admin: Admin | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self._offer_roles(user)
        self._offer_reach(user)
        self.fields["domains"].help_text = _("What this administrator looks after.")
        self.fields["email"].widget.attrs["autocomplete"] = "off"
        self.fields["password"].help_text = _("Left blank: it stays as it is.") if admin else ""
        self.helper.layout = self.parts(admin)

    def parts(self, admin: Admin | None) -> Layout:
        reach = Div(Field("domains", wrapper_class="ticks"), data_show_for="role", data_show_values="mail_admin web_admin")
        customer = Div("customer", data_show_for="role", data_show_values="customer_admin mail_admin web_admin")
        middle = [customer] if "customer" in self.fields else []
        rules = admin_rules(admin.login if admin else "", "" if admin else "id_login")
        login = ["login"] if "login" in self.fields else []
        return Layout(*login, "role", *middle, reach, "email", "language", PasswordField("password", rules))

    def _offer_roles(self, user: Principal) -> None:
        below = (Role.MAIL_ADMIN, Role.WEB_ADMIN)
        wanted = (Role.OPERATOR, Role.CUSTOMER_ADMIN, *below) if user.role == Role.OPERATOR else below
        role: Any = self.fields["role"]
        role.choices = [(r.value, r.label) for r in wanted]
        role.widget.attrs["data-decides"] = ""

    def _offer_reach(self, user: Principal) -> None:
        visible = Domain.objects.visible_to(user).only("name", "customer_id")
        kind = DomainNames if visible[MANY : MANY + 1].exists() else DomainBoxes
        self.fields["domains"] = kind(visible, label=_("Domains"), required=False)
        if user.role != Role.OPERATOR:
            del self.fields["customer"]
            return
        customer: Any = self.fields["customer"]
        customer.queryset = Customer.objects.visible_to(user)

    def settings(self) -> dict[str, Any]:
        """What the services take; a role above single domains has none."""
        found = {key: self.cleaned_data[key] for key in ("role", "email", "language")}
        found["customer"] = self._customer() if found["role"] != Role.OPERATOR else None
        bound = found["role"] in (Role.MAIL_ADMIN, Role.WEB_ADMIN)
        return {**found, "domains": list(self.cleaned_data["domains"]) if bound else []}

    def _customer(self) -> Customer | None:
        if "customer" in self.fields:
            found: Customer | None = self.cleaned_data["customer"]
            return found
        own: Customer | None = getattr(self.user, "customer", None)
        return own


class RoleForm(AdminForm):
    """A further role of somebody: what they are there, and where."""

    def parts(self, admin: Admin | None) -> Layout:
        for name in ("email", "language", "password"):
            del self.fields[name]
        reach = Div(Field("domains", wrapper_class="ticks"), data_show_for="role", data_show_values="mail_admin web_admin")
        customer = Div("customer", data_show_for="role", data_show_values="customer_admin mail_admin web_admin")
        return Layout("role", *([customer] if "customer" in self.fields else []), reach)

    def settings(self) -> dict[str, Any]:
        role = self.cleaned_data["role"]
        domains = list(self.cleaned_data["domains"]) if role in BELOW else []
        return {"role": role, "customer": self._customer() if role != Role.OPERATOR else None, "domains": domains}


class AdminCreateForm(AdminForm):
    login = forms.CharField(label=gettext_lazy("Login"), max_length=100)
    field_order = ("login", "role", "customer", "domains", "email", "language", "password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs.update(
            {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        )
        self.fields["password"].required = True
        self.fields["password"].label = _("Password")


class OwnAccountForm(PanelForm):
    email = forms.EmailField(label=gettext_lazy("Mail address"), required=False)
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES, required=False)


class OwnAdminPasswordForm(PanelForm):
    current_password = current_password()
    password = new_password()

    def __init__(self, *args: Any, login: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper.layout = Layout(PasswordField("current_password"), PasswordField("password", admin_rules(login)))
