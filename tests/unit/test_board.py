"""The message board: what the system posts and settles, what the operator writes, what each reader sees."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.template import Context, Template
from django.utils import timezone, translation

from accounts import notices
from accounts.models import Dismissal, Notice
from accounts.models.board import Audience, Level
from accounts.services import board, standing
from accounts.templatetags.board import linked
from panel.base.errors import Forbidden
from panel.base.models import AuditEntry
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast, make_admin, make_mailbox

pytestmark = pytest.mark.django_db


def write(**fields: Any) -> Notice:
    return board.create_notice(acting_user=SYSTEM, **{"title": "Hello", "audience": Audience.EVERYONE, **fields})


def seen_by(cast: Cast, notice: Notice) -> set[str]:
    names = ("operator", "alice", "bob", "wendy", "charlie", "mia", "foreign_box")
    return {name for name in names if Notice.objects.board_of(getattr(cast, name)).filter(pk=notice.pk).exists()}


@pytest.mark.parametrize(
    ("audience", "readers"),
    [
        ("operators", {"operator"}),
        ("customer_admins", {"alice", "charlie"}),
        ("mail_admins", {"alice", "bob", "charlie"}),
        ("admins", {"alice", "bob", "wendy", "charlie"}),
        ("everyone", {"alice", "bob", "wendy", "charlie", "mia", "foreign_box"}),
    ],
)
def test_a_notice_is_for_whom_it_names(cast: Cast, audience: str, readers: set[str]) -> None:
    """A customer admin reads what a mail admin reads. An operator's own board holds what is for operators."""
    assert seen_by(cast, write(audience=audience)) == readers


def test_a_notice_of_a_customer_or_domain_stays_in_it(cast: Cast) -> None:
    """R3: no other tenant learns of it, by its domain nor by its customer."""
    ours = {"alice", "bob", "wendy", "mia"}
    assert seen_by(cast, write(customer=cast.domain.customer)) == ours
    notice = write(domain=cast.domain)
    assert notice.customer == cast.domain.customer
    assert seen_by(cast, notice) == ours


def test_a_mail_admin_sees_nothing_of_a_sister_domain(cast: Cast, host: Any) -> None:
    from tests.conftest import make_domain

    sister = make_domain("c.example.com", "platinum", cast.domain.customer, host)
    assert seen_by(cast, write(domain=sister)) == {"alice"}


def test_a_notice_about_a_mailbox_is_its_own_users_and_its_admins(cast: Cast) -> None:
    ken = make_mailbox(cast.domain, "ken")
    code = {"topic": "t", "level": Level.INFO, "audience": Audience.EVERYONE, "values": {"address": ken.address}}
    notice = board.post("password_forced", mailbox=ken, **code)
    assert seen_by(cast, notice) == {"alice", "bob", "wendy"}
    assert Notice.objects.board_of(ken).filter(pk=notice.pk).exists()


def test_a_notice_is_shown_from_its_beginning_to_its_end(cast: Cast) -> None:
    now, day = timezone.now(), timedelta(days=1)
    assert not seen_by(cast, write(starts_at=now + day))
    assert not seen_by(cast, write(starts_at=now - 2 * day, ends_at=now - day))
    assert seen_by(cast, write(starts_at=now - day, ends_at=now + day))
    with pytest.raises(ValidationError) as caught:
        write(starts_at=now, ends_at=now - day)
    assert list(caught.value.error_dict) == ["ends_at"]


def test_dismissing_is_for_one_reader_and_for_good(cast: Cast) -> None:
    notice = write()
    board.dismiss(notice, cast.bob)
    board.dismiss(notice, cast.bob)
    assert Dismissal.objects.count() == 1
    assert not Notice.objects.board_of(cast.bob).undismissed_by(cast.bob).exists()
    assert Notice.objects.board_of(cast.bob).dismissed_by(cast.bob).get() == notice
    assert Notice.objects.board_of(cast.alice).undismissed_by(cast.alice).exists()
    board.change_notice(notice, title="Hello again", acting_user=cast.operator)
    assert not Notice.objects.board_of(cast.bob).undismissed_by(cast.bob).exists()


def test_what_is_posted_again_takes_the_old_ones_place_and_is_new_to_everybody(cast: Cast) -> None:
    about = {"topic": "password_forced:x", "level": Level.PROBLEM, "audience": Audience.MAIL_ADMINS, "mailbox": cast.mia}
    first = board.post("password_forced", values={"address": "a@x"}, **about)
    board.dismiss(first, cast.bob)
    again = board.post("password_forced", values={"address": "b@x"}, **about)
    assert Notice.objects.get() == again
    assert again.version > first.version, "another state of the object has another ETag"
    assert Notice.objects.board_of(cast.bob).undismissed_by(cast.bob).get().values == {"address": "b@x"}
    board.settle("password_forced:x")
    board.settle("password_forced:x")
    assert not Notice.objects.exists()


