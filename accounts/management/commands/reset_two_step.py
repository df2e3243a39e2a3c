"""manage.py reset_two_step LOGIN: for an operator whom no other operator can help."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Admin
from accounts.services.two_step import reset_two_step
from panel.base.tenancy import SYSTEM


class Command(BaseCommand):
    help = "Take away the second step of an admin who has lost device and recovery codes, and sign them out everywhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("login")

    def handle(self, *args: Any, **options: Any) -> None:
        admin = Admin.objects.get_queryset().filter(login=options["login"].lower()).first()
        if admin is None:
            raise CommandError("there is no such admin")
        reset_two_step(admin, acting_user=SYSTEM)
        self.stdout.write(f"{admin.login} signs in with the password alone")
