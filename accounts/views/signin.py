"""Signing in and out: administrators at /login/, in two steps where they have a second one; mailbox users at /mail/login/."""

import json
from typing import Any

from django.conf import settings
from django.contrib import auth, messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.generic import FormView

from accounts import brakes, sessions, signin, two_step
from accounts.forms.people import MailSignInForm, SignInForm
from accounts.forms.signin import ConfirmPasswordForm, PasskeyForm, SecondStepForm
from accounts.models import Admin
from accounts.views.base import ADMINS
from panel.base.pages import Page


class Braked(FormView):  # type: ignore[type-arg]
    """A form that proves who somebody is: failures are counted, and it leads to where they wanted to go."""

    home = "dashboard"

    def form_valid(self, form: BaseForm) -> HttpResponse:
        try:
            return self.enter(form)
        except brakes.Refused as refused:
            return self.refused(form, refused)

    def enter(self, form: BaseForm) -> HttpResponse:
        """Signs in, or answers what else there is to do. May raise `brakes.Refused`."""
        raise NotImplementedError

    def refused(self, form: BaseForm, refused: brakes.Refused) -> HttpResponse:
        response = self.wrong(form, str(refused))
        response.status_code = 429
        response["Retry-After"] = str(refused.seconds)
        return response

    def wrong(self, form: BaseForm, text: str) -> HttpResponse:
        form.add_error(None, text)
        return self.form_invalid(form)

    def wanted(self) -> str:
        return str(self.request.POST.get("next") or self.request.GET.get("next") or "")

    def get_success_url(self) -> str:
        wanted = self.wanted()
        safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure())
        return wanted if safe and wanted != "/" else resolve_url(self.home)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"next": self.wanted(), **kwargs})


class Door(Braked):
    """A way in: someone who is signed in already goes on, and nothing is kept by the browser."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(self.get_success_url())
        response = super().dispatch(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response


class SignIn(Door):
    """Login and password of an administrator. The second step has a page of its own."""

    template_name = "account/login.html"
    form_class: type[SignInForm] = SignInForm

    def enter(self, form: BaseForm) -> HttpResponse:
        login, password = form.cleaned_data["login"].strip(), form.cleaned_data["password"]
        found: Any = brakes.tried(signin.source(self.request, login), lambda: self.verified(login, password))
        if found is None:
            return self.wrong(form, _("Login or password is wrong."))
        return self.admitted(form, found)

    def verified(self, login: str, password: str) -> Any:
        return auth.authenticate(self.request, username=login, password=password)

    def admitted(self, form: BaseForm, admin: Any) -> HttpResponse:
        if two_step.is_on(admin):
            signin.ask_second_step(self.request, admin)
            return redirect(with_next("second-step", self.wanted()))
        signin.sign_in_admin(self.request, admin, by="password")
        return remember_language(redirect(self.get_success_url()), admin.language)


class MailSignIn(SignIn):
    template_name = "account/mail_login.html"
    form_class = MailSignInForm
    home = "me"

    def verified(self, login: str, password: str) -> Any:
        return signin.mailbox_for(login, password)

    def admitted(self, form: BaseForm, mailbox: Any) -> HttpResponse:
        try:
            signin.check_barred(mailbox)
        except signin.Barred as barred:
            return self.wrong(form, str(barred))
        signin.sign_in_mailbox(self.request, mailbox)
        return remember_language(redirect(self.get_success_url()), mailbox.language)


class SecondStep(Door):
    """After the right password: a code of the app, a recovery code, or a passkey."""

    template_name = "account/second_step.html"
    form_class = SecondStepForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.admin = signin.owing_second_step(request)
        if self.admin is None and not request.user.is_authenticated:
            return redirect(with_next("login", self.wanted()))
        return super().dispatch(request, *args, **kwargs)

    def enter(self, form: BaseForm) -> HttpResponse:
        admin, found = self.admin, form.cleaned_data
        assert admin is not None  # noqa: S101 - dispatch has seen to it

        def verify() -> str | None:
            if found["credential"]:
                return "webauthn" if two_step.passkey_owner(admin, found["credential"]) else None
            return two_step.verify(admin, found["code"]) or None

        by = brakes.tried(signin.source(self.request, admin.login), verify, second=True)
        if by is None:
            return self.wrong(form, _("That did not fit. A code counts once, and for about a minute."))
        signin.sign_in_admin(self.request, admin, by=by)
        return remember_language(redirect(self.get_success_url()), admin.language)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        assert self.admin is not None  # noqa: S101 - dispatch has seen to it
        steps = two_step.steps_of(self.admin)
        options = json.dumps(two_step.sign_in_options(self.admin)) if steps.passkeys else ""
        return super().get_context_data(**{"login": self.admin.login, "steps": steps, "options": options, **kwargs})


class PasskeySignIn(Door):
    """A passkey alone: the device has asked for a PIN, a finger or a face, which makes it two steps in one."""

    template_name = "account/login.html"
    form_class = PasskeyForm

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What the browser needs to ask the device; static/js/passkey.js fetches it."""
        return JsonResponse(two_step.sign_in_options(None))

    def enter(self, form: BaseForm) -> HttpResponse:
        who = signin.source(self.request, "")
        admin: Admin | None = brakes.tried(who, lambda: two_step.passkey_owner(None, form.cleaned_data["credential"]))
        if admin is None:
            return self.wrong(form, "")
        signin.sign_in_admin(self.request, admin, by="passkey")
        return remember_language(redirect(self.get_success_url()), admin.language)

    def wrong(self, form: BaseForm, text: str) -> HttpResponse:
        """Back on the page of login and password, which says so."""
        messages.error(self.request, text or _("This passkey was not accepted. Sign in with login and password."))
        return self.render_to_response(self.get_context_data(form=SignInForm()))

    def form_invalid(self, form: BaseForm) -> HttpResponse:
        return self.wrong(form, "")


def with_next(page: str, wanted: str) -> str:
    return reverse(page) + (f"?{urlencode({'next': wanted})}" if wanted else "")


class ConfirmPassword(Page, Braked):
    """The password once more, before something that changes how one signs in."""

    roles = ADMINS
    template_name = "account/confirm_password.html"
    form_class = ConfirmPasswordForm
    home = "two-step"

    def enter(self, form: BaseForm) -> HttpResponse:
        admin, password = self.user, form.cleaned_data["password"]
        if not brakes.tried(signin.source(self.request, admin.login), lambda: admin.check_password(password) or None):
            return self.wrong(form, _("This is not the current password."))
        sessions.confirm(self.request)
        return redirect(self.get_success_url())


def remember_language(response: HttpResponse, language: str) -> HttpResponse:
    """The person's own language for the pages to come; "" leaves it to the browser or the switch."""
    if language in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, max_age=365 * 24 * 3600, samesite="Lax")
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session, and leads back to the page where it began."""
    was_mailbox = signin.MAILBOX in request.session
    signin.sign_out(request)
    return redirect("mail-login" if was_mailbox else "login")
