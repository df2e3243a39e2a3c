"""The addresses of the API, below /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.api import (
    admins,
    audit,
    contracts,
    credentials,
    domains,
    expansions,
    hosts,
    imports,
    mailboxes,
    me,
    notices,
    tokens,
    webhooks,
)
from panel.base.api import docs, progress

app_name = "api"

router = SimpleRouter()
router.register("plans", contracts.PlanApi, "plan")
router.register("customers", contracts.CustomerApi, "customer")
router.register("mail-hosts", hosts.MailHostApi, "mail-host")
router.register("domains", domains.DomainApi, "domain")
router.register("admins", admins.AdminApi, "admin")
router.register("accounts", mailboxes.AccountApi, "account")
router.register("aliases", expansions.AliasApi, "alias")
router.register("groups", expansions.GroupApi, "group")
router.register("audit", audit.AuditApi, "audit")
router.register("notices", notices.NoticeApi, "notice")
router.register("tokens", tokens.TokenApi, "token")
router.register("webhooks", webhooks.WebhookApi, "webhook")

urlpatterns = [
    *router.urls,
    path("changes/<uuid:change_id>/", progress.ChangeApi.as_view(), name="change"),
    path("changes/<uuid:change_id>/retry/", progress.ChangeRetryApi.as_view(), name="change-retry"),
    path("jobs/<uuid:job_id>/", progress.JobApi.as_view(), name="job"),
    path("imports/", imports.ImportApi.as_view(), name="import-list"),
    path("imports/<uuid:job_id>/carry-out/", imports.CarryOutApi.as_view(), name="import-carry-out"),
    path("imports/samples/<slug:kind>.csv", imports.SampleApi.as_view(), name="import-sample"),
    path("audit/export.csv", audit.AuditExportApi.as_view({"get": "export"}), name="audit-export"),
    path("sessions/", credentials.SessionApi.as_view({"get": "list", "post": "create", "delete": "leave"}), name="session"),
    path("sessions/<str:name>/", credentials.SessionApi.as_view({"get": "retrieve", "delete": "destroy"}), name="session-detail"),
    path("sign-in-policy/", credentials.SignInPolicyApi.as_view(), name="sign-in-policy"),
    path("me/", me.MeApi.as_view(), name="me"),
    path("schema/", docs.openapi, name="schema"),
    path("docs/", docs.reference, name="reference"),
]
