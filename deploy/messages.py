"""Collects the texts to translate; with --check it fails on a text that is missing or untranslated."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("ja",)
SOURCES = ("panel", "accounts", "mailsettings", "mailinglists", "reports", "templates")


def collect(folder: Path) -> None:
    """Runs Django's makemessages over the sources in `folder` (needs gettext)."""
    command = [sys.executable, str(ROOT / "manage.py"), "makemessages", "--no-wrap", "--no-location", "--no-obsolete", "-v0"]
    for language in LANGUAGES:
        command += ["-l", language]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TEGAMI_TESTING": "1", "DJANGO_SETTINGS_MODULE": "panel.settings"}
    subprocess.run(command, cwd=folder, env=environment, check=True)


def missing(found: Path, kept: Path) -> list[str]:
    """The texts of `found` that have no translation in `kept`."""
    with found.open("rb") as one, kept.open("rb") as other:
        wanted, present = read_po(one), read_po(other)
    lacking = []
    for message in wanted:
        mine = present.get(message.id, message.context) if message.id else None
        if message.id and (mine is None or not mine.string or mine.fuzzy or (isinstance(mine.string, tuple) and not all(mine.string))):
            lacking.append(str(message.id))
    return lacking


def check() -> int:
    """Collects into a copy and compares."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in SOURCES:
            shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "locale", folder / "locale")
        collect(folder)
        lacking = {
            language: missing(folder / f"locale/{language}/LC_MESSAGES/django.po", ROOT / f"locale/{language}/LC_MESSAGES/django.po")
            for language in LANGUAGES
        }
    for language, texts in lacking.items():
        for text in texts:
            sys.stderr.write(f"{language}: not translated: {text!r}\n")
    return 1 if any(lacking.values()) else 0


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(check())
    collect(ROOT)
