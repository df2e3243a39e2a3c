"""The form of an operator's notice."""

from typing import Any

from crispy_forms.layout import Div, Layout
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import names
from accounts.forms.base import PanelForm
from accounts.models import Customer, Domain, Notice
from accounts.models.board import Audience, Level
from panel.base.tenancy import Principal

MINUTE = "%Y-%m-%dT%H:%M"  # as browsers send datetime-local


def moment(label: Any, **more: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MINUTE)
    return forms.DateTimeField(label=label, required=False, input_formats=[MINUTE, "%Y-%m-%dT%H:%M:%S"], widget=widget, **more)


class NoticeForm(PanelForm):
    """What, for whom, from when until when."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=200)
    body = forms.CharField(
        label=gettext_lazy("Text"),
        required=False,
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy("Plain text. Web and mail addresses in it become links."),
    )
    level = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Level.choices)
    audience = forms.ChoiceField(label=gettext_lazy("For"), choices=Audience.choices, initial=Audience.ADMINS)
    customer = forms.ModelChoiceField(
        label=gettext_lazy("Only for this customer"),
        queryset=Customer.objects.none(),
        required=False,
        empty_label=gettext_lazy("All customers"),
        help_text=gettext_lazy("A domain stands for its customer."),
    )
    domain = forms.CharField(
        label=gettext_lazy("Only for this domain"), required=False, max_length=253, help_text=gettext_lazy("Left blank: for all domains.")
    )
    starts_at = moment(gettext_lazy("Shown from"), help_text=gettext_lazy("Left blank: from now on."))
    ends_at = moment(gettext_lazy("Shown until"), help_text=gettext_lazy("Left blank: until you delete it."))

    def __init__(self, *args: Any, user: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["customer"].queryset = Customer.objects.visible_to(user)  # type: ignore[attr-defined]
        self.fields["domain"].widget.attrs.update({"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"})
        pairs = (("level", "audience"), ("customer", "domain"), ("starts_at", "ends_at"))
        self.helper.layout = Layout("title", "body", *(Div(*pair, css_class="short-fields") for pair in pairs))

    @staticmethod
    def values_of(notice: Notice) -> dict[str, Any]:
        kept = {name: getattr(notice, name) for name in ("title", "body", "level", "audience", "customer", "starts_at", "ends_at")}
        return {**kept, "domain": names.to_unicode(notice.domain.name) if notice.domain else ""}

    def clean_domain(self) -> Domain | None:
        name = self.cleaned_data["domain"].strip()
        if not name:
            return None
        found: Domain | None = Domain.objects.visible_to(self.user).select_related("customer").filter(name=names.to_ascii(name)).first()
        if found is None:
            raise ValidationError(_("There is no domain of this name."), code="domain")
        return found

    def clean_starts_at(self) -> Any:
        return self.cleaned_data["starts_at"] or timezone.now()
