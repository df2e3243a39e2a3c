"""Settings of which there is one set each: auto-reply and spam of an account, senders of a domain."""

from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.resource import Done
from mailsettings.api.owned import OfAccount, OfDomain, Single
from mailsettings.models import BODY_MAX, INTERVAL_MAX, AutoReply, DomainSenders, SpamSettings
from mailsettings.services import filters, replies, spam
from panel.base.api.fields import Day, Flag, Number, Strict, Text
from panel.base.api.views import change_header

SUBJECT_MAX, ENTRIES_MAX = 200, 1_000  # the services name their own number of entries


def senders_field(about: str) -> Any:
    return serializers.ListField(child=Text(max_length=320), max_length=ENTRIES_MAX, required=False, help_text=about)


class AutoReplyBody(Strict):
    """The whole auto-reply: what is absent has its default."""

    subject = Text(required=False, allow_blank=True, max_length=SUBJECT_MAX, help_text="Empty: the plan's own.")
    body = Text(required=False, allow_blank=True, max_length=BODY_MAX, help_text="Plain text; its length and characters by the plan.")
    starts_on = Day(required=False, allow_null=True, help_text="The first day; null = at once.")
    ends_on = Day(required=False, allow_null=True, help_text="The last day; null = until it is taken away.")
    interval_days = Number(
        required=False, min_value=0, max_value=INTERVAL_MAX, help_text="One reply to a sender in so many days; 0 = each mail. Default: 1."
    )
    enabled = Flag(required=False, help_text="Default: true; where the plan's replies have no subject: on exactly when there is a text.")


class AutoReplySerializer(serializers.Serializer[AutoReply]):
    subject = serializers.CharField()
    body = serializers.CharField()
    starts_on = serializers.DateField(allow_null=True)
    ends_on = serializers.DateField(allow_null=True)
    interval_days = serializers.IntegerField()
    enabled = serializers.BooleanField()


class AutoReplyApi(OfAccount, Single):
    """The account's auto-reply. Where there is none: off, without a text."""

    model = AutoReply
    serializer_class = AutoReplySerializer
    body_classes: ClassVar[Any] = {"update": AutoReplyBody, "reset": Strict}
    acts = dict.fromkeys(("update", "destroy", "reset"), "auto_reply.write")

    def row_of(self, owner: Any) -> AutoReply:
        found: AutoReply | None = AutoReply.objects.visible_to(self.principal).filter(mailbox=owner).first()
        return found or AutoReply(mailbox=owner, enabled=False, version=0)

    def update(self, request: Request, **where: str) -> Response:
        """Makes or replaces it. 400 with the plan's name where the plan has none, or has no subject of its own."""
        return self.written(lambda owner, body: Done(*replies.set_auto_reply(owner, acting_user=self.principal, **body)))

    def destroy(self, request: Request, **where: str) -> Response:
        """Takes it away, with the record of who was answered. Without one, nothing happens."""
        with transaction.atomic():
            change = replies.delete_auto_reply(self.held(), acting_user=self.principal)
        return Response(status=204, headers=change_header(change))

    @extend_schema(request=None, responses=AutoReplySerializer)
    def reset(self, request: Request, **where: str) -> Response:
        """Forgets who has been answered: everybody is answered anew. 400 where there is no auto-reply."""
        return self.written(lambda owner, body: Done(*replies.reset_auto_reply(owner, acting_user=self.principal)))


class SpamChange(Strict):
    tag_subject = Flag(required=False, help_text="Spam gets the plan's tag in its subject.")
    move_to_folder = Flag(required=False, help_text="Spam goes to the spam folder. One choice of two: turning one on turns the other off.")
    skip_forwarding = Flag(required=False, help_text="Spam is neither forwarded nor answered.")
    quarantine_empty_sender = Flag(required=False, help_text="Mail without a sender address goes to the spam folder.")
    allow = senders_field("Never spam: `user@domain`, or `@domain` for all of a domain. Replaces all that were there.")
    block = senders_field("Always to the spam folder: as in `allow`.")


class SpamSerializer(serializers.Serializer[SpamSettings]):
    tag_subject = serializers.BooleanField()
    move_to_folder = serializers.BooleanField()
    skip_forwarding = serializers.BooleanField()
    quarantine_empty_sender = serializers.BooleanField()
    allow = serializers.ListField(child=serializers.CharField())
    block = serializers.ListField(child=serializers.CharField())


class SpamApi(OfAccount, Single):
    """How the account's spam is treated; before anybody sets it, as the plan says."""

    model = SpamSettings
    serializer_class = SpamSerializer
    body_classes: ClassVar[Any] = {"partial_update": SpamChange}
    acts = {"partial_update": "spam.write"}

    def row_of(self, owner: Any) -> SpamSettings:
        return spam.settings_of(owner)

    def partial_update(self, request: Request, **where: str) -> Response:
        """400 with the plan's name for what the plan lacks, and where the account has no seat."""

        def change(owner: Any, body: dict[str, Any]) -> Done:
            return Done(*spam.change_spam(owner, acting_user=self.principal, **body)) if body else Done(self.row_of(owner))

        return self.written(change)


class SendersBody(Strict):
    allow = senders_field("Never spam: `user@domain`, or `@domain` for all of a domain.")
    block = senders_field("Always to the spam folder: as in `allow`.")


class SendersSerializer(serializers.Serializer[DomainSenders]):
    allow = serializers.ListField(child=serializers.CharField())
    block = serializers.ListField(child=serializers.CharField())


class SendersApi(OfDomain, Single):
    """Senders that the domain's admin allows or blocks for all its accounts; an account's own list of allowed ones wins."""

    model = DomainSenders
    serializer_class = SendersSerializer
    body_classes: ClassVar[Any] = {"partial_update": SendersBody, "update": SendersBody}
    acts = {"partial_update": "filter.write", "update": "filter.write"}

    def row_of(self, owner: Any) -> DomainSenders:
        return filters.senders_of(owner)

    def partial_update(self, request: Request, **where: str) -> Response:
        """A list that is sent replaces the one that was there. 400 with the plan's name where the plan has no filters of a domain."""

        def change(owner: Any, body: dict[str, Any]) -> Done:
            return Done(*filters.change_senders(owner, acting_user=self.principal, **body)) if body else Done(self.row_of(owner))

        return self.written(change)

    def update(self, request: Request, **where: str) -> Response:
        """Replaces both lists: one that is not sent is empty afterwards."""
        empty: dict[str, list[str]] = {"allow": [], "block": []}
        return self.written(lambda owner, body: Done(*filters.change_senders(owner, acting_user=self.principal, **{**empty, **body})))
