"""All addresses: the API below /api/v1/, the pages, and what answers when nothing does."""

from django.urls import include, path

from accounts.api import urls as accounts
from mailsettings.api import urls as mailsettings

urlpatterns = [
    path("api/v1/", include(([*accounts.urlpatterns, *mailsettings.urlpatterns], accounts.app_name))),
    path("", include("accounts.urls")),
    path("", include("mailsettings.urls")),
]

handler400 = "panel.base.api.handlers.bad_request"
handler403 = "panel.base.api.handlers.permission_denied"
handler404 = "panel.base.api.handlers.not_found"
handler500 = "panel.base.api.handlers.server_error"
