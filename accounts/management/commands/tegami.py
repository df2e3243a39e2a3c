"""manage.py tegami: the REST API for scripts on the machine itself, with the same rules, objects and errors.

tegami list accounts domain=example.com
tegami create accounts address=info@example.com password=- quota_mb:=2048
tegami change accounts/info@example.com comment="Front desk"
tegami do accounts/info@example.com/purge
tegami create imports domain=example.com kind=create file=@new.csv
"""

import getpass
import json
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from accounts.models import Admin
from panel.base import changes
from panel.base.api.inside import NoSuchPlace, ask
from panel.base.models import State
from panel.base.tenancy import SYSTEM, Principal

METHODS = {"list": "GET", "show": "GET", "create": "POST", "change": "PATCH", "set": "PUT", "delete": "DELETE", "do": "POST"}
SECRETS = ("password", "current_password", "secret", "otp")  # never as an argument: `ps` shows those
SECONDS = 60.0  # that --wait waits
MOST = 500  # objects of a page


class Command(BaseCommand):
    help = "The REST API for scripts on this machine: list, show, create, change, set, delete, do."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = __doc__
        parser.add_argument("verb", choices=METHODS)
        parser.add_argument("place", help="below /api/v1/: a resource, an object, or one of its actions")
        parser.add_argument("fields", nargs="*", metavar="field", help="name=text, name:=JSON, name=- (asked for or read), name=@file")
        parser.add_argument("--as", dest="login", default="", help="act as this admin; otherwise as the system itself")
        parser.add_argument("--json", action="store_true", help="print the API's JSON")
        parser.add_argument("--wait", action="store_true", help=f"until the mail servers have it, at most {SECONDS:.0f} s")
        parser.add_argument("--language", default="en", help="of texts and errors")

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override(options["language"]):
            self._handle(**options)

    def _handle(self, verb: str, place: str, fields: list[str], **options: Any) -> None:
        user = principal(options["login"])
        texts, values, files = parsed(fields)
        method, where = METHODS[verb], "/".join(quote(part, safe="@") for part in place.strip("/").split("/"))
        reading = method == "GET"
        try:
            if verb == "list":
                self._show(everything(where, texts, user), options["json"])
                return
            response = ask(method, where, user=user, query=texts if reading else None, body=None if reading else values, files=files)
        except NoSuchPlace:
            raise CommandError(f"the API has no {place!r}", returncode=2) from None
        shown = content(response)
        if response.status_code >= 400:
            self._refuse(shown, options["json"])
        if shown is not None:
            self._show(shown, options["json"])
        if options["wait"] and response.headers.get("Change-Id"):
            self._wait(response.headers["Change-Id"])

    def _show(self, found: Any, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(found, ensure_ascii=False, indent=1))
        else:
            for line in table(found) if isinstance(found, list) else sheet(found):
                self.stdout.write(line)

    def _refuse(self, problem: Any, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(problem, ensure_ascii=False, indent=1))
        named = [f"{error['field'] or 'request'}: {error['message']}" for error in problem.get("errors", [])]
        raise CommandError("\n".join(named or [problem.get("detail") or problem["title"]]))

    def _wait(self, change: str) -> None:
        fares = changes.wait(change, SECONDS)  # type: ignore[arg-type]
        if fares.state != State.LIVE:
            raise CommandError(f"the change {change} is {fares.state}")


def principal(login: str) -> Principal:
    """The admin of that login, in the first of their roles, or the system itself. Raises CommandError."""
    if not login:
        return SYSTEM
    found: Admin | None = Admin.objects.get_queryset().select_related("customer").filter(login=login.lower(), is_active=True).first()
    if found is None:
        raise CommandError(f"there is no active admin {login!r}", returncode=2)
    return found


def parsed(fields: list[str]) -> tuple[dict[str, str], dict[str, Any], dict[str, tuple[str, bytes]]]:
    """What was given as texts (a query), as values (a body), and as files. Raises CommandError."""
    texts: dict[str, str] = {}
    values: dict[str, Any] = {}
    files: dict[str, tuple[str, bytes]] = {}
    for field in fields:
        name, equals, text = field.partition("=")
        if not equals or not name.rstrip(":"):
            raise CommandError(f"{field!r} is not name=value", returncode=2)
        if name.endswith(":"):
            values[name[:-1]] = _json(name[:-1], text)
        elif text.startswith("@"):
            files[name] = _file(text[1:])
        else:
            texts[name] = values[name] = _secret(name, text)
    return texts, values, files


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CommandError(f"{name}: not JSON: {error}", returncode=2) from None


def _file(path: str) -> tuple[str, bytes]:
    try:
        return Path(path).name, Path(path).read_bytes()
    except OSError as error:
        raise CommandError(str(error), returncode=2) from None


def _secret(name: str, text: str) -> str:
    """`-` is asked for at a terminal, else read as one line; a secret in the arguments is refused: `ps` shows them."""
    if text == "-":
        return getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if name in SECRETS:
        raise CommandError(f"{name}: write {name}=- and give it when asked, or by standard input", returncode=2)
    return text


def everything(place: str, query: Mapping[str, str], user: Principal) -> list[Any]:
    """All pages of a list. Raises `NoSuchPlace`, CommandError."""
    found: list[Any] = []
    asked: dict[str, str] | None = {"limit": str(MOST), **query}
    while asked is not None:
        response = ask("GET", place, user=user, query=asked)
        page = content(response)
        if response.status_code >= 400:
            raise CommandError(page.get("detail") or page["title"])
        if not isinstance(page, dict) or "results" not in page:
            return page if isinstance(page, list) else [page]
        found += page["results"]
        following = page["next"]
        asked = dict(parse_qsl(urlsplit(following).query)) if following and "limit" not in query else None
    return found


def content(response: Any) -> Any:
    """The answer's JSON, None where it has none."""
    return json.loads(response.content) if response.content else None


def table(rows: list[Any]) -> Iterator[str]:
    """Aligned columns of what is plain in the objects; nested values are in the JSON and in `show`."""
    plain = [{key: value for key, value in row.items() if not isinstance(value, dict | list)} for row in rows]
    if not plain:
        return
    widths = {key: max(len(key), *(len(_cell(row.get(key))) for row in plain)) for key in plain[0]}
    for cells in ({key: key for key in widths}, *plain):
        yield "  ".join(_cell(cells.get(key)).ljust(width) for key, width in widths.items()).rstrip()


def sheet(found: Any) -> Iterator[str]:
    """One value a line."""
    rows = found.items() if isinstance(found, dict) else [("", found)]
    for key, value in rows:
        yield f"{key}: {json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else _cell(value)}"


def _cell(value: Any) -> str:
    """On one line of printable characters: comments and names are whatever people wrote."""
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return "".join(character if character.isprintable() else " " for character in text)
