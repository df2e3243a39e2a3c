"""Conditions, asked of the real interpreter: each with mail that it matches and mail that it does not."""

import base64

import pytest

from mailsettings.sieve.sample import Sample
from tests.unit.sieve import Bench, mail, raw

JIS = "=?iso-2022-jp?B?" + base64.b64encode("未承諾広告※のお知らせ".encode("iso-2022-jp")).decode() + "?="
UTF8 = "=?utf-8?B?" + base64.b64encode("未承諾広告※のお知らせ".encode()).decode() + "?="
SPLIT = (
    "=?utf-8?B?"
    + base64.b64encode("未承諾".encode()).decode()
    + "?=\r\n =?utf-8?Q?"
    + "".join(f"={b:02X}" for b in "広告※の".encode())
    + "?="
)
ATTACHED = (
    b'--p\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n' + "本文の会議".encode("iso-2022-jp")
    + b'\r\n--p\r\nContent-Type: application/pdf\r\nContent-Disposition:\r\n ATTACHMENT; filename="a.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\naGlkZGVu\r\n--p--\r\n"
)  # fmt: skip
MIXED = raw("MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="p"', body=ATTACHED)
BASE64_BODY = raw(
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    body=base64.b64encode("会議です".encode()),
)
INLINE = raw("MIME-Version: 1.0", "Content-Type: image/png", 'Content-Disposition: inline; filename="attachment.png"', body=b"x")

MATCHES = [
    # keyword in the subject, whatever the mail's charset and encoding
    (("subject", "contains", "未承諾広告"), raw(f"Subject: {JIS}"), raw("Subject: =?iso-2022-jp?B?GyRCMnE1RBsoQg==?=")),
    (("subject", "contains", "未承諾広告"), raw(f"Subject: {UTF8}"), mail(subject="未承認")),
    (("subject", "contains", "未承諾広告"), raw(f"Subject: {SPLIT}"), mail(subject="広告")),
    (("subject", "begins", "未承諾広告※"), raw(f"Subject: {JIS}"), mail(subject="Re: 未承諾広告※")),
    (("subject", "ends", "お知らせ"), raw(f"Subject: {JIS}"), mail(subject="お知らせです")),
    (("subject", "is", "未承諾広告※のお知らせ"), raw(f"Subject: {JIS}"), mail(subject="未承諾広告※のお知らせ!")),
    # letters are compared without case, those beyond ASCII too
    (("subject", "contains", "SALE"), mail(subject="summer sale now"), mail(subject="sal e")),
    (("subject", "is", "Sale"), mail(subject="sALE"), mail(subject="sales")),
    (("subject", "contains", "ÄRGER"), mail(subject="viel ärger"), mail(subject="arger")),
    (("subject", "begins", "Sale (1.0)"), mail(subject="sale (1.0)!"), mail(subject="Sale x1x0x")),
    (("subject", "is", "привет ."), mail(subject="ПРИВЕТ ."), mail(subject="привет !")),
    # what means something in patterns stands for itself
    (("subject", "begins", "a*b"), mail(subject="A*bc"), mail(subject="aXbc")),
    (("subject", "ends", "why?"), mail(subject="but why?"), mail(subject="but whyx")),
    (("subject", "begins", "\\*"), mail(subject="\\*x"), mail(subject="*x")),
    (("subject", "contains", 'he said "no" \\o/'), mail(subject='and he said "no" \\o/ !'), mail(subject="he said no")),
    (("subject", "contains", "${subject}"), mail(subject="a ${subject} b"), mail(subject="subject")),
    (("subject", "contains", "${hex:41}"), mail(subject="${hex:41}"), mail(subject="A")),
    (("subject", "contains", "${dollar}"), mail(subject="${dollar}"), mail(subject="$")),
    (("subject", "contains", " * "), mail(subject="5 * 3"), mail(subject="5*3")),
    (("subject", "not_contains", "sale"), mail(subject="hello"), mail(subject="Sale!")),
    (("subject", "exists"), mail(subject="x"), raw("Subject: ")),
    (("subject", "empty"), mail(subject=""), mail(subject="x")),
    # sender: the name, decoded, and the address; otherwise the address alone
    (("from", "contains", "山田"), raw("From: =?utf-8?B?5bGx55SwIOWkqumDjg==?= <y@b.test>"), mail("山口 <y@b.test>")),
    (("from", "contains", "@b.test"), mail("Bob <x@B.Test>"), mail("Bob <x@c.test>")),
    (("from", "contains", 'Bob "the boss"'), mail('"Bob \\"the boss\\"" <x@b.test>'), mail("Bob the boss <x@b.test>")),
    (("from", "contains", "a\\b"), mail('"a\\\\b" <x@b.test>'), mail("ab <x@b.test>")),
    (("from", "is", "bob@b.test"), mail('"alice@b.test" <BOB@b.test>'), mail('"bob@b.test" <alice@b.test>')),
    (("from", "is", "bob@b.test"), mail("Bob [Sales], Tokyo: x; (1 <bob@b.test>"), mail("Bob <bob@b.test.example>")),
    (("from", "begins", "news-"), mail("News <news-1@b.test>"), mail("news-1 <x@b.test>")),
    (("from", "ends", "@b.test"), mail("x <x@b.test>"), mail("x@b.test <x@c.test>")),
    (("from", "ends", "@Ärger.test"), raw("From: x@xn--rger-koa.test"), mail("x@arger.test")),
    (("from", "contains", "日本.test"), mail("x@日本.test"), mail("x@本.test")),
    (("from", "empty"), mail("Nobody <>"), mail("x@b.test")),
    (("from", "exists"), mail("Bob, Tokyo <x@b.test>"), mail("")),
    # recipient: To and Cc
    (("to", "contains", "sales"), mail(to="Sales team <x@a.test>"), mail(to="x@a.test")),
    (("to", "is", "sales@a.test"), raw("Cc: S <sales@a.test>, x@a.test"), mail(to="sales@a.test.example")),
    (("to", "begins", "sales"), mail(to="x@a.test, Sales-jp@a.test"), mail(to="Sales <x@a.test>")),
    # a header by its name
    (("header", "contains", "重要", "X-Label"), mail(header={"X-Label": "これは重要です"}), mail(header={"X-Labels": "これは重要です"})),
    (("header", "is", "5", "X-Order"), mail(header={"X-Order": "5"}), mail(header={"X-Order": "55"})),
    (("header", "exists", "", "X-Order"), mail(header={"X-Order": "5"}), mail()),
    (("header", "empty", "", "X-Order"), mail(), mail(header={"X-Order": "5"})),
    (("header", "not_contains", "5", "X-Order"), mail(), mail(header={"X-Order": "5"})),
    # any header at all, by the program
    (("header", "contains", "重要"), raw("X-Any: =?utf-8?B?44GT44KM44Gv6YeN6KaB?="), mail(subject="普通")),
    (("header", "contains", 'x "y" \\z'), mail(header={"X-Any": 'X "y" \\Z'}), mail(header={"X-Any": "x y z"})),
    (("header", "not_contains", "重要"), mail(subject="普通"), mail(subject="重要")),
    # text, decoded, and none of an attachment's
    (("body", "contains", "会議"), MIXED, raw(body="会合".encode())),
    (("body", "contains", "会議"), BASE64_BODY, mail()),
    (("body", "not_contains", "hidden"), MIXED, raw(body=b"a hidden word")),
    # importance, by whichever header
    (("importance", "is", "high"), raw("Importance: High"), mail()),
    (("importance", "is", "high"), raw("X-Priority: 1 (Highest)"), raw("X-Priority: 3")),
    (("importance", "is", "high"), raw("Priority: urgent"), raw("Priority: normal")),
    (("importance", "is", "low"), raw("X-Priority: 5"), raw("Importance: normal")),
    (("importance", "is", "low"), raw("Priority: non-urgent"), mail(importance="high")),
    (("importance", "is", "normal"), mail(), mail(importance="low")),
    # an attachment is a part that says so
    (("attachment", "exists"), MIXED, INLINE),
    (("attachment", "exists"), mail(attachment=True), mail()),
    (("attachment", "empty"), mail(), mail(attachment=True)),
    # the verdict
    (("spam", "is", "yes"), mail(spam=True), mail()),
    (("spam", "is", "no"), mail(), mail(spam=True)),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "matching", "other"), MATCHES, ids=[f"{n} {' '.join(one[0][:3])}" for n, one in enumerate(MATCHES)])
def test_a_condition_matches_what_it_says(
    sieve: Bench, condition: tuple[str, ...], matching: Sample | bytes, other: Sample | bytes
) -> None:
    assert sieve.matches(condition, matching)
    assert not sieve.matches(condition, other)
