"""Substring search over subjects and actors of the audit trail: trigrams on PostgreSQL; SQLite (small installations) scans."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# As Django writes `icontains`.
COLUMNS = "upper(subject::text) gin_trgm_ops, upper(actor::text) gin_trgm_ops"


def add(apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        editor.execute(f"CREATE INDEX audit_search ON base_auditentry USING gin ({COLUMNS})")


def remove(apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP INDEX audit_search")


class Migration(migrations.Migration):
    dependencies = [("base", "0004_undone_once")]
    operations = [migrations.RunPython(add, remove)]
