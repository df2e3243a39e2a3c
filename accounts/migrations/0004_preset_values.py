"""Presets learn the values that came after their installation; what an operator has set stays."""

from typing import Any

from django.db import migrations

from accounts.presets import PRESETS


def complete(apps: Any, schema_editor: Any) -> None:
    for plan in apps.get_model("accounts", "Plan").objects.filter(name__in=PRESETS):
        plan.values = {**PRESETS[plan.name][1], **plan.values}
        plan.save(update_fields=["values"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_mail_treatment")]
    operations = [migrations.RunPython(complete, migrations.RunPython.noop)]
