"""What an auto-reply does on a given day, for pages and lists."""

from datetime import date
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from mailsettings.models import AutoReply


class Phase(models.TextChoices):
    """Whether mail is answered today."""

    OFF = "off", _("Off")
    WAITING = "waiting", _("Begins later")
    ON = "on", _("On")
    OVER = "over", _("Is over")


def phase(row: AutoReply | None, today: date) -> Phase:
    """By the service's own calendar day."""
    if row is None or not row.enabled or not row.body.strip():
        return Phase.OFF
    if row.starts_on and today < row.starts_on:
        return Phase.WAITING
    return Phase.OVER if row.ends_on and today > row.ends_on else Phase.ON


PILLS: dict[Any, str] = {Phase.OFF: "plain", Phase.WAITING: "warn", Phase.ON: "ok", Phase.OVER: "plain"}
