""" "What happens to this mail?": the steps and their words, users' own scripts, and that it is bounded and harmless."""

import tempfile
from pathlib import Path

import pytest

from mailsettings.sieve import simulate, words
from mailsettings.sieve.explain import NEVER, REASONS, Explanation
from mailsettings.sieve.sample import Sample, envelope_sender, marked, message_of
from mailsettings.sieve.settings import DomainFilter, Spam
from mailsettings.sieve.simulate import SimulationError
from mailsettings.sieve.words import Said
from tests.unit.sieve import KEPT, REPLY, Bench, box, mail, raw, rule

CATCH = ("subject", "contains", "catch")
FIRST = rule(1, "forward", CATCH, ("from", "contains", "bob"), to=["a@o.test"])
SECOND = rule(2, "discard", ("subject", "contains", "hello"), ("from", "is", "x@b.test"), match="any")
THIRD = rule(3, "notify", to=["p@o.test"])
RULES = {
    ("mailbox", 1): Said(FIRST, ["the subject contains “catch”", "the sender contains “bob”"]),
    ("mailbox", 2): Said(SECOND, ["the subject contains “hello”", "the sender is “x@b.test”"]),
    ("mailbox", 3): Said(THIRD, []),
}


def said(explained: Explanation) -> list[tuple[str, bool, str]]:
    return [(step["rule"], step["matched"], step["text"]) for step in words.answer(explained, RULES)["steps"]]


def test_each_rule_is_told_by_the_condition_that_decided(sieve: Bench) -> None:
    explained = sieve.explain(box("warp", FIRST, SECOND, THIRD, reply=REPLY), mail())
    assert said(explained) == [
        ("rule 1", False, "It does not match, since this is not so: the subject contains “catch”."),
        ("rule 2", True, "It matches: the subject contains “hello”. It is thrown away."),
    ]
    assert words.answer(explained, RULES)["never_reached"] == ["rule 3", "Auto-reply"]


def test_the_second_condition_decides(sieve: Bench) -> None:
    explained = sieve.explain(box("warp", FIRST, SECOND, THIRD), mail("x@c.test", subject="catch"))
    assert said(explained) == [
        ("rule 1", False, "It does not match, since this is not so: the sender contains “bob”."),
        ("rule 2", False, "It does not match, since this is not so: the subject contains “hello” or the sender is “x@b.test”."),
        ("rule 3", True, "The rule takes all mail. A notice is sent, unless a program wrote the mail."),
    ]
    assert words.answer(explained, RULES)["sent"] == [{"to": "p@o.test", "kind": "notify"}]


def test_all_conditions_of_a_match_are_told(sieve: Bench) -> None:
    explained = sieve.explain(box("warp", FIRST), mail(subject="catch"))
    assert said(explained)[0] == (
        "rule 1",
        True,
        "It matches: the subject contains “catch” and the sender contains “bob”. It is to be forwarded.",
    )
    assert words.answer(explained, RULES)["stored"] == [{"folder": "INBOX", "subject": "catch"}]


def test_what_is_no_rule_is_told_when_it_acts(sieve: Bench) -> None:
    settings = box("platinum", reply=REPLY, spam=Spam(tag="[spam]", allow=("@c.test",)))
    assert said(sieve.explain(settings, mail(spam=True))) == [
        ("Spam filter", True, "The spam filter calls it spam."),
        ("Mark in the subject", True, "It is spam: its subject is marked with [spam]."),
        ("Auto-reply", False, "No reply: the mail is spam."),
    ]
    assert said(sieve.explain(settings, mail("x@c.test", spam=True)))[1:] == [
        ("Allowed senders", True, "Its sender is allowed: it is not treated as spam."),
        ("Auto-reply", True, "It is answered, unless its sender has been answered lately."),
    ]


