"""Substring search over mailboxes: a trigram index on PostgreSQL; SQLite (small installations) scans."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def add(apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        editor.execute("CREATE INDEX mailbox_search ON accounts_mailbox USING gin (search gin_trgm_ops)")


def remove(apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP INDEX mailbox_search")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]
