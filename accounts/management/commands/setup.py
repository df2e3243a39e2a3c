"""manage.py setup: what a new installation needs; harmless when run again."""

import json
import os
import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import demo
from accounts.models import Admin, MailHost, Plan, Token
from accounts.presets import PRESETS
from accounts.services import hosts, people, tokens
from panel.base.tenancy import SYSTEM, Role

OPERATOR = "operator@localhost"


class Command(BaseCommand):
    help = "Load the preset plans, the mail host and the first operator; --demo adds demo data."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.MAIL_HOST, help="name of the mail host")
        parser.add_argument("--hostname", help="its full name, which its certificate covers: what mail programs are told")
        parser.add_argument("--ipv4", help="its IPv4 address, as the world sees it")
        parser.add_argument("--ipv6", help="its IPv6 address, as the world sees it")
        parser.add_argument("--port", action="append", type=port, help="one that is not the usual: imaps=1993; 0 = not offered")
        parser.add_argument("--json", action="store_true", help="print the operator's login, password and token as JSON")
        parser.add_argument("--demo", action="store_true", help="add demo domains and logins under example names")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        load_presets()
        host, _ = MailHost.objects.get_or_create(name=options["host"])
        tell(
            host, {"hostname": options["hostname"], "ipv4": options["ipv4"], "ipv6": options["ipv6"], "ports": dict(options["port"] or ())}
        )
        operator = ensure_operator()
        logins = demo.load(host) if options["demo"] else []
        if options["json"]:
            self.stdout.write(json.dumps({**operator, "demo": logins}))
            return
        self.stdout.write(f"operator: {operator['login']}  password: {operator['password'] or '(unchanged)'}")
        for login in logins:
            self.stdout.write(f"{login['role']}: {login['login']}  password: {login['password']}  at {login['page']}")


def port(text: str) -> tuple[str, int]:
    """`imaps=1993`. Raises ValueError, which argparse reports."""
    name, _, number = text.partition("=")
    return name, int(number)


def tell(host: MailHost, values: dict[str, Any]) -> None:
    """What was named on the command line; the rest stays. Raises CommandError for what cannot be."""
    try:
        hosts.change_host(host, acting_user=SYSTEM, **{name: value for name, value in values.items() if value})
    except ValidationError as error:
        raise CommandError("; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())) from None


def load_presets() -> None:
    """The presets that are not there yet; an operator's changes to them stay."""
    for name, (title, values) in PRESETS.items():
        Plan.objects.get_or_create(name=name, defaults={"title": title, "values": values})


def ensure_operator() -> dict[str, str]:
    """Makes the first operator, or none when there is one; password and token come from the environment in a stack."""
    password = os.environ.get("TEGAMI_OPERATOR_PASSWORD", "")
    key = os.environ.get("TEGAMI_OPERATOR_TOKEN", "")
    admin = Admin.objects.get_queryset().filter(role=Role.OPERATOR).first()
    if admin is None:
        password = password or secrets.token_urlsafe(15)
        admin = people.create_admin(OPERATOR, password=password, role=Role.OPERATOR, email=settings.OPERATOR_ADDRESS, acting_user=SYSTEM)
    if key and not Token.objects.filter(digest=Token.digest_of(key)).exists():
        tokens.create_token(admin, "stack", scopes=["*"], key=key)
    return {"login": admin.login, "password": password, "token": key}
