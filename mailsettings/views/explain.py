""" "What happens to this mail?": a question to the mail host, and its answer in words. What a mail holds is hostile: escaped everywhere."""

from typing import Any

from django.forms import BaseForm
from django.http import HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.names import to_unicode
from accounts.permissions import require
from mailsettings.forms.explain import DescribedForm, PastedForm
from mailsettings.services import explanation
from mailsettings.views.base import ByAdmin, ByUser, OfMailbox
from panel.base.models import Change
from panel.base.pages import FormPage, is_htmx
from panel.base.templatetags.tegami import say

End = tuple[str, SafeString, str]  # icon, sentence, subject


class Explain(OfMailbox, FormPage):
    """Asks by POST, since a pasted message is long; nothing is stored, sent or changed."""

    template_name = "explain/page.html"

    @property
    def is_pasted(self) -> bool:
        return self.request.GET.get("by") == "message"

    def get_form_class(self) -> Any:
        return PastedForm if self.is_pasted else DescribedForm

    def get_form_kwargs(self) -> dict[str, Any]:
        require(self.user, "explain")
        return {**super().get_form_kwargs(), "mailbox": self.mailbox}

    def get_initial(self) -> dict[str, Any]:
        return {"importance": "normal"}

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            found = explanation.explain(self.mailbox, acting_user=self.user, **form.question())
        except explanation.NoAnswer as error:
            return self.said(form, no_answer=True, reason=str(error))
        return self.said(form, answer=found, ends=list(ends(found)))

    def form_invalid(self, form: BaseForm) -> HttpResponse:
        return self.said(form)

    def said(self, form: BaseForm, **found: Any) -> HttpResponse:
        """The whole page, or for the script the answer alone: what was typed stays as it is."""
        context = self.get_context_data(form=form, **found)
        if is_htmx(self.request):
            return self.response_class(self.request, ["explain/_verdict.html"], context)
        return self.render_to_response(context)

    def perform(self, form: BaseForm) -> Change | None:
        """Nothing is changed here: `form_valid` asks."""
        raise NotImplementedError

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(is_pasted=self.is_pasted, **kwargs)


def ends(found: dict[str, Any]) -> list[End]:
    """What is stored where and what is sent to whom, as sentences."""
    stored = [_stored(one) for one in found["stored"]] or [("slash-circle", say(_("It is not stored.")), "")]
    return [*stored, *(_sent(one) for one in found["sent"])]


def _stored(one: dict[str, str]) -> End:
    known = {
        "INBOX": ("inbox", _("It is stored in the inbox.")),
        "Junk": ("shield-exclamation", _("It is stored in the spam folder {folder}.")),
        "Refused": ("envelope-slash", _("Only its header is kept, in the folder {folder}.")),
    }
    picture, text = known.get(one["folder"], ("folder", _("It is stored in the folder {folder}.")))
    return picture, say(text, folder=one["folder"]), one["subject"]


def _sent(one: dict[str, str]) -> End:
    texts = {
        "forward": ("arrow-right", _("It is forwarded to {to}.")),
        "notify": ("bell", _("{to} gets a notice of it.")),
        "auto_reply": ("reply", _("{to} gets the auto-reply.")),
        "bounce": ("arrow-return-left", _("{to} gets an error mail.")),
    }
    picture, text = texts[one["kind"]]
    return picture, say(text, to=to_unicode(one["to"])), ""


class MailboxExplain(Explain, ByAdmin):
    pass


class MyExplain(Explain, ByUser):
    pass
