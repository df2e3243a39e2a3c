"""The mailbox user's own pages (R5): usage, password, emptying the mailbox."""

from typing import Any

from django.forms import BaseForm
from django.urls import reverse
from django.utils.translation import gettext_lazy

from accounts import freshness, signin
from accounts.forms.mailboxes import OwnPasswordForm
from accounts.services import mailboxes as services
from accounts.views.base import ConfirmPage
from accounts.views.mailboxes import other_login
from panel.base.models import Change
from panel.base.pages import FormPage, Page, ShownPage
from panel.base.tenancy import Role


class Own(Page):
    """A page about the mailbox that is signed in."""

    roles = (Role.MAILBOX_USER,)
    login_page = "mail-login"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own = self.user
        return super().get_context_data(**{**kwargs, "mailbox": own, "domain": own.domain})

    def get_success_url(self) -> str:
        return reverse("me")


class Me(Own, ShownPage):
    template_name = "me/me.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        freshness.looked_at(self.user)
        return super().get_context_data(login=other_login(self.user), **kwargs)


class MyPassword(Own, FormPage):
    template_name = "me/password.html"
    form_class = OwnPasswordForm
    done_message = gettext_lazy("Your password was changed.")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "mailbox": self.user}

    def perform(self, form: BaseForm) -> Change | None:
        own = self.user
        fresh, change = services.set_password(
            own, form.cleaned_data["password"], acting_user=own, current_password=form.cleaned_data["current_password"]
        )
        signin.stay(self.request, fresh)  # this session goes on, all others end
        return change


class MyPurge(Own, ConfirmPage):
    template_name = "me/purge.html"
    done_message = gettext_lazy("Your mailbox is being emptied.")

    def perform(self, form: BaseForm) -> Change | None:
        return services.purge_mailbox(self.user, acting_user=self.user)[1]
