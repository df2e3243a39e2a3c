"""Asks Pigeonhole what a compiled script does with a mail: `sieve-test`, by way of the code behind "What happens to this mail?"."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mailsettings.servers.programs import PROGRAMS, PYTHON, SOURCE, START
from mailsettings.sieve.compile import domain_script, mailbox_script
from mailsettings.sieve.explain import Explanation, Question, explain
from mailsettings.sieve.sample import Sample, envelope_sender, marked, message_of
from mailsettings.sieve.settings import Condition, DomainFilter, MailboxFilter, Reply, Rule, Spam
from mailsettings.sieve.simulate import Host

ADDRESS = "mia@a.test"
BOX = MailboxFilter(address=ADDRESS, tag="tagofmia", style="simple")
NOBODY = (65534, 65534)
KEPT = [("INBOX", "hello")]


def install(root: Path) -> Host:
    """The real programs, where the mail user can read and run them."""
    modules, folder = root / "lib" / "programs", root / "bin"
    modules.mkdir(parents=True)
    folder.mkdir()
    for path in SOURCE.glob("*.py"):
        shutil.copy(path, modules)
    for name, module in PROGRAMS.items():
        (folder / name).write_text(START.format(python=PYTHON, lib=str(root / "lib"), module=module, more=""))
        (folder / name).chmod(0o755)
    root.chmod(0o755)
    return Host(folder, NOBODY if os.geteuid() == 0 else None)


def rule(number: int, action: str, *conditions: tuple[str, ...], to: Iterable[str] = (), **more: object) -> Rule:
    """A rule by its conditions as (field, operator, value, header)."""
    return Rule(number, f"rule {number}", action, tuple(Condition(*one) for one in conditions), destinations=tuple(to), **more)  # type: ignore[arg-type]


def box(style: str, *rules: Rule, **more: object) -> MailboxFilter:
    return replace(BOX, style=style, rules=rules, **more)  # type: ignore[arg-type]


def mail(sender: str = "Bob <bob@b.test>", subject: str = "hello", **more: object) -> Sample:
    return Sample(sender, str(more.pop("to", ADDRESS)), subject, **more)  # type: ignore[arg-type]


def raw(*lines: str, body: bytes = b"text\r\n") -> bytes:
    """A message with these header lines, and those that it needs besides."""
    names = {line.partition(":")[0].lower() for line in lines}
    rest = [line for line in ("From: bob@b.test", f"To: {ADDRESS}", "Subject: hello") if line.partition(":")[0].lower() not in names]
    return "\r\n".join([*lines, *rest]).encode() + b"\r\n\r\n" + body


REPLY = Reply(body="I am away.", subject="Away", handle="reply-1")
SPAM_HEADER = "X-Spam-Flag: YES"


@dataclass(frozen=True)
class Bench:
    """What becomes of mail."""

    host: Host

    def explain(
        self,
        settings: MailboxFilter | None,
        message: Sample | bytes,
        *,
        sender: str | None = None,
        domain: DomainFilter | None = None,
        **more: object,
    ) -> Explanation:
        text = message_of(message) if isinstance(message, Sample) else marked(message)
        return explain(
            self.host,
            Question(
                ADDRESS,
                text,
                envelope_sender(text) if sender is None else sender,
                domain_script(domain) if domain else None,
                mailbox_script(settings) if settings else None,
                receive=settings.receive if settings else True,
                **more,  # type: ignore[arg-type]
            ),
        )

    def stored(self, *args: object, **more: object) -> list[tuple[str, str]]:
        return [(one.folder, one.subject) for one in self.explain(*args, **more).stored]  # type: ignore[arg-type]

    def sent(self, *args: object, **more: object) -> set[tuple[str, str]]:
        return {(one.to, one.kind) for one in self.explain(*args, **more).sent}  # type: ignore[arg-type]

    def matches(self, condition: tuple[str, ...], message: Sample | bytes, **more: object) -> bool:
        """Whether a rule with this one condition matches."""
        settings = box("simple", rule(1, "forward", condition, to=["x@o.test"]))
        return bool(self.sent(settings, message, **more))


__all__ = ["KEPT", "REPLY", "SPAM_HEADER", "Bench", "DomainFilter", "Spam", "box", "install", "mail", "raw", "rule"]