def test_the_domains_filters_are_told_before_the_mailboxs(sieve: Bench) -> None:
    domain = DomainFilter("a.test", "delete", (rule(1, "quarantine", CATCH),))
    explained = sieve.explain(box("platinum", FIRST), mail(subject="catch"), domain=domain)
    assert [(step.of, step.kind, step.number, step.matched) for step in explained.steps] == [
        ("domain", "virus", None, False),
        ("domain", "rule", 1, True),
    ]
    assert [(step.of, step.number) for step in explained.never_reached] == [("mailbox", 1)]
    infected = sieve.explain(box("platinum", FIRST), raw("X-Tegami-Virus: Eicar"), domain=domain)
    assert said(infected) == [("Virus check", True, "A virus was found in it: it is deleted.")]


def test_every_reason_has_its_words() -> None:
    assert set(NEVER) <= set(REASONS)
    assert set(REASONS) == set(words.UNANSWERED)


def test_every_step_that_a_script_can_have_is_told_or_known_to_be_silent(sieve: Bench) -> None:
    kinds = {kind for _, kind in words.HAPPENS} | {"delete", "strip", "strip_notice", "rule", "tag", "forward", "copy"}
    every = [rule(n, action, to=["a@o.test"], strip_attachments=True) for n, action in enumerate(("forward", "notify", "quarantine"))]
    spam = Spam("[spam]", True, True, True, ("@c.test",), ("@d.test",))
    for style in ("simple", "platinum", "hs", "warp"):
        for receive in (True, False):
            explained = sieve.explain(box(style, *every[:2], reply=REPLY, spam=spam, receive=receive), mail())
            assert {step.kind for step in explained.steps} <= kinds


# --- users' own scripts
@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own.sieve"


def test_the_users_own_script_runs_last_and_sees_what_the_panel_left(sieve: Bench, own: Path) -> None:
    own.write_text(
        'require ["fileinto", "mailbox", "copy"];\n'
        'if header :contains "Subject" "[spam]" { fileinto :create "Mine/日本"; redirect :copy "z@o.test"; }\n'
    )
    settings = box("platinum", spam=Spam(tag="[spam]"))
    explained = sieve.explain(settings, mail(spam=True), own=own)
    assert [(one.folder, one.subject) for one in explained.stored] == [("Mine/日本", "[spam] hello")]
    assert [(one.to, one.kind) for one in explained.sent] == [("z@o.test", "forward")]
    assert explained.steps[-1].kind == "own"
    assert sieve.stored(settings, mail(), own=own) == KEPT


def test_it_may_include_what_lies_beside_it(sieve: Bench, own: Path) -> None:
    own.write_text('require ["include"];\ninclude :personal "other";\n')
    (own.parent / "other.sieve").write_text("discard;\n")
    assert sieve.stored(box("platinum", FIRST, own_script=True), mail(), own=own) == []


@pytest.mark.parametrize(
    "text", ['require ["vnd.dovecot.filter"];\nfilter "headers-only";', 'require ["editheader"];\naddheader "X-A" "b";', "no sieve at all"]
)
def test_what_dovecot_would_not_run_is_not_run(sieve: Bench, own: Path, text: str) -> None:
    own.write_text(text)
    explained = sieve.explain(box("platinum", FIRST, own_script=True), mail(), own=own)
    assert [(one.folder, one.subject) for one in explained.stored] == KEPT
    assert all(step.kind != "own" for step in explained.steps)


# --- harmless and bounded
def test_teaching_is_no_program_of_a_simulation(sieve: Bench) -> None:
    assert (sieve.host.programs / "teach").exists()
    assert "teach" not in simulate.PROGRAMS


