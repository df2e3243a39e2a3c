"""`Idempotency-Key`: a POST sent twice is done once, and answered the same, for 24 hours.

A row with status 0 says that a request is at work; the answer is kept in the very transaction that does the work,
so that after a crash either both are there or neither. A row that nobody finished is taken over after a minute.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.core.files import File
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from panel.base.api.permissions import user_of
from panel.base.api.problems import Problem, bad
from panel.base.models import REMEMBERED_FOR, RememberedAnswer
from panel.base.tenancy import token_domains

HEADER = "Idempotency-Key"
ABANDONED = timedelta(seconds=60)  # after this a request without an answer counts as dead
KEPT = ("Change-Id", "ETag", "Location")
KEY = re.compile(r"[\x21-\x7e]{1,255}")
Handler = Callable[..., HttpResponseBase]


def guarded(request: Request, handler: Handler) -> Handler:
    """`handler` itself, or the handler that remembers its answer if the request has a key."""
    key = request.headers.get(HEADER)
    if key is None:
        return handler
    if not KEY.fullmatch(key):
        raise bad(HEADER, _("The key has 1 to 255 visible ASCII characters."))

    def once(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = _begin(request, key)
        return _replayed(answer) if answer.status else _done(answer, handler, request, *args, **kwargs)

    return once


def _begin(request: Request, key: str) -> RememberedAnswer:
    """The finished answer, or a row that is ours to fill. Raises 409 for another request under the same key."""
    mine, now = fingerprint(request), timezone.now()
    fresh = {"fingerprint": mine, "created_at": now}
    answer, is_new = RememberedAnswer.objects.get_or_create(actor=user_of(request).actor, key=key, defaults=fresh)
    if is_new:
        return answer
    if answer.created_at < now - REMEMBERED_FOR or (not answer.status and answer.created_at < now - ABANDONED):
        return _taken_over(answer, fresh)
    if answer.fingerprint != mine:
        raise Problem(409, _("This key was used for another request."), code="idempotency_key_reused")
    if not answer.status:
        raise _busy()
    return answer


def _busy() -> Problem:
    return Problem(409, _("The first request with this key is still at work."), code="in_progress", headers={"Retry-After": "1"})


def _taken_over(answer: RememberedAnswer, fresh: dict[str, Any]) -> RememberedAnswer:
    """Of several that want the dead row, one gets it."""
    if not _same(answer).update(status=0, body="", headers={}, **fresh):
        raise _busy()
    return RememberedAnswer.objects.get(pk=answer.pk)


def _same(answer: RememberedAnswer) -> QuerySet[RememberedAnswer]:
    return RememberedAnswer.objects.filter(pk=answer.pk, created_at=answer.created_at, status=answer.status)


def fingerprint(request: Request) -> str:
    """Keyed, since the body may hold a password: nobody can try guesses against the row."""
    limit = ",".join(token_domains(user_of(request)))
    text = f"{request.method} {request.get_full_path()} {limit}\n".encode() + _content(request)
    return hmac.new(settings.SECRET_KEY.encode(), text, hashlib.sha256).hexdigest()


def _content(request: Request) -> bytes:
    """The body; of a form with files its fields and what the files hold: its text differs each time that it is sent."""
    if not (request.content_type or "").startswith("multipart/"):
        return bytes(request.body)
    digest, form = hashlib.sha256(), cast(QueryDict, request.data)
    for name, values in sorted(form.lists()):
        for value in values:
            whole = value.read() if isinstance(value, File) else str(value).encode()
            digest.update(f"{name} {len(whole)} {hashlib.sha256(whole).hexdigest()}\n".encode())
            if isinstance(value, File):
                value.seek(0)
    return digest.digest()


def _done(answer: RememberedAnswer, handler: Handler, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """Does the work and keeps its answer in one transaction. A refusal is not kept: it has changed nothing."""
    try:
        with transaction.atomic():
            response = handler(request, *args, **kwargs)
            _keep(answer, response)
            return response
    except BaseException:
        with suppress(DatabaseError):
            _same(answer).delete()
        raise


def _keep(answer: RememberedAnswer, response: HttpResponseBase) -> None:
    assert isinstance(response, Response)  # noqa: S101 - every view here answers by one
    body = JSONRenderer().render(response.data).decode()
    headers = {name: response[name] for name in KEPT if name in response}
    if not _same(answer).update(status=response.status_code, body=body, headers=headers):
        raise _busy()  # taken over meanwhile: the other one's work counts, ours is rolled back


def _replayed(answer: RememberedAnswer) -> HttpResponse:
    headers = {**answer.headers, "Idempotency-Replayed": "true"}
    return HttpResponse(answer.body, status=answer.status, headers=headers, content_type="application/json")
