"""manage.py load_mailboxes DOMAIN COUNT: many mailboxes with one shared password, for measuring."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import passwords
from accounts.models import Domain
from accounts.services.bulk import load_mailboxes
from panel.base.tenancy import SYSTEM


class Command(BaseCommand):
    help = "Create COUNT mailboxes box000000@DOMAIN … with one shared password (for benchmarks and load tests)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("domain")
        parser.add_argument("count", type=int)
        parser.add_argument("--password", default="Tegami#Load2026x")

    def handle(self, *args: Any, **options: Any) -> None:
        domain = Domain.objects.select_related("plan", "host", "customer").filter(name=options["domain"]).first()
        if domain is None:
            raise CommandError(f"there is no domain {options['domain']}")
        shared = passwords.hash_password(options["password"])
        accounts = ((f"box{number:06d}", shared) for number in range(options["count"]))
        made, change = load_mailboxes(domain, accounts, acting_user=SYSTEM)
        self.stdout.write(f"{made} mailboxes, change {change.pk}")
