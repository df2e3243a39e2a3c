"""The addresses of this app's objects, below /api/v1/; `panel.urls` puts them beside the accounts'."""

from typing import Any

from django.urls import path
from rest_framework.routers import SimpleRouter

from mailsettings.api import dns, explain, exports, rules, server_information, settings

router = SimpleRouter()
router.register("accounts/(?P<address>[^/]+)/profiles", rules.ProfileApi, "profile")
router.register("domains/(?P<domain>[^/]+)/filters", rules.FilterApi, "filter")

SPAM: dict[str, Any] = {"get": "retrieve", "patch": "partial_update"}
REPLY: dict[str, Any] = {"get": "retrieve", "put": "update", "delete": "destroy"}
SENDERS: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update"}

urlpatterns = [
    *router.urls,
    path("accounts/export.csv", exports.AccountExportApi.as_view({"get": "export"}), name="account-export"),
    path("accounts/<str:address>/auto-reply/", settings.AutoReplyApi.as_view(REPLY), name="auto-reply"),
    path("accounts/<str:address>/auto-reply/reset/", settings.AutoReplyApi.as_view({"post": "reset"}), name="auto-reply-reset"),
    path("accounts/<str:address>/spam/", settings.SpamApi.as_view(SPAM), name="spam"),
    path("accounts/<str:address>/explain/", explain.ExplainApi.as_view({"post": "explain"}), name="explain"),
    path(
        "domains/<str:domain>/server-information/",
        server_information.ServerInformationApi.as_view({"get": "retrieve"}),
        name="server-information",
    ),
    path("domains/<str:domain>/dns/", dns.DnsApi.as_view({"get": "retrieve"}), name="dns"),
    path("domains/<str:domain>/dns/check/", dns.DnsCheckApi.as_view({"post": "check"}), name="dns-check"),
    path("domains/<str:domain>/dkim/", dns.DkimApi.as_view({"get": "retrieve"}), name="dkim"),
    path("domains/<str:domain>/dkim/rotate/", dns.DkimApi.as_view({"post": "rotate"}), name="dkim-rotate"),
    path("domains/<str:domain>/dkim/switch/", dns.DkimApi.as_view({"post": "switch"}), name="dkim-switch"),
    path("domains/<str:domain>/dkim/<str:selector>/", dns.DkimKeyApi.as_view({"get": "retrieve", "delete": "destroy"}), name="dkim-key"),
    path("domains/<str:domain>/senders/", settings.SendersApi.as_view(SENDERS), name="senders"),
]
