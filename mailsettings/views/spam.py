"""Spam of a mailbox: two switches or one choice of two, allowed and blocked senders, the seat (S2, S3, F4, F9, F10)."""

from typing import Any

from django.forms import BaseForm
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.limits import Room, rooms
from accounts.models import Mailbox
from accounts.names import to_unicode
from accounts.rules import Rules
from accounts.services.mailboxes import change_mailbox
from accounts.words import word
from mailsettings.forms.senders import SendersForm
from mailsettings.forms.spam import OneOfTwoForm, SwitchForm
from mailsettings.models import SpamSettings
from mailsettings.services import spam as services
from mailsettings.views.base import ByAdmin, ByUser, OfMailbox
from panel.base.models import Change
from panel.base.pages import FormPage
from panel.base.tenancy import Role

SWITCHES = {"tag": "tag_subject", "folder": "move_to_folder"}  # as addresses name them


def seats_of(mailbox: Mailbox) -> Room:
    """The seats of the mailbox's domain: used and left."""
    return rooms(mailbox.domain, ["spam_seats"])["spam_seats"]


class OfSpam(OfMailbox):
    """A page about spam where the plan has it. Without a seat only admins find it: they give one."""

    def is_there(self, rules: Rules) -> bool:
        return rules.spam != "none" and (self.mailbox.has_spam_handling() or self.user.role != Role.MAILBOX_USER)

    @cached_property
    def spam(self) -> SpamSettings:
        return services.settings_of(self.mailbox)

    @property
    def rules(self) -> Rules:
        found: Rules = self.mailbox.domain.rules
        return found

    def get_success_url(self) -> str:
        return self.link("spam")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(spam=self.spam, mark=self.rules.spam_tag, **kwargs)

    def done_text(self, form: BaseForm) -> str:
        return _("The spam settings of %(address)s were saved.") % {"address": to_unicode(self.mailbox.address)}


class NeedsSeat(OfSpam):
    """A page that makes no sense without the seat."""

    def is_there(self, rules: Rules) -> bool:
        return super().is_there(rules) and self.mailbox.has_spam_handling()


class Spam(OfSpam, FormPage):
    """The overview; under a plan with one choice of two it is the form as well."""

    form_class = OneOfTwoForm

    def get_template_names(self) -> list[str]:
        if not self.mailbox.has_spam_handling():
            return ["spam/seatless.html"]
        return ["spam/choice.html" if self.rules.spam == "one_of_two" else "spam/switches.html"]

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "domain": self.mailbox.domain}

    def get_initial(self) -> dict[str, Any]:
        return OneOfTwoForm.values_of(self.spam)

    def perform(self, form: Any) -> Change | None:
        return services.change_spam(self.mailbox, acting_user=self.user, **form.switches())[1]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sold = self.rules.spam_seats and self.user.role != Role.MAILBOX_USER
        return super().get_context_data(seats=seats_of(self.mailbox) if sold else None, **kwargs)

    def post(self, *args: Any, **kwargs: Any) -> Any:
        if self.rules.spam != "one_of_two" or not self.mailbox.has_spam_handling():
            return self.http_method_not_allowed(self.request)
        return super().post(*args, **kwargs)


class SpamSwitch(NeedsSeat, FormPage):
    """The second step of turning one of the two switches (manual standard 6-1-6, 6-1-7)."""

    template_name = "spam/switch.html"
    form_class = SwitchForm

    def is_there(self, rules: Rules) -> bool:
        return super().is_there(rules) and rules.spam != "one_of_two" and self.kwargs["switch"] in SWITCHES

    @property
    def field(self) -> str:
        return SWITCHES[self.kwargs["switch"]]

    def perform(self, form: BaseForm) -> Change | None:
        return services.change_spam(self.mailbox, acting_user=self.user, **{self.field: form.cleaned_data["on"]})[1]

    def done_text(self, form: BaseForm) -> str:
        text = _("Turned on: %(what)s") if form.cleaned_data["on"] else _("Turned off: %(what)s")
        return text % {"what": word("spam " + self.kwargs["switch"], self.mailbox.domain.plan.name)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = {"switch": self.kwargs["switch"], "is_on": getattr(self.spam, self.field)}
        return super().get_context_data(**more, **kwargs)


class SpamSenders(NeedsSeat, FormPage):
    """Who is never spam for this mailbox, and who always."""

    template_name = "spam/senders.html"
    form_class = SendersForm

    def get_form_kwargs(self) -> dict[str, Any]:
        helps = {
            "allow_help": _("Their mail is never treated as spam, whatever the check says."),
            "block_help": _("Their mail goes to the spam folder, and is neither forwarded nor answered."),
        }
        return {**super().get_form_kwargs(), **helps}

    def get_initial(self) -> dict[str, Any]:
        return {"allow": self.spam.allow, "block": self.spam.block}

    def perform(self, form: BaseForm) -> Change | None:
        return services.change_spam(self.mailbox, acting_user=self.user, **form.cleaned_data)[1]


class SpamSeat(OfSpam, FormPage):
    """An admin gives the mailbox a seat of spam detection or takes it back (S3)."""

    template_name = "spam/seat.html"
    form_class = SwitchForm
    done_message = gettext_lazy("Saved.")

    def is_there(self, rules: Rules) -> bool:
        return super().is_there(rules) and rules.spam_seats

    def perform(self, form: BaseForm) -> Change | None:
        return change_mailbox(self.mailbox, acting_user=self.user, spam_seat=form.cleaned_data["on"])[1]

    def done_text(self, form: BaseForm) -> str:
        given = _("%(address)s has a seat of spam detection now.")
        taken = _("%(address)s has no seat of spam detection any more.")
        return (given if form.cleaned_data["on"] else taken) % {"address": to_unicode(self.mailbox.address)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = {"is_on": self.mailbox.spam_seat, "seats": seats_of(self.mailbox)}
        return super().get_context_data(**more, **kwargs)


class MailboxSpam(Spam, ByAdmin):
    pass


class MailboxSpamSwitch(SpamSwitch, ByAdmin):
    pass


class MailboxSpamSenders(SpamSenders, ByAdmin):
    pass


class MailboxSpamSeat(SpamSeat, ByAdmin):
    pass


class MySpam(Spam, ByUser):
    pass


class MySpamSwitch(SpamSwitch, ByUser):
    pass


class MySpamSenders(SpamSenders, ByUser):
    pass
