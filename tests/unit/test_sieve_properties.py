"""Whatever people type, it stands in a script as text and as nothing else: seen in what Pigeonhole compiles it to."""

import re
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailsettings.sieve import simulate
from mailsettings.sieve.compile import domain_script, mailbox_script
from mailsettings.sieve.quoting import DOLLAR, comment, letters, pattern, quoted, text_block
from mailsettings.sieve.settings import ACTIONS, STYLES, Condition, DomainFilter, MailboxFilter, Reply, Rule, Spam
from tests.unit.sieve import Bench

Text = Callable[[], str]
HOSTILE = (
    *'"$*?#;.,()[]|^%{} x\\', '\\"', "${", "${spam}", "${dollar}", "${hex:22}", "${unicode:22}", "..", "/*", "*/", '"; discard; #',
    "text:", ":matches", "日本語", "Ä", "ß", "İ", "\u2028", "\u2029", "\ufeff", "\ufffd", "😀", "\u202e", "  ", "keep",
)  # fmt: skip
typed = st.lists(st.sampled_from(HOSTILE) | st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8).map("".join)
FORMS = (
    *((field, operator, "text", "") for field in ("from", "to", "subject") for operator in ("contains", "is", "begins", "ends")),
    ("from", "not_contains", "text", ""), ("subject", "not_contains", "text", ""),
    *(("header", operator, "text", "X-Any") for operator in ("contains", "is", "begins", "ends")),
    ("header", "contains", "text", ""), ("header", "exists", "", "X-Any"), ("subject", "empty", "", ""), ("body", "contains", "text", ""),
    ("importance", "is", "normal", ""), ("attachment", "exists", "", ""), ("spam", "is", "yes", ""),
)  # fmt: skip
DESTINATIONS = ("a@o.test", "o'neil+x@o.test", "a${b}%c@o.test", "x&y=z?q@o.test")
rules = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.lists(st.sampled_from(FORMS), max_size=3),
        st.sampled_from(("all", "any")),
        st.lists(st.sampled_from(DESTINATIONS), unique=True, min_size=1),
        st.booleans(),
        st.booleans(),
    ),
    max_size=5,
)
flags = st.tuples(*[st.booleans()] * 7)
# STR[5] "…" and the like follow in lines of their own, without a line of the script's in front.
OPERATION = re.compile(r"^[0-9a-f]{8}: +\d+: +([A-Z]{2,}.*?)(?: \d+ \[[0-9a-f]+\])?$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sieve: Bench) -> Path:
    """Where scripts are compiled, with the configuration of the simulation."""
    found = tmp_path_factory.mktemp("compiled")
    text = simulate.CONFIGURATION.format(folder=found, owner="", seconds=5, receive="on")
    (found / "dovecot.conf").write_text(text)
    return found


def operations(folder: Path, script: str) -> list[str]:
    """What the script does, without what it does it with. Raises CalledProcessError where it does not compile."""
    (folder / "one.sieve").write_text(script, encoding="utf-8")
    configured = ["-c", str(folder / "dovecot.conf")]
    subprocess.run(["sievec", *configured, "one.sieve", "one.svbin"], cwd=folder, check=True, capture_output=True)
    dump = subprocess.run(["sieve-dump", *configured, "one.svbin"], cwd=folder, check=True, capture_output=True).stdout.decode()
    found = OPERATION.findall(dump.partition("* Main program")[2])
    assert found
    return found[1:] if f"\n{DOLLAR}\n" in script else found


def _rules(shapes: Any, text: Text) -> Iterator[Rule]:
    for number, (action, forms, match, to, keep, strip) in enumerate(shapes):
        conditions = tuple(
            Condition(field, operator, text() if value == "text" else value, header) for field, operator, value, header in forms
        )
        yield Rule(number, text(), action, conditions, match, tuple(to), keep, strip)


def _mailbox(style: str, shapes: Any, flags: Any, text: Text) -> MailboxFilter:
    receive, replies, own_subject, tags, folder, skip, empty = flags
    reply = Reply(f"{text()}\n{text()}\n.\n{text()}", text() if own_subject else None, text(), interval_days=0) if replies else None
    spam = Spam(text() if tags else "", folder, skip, empty, allow=("x@b.test", "@b.test"), block=("@*.test",))
    return MailboxFilter("mia@a.test", "tagofmia", style, receive, tuple(_rules(shapes, text)), reply, skip, spam)


def _typed(texts: list[str]) -> Text:
    turn = count()
    return lambda: texts[next(turn) % len(texts)]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(style=st.sampled_from(STYLES), shapes=rules, flags=flags, texts=st.lists(typed, min_size=1, max_size=6))
@example(
    style="warp",
    shapes=[("notify", [("from", "contains", "text", "")], "all", list(DESTINATIONS), True, False)],
    flags=[True] * 7,
    texts=["${spam}"],
)
def test_a_mailboxs_script_does_the_same_whatever_is_typed(folder: Path, style: str, shapes: Any, flags: Any, texts: list[str]) -> None:
    hostile, plain = (mailbox_script(_mailbox(style, shapes, flags, text)) for text in (_typed(texts), _typed(["plain"])))
    assert hostile and plain
    assert operations(folder, hostile.text) == operations(folder, plain.text)
    assert hostile.forwards == plain.forwards


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(virus=st.sampled_from(("none", "delete", "strip", "strip_notice")), shapes=rules, texts=st.lists(typed, min_size=1, max_size=6))
def test_a_domains_script_does_the_same_whatever_is_typed(folder: Path, virus: str, shapes: Any, texts: list[str]) -> None:
    allowed = [shape for shape in shapes if shape[0] not in ("forward", "notify")]
    both = [
        domain_script(DomainFilter("a.test", virus, tuple(_rules(allowed, text)), ("@b.test",)))
        for text in (_typed(texts), _typed(["plain"]))
    ]
    assert both[0] and both[1]
    assert operations(folder, both[0]) == operations(folder, both[1])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=typed)
