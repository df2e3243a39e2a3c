"""`/accounts/<address>/explain/`: what would happen to a message."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Mailbox
from mailsettings.api.owned import OfAccount
from mailsettings.services import explanation
from mailsettings.services.conditions import HEADER_NAME
from mailsettings.shapes import VALUES_OF
from panel.base.api.fields import Choice, Flag, Line, Strict, Text
from panel.base.api.parsing import LargeParser
from panel.base.api.problems import Problem
from panel.base.api.schema import WHY, ProblemSerializer

MESSAGE_MAX = 10 * 1_048_576  # bytes
HEADERS_MAX, LINE_MAX = 100, 2_000
RETRY_AFTER_S = 5
KINDS = ("forward", "notify", "auto_reply", "bounce")
DEFAULTS: dict[str, Any] = {"subject": "", "header": {}, "attachment": False, "spam": False, "importance": "normal"}


def line(about: str) -> Any:
    return Line(required=False, allow_blank=True, max_length=LINE_MAX, help_text=about)


class Question(Strict):
    """A message by its features, or as a whole; not both."""

    to = line("Default: the account's address.")
    subject = line("Default: empty.")
    header = serializers.DictField(child=Line(allow_blank=True, max_length=LINE_MAX), required=False, help_text="Further headers.")
    attachment = Flag(required=False, help_text="It has one. Default: false.")
    spam = Flag(required=False, help_text="The filter calls it spam. Default: false.")
    importance = Choice(required=False, choices=VALUES_OF["importance"], help_text="Default: normal.")
    message = Text(required=False, help_text="An RFC 5322 message with its header, at most 10 MB.")

    default_error_messages = {
        "either": gettext_lazy("Send a whole message or its features, not both."),
        "from": gettext_lazy("Say who the message is from (empty: nobody), or send a whole message."),
    }

    def get_fields(self) -> dict[str, Any]:
        return {"from": line("As the header has it, with or without a name. Empty: no sender address."), **super().get_fields()}

    def validate_header(self, header: dict[str, str]) -> dict[str, str]:
        if len(header) > HEADERS_MAX:
            raise ValidationError(_("At most %(most)d entries.") % {"most": HEADERS_MAX}, code="too_many")
        for name in header:
            if not HEADER_NAME.fullmatch(name):
                raise ValidationError(_("This is not the name of a header."), code="header_name")
        return header

    def validate_message(self, message: str) -> str:
        if len(message.encode()) > MESSAGE_MAX:
            raise ValidationError(_("A message has at most %(most)d MB here.") % {"most": MESSAGE_MAX // 1_048_576}, code="length")
        return message

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "message" in attrs and len(attrs) > 1:
            raise ValidationError({"message": ValidationError(self.error_messages["either"], code="either")})
        if "message" not in attrs and "from" not in attrs:
            raise ValidationError({"from": ValidationError(self.error_messages["from"], code="required")})
        return attrs


class Step(serializers.Serializer[Any]):
    rule = serializers.CharField(help_text="The rule or setting that was asked.")
    matched = serializers.BooleanField()
    text = serializers.CharField(help_text="For people.")


class Stored(serializers.Serializer[Any]):
    folder = serializers.CharField()
    subject = serializers.CharField(help_text="As it stands in the folder.")


class Sent(serializers.Serializer[Any]):
    to = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)


class Explanation(serializers.Serializer[Any]):
    steps = Step(many=True, help_text="In the order of asking.")
    stored = Stored(many=True, help_text="Where it would be kept; none = nowhere.")
    sent = Sent(many=True, help_text="What would leave.")
    never_reached = serializers.ListField(child=serializers.CharField(), help_text="Rules that were not asked any more.")


class ExplainApi(OfAccount):
    """What would happen to a message, asked of the account's mail host; nothing is delivered, sent or changed."""

    model = Mailbox
    serializer_class = Explanation
    body_classes: ClassVar[Any] = {"explain": Question}
    acts = {"explain": "explain"}
    parser_classes = [LargeParser]
    only_reads = True
    remembers = False
    untagged = ("explain",)

    @extend_schema(responses={200: Explanation, (503, "application/problem+json"): OpenApiResponse(ProblemSerializer, WHY[503])})
    def explain(self, request: Request, **where: str) -> Response:
        """By its features, or a whole message. The scope `accounts:read` is enough. 503 while the mail host does not answer."""
        mailbox = self.owner()
        self.allow()
        body = self.body()
        message = body.pop("message", None)
        fields = None if message is not None else {**DEFAULTS, "to": mailbox.address, **body}
        try:
            found = explanation.explain(mailbox, acting_user=self.principal, fields=fields, message=message)
        except explanation.NoAnswer:
            raise _no_answer() from None
        return Response(Explanation(found).data)


def _no_answer() -> Problem:
    text = _("The mail host does not answer at the moment. Please try again.")
    return Problem(503, text, code="no_answer", headers={"Retry-After": str(RETRY_AFTER_S)})
