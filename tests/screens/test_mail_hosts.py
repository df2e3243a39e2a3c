"""The operator's page of mail hosts: what is told of them, and how they are."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import MailHost
from mailsettings import tasks
from panel.base import changes
from panel.base.models import AuditEntry, ChangeTarget, TargetKind
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast
from tests.screens.conftest import SignIn

pytestmark = pytest.mark.django_db
LIST, EDIT = "/mail-hosts/", "/mail-hosts/mx1/"
PORTS = dict.fromkeys(("imaps", "imap", "pop3s", "pop3", "submissions", "submission", "smtp"), "")
FORM = {"hostname": "mail.example.net", "ipv4": "192.0.2.10", "ipv6": "", **{f"port_{name}": value for name, value in PORTS.items()}}


def test_the_operator_sets_what_is_told(cast: Cast, as_user: SignIn) -> None:
    operator = as_user(cast.operator)
    assert "not set" in operator.get(LIST).content.decode()
    answer = operator.post(EDIT, {**FORM, "port_imaps": "2993", "port_pop3": "0"}, follow=True)
    page = answer.content.decode()
    assert "mail.example.net" in page
    assert "192.0.2.10" in page
    host = MailHost.objects.get()
    assert (host.hostname, host.ipv4, host.ipv6, host.ports) == ("mail.example.net", "192.0.2.10", None, {"imaps": 2993, "pop3": 0})
    assert AuditEntry.objects.filter(action="host.change", subject="mx1").exists()


def test_what_is_left_blank_is_the_usual_again(cast: Cast, as_user: SignIn) -> None:
    MailHost.objects.update(hostname="mail.example.net", ipv4="192.0.2.10", ports={"imaps": 2993})
    as_user(cast.operator).post(EDIT, {**FORM, "ipv4": ""})
    host = MailHost.objects.get()
    assert (host.ipv4, host.ports) == (None, {})


@pytest.mark.parametrize(
    ("field", "value"), [("hostname", "mail example"), ("hostname", "192.0.2.1"), ("ipv4", "x"), ("port_imaps", "70000")]
)
def test_what_cannot_be_stays_in_the_form_with_its_reason(field: str, value: str, cast: Cast, as_user: SignIn) -> None:
    page = as_user(cast.operator).post(EDIT, {**FORM, field: value}).content.decode()
    assert f'href="#id_{field}"' in page
    assert f'value="{value}"' in page
    assert MailHost.objects.get().hostname == ""


def test_health_is_seen_from_worker_and_changes(cast: Cast, as_user: SignIn) -> None:
    operator = as_user(cast.operator)
    ChangeTarget.objects.all().delete()
    assert "No worker yet" in operator.get(LIST).content.decode()
    tasks.here("mx1")
    assert "pill ok" in operator.get(LIST).content.decode()
    MailHost.objects.update(seen_at=timezone.now() - timedelta(minutes=4))
    assert "Worker silent" in operator.get(LIST).content.decode()


def test_changes_that_wait_are_named_with_their_reason(cast: Cast, as_user: SignIn) -> None:
    ChangeTarget.objects.all().delete()
    tasks.here("mx1")
    change = changes.record([("mx1", TargetKind.DOMAIN, "a.example.com")], acting_user=SYSTEM)
    operator = as_user(cast.operator)
    assert "pill ok" in operator.get(LIST).content.decode()  # a second ago is no delay
    change.requested_at = timezone.now() - timedelta(minutes=5)
    change.save()
    change.targets.update(error="Postfix <is> away")
    page = operator.get(LIST).content.decode()
    assert "Changes wait" in page
    assert "1 change waits" in page
    assert "Postfix &lt;is&gt; away" in page


def test_an_unknown_host_is_404(cast: Cast, as_user: SignIn) -> None:
    assert as_user(cast.operator).get("/mail-hosts/mx9/").status_code == 404
