"""The message board, and the operator's notices on it."""

from typing import Any

from django.db.models import Q, QuerySet
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy

from accounts import notices
from accounts.forms.board import NoticeForm
from accounts.models import Notice
from accounts.permissions import may
from accounts.services import board as services
from accounts.views.base import ADMINS, OPERATORS, ConfirmPage, ListPage
from panel.base.models import Change
from panel.base.pages import FormPage, Page, ShownPage
from panel.base.paging import order_from, page_of
from panel.base.tenancy import Role

NEWEST = order_from("-id", {"id": "pk"}, "id")


class Board(ShownPage):
    """Everybody's own: the notices that are for them now, and those that they have put away."""

    roles = (*ADMINS, Role.MAILBOX_USER)
    template_name = "board/board.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        put_away = self.request.GET.get("show") == "dismissed"
        mine = Notice.objects.board_of(self.user)
        rows = mine.dismissed_by(self.user) if put_away else mine.undismissed_by(self.user)
        page = page_of(rows, NEWEST, self.request.GET)
        return super().get_context_data(page=page, put_away=put_away, may_write=may(self.user, "notice.write"), **kwargs)


class Dismiss(Page):
    """POST only: puts one notice away for who asks."""

    roles = Board.roles

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        notice = get_object_or_404(Notice.objects.board_of(self.user), pk=pk)
        services.dismiss(notice, self.user)
        return redirect("board")


class NoticeList(ListPage):
    """All notices, of the past and the future too."""

    roles = OPERATORS
    template_name = "board/notices.html"
    part_template = "board/_notices.html"
    sorts = {"id": "pk", "title": "title", "from": "starts_at", "until": "ends_at"}
    default_sort = "-id"
    csv_columns = ("id", "code", "title", "text", "level", "audience", "customer", "domain", "account", "starts_at", "ends_at")

    def cells(self, row: Notice) -> list[Any]:
        said = notices.said(row)
        about = (row.customer and row.customer.name, row.domain and row.domain.name, row.mailbox_id)  # type: ignore[attr-defined]
        return [row.pk, row.code, said.title, said.text, row.level, row.audience, *about, row.starts_at, row.ends_at]

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Notice.objects.visible_to(self.user).select_related("customer", "domain")
        return found

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(title__icontains=text) | Q(body__icontains=text) | Q(topic__icontains=text))


class NoticeCreate(FormPage):
    roles = OPERATORS
    template_name = "board/create.html"
    form_class = NoticeForm
    done_message = gettext_lazy("The notice is on the message boards of its readers.")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.user}

    def perform(self, form: BaseForm) -> Change | None:
        services.create_notice(acting_user=self.user, **form.cleaned_data)
        return None

    def get_success_url(self) -> str:
        return reverse("notice-list")


class OnNotice(Page):
    roles = OPERATORS

    @cached_property
    def notice(self) -> Notice:
        found: Notice = get_object_or_404(Notice.objects.visible_to(self.user).select_related("customer", "domain"), pk=self.kwargs["pk"])
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "notice": self.notice})

    def get_success_url(self) -> str:
        return reverse("notice-list")


class NoticeEdit(OnNotice, FormPage):
    template_name = "board/edit.html"
    form_class = NoticeForm
    done_message = gettext_lazy("The notice was saved.")

    def admit(self) -> None:
        """The system's notices are settled, not edited."""
        if self.notice.code:
            raise Http404

    def get_initial(self) -> dict[str, Any]:
        return NoticeForm.values_of(self.notice)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.user}

    def perform(self, form: BaseForm) -> Change | None:
        services.change_notice(self.notice, acting_user=self.user, **form.cleaned_data)
        return None


class NoticeDelete(OnNotice, ConfirmPage):
    template_name = "board/delete.html"
    done_message = gettext_lazy("The notice was deleted.")

    def perform(self, form: BaseForm) -> Change | None:
        services.delete_notice(self.notice, acting_user=self.user)
        return None
