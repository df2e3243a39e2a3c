"""Forwarding and the rules of a mailbox: the pages that each plan's manual has, one form and one template for each.

`GROUPS` says which profiles stand together; …/new/<group>/ makes one of them, …/order/<group>/ puts them in order.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Alias
from accounts.rules import Rules
from mailsettings.forms import forwarding as forms
from mailsettings.forwarding import Standing, reordered, standing
from mailsettings.models import Profile
from mailsettings.services import profiles as services
from mailsettings.shapes import destinations_max, profiles_max
from mailsettings.views.base import ByAdmin, ByUser, OfMailbox
from panel.base.models import Change
from panel.base.pages import FormPage, ShownPage, is_htmx, tell
from panel.base.tenancy import Role

ORDERED = {("hs", "end"): "forwarding/_hs.html", ("hs", "forward"): "forwarding/_hs.html", ("warp", "rule"): "forwarding/_warp_rules.html"}
ON_RULES_PAGE = ("rule", "filter")  # the others stand on the forwarding page
ALIASES_SHOWN = 200


class OfForwarding(OfMailbox):
    """What these pages share."""

    @property
    def style(self) -> str:
        return str(self.mailbox.domain.rules.forwarding)

    @cached_property
    def standing(self) -> Standing:
        return standing(self.mailbox)

    @property
    def may_send(self) -> bool:
        """R7: whether who looks may send mail on from here."""
        return self.user.role != Role.MAILBOX_USER or self.mailbox.lets_user_forward()

    def page_of(self, group: str) -> str:
        """The address of the page that shows the group."""
        return self.link("filters" if group in ON_RULES_PAGE else "forwarding")

    def after(self, group: str) -> str:
        """Where to go after a change: to the page it is on, or, where mail would be thrown away from now on, to the offer to store it."""
        lost = not self.mailbox.receive and self.standing.forwards_all() and not standing(self.mailbox).forwards_all()
        return self.link("receive") if lost else self.page_of(group)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = {"standing": self.standing, "may_send": self.may_send, "most": profiles_max(self.mailbox.domain.rules)}
        return super().get_context_data(**{**shown, **kwargs})


class Forwarding(OfForwarding, FormPage):
    """The overview of the plan's forwarding; under `warp` it is the form as well."""

    form_class = forms.WarpPlainForm
    done_message = gettext_lazy("Forwarding was saved.")

    def is_there(self, rules: Rules) -> bool:
        return self.may_send or self.style == "hs"  # whose first group sends nothing

    def get_template_names(self) -> list[str]:
        return [f"forwarding/{self.style}.html"]

    @cached_property
    def plain(self) -> Profile | None:
        """The plain forwarding of `warp`."""
        return next((line.profile for line in self.standing.group("plain")), None)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.style != "warp":
            return HttpResponseNotAllowed(["GET"])
        return super().post(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "standing": self.standing, "profile": self.plain, "may_send": self.may_send}

    def get_initial(self) -> dict[str, Any]:
        return forms.WarpPlainForm.values_of(self.plain)

    def perform(self, form: Any) -> Change | None:
        given = form.service_fields()
        if self.plain is None:
            return services.create_profile(self.mailbox, acting_user=self.user, **given)[1] if given["destinations"] else None
        if not given["destinations"]:
            return services.delete_profile(self.plain, acting_user=self.user)
        return services.change_profile(self.plain, acting_user=self.user, enabled=True, **given)[1]

    def done_text(self, form: BaseForm) -> str:
        return str(self.done_message)

    def get_success_url(self) -> str:
        return self.after("plain")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more: dict[str, Any] = {} if self.style == "warp" else {"form": None}
        if self.style == "aliases":
            more["aliases"] = self.aliases()
        return super().get_context_data(**{**more, **kwargs}, most_destinations=destinations_max(self.mailbox.domain.rules))

    def aliases(self) -> list[Alias]:
        """The forwarding addresses of the domain that lead straight here."""
        mine = Alias.objects.filter(domain=self.mailbox.domain, destinations__address=self.mailbox.address)
        return list(mine.prefetch_related("destinations").order_by("pk")[:ALIASES_SHOWN])


class MailRules(OfForwarding, ShownPage):
    """The rules of `warp`, the filters of `platinum`: a page of their own, for every user."""

    def is_there(self, rules: Rules) -> bool:
        return self.style in ("warp", "platinum")

    def get_template_names(self) -> list[str]:
        return [f"forwarding/{self.style}_rules.html"]


class ProfileOrder(OfForwarding, ShownPage):
    """The new order of one group: from the script as a part of the page, from the buttons of a row as a page anew."""

    http_method_names = ["post"]

    def is_there(self, rules: Rules) -> bool:
        return (self.style, self.kwargs["group"]) in ORDERED and (self.may_send or self.kwargs["group"] != "forward")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        change = self.order()
        self.__dict__.pop("standing", None)
        if is_htmx(request):
            return self.render_to_response(self.get_context_data(change=change, moved=self.kwargs["group"]))
        if change:
            tell(request, _("The order was saved."), change)
        return HttpResponseRedirect(self.page_of(self.kwargs["group"]))

    def order(self) -> Change | None:
        """None where the list was another one when it was shown: the answer shows what there is."""
        wanted, group = self.wanted(), [line.profile.pk for line in self.standing.group(self.kwargs["group"])]
        everything = [one.pk for one in self.standing.profiles]
        if sorted(wanted) != sorted(group) or (fresh := reordered(everything, wanted)) == everything:
            return None
        try:
            return services.order_profiles(self.mailbox, fresh, acting_user=self.user)
        except ValidationError:
            return None

    def wanted(self) -> list[int]:
        found = [int(text) for text in self.request.POST.getlist("ids") if text.isdecimal() and len(text) < 19]
        if is_htmx(self.request):  # the row has moved already; htmx sends the button all the same
            return found
        for name, step in (("up", -1), ("down", 1)):
            text = self.request.POST.get(name, "")
            if text.isdecimal() and int(text) in found:
                place = found.index(int(text))
                if 0 <= place + step < len(found):
                    found[place], found[place + step] = found[place + step], found[place]
        return found

    def get_template_names(self) -> list[str]:
        return [ORDERED[self.style, self.kwargs["group"]]]


class MailboxForwarding(Forwarding, ByAdmin):
    pass


class MailboxRules(MailRules, ByAdmin):
    pass


class MailboxProfileOrder(ProfileOrder, ByAdmin):
    pass


class MyForwarding(Forwarding, ByUser):
    pass


class MyRules(MailRules, ByUser):
    pass


class MyProfileOrder(ProfileOrder, ByUser):
    pass
