"""Questions that somebody waits for, answered on the mail host that they are about.

The web process cannot read a mail host's files and may run on another machine. A question is a row, a task wakes the
host's `asks` worker, and the asker looks at the row until the answer is there.
"""

import logging
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from mailsettings import explaining
from mailsettings.servers.layout import Layout
from panel.base.models import Ask

log = logging.getLogger(__name__)
PATIENCE_S = 8.0
Answer = dict[str, Any]


class NoAnswer(Exception):
    """The mail host has not answered in time; asking again later may help."""


def ask(host: str, kind: str, question: dict[str, Any], *, seconds: float = PATIENCE_S) -> Answer:
    """Waits for the answer. Raises `NoAnswer`."""
    from mailsettings import tasks

    row = Ask.objects.create(host=host, kind=kind, question=question)
    try:
        tasks.answer.apply_async((str(row.pk),), queue=tasks.asks_queue(host))
        return _wait(row.pk, seconds)
    except NoAnswer:
        raise
    except Exception as error:
        log.warning("broker away: a question of kind %s was not asked", kind, exc_info=True)
        raise NoAnswer from error
    finally:
        Ask.objects.filter(pk=row.pk).delete()


def _wait(ask_id: UUID, seconds: float) -> Answer:
    end, pause = time.monotonic() + seconds, 0.01
    while time.monotonic() < end:
        found: Answer | None = Ask.objects.filter(pk=ask_id).values_list("answer", flat=True).first()
        if found is not None:
            if "error" in found:
                raise NoAnswer(found["error"])
            return found
        time.sleep(pause)
        pause = min(pause * 1.3, 0.2)
    raise NoAnswer


def answer(ask_id: UUID) -> None:
    """On the host: finds the answer, or says that there is none; nothing where the asker has gone."""
    row = Ask.objects.filter(pk=ask_id, answer__isnull=True).first()
    layout = Layout.current()
    if row is None:
        return
    try:
        found = KINDS[row.kind](layout, row.question) if layout else {"error": "no mail servers here"}
    except Exception as error:
        log.exception("question %s of kind %s", ask_id, row.kind)
        found = {"error": str(error)[:500] or type(error).__name__}
    Ask.objects.filter(pk=ask_id).update(answer=found)


KINDS: dict[str, Callable[[Layout, dict[str, Any]], Answer]] = {"explain": explaining.answer}
