"""Rules that never act: the manuals' order again, as screens and API say it."""

from mailsettings.sieve.settings import Condition, Rule
from mailsettings.sieve.useless import useless

IF = (Condition("subject", "contains", "x"),)


def rule(pk: int, action: str, *, everything: bool = False) -> Rule:
    return Rule(pk, "", action, () if everything else IF, destinations=("a@example.net",) if action in ("forward", "notify") else ())


def test_hs_all_mail_disables_what_is_below_it_in_its_group() -> None:
    rules = [rule(1, "forward"), rule(2, "forward", everything=True), rule(3, "forward"), rule(4, "discard")]
    assert useless(rules, "hs", None) == {3: "below_all"}


def test_hs_all_mail_in_the_first_group_disables_the_second_too() -> None:
    rules = [rule(1, "forward"), rule(2, "discard"), rule(3, "bounce", everything=True), rule(4, "discard")]
    assert useless(rules, "hs", True) == {1: "below_all", 4: "below_all"}


def test_hs_with_an_auto_reply_the_second_group_does_not_run() -> None:
    assert useless([rule(1, "discard"), rule(2, "forward"), rule(3, "forward", everything=True)], "hs", True) == {2: "reply", 3: "reply"}


def test_warp_plain_forwarding_comes_last_whatever_its_place() -> None:
    rules = [rule(1, "forward", everything=True), rule(2, "notify"), rule(3, "forward", everything=True)]
    assert useless(rules, "warp", None) == {}
    assert useless([*rules, rule(4, "exempt", everything=True), rule(5, "discard")], "warp", None) == {
        5: "below_all",
        1: "below_all",
        3: "below_all",
    }


def test_standard_and_platinum_try_every_rule() -> None:
    assert useless([rule(1, "forward", everything=True), rule(2, "forward")], "simple", True) == {}
    assert useless([rule(1, "forward"), rule(2, "quarantine", everything=True)], "platinum", True) == {1: "below_all"}
