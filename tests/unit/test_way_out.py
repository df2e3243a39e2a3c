"""The judge of the way out: what is rewritten, what is dropped, and how much rules may write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mailsettings.servers import srs
from mailsettings.servers.desired import tag, way_out
from mailsettings.servers.layout import Port
from mailsettings.servers.milter import wayout
from mailsettings.servers.milter.session import ACCEPT, DISCARD, Action, Header, Session, Verdict
from mailsettings.servers.milter.wayout import ALL_AN_HOUR, BOUNCES_HELO, HOUR_S, NOTICES_AN_HOUR, PANEL_HELO, REPLIES_AN_HOUR, WayOut
from mailsettings.servers.srs import Origin, SrsDown, rewritten, undone

HOST = "mx1.our.test"
MARK = tag("info@our.test")
INFO = way_out(MARK, 0)


class Clock:
    """Seconds, turned by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def judge(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[[Session], Verdict]:
    async def fake(port: Port, sender: str, mark: str) -> str:
        if sender.startswith("down"):
            raise SrsDown("no")
        return f"SRS0={mark}={sender.replace('@', '=')}@{HOST}"

    monkeypatch.setattr(wayout, "rewritten", fake)
    way = WayOut(("127.0.0.1", 1), HOST, clock)
    return lambda session: asyncio.run(_called(way, session))


async def _called(way: WayOut, session: Session) -> Verdict:
    return await way(session)


def mail(sender: str = "a@far.test", to: str = INFO, helo: str = "mx1", **headers: str) -> Session:
    found = [Header(name.replace("_", "-"), f" {value}") for name, value in {"From": "a@far.test", **headers}.items()]
    return Session(helo=helo, sender=sender, recipients=[to], headers=found)


def reply(to: str = "a@far.test", **headers: str) -> Session:
    return mail("", to, **{"From": "box@our.test", "Auto_Submitted": "auto-replied (vacation)", **headers})


def notice(to: str = "phone@far.test") -> Session:
    return reply(to, Auto_Submitted="auto-notified; owner-email=box@our.test")


# --- the sender
def test_what_is_sent_on_gets_a_sender_that_names_who_sends_it(judge: Callable[[Session], Verdict]) -> None:
    assert judge(mail()).sender == f"SRS0={MARK}=a=far.test@{HOST}"


def test_the_letter_case_of_the_inner_address_does_not_matter(judge: Callable[[Session], Verdict]) -> None:
    assert judge(mail(to=INFO.upper())).sender == f"SRS0={MARK}=a=far.test@{HOST}"


def test_a_users_own_redirect_is_known_by_dovecots_topmost_header(judge: Callable[[Session], Verdict]) -> None:
    session = mail(to="b@far.test", X_Sieve_Redirected_From="Box@our.test")
    session.headers.append(Header("X-Sieve-Redirected-From", " earlier@else.test"))
    assert judge(session).sender == f"SRS0={tag('box@our.test')}=a=far.test@{HOST}"


def test_an_empty_sender_stays_empty(judge: Callable[[Session], Verdict]) -> None:
    assert judge(mail("")) == ACCEPT


def test_what_has_been_rewritten_already_stays_so(judge: Callable[[Session], Verdict]) -> None:
    assert judge(mail(f"SRS0=x=y=far.test=a@{HOST.upper()}")) == ACCEPT


def test_without_postsrsd_it_waits(judge: Callable[[Session], Verdict]) -> None:
    verdict = judge(mail("down@far.test"))
    assert verdict.action is Action.REPLY
    assert verdict.reply.startswith("451")


def test_what_is_infected_goes_nowhere(judge: Callable[[Session], Verdict]) -> None:
    assert judge(mail(X_Tegami_Virus="Eicar")) == DISCARD
    assert judge(reply(X_Tegami_Virus="Eicar")) == DISCARD


# --- what rules write
def test_rules_write_without_a_sender(judge: Callable[[Session], Verdict]) -> None:
    session = notice()
    session.sender = "a@far.test"
    assert judge(session).sender == ""


def test_replies_to_one_address_are_limited_by_the_hour(judge: Callable[[Session], Verdict], clock: Clock) -> None:
    assert [judge(reply()) for _ in range(REPLIES_AN_HOUR)] == [ACCEPT] * REPLIES_AN_HOUR
    assert judge(reply()) == DISCARD
    assert judge(reply("A@FAR.test")) == DISCARD
    assert judge(reply("b@far.test")) == ACCEPT
    assert judge(reply(From="other@our.test")) == ACCEPT
    clock.now += HOUR_S - 1
    assert judge(reply()) == DISCARD
    clock.now += 2
    assert judge(reply()) == ACCEPT


def test_error_mail_counts_as_a_reply(judge: Callable[[Session], Verdict]) -> None:
    error = mail("", "a@far.test", From="box@our.test", Content_Type='multipart/report; report-type="disposition-notification"')
    assert [judge(error) for _ in range(REPLIES_AN_HOUR + 1)][-2:] == [ACCEPT, DISCARD]


def test_notices_to_one_address_may_be_more(judge: Callable[[Session], Verdict]) -> None:
    assert [judge(notice()) for _ in range(NOTICES_AN_HOUR + 1)][-2:] == [ACCEPT, DISCARD]


def test_all_that_an_address_writes_is_limited(judge: Callable[[Session], Verdict], clock: Clock) -> None:
    assert all(judge(reply(f"a{number}@far.test")) == ACCEPT for number in range(ALL_AN_HOUR))
    assert judge(reply("last@far.test")) == DISCARD
    assert judge(reply("last@far.test", From="other@our.test")) == ACCEPT
    clock.now += HOUR_S + 1
    assert judge(reply("last@far.test")) == ACCEPT


def test_what_was_dropped_does_not_prolong_the_hour(judge: Callable[[Session], Verdict], clock: Clock) -> None:
    for _ in range(REPLIES_AN_HOUR + 50):
        judge(reply())
    clock.now += HOUR_S + 1
    assert judge(reply()) == ACCEPT


def test_old_counts_are_forgotten(clock: Clock) -> None:
    limits = wayout.Limits(clock)
    for number in range(100):
        limits.allow(f"box{number}@our.test", ["a@far.test"], 10)
    clock.now += HOUR_S + 1
    limits.allow("box@our.test", ["a@far.test"], 10)
    assert len(limits.times) == 2


@pytest.mark.parametrize("headers", [{}, {"Auto_Submitted": "no"}, {"Auto_Submitted": "No (person)"}, {"Content_Type": "text/plain"}])
def test_what_a_person_wrote_is_not_counted(judge: Callable[[Session], Verdict], headers: dict[str, str]) -> None:
    assert {judge(mail(to="b@far.test", **headers)).action for _ in range(ALL_AN_HOUR + 1)} == {Action.CONTINUE}


def test_a_reply_of_somebody_elses_that_is_sent_on_is_not_counted(judge: Callable[[Session], Verdict]) -> None:
    sent_on = [
        mail("", Auto_Submitted="auto-replied"),
        mail("", "b@far.test", Auto_Submitted="auto-replied", X_Sieve_Redirected_From="box@our.test"),
    ]
    assert all(judge(session) == ACCEPT for session in sent_on for _ in range(ALL_AN_HOUR + 1))


def test_notifications_of_the_bounce_handler_are_not_counted(judge: Callable[[Session], Verdict]) -> None:
    for helo, kind in ((BOUNCES_HELO, "auto-replied"), (PANEL_HELO, "auto-generated")):
        assert all(judge(mail("", "a@far.test", helo, Auto_Submitted=kind)) == ACCEPT for _ in range(50))


# --- postsrsd's tables
def asked(answer: str, question: Callable[[Port], Awaitable[object]]) -> tuple[str, object]:
    """What the table was asked, and what became of its answer."""

    async def run() -> tuple[str, object]:
        heard: list[str] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append((await reader.readline()).decode().rstrip("\n"))
            writer.write(answer.encode())
            writer.close()

        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()
            return heard, await question(port)  # type: ignore[return-value]

    heard, found = asyncio.run(run())
    return heard[0], found


def test_the_table_is_asked_for_tag_and_sender() -> None:
    heard, found = asked(f"200 SRS0=h=t=far.test={MARK}=a@{HOST}\n", lambda port: rewritten(port, "a@far.test", MARK))
    assert heard == f"get {MARK}=a@far.test"
    assert found == f"SRS0=h=t=far.test={MARK}=a@{HOST}"


def test_percent_and_bytes_that_are_no_text_are_carried_encoded() -> None:
    heard, found = asked(f"200 SRS0=h=t=far.test==a%25b%FF@{HOST}\n", lambda port: rewritten(port, "a%b\udcff@far.test", ""))
    assert heard == "get =a%25b%FF@far.test"
    assert found == f'"SRS0=h=t=far.test==a%b\udcff"@{HOST}'


def test_a_quoted_local_part_is_quoted_as_a_whole() -> None:
    heard, found = asked(f"200 SRS0=h=t=far.test=={'a b'}@{HOST}\n", lambda port: rewritten(port, '"a b"@far.test', ""))
    assert heard == "get =a%20b@far.test"
    assert found == f'"SRS0=h=t=far.test==a b"@{HOST}'


@pytest.mark.parametrize("answer", ["400 not now\n", "", "500 no\n", "what\n"])
def test_no_answer_means_wait(answer: str) -> None:
    with pytest.raises(SrsDown):
        asked(answer, lambda port: rewritten(port, "a@far.test", MARK))


def test_what_it_undoes_is_the_sender_and_the_tag() -> None:
    for local, origin in (
        (f"{MARK}=a", Origin(MARK, "a@far.test")),
        (f"{MARK.upper()}=a", Origin(MARK, "a@far.test")),
        ("=a", Origin("", "a@far.test")),
        (f"{MARK}==a=b", Origin(MARK, "=a=b@far.test")),
        (f"={MARK}=a", Origin("", f"{MARK}=a@far.test")),
        (f"{MARK}=a b", Origin(MARK, '"a b"@far.test')),
    ):
        _, found = asked(f"200 {local}@far.test\n", lambda port: undone(port, f"SRS0=x@{HOST}"))
        assert found == origin, local


def test_what_it_does_not_know_is_nobody() -> None:
    assert asked("500 Hash invalid\n", lambda port: undone(port, f"SRS0=x@{HOST}"))[1] is None
    assert asked("200 a@far.test\n", lambda port: undone(port, f"SRS0=x@{HOST}"))[1] is None


def test_nobody_listening_means_wait() -> None:
    with pytest.raises(SrsDown):
        asyncio.run(srs.undone(("127.0.0.1", 1), "x@y"))
