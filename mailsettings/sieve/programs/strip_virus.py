"""filter "strip-virus" platinum|hs: the message without what the scanner found in it (V1).

The milter names each infected part in a header of its own (`X-Tegami-Virus-Part: 1.2 Name-Of-The-Virus`), by the places
that `mime` counts. Where it names none, or one that is not there, the whole content goes: nothing infected stays
because two readings of a message differ.

- platinum: a warning is the mail's text; the original, cleaned, is attached to it.
- hs: the mail stays as it is made; its text begins with a notice.
"""

from __future__ import annotations

import binascii
import re
import sys
from collections.abc import Iterator

from .compose import Edits, header_of, line_break, mixed_instead_of_signed, text_part
from .mime import Buffer, Part, parse
from .stream import end_in_time, read_message, write_message
from .words import body_text, charset_of, codec, file_name, shown

FORMS = ("platinum", "hs")
MOST_NAMED = 20
VERDICT = re.compile(rb"(?im)^X-Tegami-Virus:[ \t]*([^\r\n]*)")
VERDICT_PART = re.compile(rb"(?im)^X-Tegami-Virus-Part:[ \t]*([\d.]{1,300})[ \t]+([^\r\n]*)")
# A multipart that a text may simply be put in front of.
PLAIN_MULTIPART = ("multipart/mixed", "multipart/parallel")
# A longer text is not made anew for the notice's sake.
LONGEST_TEXT = 2 * 1024 * 1024
BOUNDARY = b"=_tegami_virus_%d"

Finding = tuple[str, str]  # the virus' name, the file's name


def main(arguments: list[str]) -> int:
    """0: the cleaned message is on standard output. 1: no such form."""
    end_in_time()
    if len(arguments) != 1 or arguments[0] not in FORMS:
        return 1
    write_message(strip(read_message(), arguments[0]))
    return 0


def strip(raw: Buffer, form: str) -> list[bytes | memoryview]:
    """The message in pieces. Never raises for what the message holds, and never gives back what it could not read."""
    end = _header_end(raw)
    verdict = VERDICT.search(raw, 0, end)
    name = shown(verdict[1].decode("ascii", "replace")) if verdict else "?"
    try:
        root = parse(raw)
        infected = _infected(root, VERDICT_PART.findall(raw[:end]))
        if infected:
            return (_platinum if form == "platinum" else _hs)(raw, root, infected)
    except Exception as error:  # whatever it was: nothing infected may come of it
        sys.stderr.write(f"strip-virus: everything was taken out: {type(error).__name__}\n")
    return [_nothing_left(raw, end, name)]


def _header_end(raw: Buffer) -> int:
    found = re.search(rb"\r?\n\r?\n", raw)
    return found.end() if found else len(raw)


def _infected(root: Part, named: list[tuple[bytes, bytes]]) -> list[tuple[Part, str]]:
    """The parts named, with their viruses; none where one of them is not a leaf of this message."""
    leaves = {part.path: part for part in root.leaves()}
    found = {path.decode(): shown(virus.decode("ascii", "replace")) for path, virus in named}
    return [(leaves[path], virus) for path, virus in found.items()] if found.keys() <= leaves.keys() else []


# --- the two forms
def _platinum(raw: Buffer, root: Part, infected: list[tuple[Part, str]]) -> list[bytes | memoryview]:
    edits = Edits(raw)
    _remove(raw, root, infected, edits)
    return _enclosed(raw, root, warning(_named(infected)), edits)


def _hs(raw: Buffer, root: Part, infected: list[tuple[Part, str]]) -> list[bytes | memoryview]:
    edits = Edits(raw)
    text = notice(_named(infected))
    gone = {part.path for part, _ in infected}
    _remove(raw, root, infected, edits)
    if root.path in gone:
        edits = Edits(raw)
        edits.replace(root.header, root.end, _headed(raw, root, text_part(text, line_break(raw))))
        return edits.pieces()
    if _at_the_head(raw, root, gone, text, edits):
        return edits.pieces()
    if root.type in PLAIN_MULTIPART:
        newline = line_break(raw)
        first = root.children[0]
        edits.replace(first.mark, first.mark, b"--" + root.boundary + newline + text_part(text, newline))
        return edits.pieces()
    return _enclosed(raw, root, text, edits)


def _remove(raw: Buffer, root: Part, infected: list[tuple[Part, str]], edits: Edits) -> None:
    """A small text stands where each infected part stood, so that no container is left empty."""
    newline = line_break(raw)
    for part, virus in infected:
        own = text_part(placeholder(virus, file_name(part)), newline)
        edits.replace(part.header, part.end, _headed(raw, part, own) if part.mark == part.header else own)
    for part in root.walk():
        if part.type == "multipart/signed" and any(_holds(part, other) for other, _ in infected):
            mixed_instead_of_signed(raw, part, edits)


def _holds(part: Part, other: Part) -> bool:
    return part.body <= other.header < part.end


def _headed(raw: Buffer, part: Part, content: bytes) -> bytes:
    """The content under the own header of a message (no delimiter stands before one)."""
    return header_of(raw, part) + b"MIME-Version: 1.0" + line_break(raw) + content


def _enclosed(raw: Buffer, root: Part, text: str, edits: Edits) -> list[bytes | memoryview]:
    """A new message under the old header: the text, then the old message as an attachment."""
    newline, boundary = line_break(raw), _boundary(raw)
    head = [
        _headed(raw, root, b'Content-Type: multipart/mixed; boundary="' + boundary + b'"' + newline * 2),
        b"--" + boundary + newline + text_part(text, newline) + newline,
        b"--" + boundary + newline + b"Content-Type: message/rfc822" + newline,
        b'Content-Disposition: attachment; filename="original.eml"' + newline * 2,
    ]
    return [*head, *edits.pieces(), newline + b"--" + boundary + b"--" + newline]


