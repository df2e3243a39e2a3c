"""Forms about mailboxes."""

from typing import Any

from crispy_forms.bootstrap import AppendedText
from crispy_forms.layout import Field, Layout
from django import forms
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import limits, names, passwords, words
from accounts.forms.base import PanelForm, PasswordField, checked, current_password, mailbox_rules, new_password
from accounts.models import Domain, Mailbox
from accounts.services.mailboxes import EDITABLE


class MailboxSettingsForm(PanelForm):
    """Capacity, comment and mobile address; blank capacities mean what their help texts say."""

    quota_mb = forms.IntegerField(required=False, min_value=1, max_value=10_000_000)
    quota_messages = forms.IntegerField(label=gettext_lazy("Mails, all folders"), required=False, min_value=1, max_value=10**9)
    comment = forms.CharField(label=gettext_lazy("Comment"), required=False, max_length=200, strip=True)
    mobile_address = forms.CharField(label=gettext_lazy("Mobile address"), required=False, max_length=254)

    def __init__(self, *args: Any, domain: Domain, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.domain = domain
        self.fields["quota_mb"].label = words.word("capacity", domain.plan.name)
        self.fields["quota_mb"].help_text = capacity_help(domain)
        self.fields["quota_messages"].help_text = messages_help(domain)
        self.fields["comment"].help_text = _("Shown in the list, to administrators only.")
        self.fields["mobile_address"].widget.attrs.update({"autocomplete": "off", "inputmode": "email", "spellcheck": "false"})
        self.helper.layout = Layout(*self.capacity_parts(), "comment", "mobile_address", *self.permissions())

    def permissions(self) -> list[str]:
        """What the plan leaves to the admin: who may forward (R7), who has a seat of spam detection (S3)."""
        rules = self.domain.rules
        if rules.forwarding != "aliases" and not rules.forwarding_by_user:
            self.fields["user_may_forward"] = forms.BooleanField(label=_("The user may forward mail"), required=False)
            self.fields["user_may_forward"].help_text = _("Without it only administrators set up forwarding; what is set up goes on.")
        if rules.spam_seats:
            left = limits.rooms(self.domain, ["spam_seats"])["spam_seats"].text()
            self.fields["spam_seat"] = forms.BooleanField(label=_("A seat of spam detection"), required=False, help_text=left)
        return [name for name in ("user_may_forward", "spam_seat") if name in self.fields]

    def capacity_parts(self) -> list[Any]:
        return [
            AppendedText("quota_mb", "MB", wrapper_class="field-m"),
            AppendedText("quota_messages", _("mails"), wrapper_class="field-m"),
        ]

    @classmethod
    def values_of(cls, mailbox: Mailbox) -> dict[str, Any]:
        return {name: getattr(mailbox, name) for name in EDITABLE}


def capacity_help(domain: Domain) -> str:
    highest = domain.rules.storage_max_mb
    if highest is not None:
        return _("1 GB = 1,024 MB. The plan allows at most %(most)s MB.") % {"most": number_format(highest, force_grouping=True)}
    return _("1 GB = 1,024 MB. Left blank: no limit of its own.")


def messages_help(domain: Domain) -> str:
    plan = domain.rules.mailbox_messages
    if plan is not None:
        return _("Left blank: %(most)s, as the plan says.") % {"most": number_format(plan, force_grouping=True)}
    return _("Left blank: no limit.")


class MailboxCreateForm(MailboxSettingsForm):
    """A name, a password and the settings."""

    local_part = forms.CharField(label=gettext_lazy("Name"), max_length=64)
    password = new_password()

    def __init__(self, *args: Any, domain: Domain, **kwargs: Any) -> None:
        super().__init__(*args, domain=domain, **kwargs)
        rules = domain.rules
        self.fields["quota_mb"].initial = rules.storage_default_mb
        self.fields["password"].label = _("Password")
        self.fields["local_part"].help_text = name_help(domain)
        self.fields["local_part"].widget.attrs.update(
            {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        )
        shown = mailbox_rules(rules.password_rule, f"@{domain.name}", "id_local_part")
        name = AppendedText("local_part", f"@{names.to_unicode(domain.name)}")
        self.helper.layout = Layout(
            name, PasswordField("password", shown), *self.capacity_parts(), "comment", "mobile_address", *self.permissions()
        )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        local, rules = found.get("local_part", ""), self.domain.rules
        if local:
            limits = {"shortest": rules.local_part_min, "longest": rules.local_part_max}
            checked(self, "local_part", names.check_local_part, local.lower(), grammar=rules.local_part_grammar, **limits)
        if "password" in found:
            address = f"{local.lower()}@{self.domain.name}"
            checked(self, "password", passwords.check, found["password"], rule=rules.password_rule, address=address)
        return found


def name_help(domain: Domain) -> str:
    """The plan's grammar in one sentence (A1)."""
    rules = domain.rules
    figures = {"low": rules.local_part_min, "high": rules.local_part_max}
    ends = {
        "plain_ends": _("The first and last must be a letter or a digit."),
        "separated": _("The first and last must be a letter or a digit; “.” and “-” must not stand side by side."),
    }
    text = _("%(low)d to %(high)d letters, digits, “.”, “-” and “_”.") % figures
    more = ends.get(rules.local_part_grammar)
    return _("%(first)s %(second)s") % {"first": text, "second": more} if more else text


class MailboxPasswordForm(PanelForm):
    """A new password for someone's mailbox; nobody can read the old one."""

    password = new_password()

    def __init__(self, *args: Any, mailbox: Mailbox, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = mailbox_rules(mailbox.domain.rules.password_rule, mailbox.address)
        self.helper.layout = Layout(*self.before(), PasswordField("password", rules))

    def before(self) -> list[Any]:
        return []


class OwnPasswordForm(MailboxPasswordForm):
    """The user's own: the current one first."""

    current_password = current_password()
    field_order = ("current_password", "password")

    def before(self) -> list[Any]:
        return [PasswordField("current_password")]


class ConfirmForm(PanelForm):
    """Nothing to fill in: the second step of something that cannot be undone."""


class ConfirmNameForm(PanelForm):
    """The second step where much is lost: the name is typed."""

    confirm = forms.CharField(label=gettext_lazy("Type the name to confirm"), max_length=254)

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name
        self.fields["confirm"].widget.attrs.update({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"})
        self.helper.layout = Layout(Field("confirm"))

    def clean_confirm(self) -> str:
        typed = str(self.cleaned_data["confirm"]).strip().lower()
        if typed not in (self.name, names.to_unicode(self.name)):
            raise forms.ValidationError(_("This is not the name."), code="name")
        return typed
