"""`/accounts/`: mail accounts, by address."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import freshness, names, permissions, status
from accounts.api.resource import BY_DOMAIN, Done, Resource, domain_of
from accounts.models import Mailbox
from accounts.models.addresses import MB
from accounts.passwords import LONGEST
from accounts.services import mailboxes, standing
from panel.base.api.fields import Flag, Number, Strict, Text
from panel.base.api.filters import Filter, exact, flag
from panel.base.api.progress import JobSerializer
from panel.base.tenancy import Role

QUOTA_MAX, MESSAGES_MAX = 10_000_000, 10**9  # as accounts.models.Mailbox has them


class AccountFields(Strict):
    quota_mb = Number(
        required=False, allow_null=True, min_value=1, max_value=QUOTA_MAX, help_text="Capacity in MB; null = no limit of its own."
    )
    quota_messages = Number(
        required=False, allow_null=True, min_value=1, max_value=MESSAGES_MAX, help_text="Messages in all folders; null = the plan's number."
    )
    comment = Text(required=False, allow_blank=True, max_length=200)
    mobile_address = Text(required=False, allow_blank=True, max_length=254)
    receive = Flag(required=False, help_text="false: nothing new is stored; forwarding and auto-reply go on. Mailbox users set it too.")
    user_may_forward = Flag(required=False, help_text="Where the plan does not let every user forward: this one may.")
    spam_seat = Flag(required=False, help_text="Where the plan sells spam handling by seats: this account has one.")


class AccountChange(AccountFields):
    elsewhere: ClassVar[dict[str, Any]] = {
        "address": "An account keeps its address.",
        "password": "Set it by POST …/password/.",
        "must_change_password": "Set by POST …/force-password-change/, ended by a new password.",
    }
    suspended = Flag(required=False, help_text="true: no login, no sending; mail is received. Admins only.")


class AccountCreation(AccountFields):
    address = Text(max_length=320, help_text="Its domain must exist; the local part by the plan's grammar.")
    password = Text(max_length=1000, style={"input_type": "password"}, help_text="By the plan's password rule.")
    quota_mb = Number(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=QUOTA_MAX,
        help_text="Capacity in MB; null = no limit of its own. Default: what the plan gives.",
    )


class AccountStatus(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=status.Code.values, help_text="The gravest of what restricts the account.")
    sending = serializers.BooleanField()
    login = serializers.BooleanField()
    receiving = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="For people, the gravest first; empty when normal.")


class AccountUsage(serializers.Serializer[Any]):
    storage_mb = serializers.FloatField()
    messages = serializers.IntegerField()


class AccountSerializer(serializers.Serializer[Mailbox]):
    address = serializers.CharField()
    quota_mb = serializers.IntegerField(allow_null=True, help_text="Capacity in MB; null = no limit of its own.")
    quota_messages = serializers.IntegerField(allow_null=True, help_text="Messages in all folders; null = the plan's number.")
    comment = serializers.CharField()
    mobile_address = serializers.CharField()
    receive = serializers.BooleanField(help_text="false: nothing new is stored; forwarding and auto-reply go on.")
    user_may_forward = serializers.BooleanField(help_text="The account's own permission; the plan may let every user forward.")
    spam_seat = serializers.BooleanField(help_text="Has one of the contract's seats of spam handling.")
    suspended = serializers.BooleanField(help_text="No login, no sending; mail is received.")
    must_change_password = serializers.BooleanField(help_text="The operator asks for a new password: no login, no sending until it is set.")
    status = serializers.SerializerMethodField()
    usage = serializers.SerializerMethodField(help_text="As last measured; asked anew when an account is looked at.")

    @extend_schema_field(AccountStatus)
    def get_status(self, row: Mailbox) -> dict[str, Any]:
        found = status.of(row)
        return {
            "code": found.code,
            "sending": found.sending,
            "login": found.login,
            "receiving": found.receiving,
            "reasons": found.reasons,
        }

    @extend_schema_field(AccountUsage)
    def get_usage(self, row: Mailbox) -> dict[str, Any]:
        return {"storage_mb": round(row.used_bytes / MB, 3), "messages": row.used_messages}


class NewPassword(Strict):
    password = Text(
        max_length=1000, style={"input_type": "password"}, help_text=f"By the plan's password rule; at most {LONGEST} characters."
    )
    current_password = Text(required=False, max_length=1000, style={"input_type": "password"}, help_text="Needed from mailbox users.")


class AccountApi(Resource):
    """Mail accounts. Admins manage those of their domains; a mailbox user sees the own one."""

    resource = "accounts"
    model = Mailbox
    named_by = "pk"
    serializer_class = AccountSerializer
    body_classes = {
        "create": AccountCreation,
        "partial_update": AccountChange,
        "set_password": NewPassword,
        "purge": Strict,
        "force": Strict,
    }
    acts = {
        "create": "mailbox.create",
        "partial_update": "mailbox.change",
        "destroy": "mailbox.delete",
        "set_password": "mailbox.password",
        "purge": "mailbox.purge",
        "force": "mailbox.force_password",
    }
    orders = {"address": "pk", "usage": "used_bytes", "quota_mb": "quota_mb"}
    filters = {
        "domain": BY_DOMAIN,
        "address": exact("pk", "The whole address.", names.normalise),
        "status": Filter(status.filtered, "Accounts whose status has this code.", tuple(status.Code.values)),
        "receive": flag("receive", "Accounts that store what comes in, or do not."),
        "user_may_forward": flag("user_may_forward", "Accounts whose user was given the permission, or was not."),
        "spam_seat": flag("spam_seat", "Accounts with or without a seat of spam handling."),
    }
    search_about = "Part of the address or the comment."
    reaches_servers = True

    def visible(self) -> QuerySet[Any]:
        return super().visible().select_related("domain__plan", "domain__host", "domain__customer")

    def rows(self) -> QuerySet[Any]:
        return super().visible().select_related("domain__plan", "domain__host").defer("search", "password_hash")

    def shown_unless_known(self, request: Request, row: Any, shown: Any) -> Response:
        freshness.looked_at(row)
        return super().shown_unless_known(request, row, shown)

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(search__contains=text.lower())

    def normalised(self, name: str) -> str:
        return names.normalise(name)

    def create(self, request: Request) -> Response:
        """A new account: it accepts mail as soon as its change is live."""

        def make(body: dict[str, Any]) -> Done:
            domain, local = domain_of(body.pop("address"), self.principal)
            return Done(*mailboxes.create_mailbox(domain, local, body.pop("password"), acting_user=self.principal, **body))

        return self.created(make)

    def partial_update(self, request: Request, name: str) -> Response:
        """A mailbox user changes `receive` only. `Change-Id` only where the servers know what has changed: not for a comment."""
        return self.changed(self._change)

    def _change(self, row: Mailbox, body: dict[str, Any]) -> Done:
        """Suspending is an act of its own; its change is the later one, so it is live when both are."""
        suspended = body.pop("suspended", None)
        done = Done(*mailboxes.change_mailbox(row, acting_user=self.principal, **body)) if body or suspended is None else Done(row)
        if suspended is None:
            return done
        act = standing.suspend if suspended else standing.resume
        row, change = act(done.row, acting_user=self.principal)
        return Done(row, change or done.change)

    def allow(self) -> None:
        """Fields that are not a mailbox user's are 403 whatever they hold."""
        sent = set(self.request.data) if self.action == "partial_update" else set()
        if self.principal.role == Role.MAILBOX_USER and sent and sent <= set(mailboxes.BY_USER):
            permissions.require(self.principal, "mailbox.receive")
        else:
            super().allow()

    def destroy(self, request: Request, name: str) -> Response:
        """Refused by SMTP at once; its mail goes from disk when the grace period ends."""
        return self.deleted(lambda row: mailboxes.delete_mailboxes([row], acting_user=self.principal))

    @extend_schema(operation_id="accounts_set_password", responses=AccountSerializer)
    @action(detail=True, methods=["post"], url_path="password", filter_backends=[])
    def set_password(self, request: Request, name: str) -> Response:
        """Admins set any; a mailbox user gives the current one. Ends the account's API sessions.

        After a forced change the last three and near copies of them are refused, each rule with a code of its own.
        """
        row = self.one(self.visible())
        self.allow()
        body = self.body()
        current = body.get("current_password")
        row, change = mailboxes.set_password(row, body["password"], acting_user=self.principal, current_password=current)
        return self.answer(row, self.shown(row), change=change)

    @extend_schema(operation_id="accounts_purge", request=None, responses={202: JobSerializer})
    @action(detail=True, methods=["post"], filter_backends=[])
    def purge(self, request: Request, name: str) -> Response:
        """Empties the mailbox: all mail goes, every setting stays. The job's `done` includes being live."""
        row = self.one(self.visible())
        self.allow()
        self.body()
        job, change = mailboxes.purge_mailbox(row, acting_user=self.principal)
        address = request.build_absolute_uri(reverse("api:job", args=[job.pk]))
        return self.answer(job, JobSerializer(job).data, change=change, status=202, location=address)

    @extend_schema(operation_id="accounts_force_password_change", request=None, responses=AccountSerializer)
    @action(detail=True, methods=["post"], url_path="force-password-change", filter_backends=[])
    def force(self, request: Request, name: str) -> Response:
        """The operator's: no login and no sending until an admin sets a new password; the message board tells them."""
        row = self.one(self.visible())
        self.allow()
        self.body()
        change = standing.force_password_change([row], acting_user=self.principal)
        row = self.again(row)
        return self.answer(row, self.shown(row), change=change)