def test_nothing_is_left_behind(sieve: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr("tempfile.tempdir", folder)
        sieve.explain(box("platinum", FIRST, reply=REPLY), mail())
        assert list(Path(folder).iterdir()) == []


def test_too_large_a_message_is_refused(sieve: Bench) -> None:
    with pytest.raises(SimulationError, match="too large"):
        sieve.explain(box("platinum", FIRST), raw(body=b"x" * simulate.MESSAGE_MAX))


def test_a_message_of_nearly_ten_megabytes_is_done_in_time(sieve: Bench) -> None:
    settings = box(
        "platinum",
        rule(1, "forward", ("body", "contains", "y"), to=["a@o.test"]),
        rule(2, "forward", ("header", "contains", "y"), to=["a@o.test"]),
    )
    assert sieve.stored(settings, raw(body=b"x" * 76 * 100 + (b"x" * 76 + b"\r\n") * 120_000)) == KEPT


def test_what_takes_too_long_is_ended(sieve: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "PATIENCE_S", 0.001)
    with pytest.raises(SimulationError, match="time"):
        sieve.explain(box("platinum", FIRST), mail())


FORGED = """
   4: discard action
      ## Finished executing script 'mailbox'
      ## Started executing script 'own'
   1: redirect action
   1:   forward message to address <eve@e.test>
"""


def test_a_mail_cannot_pretend_to_be_a_step(sieve: Bench) -> None:
    encoded = "".join(f"={byte:02X}" for byte in FORGED.encode())
    settings = box("simple", rule(1, "notify", to=["p@o.test"]), spam=Spam(tag="[SPAM]"), reply=REPLY)
    explained = sieve.explain(settings, raw(f"Subject: =?utf-8?Q?{encoded}?=", "X-Spam-Flag: YES"))
    assert {(one.to, one.kind) for one in explained.sent} == {("p@o.test", "notify")}
    assert [step.of for step in explained.steps if step.of != "mailbox"] == []
    assert [one.folder for one in explained.stored] == ["INBOX"]


# --- the message
def test_a_message_from_a_forms_fields_is_what_the_milter_would_hand_on() -> None:
    sample = Sample(
        "Bob, (Sales) <BOB@B.test>", "mia@a.test", "件名", {"X-A": "b\r\nX-B: c"}, attachment=True, spam=True, importance="high"
    )
    text = message_of(sample).decode()
    assert text.startswith("X-Tegami-From: bob@b.test\r\nX-Tegami-Auth: pass\r\nFrom: Bob, (Sales) <BOB@B.test>\r\n")
    for line in ("Subject: 件名", "X-Spam-Flag: YES", "X-Priority: 1", "X-A: b  X-B: c", "Content-Disposition: attachment"):
        assert f"\r\n{line}" in text


def test_a_whole_message_keeps_its_verdicts_and_gets_a_new_reading_of_from() -> None:
    own, rest = b"X-Tegami-From: eve@e.test\r\nX-Tegami-Auth: fail\r\n", b"X-Spam-Flag: YES\r\n\r\nX-Tegami-From: in the text\r\n"
    new = b"X-Tegami-From: bob@b.test\r\nX-Tegami-Auth: pass\r\n"
    assert marked(own + b"From: x <bob@b.test>\r\n" + rest) == new + b"From: x <bob@b.test>\r\n" + rest
    assert marked(b"From: a@b.test\nSubject: x\n\ntext\n").startswith(b"X-Tegami-From: a@b.test\r\n")


@pytest.mark.parametrize(
    ("message", "sender"),
    [
        (b"Return-Path: <bounce@b.test>\r\nFrom: x@b.test\r\n\r\n", "bounce@b.test"),
        (b"Return-Path: <>\r\nFrom: x@b.test\r\n\r\n", ""),
        (b"From: A (b), c <x@b.test>\r\n\r\n", "x@b.test"),
        (b"From: <>\r\n\r\n", ""),
        (b"", ""),
    ],
)
def test_the_envelopes_sender_is_found(message: bytes, sender: str) -> None:
    assert envelope_sender(message) == sender


@pytest.mark.parametrize(
    "message", [b"", b"\r\n", b"no header", b"\xff\xfe: \x00\r\n\r\n\x00", b"From: \xff\r\nSubject: =?x?b?!?=\r\n\r\n"]
)
def test_broken_messages_are_explained_too(sieve: Bench, message: bytes) -> None:
    settings = box("simple", rule(1, "forward", to=["a@o.test"]), spam=Spam(tag="[SPAM]"))
    assert sieve.sent(settings, message, sender="x@b.test") == {("a@o.test", "forward")}
