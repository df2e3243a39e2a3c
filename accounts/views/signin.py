"""Signing in and out: administrators at /login/, mailbox users at /mail/login/."""

from typing import Any

from django.conf import settings
from django.contrib import auth
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.generic import FormView

from accounts import signin
from accounts.forms.people import MailSignInForm, SignInForm


class SignIn(FormView):  # type: ignore[type-arg]
    """Someone who is signed in already goes on."""

    template_name = "account/login.html"
    form_class: type[SignInForm] = SignInForm
    home = "dashboard"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(self.get_success_url())
        response = super().dispatch(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response

    def sign_in(self, login: str, password: str) -> str | None:
        """The language of the one who is signed in now, "" if none is set; None if it failed."""
        admin: Any = auth.authenticate(self.request, username=login, password=password)
        if admin is None:
            return None
        auth.login(self.request, admin)
        return str(admin.language)

    def form_valid(self, form: BaseForm) -> HttpResponse:
        language = self.sign_in(form.cleaned_data["login"].strip(), form.cleaned_data["password"])
        if language is None:
            form.add_error(None, _("Login or password is wrong."))
            return self.form_invalid(form)
        return remember_language(redirect(self.get_success_url()), language)

    def get_success_url(self) -> str:
        wanted = self.request.POST.get("next") or self.request.GET.get("next") or ""
        safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure())
        return wanted if safe and wanted != "/" else resolve_url(self.home)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(next=self.request.POST.get("next") or self.request.GET.get("next", ""), **kwargs)


class MailSignIn(SignIn):
    template_name = "account/mail_login.html"
    form_class = MailSignInForm
    home = "me"

    def sign_in(self, login: str, password: str) -> str | None:
        mailbox = signin.mailbox_for(login, password)
        if mailbox is None:
            return None
        signin.sign_in_mailbox(self.request, mailbox)
        return str(mailbox.language)


def remember_language(response: HttpResponse, language: str) -> HttpResponse:
    """The person's own language for the pages to come; "" leaves it to the browser or the switch."""
    if language in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, max_age=365 * 24 * 3600, samesite="Lax")
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session, and leads back to the page where it began."""
    was_mailbox = signin.MAILBOX in request.session
    auth.logout(request)
    return redirect("mail-login" if was_mailbox else "login")
