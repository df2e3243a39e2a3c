"""The auto-reply: write it, clear the record of who was answered, take it away (AR1, AR2)."""

from typing import Any

from django.forms import BaseForm
from django.http import Http404
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.names import to_unicode
from accounts.rules import Rules
from accounts.views.base import ConfirmPage
from mailsettings.forms.replies import AutoReplyForm
from mailsettings.models import AutoReply
from mailsettings.replying import PILLS, Phase, phase
from mailsettings.services import replies as services
from mailsettings.views.base import ByAdmin, ByUser, OfMailbox
from panel.base.models import Change
from panel.base.pages import FormPage


class OfReply(OfMailbox):
    """A page about the auto-reply of a mailbox whose plan has one."""

    def is_there(self, rules: Rules) -> bool:
        return rules.auto_reply

    @cached_property
    def reply(self) -> AutoReply | None:
        found: AutoReply | None = AutoReply.objects.visible_to(self.user).filter(mailbox=self.mailbox).first()
        return found

    def get_success_url(self) -> str:
        return self.link("reply")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = phase(self.reply, timezone.localdate())
        return super().get_context_data(reply=self.reply, phase=now, pill=PILLS[now], **kwargs)


class Reply(OfReply, FormPage):
    template_name = "replies/edit.html"
    form_class = AutoReplyForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "domain": self.mailbox.domain}

    def get_initial(self) -> dict[str, Any]:
        return AutoReplyForm.values_of(self.reply)

    def perform(self, form: BaseForm) -> Change | None:
        self.saved, change = services.set_auto_reply(self.mailbox, acting_user=self.user, **form.cleaned_data)
        return change

    def done_text(self, form: BaseForm) -> str:
        texts = {
            Phase.ON: _("Mail to %(address)s is answered."),
            Phase.WAITING: _("Mail to %(address)s will be answered from the first day on."),
            Phase.OVER: _("Saved. Its last day is over: mail to %(address)s is not answered."),
            Phase.OFF: _("Saved. Mail to %(address)s is not answered."),
        }
        return texts[phase(self.saved, timezone.localdate())] % {"address": to_unicode(self.mailbox.address)}


class _Second(OfReply, ConfirmPage):
    """A second step about an auto-reply that is there."""

    def admit(self) -> None:
        super().admit()
        if self.reply is None:
            raise Http404

    def done_text(self, form: BaseForm) -> str:
        return str(self.done_message)


class ReplyReset(_Second):
    template_name = "replies/reset.html"
    done_message = gettext_lazy("The record was cleared: every sender is answered anew.")

    def perform(self, form: BaseForm) -> Change | None:
        return services.reset_auto_reply(self.mailbox, acting_user=self.user)[1]


class ReplyDelete(_Second):
    template_name = "replies/delete.html"
    done_message = gettext_lazy("The auto-reply was deleted.")

    def perform(self, form: BaseForm) -> Change | None:
        return services.delete_auto_reply(self.mailbox, acting_user=self.user)


class MailboxReply(Reply, ByAdmin):
    pass


class MailboxReplyReset(ReplyReset, ByAdmin):
    pass


class MailboxReplyDelete(ReplyDelete, ByAdmin):
    pass


class MyReply(Reply, ByUser):
    pass


class MyReplyReset(ReplyReset, ByUser):
    pass


class MyReplyDelete(ReplyDelete, ByUser):
    pass
