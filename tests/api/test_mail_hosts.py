"""`/mail-hosts/`: what is told of a host, by the operator, and how it is (A18)."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import MailHost
from accounts.models.tenants import PORTS
from mailsettings import tasks
from panel.base import changes
from panel.base.models import AuditEntry, ChangeTarget, State, TargetKind
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As, codes_of, fields_of
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
PATH = "/mail-hosts/mx1/"


def test_a_new_host_is_told_nothing_of(cast: Cast, api: As) -> None:
    """No guess that is wrong."""
    found = api(cast.operator).get(PATH).json()
    assert (found["hostname"], found["ipv4"], found["ipv6"]) == ("", None, None)
    assert found["ports"] == PORTS
    assert found["domains"] == 2
    assert (found["health"]["worker_seen_at"], found["health"]["last_live_at"]) == (None, None)


def test_the_operator_sets_name_addresses_and_ports(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    told = {"hostname": "Mail.Example.net.", "ipv4": "192.0.2.10", "ipv6": "2001:DB8::10", "ports": {"imaps": 2993, "pop3": 0}}
    answer = operator.patch(PATH, told)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["hostname"], found["ipv4"], found["ipv6"]) == ("mail.example.net", "192.0.2.10", "2001:db8::10")
    assert found["ports"] == {**PORTS, "imaps": 2993, "pop3": 0}
    assert "Change-Id" not in answer
    entry = AuditEntry.objects.get(action="host.change")
    assert (entry.actor, entry.subject, entry.after["hostname"]) == ("admin:operator", "mx1", "mail.example.net")


def test_of_the_ports_only_what_is_named_changes(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    operator.patch(PATH, {"ports": {"imaps": 2993, "pop3s": 2995}})
    found = operator.patch(PATH, {"ports": {"imaps": None}}).json()
    assert found["ports"] == {**PORTS, "pop3s": 2995}
    assert MailHost.objects.get().ports == {"pop3s": 2995}


def test_nothing_changed_is_nothing_recorded(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    before = operator.get(PATH)["ETag"]
    assert operator.patch(PATH, {"hostname": "", "ports": {"imaps": 993}})["ETag"] == before
    assert not AuditEntry.objects.filter(action="host.change").exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"hostname": "mail example"}, "hostname"),
        ({"hostname": "192.0.2.10"}, "hostname"),
        ({"hostname": "-mail.example.net"}, "hostname"),
        ({"hostname": 5}, "hostname"),
        ({"ipv4": "2001:db8::10"}, "ipv4"),
        ({"ipv4": "192.0.2"}, "ipv4"),
        ({"ipv6": "192.0.2.10"}, "ipv6"),
        ({"ports": {"imaps": 70_000}}, "ports.imaps"),
        ({"ports": {"imaps": -1}}, "ports.imaps"),
        ({"ports": {"imaps": "993"}}, "ports.imaps"),
        ({"ports": {"nntp": 119}}, "ports.nntp"),
        ({"name": "mx2"}, "name"),
        ({"health": {}}, "health"),
    ],
)
def test_what_cannot_be_is_refused_by_field(body: dict[str, Any], field: str, cast: Cast, api: As) -> None:
    answer = api(cast.operator).patch(PATH, body)
    assert answer.status_code == 400
    assert fields_of(answer) == [field]


def test_a_stale_edit_is_412(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    read = operator.get(PATH)["ETag"]
    operator.patch(PATH, {"hostname": "mail.example.net"})
    assert operator.patch(PATH, {"hostname": "x.example.net"}, If_Match=read).status_code == 412


def test_health_never_makes_an_edit_stale(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    read = operator.get(PATH)["ETag"]
    tasks.here("mx1")
    assert operator.patch(PATH, {"hostname": "mail.example.net"}, If_Match=read).status_code == 200


def test_a_token_for_one_domain_writes_no_host(cast: Cast, api: As) -> None:
    limited = api(cast.operator, domains=("a.example.com",))
    assert limited.patch(PATH, {"hostname": "mail.example.net"}).status_code in (403, 404)
    assert MailHost.objects.get().hostname == ""


def test_health_says_when_the_worker_was_seen_and_what_waits(cast: Cast, api: As) -> None:
    operator = api(cast.operator)
    ChangeTarget.objects.all().delete()
    tasks.here("mx1")
    MailHost.objects.create(name="mx2")
    now = timezone.now()
    lived = changes.record([("mx1", TargetKind.DOMAIN, "a.example.com")], acting_user=SYSTEM)
    lived.targets.update(state=State.LIVE, live_at=now)
    waits = changes.record([("mx1", TargetKind.DOMAIN, "a.example.com"), ("mx1", TargetKind.DOMAIN, "b.example.com")], acting_user=SYSTEM)
    waits.targets.update(error="servers not running")
    found = {row["name"]: row["health"] for row in operator.get("/mail-hosts/").json()["results"]}
    assert found["mx1"]["worker_seen_at"] is not None
    assert found["mx1"]["last_live_at"] is not None
    assert (found["mx1"]["waiting"], found["mx1"]["waiting_because"]) == (2, "servers not running")
    assert found["mx1"]["waiting_since"] is not None
    nothing = {"worker_seen_at": None, "last_live_at": None, "waiting": 0, "waiting_since": None, "waiting_because": ""}
    assert found["mx2"] == nothing


def test_each_hosts_worker_is_asked_on_its_own_queue(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    MailHost.objects.create(name="mx2")
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(tasks.here, "apply_async", lambda args, queue, expires: sent.append((args[0], queue)))
    tasks.ask_who_is_there()
    assert sorted(sent) == [("mx1", "mailhost.mx1"), ("mx2", "mailhost.mx2")]


def test_the_list_costs_the_same_for_many_hosts(cast: Cast, api: As, django_assert_num_queries: Any) -> None:
    operator = api(cast.operator)
    operator.get("/mail-hosts/")
    with django_assert_num_queries(2):
        operator.get("/mail-hosts/")
    MailHost.objects.bulk_create(MailHost(name=f"mx{number}", seen_at=timezone.now() - timedelta(hours=1)) for number in range(5, 25))
    with django_assert_num_queries(2):
        operator.get("/mail-hosts/")


def test_a_code_names_the_rule(cast: Cast, api: As) -> None:
    assert codes_of(api(cast.operator).patch(PATH, {"name": "mx2"})) == ["fixed"]
