"""ETags (RFC 9110 8.8.3) and the preconditions on them.

A tag has two parts, `"<version>.<content>"`. The first stands for what people edit and is what `If-Match`
compares, so that mail coming in (usage) never makes an edit fail; the second for the whole answer, for `If-None-Match`.
"""

import hashlib
import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from rest_framework.request import Request

from panel.base.api.problems import Problem

MARKS = ("uuid", "created_at", "version", "state")  # of these a row has what tells its versions apart, also when made anew


def _digest(value: Any) -> str:
    text = json.dumps(value, cls=DjangoJSONEncoder, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def version_of(row: models.Model) -> str:
    """Changes with every edit, and differs between an object and one made later under the same name.

    Settings have the key of what they belong to and no birthday: these are known by all that they hold.
    """
    borrowed = row._meta.pk.is_relation and not any(hasattr(row, mark) for mark in ("uuid", "created_at"))
    marks = [field.attname for field in row._meta.concrete_fields] if borrowed else MARKS
    return _digest([row._meta.label, row.pk, *(getattr(row, mark, None) for mark in marks)])


def tag(row: models.Model, shown: Any) -> str:
    """The strong ETag of `row` as `shown`."""
    return f'"{version_of(row)}.{_digest(shown)}"'


def require_match(request: Request, row: models.Model) -> None:
    """412 unless `If-Match` is absent, `*` or names this version. Call it with the row locked."""
    wanted = request.headers.get("If-Match")
    if wanted is None:
        return
    tags = parse_etags(wanted)
    version = version_of(row)
    if "*" in tags or any(t.startswith('"') and t.strip('"').partition(".")[0] == version for t in tags):
        return
    raise Problem(412, _("It has been changed since you read it. Read it again."), code="stale")


def is_known(request: Request, etag: str) -> bool:
    """True if `If-None-Match` says that the client has this very answer (compared weakly, RFC 9110 13.1.2)."""
    tags = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in tags or etag in {t.removeprefix("W/") for t in tags}