def test_every_string_is_read_back_as_it_was_typed(sieve: Bench, text: str) -> None:
    """By a comparison with itself, put together of single letters."""
    letter_by_letter = "".join(f'set "all" "${{all}}{quoted(letter)[1:-1]}";\n' for letter in text)
    block = "\n".join(text_block(text))
    tests = [
        f':is "${{all}}" {quoted(text)}',
        f':matches "${{all}}" {quoted(pattern(text))}',
        f':regex "${{all}}" {quoted("^" + letters(text) + "$")}',
    ]
    script = (
        f'require ["variables", "fileinto", "mailbox", "regex"];\n{DOLLAR}\n# {comment(text)}\n{letter_by_letter}'
        f'if allof (string {", string ".join(tests)}, string :is "${{all}}\n" {block}\n) {{ fileinto :create "same"; }}\n'
    )
    found = simulate.run(
        sieve.host, {"mailbox": script.replace("\n", "\r\n")}, None, b"\r\n\r\n", sender="x@b.test", address="y@a.test", receive=True
    )
    assert [folder for folder, _ in found.stored] == ["same"], found.log


@pytest.mark.parametrize("control", ["\x00", "\x07", "\r", "\n", "\x1b", "\x7f", "\x85", "\ud800"])
def test_controls_are_refused(control: str) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        quoted(f"a{control}b")
    assert comment(f"a{control}b") == "a b"


def test_a_text_keeps_its_lines_and_tabs_and_refuses_other_controls() -> None:
    assert text_block("a\r\n.b\rc\t") == ["text:", "a", "..b", "c\t", "."]
    with pytest.raises(ValueError, match="U\\+0000"):
        text_block("a\x00")


def test_a_name_cannot_leave_its_comment() -> None:
    assert comment("x\r\ndiscard;\x0bkeep;\u2028stop;") == "x  discard; keep; stop;"
    assert len(comment("x" * 500)) == 80
