"""`manage.py openapi > docs/openapi.yaml`: the committed OpenAPI document, made anew."""

from typing import Any

from django.core.management.base import BaseCommand

from panel.base.api.schema import as_yaml


class Command(BaseCommand):
    help = "Prints the OpenAPI document of the API as YAML."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(as_yaml().decode(), ending="")
