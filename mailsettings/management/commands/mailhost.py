"""manage.py mailhost apply | jobs | verify [--apply] [--repair] | show ADDRESS: what an operator asks a mail host."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts import names
from mailsettings import jobs
from mailsettings.servers import worker
from mailsettings.servers.inspect import inspect
from mailsettings.servers.layout import Layout


class Command(BaseCommand):
    help = "Apply waiting changes, compare the servers' files with the database, or show what the servers know."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("apply", help="apply what is pending, now, in this process")
        verbs.add_parser("jobs", help="do the long work that is due, now, in this process")
        check = verbs.add_parser("verify", help="compare files and database; exit status 1 on drift")
        check.add_argument("--apply", action="store_true", help="apply what is pending first")
        check.add_argument("--repair", action="store_true", help="write what is wanted where they differ")
        show = verbs.add_parser("show", help="what the servers' own files and tools say of an address")
        show.add_argument("address")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['verb']}")(options)

    def _apply(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{worker.apply_pending(settings.MAIL_HOST)} batches applied")

    def _jobs(self, options: dict[str, Any]) -> None:
        due = jobs.due(settings.MAIL_HOST)
        for job in due:
            jobs.run(job)
        self.stdout.write(f"{len(due)} jobs looked at")

    def _verify(self, options: dict[str, Any]) -> None:
        if options["apply"]:
            self._apply(options)
        try:
            found = worker.verify(settings.MAIL_HOST, repair=options["repair"])
        except worker.Later as reason:
            raise CommandError(str(reason)) from reason
        for one in found:
            self.stdout.write(f"{one.store}\t{one.key}\twanted: {one.wanted!r}\tfound: {one.found!r}")
        self.stdout.write(f"{len(found)} differences" + (" repaired" if found and options["repair"] else ""))
        if found and not options["repair"]:
            raise CommandError("the files differ from the database", returncode=1)

    def _show(self, options: dict[str, Any]) -> None:
        layout = Layout.current()
        if layout is None:
            raise CommandError(worker.NO_SERVERS)
        try:
            address = names.normalise(options["address"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(json.dumps(inspect(layout, address), indent=2, ensure_ascii=False, default=str))
