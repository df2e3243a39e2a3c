"""The queue in a folder: whatever is read is whole."""

import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from panel import filequeue

MANY = 300


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    filequeue.use()
    folder = str(tmp_path)
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": str(tmp_path / "control"), "store_processed": False}
    return Connection("filesystem://", transport_options=options)


def test_messages_are_read_whole_and_in_order_while_they_are_written(connection: Connection) -> None:
    channel = connection.channel()
    assert isinstance(channel, filequeue.Channel)
    text = "x" * 300_000
    writer = threading.Thread(target=lambda: [channel._put("mailhost.mx1.jobs", {"number": n, "text": text}) for n in range(MANY)])
    writer.start()
    found: list[int] = []
    while len(found) < MANY:
        try:
            message = channel._get("mailhost.mx1.jobs")
        except Empty:
            assert writer.is_alive() or len(found) == MANY or list(Path(channel.data_folder_in).glob("*.msg"))
            continue
        assert len(message["text"]) == len(text)
        found.append(message["number"])
    writer.join()
    assert sorted(found) == list(range(MANY))


def test_a_queue_gets_its_own_messages_only(connection: Connection) -> None:
    channel = connection.channel()
    channel._put("mailhost.mx1", {"number": 1})
    with pytest.raises(Empty):
        channel._get("mailhost.mx1.jobs")
    assert channel._get("mailhost.mx1") == {"number": 1}
