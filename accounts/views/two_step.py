"""One's own second step, an administrator's that is taken away, and what the operator asks of roles (R10)."""

import json
from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import sessions, two_step
from accounts.forms.signin import AddPasskeyForm, AppForm, PolicyForm
from accounts.models import SignInPolicy
from accounts.services import two_step as services
from accounts.views.base import ADMINS, OPERATORS, ConfirmPage
from accounts.views.people import OnAdmin
from accounts.views.signin import with_next
from panel.base.models import Change
from panel.base.pages import FormPage, Page, ShownPage

UNPROVEN = "two_step_app"  # in the session, sealed: what the QR code shows until a code has proven it


class TwoStep(ShownPage):
    """What there is, and where to change it."""

    roles = ADMINS
    template_name = "account/two_step.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        steps = two_step.steps_of(self.user)
        return super().get_context_data(**{"steps": steps, "asked": two_step.is_asked_of(self.user.role), **kwargs})


class Confirmed(Page):
    """A page that changes how one signs in: only within ten minutes of signing in, or of typing the password again."""

    roles = ADMINS

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and self.user.role in self.roles and not sessions.is_recent(request):
            return redirect(with_next("confirm-password", request.path))
        return super().dispatch(request, *args, **kwargs)

    @cached_property
    def steps(self) -> two_step.Steps:
        return two_step.steps_of(self.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"steps": self.steps, **kwargs})

    def get_success_url(self) -> str:
        """The first step brings recovery codes, which come next."""
        return reverse("recovery-codes" if two_step.steps_of(self.user).unseen_codes else "two-step")


class App(Confirmed, FormPage):
    """The QR code, the secret to type, and the first code."""

    template_name = "account/two_step_app.html"
    form_class = AppForm
    done_message = gettext_lazy("The app is set up.")

    @cached_property
    def secret(self) -> str:
        kept = self.request.session.get(UNPROVEN)
        if kept and self.request.method == "POST":
            return two_step.Adapter().decrypt(kept)
        fresh = two_step.new_secret()
        self.request.session[UNPROVEN] = two_step.Adapter().encrypt(fresh)
        return fresh

    def perform(self, form: BaseForm) -> Change | None:
        services.set_up_app(self.user, secret=self.secret, code=form.cleaned_data["code"])
        del self.request.session[UNPROVEN]
        return None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        grouped = " ".join(self.secret[at : at + 4] for at in range(0, len(self.secret), 4))
        return super().get_context_data(**{"qr": two_step.qr_code(self.user, self.secret), "secret": grouped, **kwargs})


class AddPasskey(Confirmed, FormPage):
    template_name = "account/passkey_create.html"
    form_class = AddPasskeyForm
    done_message = gettext_lazy("The passkey was added.")

    def perform(self, form: BaseForm) -> Change | None:
        services.add_passkey(self.user, name=form.cleaned_data["name"], credential=form.cleaned_data["credential"])
        return None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"options": json.dumps(two_step.registration_options(self.user)), **kwargs})


class RemoveStep(Confirmed, ConfirmPage):
    """The app or one passkey."""

    template_name = "account/two_step_remove.html"
    done_message = gettext_lazy("The second step was removed.")

    @cached_property
    def step(self) -> Any:
        mine = [*self.steps.passkeys, *([self.steps.app] if self.steps.app else [])]
        found = next((row for row in mine if row.pk == self.kwargs["pk"]), None)
        if found is None:
            raise Http404
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        name = self.step.wrap().name if self.step.type == two_step.Kind.WEBAUTHN else ""
        last = len(self.steps.passkeys) + (self.steps.app is not None) == 1
        return super().get_context_data(**{"name": name, "last": last, **kwargs})

    def perform(self, form: BaseForm) -> Change | None:
        services.remove_step(self.user, pk=self.step.pk)
        return None


class RecoveryCodes(Confirmed, ConfirmPage):
    """New codes are shown until somebody says that they are kept, and never again. Then the page makes others."""

    template_name = "account/recovery_codes.html"

    def admit(self) -> None:
        if not self.steps.is_on:
            raise Http404

    def form_valid(self, form: BaseForm) -> HttpResponse:
        if "kept" in self.request.POST:
            two_step.codes_were_kept(self.user)
            messages.success(self.request, _("Two-step login is on. Keep the recovery codes where you find them without your device."))
            return HttpResponseRedirect(reverse("two-step"))
        services.renew_codes(self.user)
        return HttpResponseRedirect(reverse("recovery-codes"))


class AdminTwoStep(OnAdmin, ConfirmPage):
    """Takes the second step of somebody away who has lost their device."""

    template_name = "admins/two_step.html"
    done_message = gettext_lazy("%(login)s signs in with the password alone until a second step is set up anew.")

    def admit(self) -> None:
        if not two_step.is_on(self.admin):
            raise Http404

    def perform(self, form: BaseForm) -> Change | None:
        services.reset_two_step(self.admin, acting_user=self.user)
        return None

    def get_success_url(self) -> str:
        return reverse("admin-edit", args=[self.admin.login])


class Policy(FormPage):
    """Which roles sign in with two steps."""

    roles = OPERATORS
    template_name = "signin/policy.html"
    form_class = PolicyForm
    done_message = gettext_lazy("The sign-in rules were saved.")

    def get_initial(self) -> dict[str, Any]:
        return {"two_step_roles": SignInPolicy.current().two_step_roles}

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "figures": two_step.ready_by_role()}

    def perform(self, form: BaseForm) -> Change | None:
        services.change_policy(two_step_roles=form.cleaned_data["two_step_roles"], acting_user=self.user)
        return None

    def get_success_url(self) -> str:
        return reverse("sign-in-policy")
