"""manage.py move_in: domains, mailboxes, aliases, forwarding and auto-replies out of another panel's database.

    move_in postfixadmin mysql://reader:-@db.example.net/postfix --customer "Example Trading" --plan standard --dry-run

Passwords come as their hashes and go on working. Mail itself is copied by IMAP (data copy) or `doveadm sync`.
"""

import getpass
import json
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import Customer, MailHost, Plan
from mailsettings.moving import modoboa, postfixadmin
from mailsettings.moving.rows import Moved
from mailsettings.moving.source import KINDS, SourceError, opened
from mailsettings.services.moving import Place, Refused, Report, bring_in
from panel.base.tenancy import SYSTEM

ASKED_FOR = "-"
READERS = {"postfixadmin": postfixadmin.read, "modoboa": modoboa.read}


class Command(BaseCommand):
    help = "Bring in what PostfixAdmin or Modoboa had: all or nothing, checked like any input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = __doc__
        parser.add_argument("panel", choices=READERS)
        parser.add_argument("database", help=f"{KINDS}; a password written as - is asked for, or read as one line")
        parser.add_argument("--customer", required=True, help="whose the domains are; must exist")
        parser.add_argument("--plan", required=True, help="under which they run")
        parser.add_argument("--host", default=settings.MAIL_HOST, help="the mail host that they go to")
        parser.add_argument("--admin-address", default=settings.OPERATOR_ADDRESS)
        parser.add_argument("--domain", action="append", default=[], help="only this one; may be given several times")
        parser.add_argument("--prefix", default="", help="of the tables' names")
        parser.add_argument("--dry-run", action="store_true", help="only say what would come in, and what not")
        parser.add_argument("--leave-out", action="store_true", help="bring in the rest where a rule refuses something")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        place = Place(
            _one(Customer, options["customer"]),
            _one(Plan, options["plan"]),
            _one(MailHost, options["host"]),
            options["admin_address"],
            SYSTEM,
        )
        moved = _read(options["panel"], options["database"], options["prefix"], [name.lower() for name in options["domain"]])
        try:
            report = bring_in(moved, place, leave_out=options["leave_out"], dry_run=options["dry_run"])
        except Refused as refused:
            self._say(refused.report, options["json"])
            raise CommandError("nothing was brought in: mend what is refused, or leave it out with --leave-out") from None
        self._say(report, options["json"])

    def _say(self, report: Report, as_json: bool) -> None:
        lines = [json.dumps(asdict(report), ensure_ascii=False, indent=1)] if as_json else _lines(report)
        for line in lines:
            self.stdout.write(line)


def _read(panel: str, database: str, prefix: str, only: list[str]) -> Moved:
    if not all(character.isalnum() or character == "_" for character in prefix):
        raise CommandError("--prefix: letters, digits and _", returncode=2)
    try:
        with opened(_with_password(database)) as source:
            moved = READERS[panel](source, prefix)
    except SourceError as error:
        raise CommandError(str(error)) from None
    if only:
        moved.domains = [domain for domain in moved.domains if domain.name in only]
        moved.left_out = [one for one in moved.left_out if one.what.rpartition("@")[2] in only]
    return moved


def _with_password(database: str) -> str:
    """`-` for the password keeps it out of `ps`."""
    if urlsplit(database).password != ASKED_FOR:
        return database
    given = getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    return database.replace(f":{ASKED_FOR}@", f":{quote(given, safe='')}@", 1)


def _one(model: Any, name: str) -> Any:
    found = model.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"there is no {model._meta.verbose_name} {name!r}", returncode=2)
    return found


def _lines(report: Report) -> Iterator[str]:
    for key in ("domains", "mailboxes", "aliases", "forwards", "replies"):
        yield f"{key}: {getattr(report, key)}"
    for key, word in (("left_out", "left out"), ("refused", "refused")):
        for one in getattr(report, key):
            yield f"{word}: {one.what}: {one.why}"
