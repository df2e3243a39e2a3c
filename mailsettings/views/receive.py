"""Mail reception on or off (F6), and whether its user may forward at all (R7)."""

from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from accounts.names import to_unicode
from accounts.rules import Rules
from accounts.services.mailboxes import change_mailbox
from mailsettings.forms.receive import ReceiveForm
from mailsettings.forms.spam import SwitchForm
from mailsettings.forwarding import Standing, standing
from mailsettings.views.base import ByAdmin, ByUser, OfMailbox
from panel.base.models import Change
from panel.base.pages import FormPage
from panel.base.tenancy import Role


class Receive(OfMailbox, FormPage):
    """The question what happens to new mail; off without forwarding of all mail wants a confirmation of its own."""

    template_name = "forwarding/receive.html"
    form_class = ReceiveForm

    @cached_property
    def standing(self) -> Standing:
        return standing(self.mailbox)

    @property
    def loses(self) -> bool:
        return self.mailbox.receive and not self.standing.forwards_all()

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "loses": self.loses}

    def get_initial(self) -> dict[str, Any]:
        return {"on": "no" if self.mailbox.receive else "yes"}

    def perform(self, form: Any) -> Change | None:
        return change_mailbox(self.mailbox, receive=form.cleaned_data["on"], acting_user=self.user)[1]

    def done_text(self, form: Any) -> str:
        on, off = _("On: new mail to %(address)s is stored again."), _("Off: new mail to %(address)s is no longer stored.")
        return (on if form.cleaned_data["on"] else off) % {"address": to_unicode(self.mailbox.address)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        has_page = self.user.role != Role.MAILBOX_USER or self.mailbox.lets_user_forward()
        more = {"loses": self.loses, "sends": self.standing.sends(), "standing": self.standing, "may_send": has_page}
        return super().get_context_data(**more, **kwargs)


class Permission(OfMailbox, FormPage):
    """R7: an admin lets the user of a mailbox forward, where the plan does not let everybody."""

    template_name = "forwarding/permission.html"
    form_class = SwitchForm

    def is_there(self, rules: Rules) -> bool:
        return not rules.forwarding_by_user and rules.forwarding != "aliases"

    def perform(self, form: Any) -> Change | None:
        return change_mailbox(self.mailbox, user_may_forward=form.cleaned_data["on"], acting_user=self.user)[1]

    def done_text(self, form: Any) -> str:
        yes, no = _("The user of %(address)s may set up forwarding."), _("The user of %(address)s may not set up forwarding any more.")
        return (yes if form.cleaned_data["on"] else no) % {"address": to_unicode(self.mailbox.address)}

    def get_success_url(self) -> str:
        return self.link("forwarding")


class MailboxReceive(Receive, ByAdmin):
    pass


class MyReceive(Receive, ByUser):
    pass


class MailboxPermission(Permission, ByAdmin):
    pass
