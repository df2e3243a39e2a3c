"""Request bodies: a JSON object in UTF-8 that every database and file can hold, or 400."""

import json
import re
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from panel.base.api.problems import Problem, bad

MB = 1_048_576
UNCLEAN = re.compile("[\0\ud800-\udfff]")


class ObjectParser(BaseParser):
    """Refuses what is not an object, numbers that are none, and text with NUL or half surrogate pairs."""

    media_type = "application/json"

    def read(self, stream: IO[Any], request: Request) -> bytes:
        """The whole body by Django's reader, which keeps DATA_UPLOAD_MAX_MEMORY_SIZE."""
        body: bytes = request.body
        return body

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        found = decoded(self.read(stream, (parser_context or {})["request"]))
        for key, value in found.items():
            if not is_clean(key):
                raise ParseError(_("A field's name holds characters that no text has."))
            if not is_clean(value):
                raise bad(key, _("The text holds NUL or half a surrogate pair."))
        return found


class LargeParser(ObjectParser):
    """For the one kind of body that holds a whole message. `most`: bytes; above them 413."""

    most = 20 * MB
    patience = 80  # MB read on for nothing: a client that is still sending when the connection ends never sees its 413

    def read(self, stream: IO[Any], request: Request) -> bytes:
        body: bytes = stream.read(self.most + 1)
        if len(body) > self.most:
            any(not stream.read(MB) for _ in range(self.patience))
            raise Problem(413, _("The body is too large."))
        return body


def decoded(body: bytes) -> dict[str, Any]:
    """The body's object; raises `ParseError`."""
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ParseError(_("The body is not JSON.")) from None
    if not isinstance(found, dict):
        raise ParseError(_("The body must be a JSON object."))
    return found


def _no_number(text: str) -> Any:
    raise ValueError(text)  # NaN and Infinity are Python's, not JSON's


def is_clean(value: Any) -> bool:
    """False where any text inside holds NUL or a lone surrogate: PostgreSQL stores neither."""
    if isinstance(value, str):
        return UNCLEAN.search(value) is None
    if isinstance(value, list):
        return all(is_clean(inner) for inner in value)
    if isinstance(value, dict):
        return all(is_clean(key) and is_clean(inner) for key, inner in value.items())
    return True


class JsonOnly(BaseContentNegotiation):
    """One form of answer, whatever `Accept` says; parsers go by the body's own type."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        mine = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == mine), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
