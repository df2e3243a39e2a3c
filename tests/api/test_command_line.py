"""`manage.py tegami`: the API's objects, rules and errors, without HTTP."""

import io
import json
import sys
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Mailbox
from panel.base.models import AuditEntry
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def tegami(*words: str) -> str:
    out = io.StringIO()
    call_command("tegami", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    def type_in(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return type_in


def test_an_account_is_created_with_a_password_from_standard_input(cast: Cast, typed: Any) -> None:
    typed(PASSWORD + "\n")
    shown = json.loads(tegami("create", "accounts", "address=new@a.example.com", "password=-", "quota_mb:=2048", "--json"))
    assert (shown["address"], shown["quota_mb"]) == ("new@a.example.com", 2048)
    entry = AuditEntry.objects.get(subject="new@a.example.com")
    assert (entry.actor, entry.via, entry.action) == ("system", "command", "mailbox.create")


def test_a_password_among_the_arguments_is_refused(cast: Cast) -> None:
    with pytest.raises(CommandError, match="password=-") as refused:
        tegami("create", "accounts", "address=new@a.example.com", f"password={PASSWORD}")
    assert refused.value.returncode == 2
    assert not Mailbox.objects.filter(pk="new@a.example.com").exists()


def test_a_refusal_names_the_field_and_the_rule(cast: Cast, typed: Any) -> None:
    typed("short\n")
    with pytest.raises(CommandError, match="password: A password has 8 to 128 characters"):
        tegami("create", "accounts", "address=new@a.example.com", "password=-")


def test_a_list_takes_the_apis_filters_and_all_of_its_pages(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.management.commands.tegami.MOST", 1)
    everyone = [row["address"] for row in json.loads(tegami("list", "accounts", "--json"))]
    assert sorted(everyone) == ["max@b.example.com", "mia@a.example.com"]
    assert "mia@a.example.com" in (found := tegami("list", "accounts", "domain=a.example.com")) and "max@" not in found


def test_acting_as_an_admin_reaches_no_further_than_they_do(cast: Cast) -> None:
    assert [row["address"] for row in json.loads(tegami("list", "accounts", "--as", "bob", "--json"))] == ["mia@a.example.com"]
    with pytest.raises(CommandError):
        tegami("change", "accounts/max@b.example.com", "comment=mine", "--as", "bob")
    tegami("change", "accounts/mia@a.example.com", "comment=Front desk", "--as", "bob")
    assert AuditEntry.objects.latest("pk").actor == "admin:bob"


def test_an_object_is_changed_asked_about_and_deleted(cast: Cast) -> None:
    tegami("change", "accounts/mia@a.example.com", "comment=Front desk")
    assert "comment: Front desk" in tegami("show", "accounts/mia@a.example.com")
    assert '"kind": "purge"' in tegami("do", "accounts/mia@a.example.com/purge", "--json")
    tegami("delete", "accounts/mia@a.example.com")
    with pytest.raises(CommandError):
        tegami("show", "accounts/mia@a.example.com")


def test_a_place_that_the_api_has_not_is_a_mistake_of_usage(cast: Cast) -> None:
    with pytest.raises(CommandError) as refused:
        tegami("list", "nonsense")
    assert refused.value.returncode == 2
    with pytest.raises(CommandError):
        tegami("list", "accounts", "--as", "nobody")


def test_commands_are_not_throttled(cast: Cast, settings: Any) -> None:
    settings.API_RATE = 1
    for _ in range(3):
        tegami("show", "accounts/mia@a.example.com")
        tegami("list", "accounts", "--as", "bob")
