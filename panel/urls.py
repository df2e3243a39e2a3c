"""All addresses: the API below /api/v1/, the pages, and what answers when nothing does."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("accounts.api.urls")),
    path("", include("accounts.urls")),
    path("", include("mailsettings.urls")),
]

handler400 = "panel.base.api.handlers.bad_request"
handler403 = "panel.base.api.handlers.permission_denied"
handler404 = "panel.base.api.handlers.not_found"
handler500 = "panel.base.api.handlers.server_error"
