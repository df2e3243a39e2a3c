"""One profile of a mailbox: made, changed, deleted; each by the form of the plan's manual."""

from typing import Any

from django.db import transaction
from django.forms import BaseForm
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from accounts.names import to_unicode
from accounts.rules import Rules
from accounts.services.mailboxes import change_mailbox
from accounts.views.base import ConfirmPage
from accounts.words import word
from mailsettings.forms import forwarding as forms
from mailsettings.forms.receive import RemoveForm
from mailsettings.forwarding import NOT_REACHED, group_of, said
from mailsettings.models import Profile
from mailsettings.services import profiles as services
from mailsettings.shapes import WITH_DESTINATIONS
from mailsettings.views.base import ByAdmin, ByUser
from mailsettings.views.forwarding import ON_RULES_PAGE, OfForwarding
from panel.base.models import Change
from panel.base.pages import FormPage

# One form for each thing that a manual lets people set up.
FORMS: dict[tuple[str, str], type[forms.ProfileForm]] = {
    ("simple", "forward"): forms.SimpleForm,
    ("hs", "end"): forms.HsEndForm,
    ("hs", "forward"): forms.HsForwardForm,
    ("warp", "rule"): forms.WarpRuleForm,
    ("platinum", "forward"): forms.PlatinumForwardForm,
    ("platinum", "filter"): forms.PlatinumFilterForm,
}


class OfGroup(OfForwarding):
    """A page about a profile of the group that the address names."""

    @property
    def group(self) -> str:
        return str(self.kwargs["group"])

    @property
    def profile(self) -> Profile | None:
        return None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        on_rules, plan = self.group in ON_RULES_PAGE, self.mailbox.domain.plan.name
        about = {
            "profile": self.profile,
            "parent": "filters" if on_rules else "forwarding",
            "parent_title": word("mail rules" if on_rules else "forwarding list", plan),
            "back": self.page_of(self.group),
        }
        return super().get_context_data(**{**about, **kwargs})


class ProfileCreate(OfGroup, FormPage):
    template_name = "forwarding/form.html"

    def is_there(self, rules: Rules) -> bool:
        return (self.style, self.group) in FORMS and (self.may_send or self.group != "forward")

    def get_form_class(self) -> Any:
        return FORMS[self.style, self.group]

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "standing": self.standing, "profile": self.profile, "may_send": self.may_send}

    def get_initial(self) -> dict[str, Any]:
        return FORMS[self.style, self.group].values_of(self.profile)

    def perform(self, form: Any) -> Change | None:
        return services.create_profile(self.mailbox, acting_user=self.user, **form.service_fields())[1]

    def done_text(self, form: BaseForm) -> str:
        return _("Saved for %(address)s.") % {"address": to_unicode(self.mailbox.address)}

    def get_success_url(self) -> str:
        return self.after(self.group)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        profile = self.profile
        why = self.standing.reason(profile) if profile and self.standing.why.get(profile.pk) in NOT_REACHED else ""
        return super().get_context_data(title=self.title(self.mailbox.domain.plan.name), why=why, **kwargs)

    def title(self, plan: str) -> str:
        if self.group == "filter":
            return _("Edit the filter") if self.profile else _("Add filter")
        return word("edit rule" if self.profile else "add rule", plan)


class OnProfile(OfGroup):
    """A page about a profile that is there."""

    @cached_property
    def found(self) -> Profile:
        visible = Profile.objects.visible_to(self.user).filter(mailbox=self.mailbox)
        found: Profile = get_object_or_404(visible, pk=self.kwargs["pk"])
        found.mailbox = self.mailbox
        return found

    @property
    def profile(self) -> Profile:
        return self.found

    @cached_property
    def group(self) -> str:
        return group_of(self.found, self.mailbox.domain.rules)


class ProfileEdit(OnProfile, ProfileCreate):
    def perform(self, form: Any) -> Change | None:
        return services.change_profile(self.profile, acting_user=self.user, **form.service_fields())[1]


class ProfileDelete(OnProfile, ConfirmPage):
    """The second step. `?address=`: one entry of `standard`'s list, a destination of all mail."""

    template_name = "forwarding/delete.html"
    form_class = RemoveForm

    def is_there(self, rules: Rules) -> bool:
        return self.may_send or self.profile.action not in WITH_DESTINATIONS

    @cached_property
    def address(self) -> str:
        wanted = self.request.GET.get("address", "")
        if wanted and wanted not in self.profile.destinations:
            raise Http404
        return wanted

    @cached_property
    def offers(self) -> bool:
        """Whether nothing is left afterwards that forwards all mail, and reception is off."""
        if self.mailbox.receive or (self.address and len(self.profile.destinations) > 1):
            return False
        return self.standing.forwards_all() and not self.standing.without(self.profile).forwards_all()

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "offers": self.offers}

    def perform(self, form: Any) -> Change | None:
        with transaction.atomic():
            change: Change | None = self.remove()
            if form.cleaned_data.get("receive"):
                change = change_mailbox(self.mailbox, receive=True, acting_user=self.user)[1] or change
        return change

    def remove(self) -> Change:
        if self.address:
            return services.remove_destination(self.profile, self.address, acting_user=self.user)
        return services.delete_profile(self.profile, acting_user=self.user)

    def done_text(self, form: Any) -> str:
        if form.cleaned_data.get("receive"):
            return _("Deleted. New mail is stored in the mailbox again.")
        return _("Deleted.")

    def get_success_url(self) -> str:
        return self.page_of(self.group)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sentence = said(self.profile, self.mailbox.domain.plan.name)
        return super().get_context_data(address=self.address, sentence=sentence, offers=self.offers, **kwargs)


class MailboxProfileCreate(ProfileCreate, ByAdmin):
    pass


class MailboxProfile(ProfileEdit, ByAdmin):
    pass


class MailboxProfileDelete(ProfileDelete, ByAdmin):
    pass


class MyProfileCreate(ProfileCreate, ByUser):
    pass


class MyProfile(ProfileEdit, ByUser):
    pass


class MyProfileDelete(ProfileDelete, ByUser):
    pass
