"""manage.py setup: what it says of the mail host."""

import pytest
from django.core.management import CommandError, call_command

from accounts.models import MailHost

pytestmark = pytest.mark.django_db


def run(*words: str) -> MailHost:
    call_command("setup", "--host", "mx1", "--json", *words)
    return MailHost.objects.get(name="mx1")


def test_name_addresses_and_ports_are_set_and_stay(capsys: pytest.CaptureFixture[str]) -> None:
    host = run("--hostname", "mail.example.net", "--ipv4", "192.0.2.10", "--port", "imaps=2993", "--port", "imap=0")
    assert (host.hostname, host.ipv4, host.ports) == ("mail.example.net", "192.0.2.10", {"imaps": 2993, "imap": 0})
    again = run()
    assert (again.hostname, again.ports, again.version) == (host.hostname, host.ports, host.version)
    assert run("--port", "imaps=993").ports == {"imap": 0}


def test_a_new_host_has_no_name_that_somebody_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run().hostname == ""


@pytest.mark.parametrize("words", [("--hostname", "mail example"), ("--ipv4", "x"), ("--port", "nntp=119"), ("--port", "imaps=x")])
def test_what_cannot_be_stops_it(words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError):
        run(*words)
    assert not MailHost.objects.exists()