def _boundary(raw: Buffer) -> bytes:
    number = 0
    while raw.find(BOUNDARY % number) >= 0:
        number += 1
    return BOUNDARY % number


def _nothing_left(raw: Buffer, end: int, virus: str) -> bytes:
    whole = Part("1", 0, 0, end, {})
    return _headed(raw, whole, text_part(everything_removed(virus), line_break(raw)))


# --- the notice at the head of the text
def _at_the_head(raw: Buffer, root: Part, gone: set[str], text: str, edits: Edits) -> bool:
    """Put the notice in front of the first plain text and of the first HTML: which of them is shown is not ours to say."""
    texts = [part for part in _own(root) if part.path not in gone]
    heads = [next((part for part in texts if part.type == kind), None) for kind in ("text/plain", "text/html")]
    done = [_in_front(raw, part, text, edits) for part in heads if part]
    return any(done)


def _own(part: Part) -> Iterator[Part]:
    """The parts that are the mail's own text: nothing attached, and nothing of messages within it."""
    if part.attached or part.type.startswith("message/"):
        return
    if not part.children:
        yield part
    for child in part.children:
        yield from _own(child)


def _in_front(raw: Buffer, part: Part, text: str, edits: Edits) -> bool:
    """In the text's own charset and encoding, so that no byte of what follows changes; where it lacks the letters, in UTF-8."""
    html = part.type == "text/html"
    lines = _in_html(text) if html else f"{text}\n{'-' * 60}\n\n"
    try:
        plain = lines.replace("\n", "\r\n").encode(codec(charset_of(part)) or "us-ascii")
    except UnicodeEncodeError:
        return _made_anew(raw, part, lines, edits)
    encoded = _encoded(plain, part.encoding, line_break(raw))
    if encoded is not None:
        edits.replace(part.body, part.body, encoded)
    return encoded is not None


def _made_anew(raw: Buffer, part: Part, lines: str, edits: Edits) -> bool:
    if part.end - part.body > LONGEST_TEXT:
        return False
    newline = line_break(raw)
    whole = lines + body_text(raw, part).replace("\r\n", "\n")
    edits.replace(part.header, part.end, header_of(raw, part) + text_part(whole, newline, kind=part.type.removeprefix("text/")))
    return True


def _encoded(plain: bytes, encoding: str, newline: bytes) -> bytes | None:
    if encoding == "base64":
        whole = plain + b" " * (-len(plain) % 3)  # ends without padding: what follows is one text with it
        lines = [binascii.b2a_base64(whole[place : place + 57], newline=False) for place in range(0, len(whole), 57)]
        return newline.join([*lines, b""])
    if encoding == "quoted-printable":
        lines = [binascii.b2a_qp(line).replace(b"=\n", b"=" + newline) for line in plain.split(b"\r\n")]
        return newline.join(lines)
    return plain.replace(b"\r\n", newline) if encoding in ("", "7bit", "8bit", "binary") else None


def _in_html(text: str) -> str:
    """In letters that every charset has."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    ascii_only = escaped.encode("ascii", "xmlcharrefreplace").decode()
    return f"<pre>{ascii_only}</pre><hr>\n"


# --- words
def _named(infected: list[tuple[Part, str]]) -> list[Finding]:
    return [(virus, file_name(part)) for part, virus in infected]


def _lines(found: list[Finding], virus: str, file: str, unnamed: str) -> Iterator[str]:
    for name, of_file in found[:MOST_NAMED]:
        yield f"  {virus}: {name}"
        yield f"  {file}: {of_file or unnamed}"
    if len(found) > MOST_NAMED:
        yield f"  … +{len(found) - MOST_NAMED}"


def warning(found: list[Finding]) -> str:
    """platinum's text."""
    return "\n".join([
        "Warning: this mail carried a virus.",
        "The infected part was taken out before delivery. What is left of the mail is attached as it came.",
        *_lines(found, "Virus", "File", "(no name)"),
        "",
        "警告: このメールはウイルスに感染していました。",
        "感染した部分は配送の前に取り除き、残りの内容を元のメールとして添付しました。",
        *_lines(found, "ウイルス名", "ファイル名", "(名前なし)"),
        "",
    ])  # fmt: skip


def notice(found: list[Finding]) -> str:
    """hs' notice."""
    return "\n".join([
        "*** Virus found ***",
        "This mail came with a virus.",
        *_lines(found, "Virus", "File", "(no name)"),
        "  What was done: the infected part was deleted. The rest of the mail is as it came.",
        "",
        "*** ウイルス検出のお知らせ ***",
        "このメールからウイルスが見つかりました。",
        *_lines(found, "ウイルス名", "ファイル名", "(名前なし)"),
        "  処置: 感染した部分を削除しました。それ以外の内容は届いたままです。",
        "",
    ])  # fmt: skip


def placeholder(virus: str, file: str) -> str:
    """What stands where an infected part stood."""
    return (
        f"Deleted here because of a virus: {file or '(no name)'} ({virus})\n"
        f"ウイルスのため削除しました: {file or '(名前なし)'} ({virus})\n"
    )  # fmt: skip


def everything_removed(virus: str) -> str:
    """The text where no part could be told from the others."""
    return (
        "*** Virus found ***\n"
        "This mail came with a virus. It could not be taken out by itself, so the whole content was deleted.\n"
        f"  Virus: {virus}\n"
        "\n"
        "*** ウイルス検出のお知らせ ***\n"
        "このメールからウイルスが見つかりました。ウイルスだけを取り除けないため、内容をすべて削除しました。\n"
        f"  ウイルス名: {virus}\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
