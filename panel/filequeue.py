"""Celery's queue in a folder (`make run` without a broker), so that no message is read before it is whole.

Kombu's own writes a file under the name that readers look for: one that is read half written ends the worker.
"""

import time
import uuid
from pathlib import Path
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # kombu's own two differ
        """The message beside its place first, then by its name: readers sort by names, oldest first."""
        place = Path(self.data_folder_out, f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg")
        unready = place.with_name(f"{place.name}.unready")
        try:
            unready.write_text(dumps(payload))  # type: ignore[no-untyped-call]
            unready.rename(place)
        except OSError as error:
            raise ChannelError(f"cannot add {place.name} to the queue") from error


class Transport(filesystem.Transport):
    Channel = Channel


def use() -> None:
    """From here on `filesystem://` is this transport."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
