"""The auto-reply's form: what of it there is, the plan decides (AR1, AR2, AR4)."""

from typing import Any

from crispy_forms.bootstrap import AppendedText
from crispy_forms.layout import Div, Field, Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.forms.base import PanelForm, Part
from accounts.models import Domain
from accounts.words import word
from mailsettings.models import BODY_MAX, INTERVAL_MAX, AutoReply
from mailsettings.services.replies import REFUSED


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))


class AutoReplyForm(PanelForm):
    """Switch and subject only where the plan has them; elsewhere the text alone decides (`standard`)."""

    enabled = forms.BooleanField(label=gettext_lazy("Answer mail that arrives"), required=False)
    subject = forms.CharField(label=gettext_lazy("Subject"), required=False, max_length=200)
    body = forms.CharField(required=False, max_length=BODY_MAX, strip=False, widget=forms.Textarea(attrs={"rows": 9}))
    interval_days = forms.IntegerField(
        label=gettext_lazy("Answer the same sender again after"), min_value=0, max_value=INTERVAL_MAX, required=False
    )
    starts_on = _day(pgettext_lazy("first day", "From"))
    ends_on = _day(gettext_lazy("Until"))

    def __init__(self, *args: Any, domain: Domain, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = domain.rules
        self.fields["body"].label = word("reply text", domain.plan.name)
        self.fields["subject"].help_text = _subject_help(rules.auto_reply_default_subject)
        self.fields["interval_days"].help_text = _("0: each mail is answered.")
        self.fields["starts_on"].help_text = self.fields["ends_on"].help_text = _("Left blank: without an end on this side.")
        if not rules.auto_reply_subject:
            del self.fields["subject"], self.fields["enabled"]
            first, second = _("Mail is answered exactly while there is a text here."), _("The subject is “Re: ” and the mail's own.")
            self.fields["body"].help_text = _("%(first)s %(second)s") % {"first": first, "second": second}
        self.helper.layout = Layout(*self._parts(rules.auto_reply_bytes_cp932))

    def _parts(self, most: int | None) -> list[Any]:
        parts: list[Any] = [Field(name) for name in ("enabled", "subject") if name in self.fields]
        counter = [Part("replies/_counter.html", most=most, wide=most // 2, refused=REFUSED)] if most else []
        days = Div("starts_on", "ends_on", css_class="short-fields")
        return [*parts, "body", *counter, AppendedText("interval_days", _("days"), wrapper_class="field-m"), days]

    def clean_interval_days(self) -> int:
        found = self.cleaned_data["interval_days"]
        return 1 if found is None else int(found)

    @classmethod
    def values_of(cls, row: AutoReply | None) -> dict[str, Any]:
        """What the fields hold at first: a new one is switched on, so that a text is all it needs."""
        names = ("enabled", "subject", "body", "interval_days", "starts_on", "ends_on")
        return {name: getattr(row, name) for name in names} if row else {"enabled": True, "interval_days": 1}


def _subject_help(default: str) -> str:
    if default:
        return _("Left blank: “%(subject)s”") % {"subject": default}
    return _("Left blank: “Re: ” and the mail's own subject.")
