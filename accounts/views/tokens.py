"""One's own API tokens (R8): an administrator's under /account/, a mailbox user's under /me/."""

from typing import Any

from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from accounts.forms.tokens import CHOSEN, TokenForm
from accounts.models import Token
from accounts.scopes import in_words
from accounts.services import tokens as services
from accounts.views.base import ADMINS, ConfirmPage
from panel.base.models import Change
from panel.base.pages import FormPage, Page, ShownPage, add_errors
from panel.base.tenancy import Role


class OfAdmin(Page):
    """`place`: how the names of these pages begin."""

    roles: tuple[str, ...] = ADMINS
    place = "account"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        links = {"tokens": reverse(f"{self.place}-tokens"), "create": reverse(f"{self.place}-token-create")}
        return super().get_context_data(**{"place": self.place, "up": reverse(self.place), "links": links, **kwargs})

    def get_success_url(self) -> str:
        return reverse(f"{self.place}-tokens")


class OfUser(OfAdmin):
    """The same about the mailbox that is signed in."""

    roles = (Role.MAILBOX_USER,)
    login_page = "mail-login"
    place = "me"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"mailbox": self.user, "domain": self.user.domain, **kwargs})


class Tokens(OfAdmin, ShownPage):
    template_name = "tokens/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        mine = Token.objects.visible_to(self.user).filter(is_session=False).select_related("admin", "appointment", "mailbox")
        rows = [{"token": row, "words": in_words(row.scopes), "over": _is_over(row), "delete": self._delete(row)} for row in mine]
        return super().get_context_data(**{"rows": rows, **kwargs})

    def _delete(self, row: Token) -> str:
        return reverse(f"{self.place}-token-delete", args=[row.pk])


def _is_over(row: Token) -> bool:
    return row.expires_at is not None and row.expires_at <= timezone.now()


class TokenCreate(OfAdmin, FormPage):
    """The answer to the form shows the key: there is no other page that could."""

    template_name = "tokens/create.html"
    form_class = TokenForm
    initial = {"reach": CHOSEN, "ends": "90"}

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.user}

    def form_valid(self, form: BaseForm) -> HttpResponse:
        try:
            token, key = services.create_token(self.user, **form.values())  # type: ignore[attr-defined]
        except ValidationError as error:
            add_errors(form, error)
            return self.form_invalid(form)
        self.template_name = "tokens/made.html"
        return self.render_to_response(self.get_context_data(token=token, key=key, example=self.request.build_absolute_uri("/api/v1/me/")))


class TokenDelete(OfAdmin, ConfirmPage):
    template_name = "tokens/delete.html"

    @cached_property
    def token(self) -> Token:
        rows = Token.objects.visible_to(self.user).filter(is_session=False).select_related("admin", "appointment", "mailbox__domain")
        found: Token = get_object_or_404(rows, pk=self.kwargs["pk"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"token": self.token, "words": in_words(self.token.scopes), **kwargs})

    def perform(self, form: BaseForm) -> Change | None:
        self.done_message = _("The token “%(name)s” was revoked.") % {"name": self.token.name}
        services.delete_token(self.token, acting_user=self.user)
        return None


class MyTokens(OfUser, Tokens):
    pass


class MyTokenCreate(OfUser, TokenCreate):
    pass


class MyTokenDelete(OfUser, TokenDelete):
    pass
