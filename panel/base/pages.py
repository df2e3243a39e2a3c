"""Pages that belong to no app: appearance, how a change fares, errors; and what every page view stands on."""

from abc import abstractmethod
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import FormView, TemplateView
from django.views.generic.base import ContextMixin, View

from panel.base import changes
from panel.base.errors import Forbidden
from panel.base.models import Change, State

THEME_COOKIE, THEMES = "tegami_theme", ("light", "dark", "system")
YEAR = 365 * 24 * 3600  # seconds


class Page(ContextMixin, View):
    """A page for signed-in people. A role that has no part in it gets 404, a forbidden verb 403."""

    roles: tuple[str, ...] = ()
    login_page = "login"

    @property
    def user(self) -> Any:
        """The admin or the mailbox that is signed in; `dispatch` lets nobody else in."""
        return self.request.user

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_login(request, self.login_page)
        if self.user.role not in self.roles:
            raise Http404
        try:
            self.admit()
            response = super().dispatch(request, *args, **kwargs)
        except Forbidden as error:
            raise PermissionDenied(str(error)) from error
        response["Cache-Control"] = "no-store"  # after signing out, "back" must not show it again
        return response

    def admit(self) -> None:
        """Raises `Http404` where the page does not exist for this object or its plan, `Forbidden` where it may not be used."""


class ShownPage(Page, TemplateView):
    """A page that only shows something."""


class FormPage(Page, FormView):  # type: ignore[type-arg]
    """A form whose rules hold, handed to a service; what the service refuses comes back as the form's errors."""

    done_message: Any = ""

    def form_valid(self, form: BaseForm) -> HttpResponse:
        try:
            change = self.perform(form)
        except ValidationError as error:
            add_errors(form, error)
            return self.form_invalid(form)
        tell(self.request, self.done_text(form), change)
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: BaseForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422 if is_htmx(self.request) else 200)

    def done_text(self, form: BaseForm) -> str:
        return str(self.done_message)

    @abstractmethod
    def perform(self, form: BaseForm) -> Change | None:
        """Calls the service; its Change, if mail servers are concerned."""


def add_errors(form: BaseForm, error: ValidationError) -> None:
    """The service's words on the field they are about, or on top where the form has no such field."""
    by_field = error.error_dict if hasattr(error, "error_dict") else {"": error.error_list}
    for field, found in by_field.items():
        form.add_error(field if field in form.fields else None, found)


def tell(request: HttpRequest, text: str, change: Change | None = None) -> None:
    """A message on the next page, with the live mark of `change` beside it."""
    messages.success(request, text, extra_tags=f"change:{change.pk}" if change else "")


def is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def to_login(request: HttpRequest, page: str) -> HttpResponse:
    """The sign-in page, which leads back here; a part of a page asks for the whole page to go there."""
    if is_htmx(request):
        return HttpResponse(status=401, headers={"HX-Redirect": resolve_url(page)})
    back = request.get_full_path() if request.method == "GET" else "/"
    return redirect_to_login(back, resolve_url(page))


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keeps the chosen appearance in a cookie that the server renders from, so that nothing flashes."""
    response = redirect(_back(request))
    theme = request.POST.get("theme", "")
    if theme in ("light", "dark"):
        response.set_cookie(THEME_COOKIE, theme, max_age=YEAR, httponly=True, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response


def _back(request: HttpRequest) -> str:
    path = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(path, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return path if safe and path else "/"


LONGEST_WAIT = 1.0  # seconds that a request for a mark is held; a thread of the server waits with it


@require_GET
@never_cache
def change_mark(request: HttpRequest, change_id: UUID) -> HttpResponse:
    """How the change fares, as a part of a page that asks again by itself until it is known."""
    if not request.user.is_authenticated:
        return to_login(request, "login")
    change = _change(request, change_id)
    if is_htmx(request):
        changes.wait(change.pk, LONGEST_WAIT)
    return render(request, "changes/mark.html" if is_htmx(request) else "changes/page.html", _mark(request, change))


@require_POST
def change_retry(request: HttpRequest, change_id: UUID) -> HttpResponse:
    """Sends a failed change again."""
    if not request.user.is_authenticated:
        return to_login(request, "login")
    change = _change(request, change_id)
    user: Any = request.user
    with transaction.atomic():
        changes.retry(change, acting_user=user)
    if is_htmx(request):
        return render(request, "changes/mark.html", _mark(request, change))
    return redirect("change-mark", change.pk)


def _change(request: HttpRequest, change_id: UUID) -> Change:
    user: Any = request.user
    found: Change = get_object_or_404(Change.objects.visible_to(user), pk=change_id)
    return found


AWAY = ("no mail servers here", "not running")  # what a worker says where it cannot ask the servers


def _mark(request: HttpRequest, change: Change) -> dict[str, Any]:
    """What the mark shows: the worst host decides. Waiting and delayed = pending, and the worker said why."""
    hosts = change.hosts()
    state = _worst([row["state"] for row in hosts])
    concerned = [row for row in hosts if row["state"] == state] or hosts
    reasons = "; ".join(dict.fromkeys(row["error"] for row in concerned if row["error"]))
    if state == State.PENDING and reasons:
        state = "waiting" if any(words in reasons for words in AWAY) else "delayed"
    return {
        "change_id": change.pk,
        "state": state,
        "hosts": (", " if get_language() != "ja" else "、").join(row["name"] for row in concerned),
        "reason": reasons,
        "seconds": _seconds(change, hosts) if state == State.LIVE else None,
        **_rhythm(request, state),
    }


def _worst(states: list[str]) -> str:
    for state in (State.FAILED, State.PENDING):
        if state in states:
            return str(state)
    return str(State.LIVE)


def _seconds(change: Change, hosts: list[dict[str, Any]]) -> float | None:
    """From the request to the last host, at least 0.1 so that it never reads as 0.0."""
    ends = [row["live_at"] for row in hosts if row["live_at"]]
    return max(0.1, round((max(ends) - change.requested_at).total_seconds(), 1)) if ends else None


def _rhythm(request: HttpRequest, state: str) -> dict[str, int]:
    """Asks every 300 ms at first, after half a minute every 5 s: a tab left open costs next to nothing."""
    text = request.GET.get("round", "0")
    rounds = int(text) + 1 if text.isdecimal() and len(text) < 7 else 1
    return {"next_round": rounds, "delay": 5000 if rounds > 25 or state in ("waiting", "delayed") else 300}


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Shown when the form's token does not fit: an old tab, or a form that another site sent."""
    return render(request, "403_csrf.html", {"title": _("This form has expired")}, status=403)