def test_a_code_without_a_text_is_a_mistake_at_once(cast: Cast) -> None:
    with pytest.raises(ValueError, match="no text"):
        board.post("nonsense", topic="t", level=Level.INFO, audience=Audience.ADMINS)


def test_the_systems_notices_speak_the_readers_language_and_lead_somewhere(cast: Cast) -> None:
    standing.force_password_change([cast.mia], acting_user=SYSTEM)
    notice = Notice.objects.get()
    found = {}
    for language in ("en", "ja"):
        with translation.override(language):
            found[language] = notices.said(notice)
            assert cast.mia.address in found[language].title
    assert found["en"].title != found["ja"].title
    assert found["en"].url == f"/mailboxes/{cast.mia.address}/password/"
    with pytest.raises(ValidationError):
        board.change_notice(notice, title="mine", acting_user=SYSTEM)


@pytest.mark.parametrize("code", sorted(notices.KINDS))
def test_every_code_has_texts_for_its_values(code: str) -> None:
    kind = notices.KINDS[code]
    for text in (kind.title, kind.text, kind.leads):
        assert str(text) or text is kind.leads


def test_only_operators_write(cast: Cast) -> None:
    notice = write()
    for who in (cast.alice, cast.bob, cast.wendy, cast.mia):
        with pytest.raises(Forbidden):
            board.create_notice(title="x", acting_user=who)
        with pytest.raises(Forbidden):
            board.change_notice(notice, title="x", acting_user=who)
        with pytest.raises(Forbidden):
            board.delete_notice(notice, acting_user=who)


def test_writing_is_in_the_audit_trail_under_the_contract_it_concerns(cast: Cast) -> None:
    notice = write(domain=cast.domain)
    board.change_notice(notice, title="Hello again", acting_user=cast.operator)
    board.delete_notice(notice, acting_user=cast.operator)
    entries = AuditEntry.objects.filter(action__startswith="notice.").order_by("pk")
    assert [row.action for row in entries] == ["notice.create", "notice.change", "notice.delete"]
    assert {(row.domain, row.tenant) for row in entries} == {("a.example.com", cast.domain.customer_id)}
    assert entries[1].before == {"title": "Hello"}


@pytest.mark.parametrize("title", ["", "   ", "a\nb", "a\x00b"])
def test_a_title_is_one_line_of_text(cast: Cast, title: str) -> None:
    with pytest.raises(ValidationError):
        write(title=title)


def test_a_text_has_lines_and_no_other_controls(cast: Cast) -> None:
    assert write(body="a\r\nb\tc").body == "a\nb\tc"
    for control in ("\x00", "\x1b", "\u2028", "\x85"):
        with pytest.raises(ValidationError):
            write(body=f"a{control}b")


HOSTILE = (
    '<script>alert(1)</script> https://a.example/"onmouseover=alert(1) javascript:alert(1) [x](javascript:alert(2))\n\n'
    '<img src=x onerror=alert(3)> data:text/html,x "><svg/onload=alert(4)> http://a.example/<b>x</b> evil@example.com"><i>'
)


def test_hostile_html_in_a_notice_does_nothing(cast: Cast) -> None:
    """Texts of notices are hostile like any other: only http, https and mail addresses become links."""
    found = linked(HOSTILE)
    text = Template("{{ x }}").render(Context({"x": found}))
    for tag in ("<script", "<img", "<svg", "<b>", "<i>", 'href="javascript', 'href="data'):
        assert tag not in text, tag
    import re

    assert all(re.fullmatch(r'<a href="(https?://|mailto:)[^"<>\s]*"( rel="nofollow")?>', tag) for tag in re.findall(r"<a[^>]*>", text))
    assert re.sub(r"</?p>|<br>|</?a[^>]*>", "", text).count("<") == 0


def test_forced_changes_of_many_are_a_few_statements(cast: Cast, django_assert_max_num_queries: Any) -> None:
    boxes = [make_mailbox(cast.domain, f"u{n}") for n in range(40)]
    with django_assert_max_num_queries(20):
        standing.force_password_change(boxes, acting_user=cast.operator)
    assert Notice.objects.count() == 40
    assert AuditEntry.objects.filter(action="mailbox.force_password").count() == 40


def test_a_deleted_mailbox_takes_its_notice_along(cast: Cast) -> None:
    standing.force_password_change([cast.mia], acting_user=SYSTEM)
    cast.mia.name.delete()
    assert not Notice.objects.exists()


def test_a_further_role_reads_its_own_board(cast: Cast) -> None:
    """The role that somebody acts in decides, not the first one."""
    admin = make_admin("otto", "web_admin", cast.domain.customer, (cast.domain,))
    notice = write(audience=Audience.MAIL_ADMINS)
    assert not Notice.objects.board_of(admin).filter(pk=notice.pk).exists()
