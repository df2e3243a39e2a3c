"""Where one is signed in: browsers and programs, and how to end them (R10)."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import sessions
from accounts.services import two_step as services
from accounts.views.base import ADMINS
from accounts.views.me import Own
from panel.base.pages import ShownPage, tell

MOST = 100  # rows that are shown; a program that signs in anew for each request makes more


class Sessions(ShownPage):
    roles = ADMINS
    template_name = "account/sessions.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(sessions.listed(self.user)[: MOST + 1])
        shown = [_shown(row, self.request) for row in rows[:MOST]]
        shown.sort(key=lambda row: (not row["current"], -row["seen_at"].timestamp()))
        return super().get_context_data(**{"rows": shown, "more": len(rows) > MOST, **kwargs})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ends the one that the button names, or all but this one."""
        wanted = request.POST.get("end", "")
        others = [row for row in sessions.listed(self.user) if not sessions.is_current(row, request)]
        chosen = others if wanted == "others" else [row for row in others if str(row.pk) == wanted]
        if not chosen and wanted != "others":
            raise Http404
        services.end_sessions(chosen, acting_user=self.user)
        count = len(chosen)
        tell(
            request,
            ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", count) % {"count": count}
            if count
            else _("There was no other."),
        )
        return redirect(request.path)


class MySessions(Own, Sessions):  # type: ignore[misc]  # both say whose page it is; the first counts
    template_name = "me/sessions.html"


def _shown(row: Any, request: HttpRequest) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "program": sessions.program_of(row.agent),
        "by_api": row.token is not None,
        "address": row.remote or "",
        "began_at": row.created_at,
        "seen_at": sessions.seen(row),
        "current": sessions.is_current(row, request),
    }
