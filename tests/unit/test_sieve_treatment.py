"""What becomes of a mail under each manual's order (requirements F, S, V1): the compiled scripts, run by Pigeonhole."""

from dataclasses import replace

import pytest

from mailsettings.sieve.compile import domain_script, mailbox_script
from mailsettings.sieve.sample import Sample, marked
from mailsettings.sieve.settings import DomainFilter, MailboxFilter, Spam
from mailsettings.sieve.simulate import run
from tests.unit.sieve import ADDRESS, BOX, KEPT, REPLY, Bench, box, mail, raw, rule

CATCH = ("subject", "contains", "catch")
OTHER = ("subject", "contains", "other")
A, B = ("a@o.test", "forward"), ("b@o.test", "forward")
REPLIED = ("bob@b.test", "auto_reply")
NEVER_MIND = DomainFilter("a.test")
NO_COPY = {"keep_copy": False}
BEFORE = f"X-Sieve-Redirected-From: {ADDRESS}"
MOVED = "X-Tegami-Moved: tagofmia"
VIRUS = "X-Tegami-Virus: Eicar"


def test_default_settings_need_no_script() -> None:
    assert mailbox_script(BOX) is None
    assert domain_script(NEVER_MIND) is None


# --- standard
def test_all_mail_is_forwarded_and_kept(sieve: Bench) -> None:
    settings = box("simple", rule(1, "forward", to=["a@o.test"]), rule(2, "forward", to=["b@o.test"]))
    assert sieve.stored(settings, mail()) == KEPT
    assert sieve.sent(settings, mail()) == {A, B}


def test_every_matching_rule_forwards_and_a_destination_gets_it_once(sieve: Bench) -> None:
    settings = box("simple", rule(1, "forward", CATCH, to=["a@o.test", "b@o.test"]), rule(2, "forward", OTHER, to=["a@o.test"]))
    explained = sieve.explain(settings, mail(subject="catch the other"))
    assert [(one.to, one.kind) for one in explained.sent] == [A, B]
    assert sieve.sent(settings, mail(subject="the other")) == {A}
    assert sieve.sent(settings, mail()) == set()


def test_destinations_of_the_same_rules_are_one_redirect() -> None:
    rules = [rule(n, "forward", to=[f"x{n}@o.test"]) for n in range(300)]
    script = mailbox_script(box("simple", *rules))
    assert script
    assert script.text.count("redirect") == 1
    assert len(script.forwards[0]) == 300


def test_300_rules_that_all_match_all_forward_by_few_redirects(sieve: Bench) -> None:
    """Dovecot's mail_duplicate locks end at 100 for one mail, whatever the settings: rules that ask for the same are one."""
    rules = [rule(n, "forward", ("subject", "contains", "hello" if n % 2 else "h"), to=[f"x{n}@o.test"]) for n in range(300)]
    settings = box("simple", *rules)
    script = mailbox_script(settings)
    assert script and len(script.forwards) == 2
    assert len(sieve.sent(settings, mail())) == 300


def test_the_folder_decides_where_the_copy_is_kept_and_the_tag_goes_with_the_forwarded(sieve: Bench) -> None:
    settings = box("simple", rule(1, "forward", to=["a@o.test"]), spam=Spam(tag="[SPAM]", to_folder=True))
    assert sieve.stored(settings, mail(spam=True)) == [("Junk", "[SPAM] hello")]
    assert sieve.sent(settings, mail(spam=True)) == {A}
    assert b"Subject: [SPAM] hello" in sent_by(sieve, settings, raw("X-Spam-Flag: YES"))
    assert sieve.stored(settings, mail()) == KEPT


def test_receive_off_stores_nothing_and_goes_on_forwarding(sieve: Bench) -> None:
    settings = box("simple", rule(1, "forward", to=["a@o.test"]), receive=False, reply=REPLY)
    for message in (mail(), mail(spam=True)):
        assert sieve.stored(settings, message) == []
    assert sieve.sent(settings, mail()) == {A, REPLIED}
    assert sieve.stored(replace(BOX, receive=False), mail()) == []


def sent_by(sieve: Bench, settings: MailboxFilter, message: bytes) -> bytes:
    """The mails that leave, as they are."""
    script = mailbox_script(settings)
    assert script
    return run(sieve.host, {"mailbox": script.text}, None, marked(message), sender="bob@b.test", address=ADDRESS, receive=True).sent


# --- platinum
def test_without_a_copy_only_what_does_not_match_stays(sieve: Bench) -> None:
    settings = box("platinum", rule(1, "forward", CATCH, to=["a@o.test"], **NO_COPY))
    assert (sieve.stored(settings, mail(subject="catch")), sieve.sent(settings, mail(subject="catch"))) == ([], {A})
    assert (sieve.stored(settings, mail()), sieve.sent(settings, mail())) == (KEPT, set())


def test_a_copy_stays_if_one_of_the_matching_rules_keeps_it(sieve: Bench) -> None:
    settings = box("platinum", rule(1, "forward", to=["a@o.test"], **NO_COPY), rule(2, "forward", CATCH, to=["b@o.test"]))
    assert sieve.stored(settings, mail(subject="catch")) == [("INBOX", "catch")]
    assert sieve.stored(settings, mail()) == []


ATTACHED = (
    b"--p\r\nContent-Type: text/plain\r\n\r\nsee this\r\n"
    b'--p\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\n\r\nTHE-FILE\r\n--p--\r\n'
)
WITH_FILE = raw("MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="p"', body=ATTACHED)


def test_attachments_are_gone_from_the_forwarded_copy_and_stay_in_the_stored_one(sieve: Bench) -> None:
    settings = box("platinum", rule(1, "forward", to=["a@o.test", "b@o.test"], strip_attachments=True))
    assert sieve.stored(settings, WITH_FILE) == KEPT
    assert sieve.sent(settings, WITH_FILE) == {A, B}
    assert b"THE-FILE" not in sent_by(sieve, settings, WITH_FILE)


def test_one_destination_gets_both_versions_where_rules_say_both(sieve: Bench) -> None:
    both = box("platinum", rule(1, "forward", to=["a@o.test"]), rule(2, "forward", to=["a@o.test"], strip_attachments=True))
    assert sent_by(sieve, both, WITH_FILE).count(b"THE-FILE") == 1
    assert sent_by(sieve, both, WITH_FILE).count(b"see this") == 2


@pytest.mark.parametrize("keep", [True, False])
def test_a_failing_filter_sends_nothing_and_keeps_a_copy(sieve: Bench, tmp_path_factory: pytest.TempPathFactory, keep: bool) -> None:
    without_programs = Bench(replace(sieve.host, programs=tmp_path_factory.mktemp("none")))
    settings = box("platinum", rule(1, "forward", to=["a@o.test"], strip_attachments=True, keep_copy=keep))
    assert without_programs.stored(settings, WITH_FILE) == KEPT
    assert b"THE-FILE" not in sent_by(without_programs, settings, WITH_FILE)


def test_quarantine_comes_before_forwarding_and_reply_and_stops_both(sieve: Bench) -> None:
    settings = box("platinum", rule(1, "forward", to=["a@o.test"]), rule(2, "quarantine", CATCH), reply=REPLY)
    assert sieve.stored(settings, mail(subject="catch")) == [("Junk", "catch")]
    assert sieve.sent(settings, mail(subject="catch")) == set()
    assert sieve.sent(settings, mail()) == {A, REPLIED}


def test_quarantine_with_receive_off_stores_nothing(sieve: Bench) -> None:
    settings = box("platinum", rule(2, "quarantine", CATCH), receive=False, spam=Spam(to_folder=True, block=("@b.test",)))
    for message in (mail(subject="catch"), mail(), mail("x@c.test", spam=True)):
        assert sieve.stored(settings, message) == []


@pytest.mark.parametrize("message", [mail(""), mail("Bob <>"), raw("From: undisclosed")])
def test_mail_without_a_senders_address_is_quarantined_where_that_is_switched_on(sieve: Bench, message: Sample | bytes) -> None:
    settings = box("platinum", rule(1, "forward", to=["a@o.test"]), spam=Spam(quarantine_empty_sender=True))
    assert (sieve.stored(settings, message), sieve.sent(settings, message)) == ([("Junk", "hello")], set())
    assert sieve.stored(settings, mail("Bob, (Sales) [x] <bob@b.test>")) == KEPT


def test_an_empty_envelope_sender_is_no_sender_either(sieve: Bench) -> None:
    settings = box("platinum", spam=Spam(quarantine_empty_sender=True))
    assert sieve.stored(settings, mail(), sender="") == [("Junk", "hello")]


def test_quarantined_spam_is_neither_forwarded_nor_answered(sieve: Bench) -> None:
    settings = box("platinum", rule(1, "forward", to=["a@o.test"]), spam=Spam(to_folder=True), reply=REPLY)
    assert (sieve.stored(settings, mail(spam=True)), sieve.sent(settings, mail(spam=True))) == ([("Junk", "hello")], set())


def test_tagged_spam_is_not_forwarded_where_that_is_switched_off(sieve: Bench) -> None:
    for skip, sent in ((True, set()), (False, {A})):
        settings = box(
            "platinum", rule(1, "forward", to=["a@o.test"], **NO_COPY), spam=Spam(tag="[spam]", skip_forwarding=skip), reply=REPLY
        )
        assert sieve.sent(settings, mail(spam=True)) == sent
        assert sieve.stored(settings, mail(spam=True)) == ([("INBOX", "[spam] hello")] if skip else [])


# --- hs
HS = (rule(1, "forward", to=["a@o.test"]), rule(2, "discard", CATCH), rule(3, "bounce", OTHER), rule(4, "forward", CATCH, to=["b@o.test"]))


def test_hs_deletes_and_returns_before_it_forwards_and_the_first_match_ends_the_search(sieve: Bench) -> None:
    settings = box("hs", *HS)
    assert (sieve.stored(settings, mail(subject="catch")), sieve.sent(settings, mail(subject="catch"))) == ([], set())
    assert (sieve.stored(settings, mail(subject="other")), sieve.sent(settings, mail(subject="other"))) == ([], {("bob@b.test", "bounce")})
    assert sieve.sent(box("hs", HS[3], HS[0]), mail(subject="catch")) == {B}


def test_hs_with_an_auto_reply_does_not_forward(sieve: Bench) -> None:
    settings = box("hs", *HS, reply=REPLY, reply_excludes_forwarding=True)
    assert sieve.sent(settings, mail()) == {REPLIED}
    assert sieve.stored(settings, mail(subject="catch")) == []
    never = sieve.explain(settings, mail()).never_reached
    assert [step.number for step in never] == [1, 4]


def test_hs_all_mail_in_the_first_group_disables_reply_and_forwarding(sieve: Bench) -> None:
    settings = box("hs", rule(1, "forward", to=["a@o.test"]), rule(2, "discard"), reply=REPLY)
    explained = sieve.explain(settings, mail())
    assert (explained.stored, explained.sent) == ((), ())
    assert [(step.kind, step.number) for step in explained.never_reached] == [("rule", 1), ("auto-reply", None)]


def test_hs_filters_spam_first(sieve: Bench) -> None:
    for spam, stored in ((Spam(to_folder=True), [("Junk", "catch")]), (Spam(tag="[SPAM]"), [("INBOX", "[SPAM] catch")])):
        settings = box("hs", *HS, spam=spam, reply=REPLY)
        message = mail(subject="catch", spam=True)
        assert (sieve.stored(settings, message), sieve.sent(settings, message)) == (stored, set())
    assert sieve.stored(box("hs", *HS), mail(subject="catch", spam=True)) == []


# --- warp
WARP = (
    rule(1, "forward", to=["a@o.test"], **NO_COPY),
    rule(2, "exempt", ("attachment", "exists")),
    rule(3, "notify", ("from", "contains", "boss"), to=["phone@o.test"]),
    rule(4, "refuse", ("from", "contains", "evil")),
    rule(5, "discard", ("subject", "begins", "未承諾広告")),
    rule(6, "forward", ("spam", "is", "yes"), ("importance", "is", "high"), to=["b@o.test"], **NO_COPY),
)


@pytest.mark.parametrize(
    ("message", "stored", "sent"),
    [
        (mail(), [], {A}),
        (mail(attachment=True), KEPT, set()),
        (mail("The boss <boss@b.test>"), KEPT, {("phone@o.test", "notify")}),
        (mail("evil@b.test"), [("Refused", "hello")], set()),
        (mail(subject="未承諾広告※"), [], set()),
        (mail(importance="high", spam=True), [], {B}),
        (mail("evil boss <x@b.test>", attachment=True), KEPT, set()),
    ],
)
def test_warp_ends_with_the_first_rule_and_forwards_the_rest(sieve: Bench, message: Sample, stored: object, sent: object) -> None:
    settings = box("warp", *WARP)
    assert (sieve.stored(settings, message), sieve.sent(settings, message)) == (stored, sent)


def test_warp_puts_spam_aside_after_the_rules_and_before_reply_and_plain_forwarding(sieve: Bench) -> None:
    settings = box("warp", *WARP, spam=Spam(to_folder=True), reply=REPLY)
    assert (sieve.stored(settings, mail(spam=True)), sieve.sent(settings, mail(spam=True))) == ([("Junk", "hello")], set())
    rescued = mail(importance="high", spam=True)
    assert (sieve.stored(settings, rescued), sieve.sent(settings, rescued)) == ([], {B})
    assert sieve.sent(settings, mail()) == {A, REPLIED}


def test_of_a_refused_mail_the_header_is_kept(sieve: Bench) -> None:
    script = mailbox_script(box("warp", rule(1, "refuse")))
    assert script and 'filter "headers-only"' in script.text


@pytest.mark.parametrize("message", [raw("Auto-Submitted: auto-replied"), raw("Auto-Submitted: auto-generated (x)")])
def test_programs_are_not_announced(sieve: Bench, message: bytes) -> None:
    settings = box("warp", rule(1, "notify", to=["phone@o.test"]))
    assert sieve.sent(settings, message) == set()
    assert sieve.sent(settings, mail(), sender="") == set()
    assert sieve.sent(settings, raw("Auto-Submitted: no")) == {("phone@o.test", "notify")}


def test_a_notice_says_sender_subject_and_recipient_in_plain_text(sieve: Bench) -> None:
    settings = box("warp", rule(1, "notify", to=["phone@o.test"]))
    notice = sent_by(sieve, settings, raw("From: =?utf-8?B?5bGx55Sw?= <y@b.test>", "Subject: =?utf-8?Q?50% &body=x?=")).decode()
    assert "Subject: =?utf-8?b?5Y+X5L+h6YCa55+l?=" in notice  # 受信通知
    assert "From: 山田 <y@b.test>" in notice and "Subject: 50% &body=x" in notice and f"To: {ADDRESS}" in notice
    assert "charset=utf-8" in notice and "Auto-Submitted: auto-notified" in notice


# --- error mail
@pytest.mark.parametrize("auth", ["fail", "none", ""])
def test_error_mail_only_to_senders_that_are_proven(sieve: Bench, auth: str) -> None:
    script = mailbox_script(box("hs", rule(1, "bounce")))
    assert script
    message = raw(f"X-Tegami-Auth: {auth}") if auth else raw()
    found = run(sieve.host, {"mailbox": script.text}, None, message, sender="bob@b.test", address=ADDRESS, receive=True)
    assert (found.stored, found.sent.count(b"Content-Type: message/disposition-notification")) == ((), 0)


def test_error_mail_never_for_spam_or_an_empty_sender(sieve: Bench) -> None:
    settings = box("hs", rule(1, "bounce"))
    assert sieve.sent(settings, mail()) == {("bob@b.test", "bounce")}
    assert sieve.sent(settings, mail(spam=True)) == set()
    assert sieve.sent(settings, mail(), sender="") == set()


# --- loops
def test_what_comes_back_is_a_copy_too_many(sieve: Bench) -> None:
    for address in (ADDRESS, "mia+x@a.test"):
        for settings in (box("simple", rule(1, "forward", to=["a@o.test"]), reply=REPLY), box("warp", *WARP, reply=REPLY)):
            explained = sieve.explain(settings, raw(f"X-Sieve-Redirected-From: {address}"))
            assert (explained.stored, explained.sent) == ((), ())


def test_what_comes_back_stays_if_no_copy_was_kept_before(sieve: Bench) -> None:
    settings = box("platinum", rule(1, "forward", to=["a@o.test"], **NO_COPY), rule(2, "quarantine", CATCH), reply=REPLY)
    assert b"X-Tegami-Moved: tagofmia" in sent_by(sieve, settings, raw())
    assert (sieve.stored(settings, raw(BEFORE, MOVED)), sieve.sent(settings, raw(BEFORE, MOVED))) == (KEPT, set())
    assert sieve.stored(settings, raw(BEFORE, MOVED, "Subject: catch")) == [("Junk", "catch")]


def test_who_forwarded_it_elsewhere_does_not_matter(sieve: Bench) -> None:
    settings = box("simple", rule(1, "forward", to=["a@o.test"]))
    assert sieve.sent(settings, raw("X-Sieve-Redirected-From: other@a.test")) == {A}


# --- viruses
@pytest.mark.parametrize("style", ["simple", "platinum", "hs", "warp"])
def test_infected_mail_never_leaves_by_any_rule(sieve: Bench, style: str) -> None:
    actions = [rule(1, "notify", to=["p@o.test"]), rule(2, "bounce", CATCH), rule(3, "forward", to=["a@o.test"], **NO_COPY)]
    settings = box(style, *actions, reply=REPLY, spam=Spam(tag="[SPAM]"))
    assert (sieve.stored(settings, raw(VIRUS)), sieve.sent(settings, raw(VIRUS))) == (KEPT, set())
    assert sieve.stored(replace(settings, receive=False), raw(VIRUS)) == []


def test_infected_mail_is_deleted_or_stripped_as_the_plan_says(sieve: Bench) -> None:
    assert sieve.stored(BOX, raw(VIRUS), domain=DomainFilter("a.test", "delete")) == []
    for form in ("strip", "strip_notice"):
        (stored,) = sieve.explain(BOX, raw(VIRUS, "X-Tegami-Virus-Part: 1 Eicar"), domain=DomainFilter("a.test", form)).stored
        assert stored.folder == "INBOX"
    assert sieve.stored(BOX, raw(), domain=DomainFilter("a.test", "delete")) == KEPT


def test_if_the_program_fails_infected_mail_does_not_reach_the_inbox(sieve: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    without_programs = Bench(replace(sieve.host, programs=tmp_path_factory.mktemp("none")))
    assert without_programs.stored(BOX, raw(VIRUS), domain=DomainFilter("a.test", "strip")) == [("Junk", "hello")]


# --- allowed and blocked senders, domain filters
def test_who_is_allowed_is_no_spam(sieve: Bench) -> None:
    spam = Spam(to_folder=True, tag="[SPAM]", allow=("bob@b.test", "@c.test"))
    for message in (mail(spam=True), mail("Eve (x), y <eve@C.test>", spam=True)):
        assert sieve.stored(box("platinum", spam=spam, reply=REPLY), message) == KEPT
    for sender in ("bob@b.test.example", "bob@b.test <eve@d.test>", "x@sub.c.test"):
        assert sieve.stored(box("platinum", spam=spam), mail(sender, spam=True), sender="eve@d.test") == [("Junk", "hello")]


def test_who_is_blocked_goes_to_the_spam_folder_unless_allowed(sieve: Bench) -> None:
    settings = box("simple", rule(1, "forward", to=["a@o.test"]), spam=Spam(allow=("bob@b.test",), block=("@b.test",)))
    assert (sieve.stored(settings, mail()), sieve.sent(settings, mail())) == (KEPT, {A})
    assert (sieve.stored(settings, mail("eve@b.test")), sieve.sent(settings, mail("eve@b.test"))) == ([("Junk", "hello")], set())


def test_a_domains_lists_and_filters_come_first(sieve: Bench) -> None:
    rules = (rule(1, "discard", CATCH), rule(2, "quarantine", OTHER), rule(3, "bounce", ("subject", "is", "no")))
    domain = DomainFilter("a.test", rules=rules, allow=("bob@b.test",), block=("@evil.test",))
    settings = box("platinum", rule(1, "forward", to=["a@o.test"]), spam=Spam(to_folder=True, allow=("@evil.test",)))
    cases: tuple[tuple[Sample, list[tuple[str, str]], set[tuple[str, str]]], ...] = (
        (mail(subject="catch"), [], set()),
        (mail(subject="other"), [("Junk", "other")], set()),
        (mail(subject="no"), [], {("bob@b.test", "bounce")}),
        (mail("x@evil.test"), [("Junk", "hello")], set()),
        (mail(spam=True), KEPT, {A}),
        (mail("x@c.test", spam=True), [("Junk", "hello")], set()),
    )
    for message, stored, sent in cases:
        assert sieve.stored(settings, message, domain=domain) == stored
        assert sieve.sent(settings, message, domain=domain) == sent
    assert sieve.stored(replace(settings, receive=False), mail(subject="other"), domain=domain) == []


def test_another_domains_word_about_a_sender_is_not_ours(sieve: Bench) -> None:
    settings = box("platinum", spam=Spam(to_folder=True))
    assert sieve.stored(settings, raw("X-Spam-Flag: YES", "X-Tegami-Allowed: b.test")) == [("Junk", "hello")]
    assert sieve.stored(settings, raw("X-Spam-Flag: YES", "X-Tegami-Allowed: a.test")) == KEPT


# --- the tag
@pytest.mark.parametrize(
    ("subject", "tagged"),
    [
        ("hello", "[SPAM] hello"),
        ("=?iso-2022-jp?B?GyRCTCQ+NUJ6GyhC?=", "[SPAM] 未承諾"),
        ("=?utf-8?B?5pyq5om/6Ku+?= mixed", "[SPAM] 未承諾 mixed"),
        ("[SPAM] again", "[SPAM] again"),
        ("Re: [spam] again", "Re: [spam] again"),
        ('"quoted" \\ ${subject}', '[SPAM] "quoted" \\ ${subject}'),
    ],
)
def test_spam_is_tagged_once_in_any_charset(sieve: Bench, subject: str, tagged: str) -> None:
    settings = box("simple", spam=Spam(tag="[SPAM]"))
    assert sieve.stored(settings, raw("X-Spam-Flag: YES", f"Subject: {subject}")) == [("INBOX", tagged)]


def test_a_mail_without_subject_gets_the_tag_as_its_subject(sieve: Bench) -> None:
    message = b"X-Spam-Flag: YES\r\nFrom: x@b.test\r\n\r\nx\r\n"
    assert sieve.stored(box("simple", spam=Spam(tag="[SPAM]")), message) == [("INBOX", "[SPAM]")]


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        (1, mail()),
        (2, mail(attachment=True)),
        (3, mail("boss@b.test")),
        (4, mail("evil@b.test")),
        (5, mail(subject="未承諾広告")),
        (6, mail(spam=True, importance="high")),
    ],
)
def test_taking_a_rule_out_changes_what_becomes_of_its_mail(sieve: Bench, left_out: int, message: Sample) -> None:
    settings, fewer = box("warp", *WARP), box("warp", *(one for one in WARP if one.id != left_out))
    assert (sieve.stored(settings, message), sieve.sent(settings, message)) != (sieve.stored(fewer, message), sieve.sent(fewer, message))
