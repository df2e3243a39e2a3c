"""Plan values: typed, checked, and the presets as the manuals have them."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from accounts.presets import PRESETS
from accounts.rules import Rules, as_json, enforced


@pytest.mark.parametrize(
    ("plan", "key", "value"),
    [
        ("platinum", "mailbox_messages", 50_000),
        ("platinum", "message_size_mb", 20),
        ("platinum", "login_form", "percent"),
        ("platinum", "system_addresses", "reserved"),
        ("hs", "message_size_mb", 30),
        ("hs", "storage_default_mb", None),
        ("hs", "local_part_max", 32),
        ("warp", "message_size_mb", 30),
        ("standard", "message_size_mb", 100),
        ("standard", "storage_default_mb", 1024),
        ("standard", "local_part_min", 2),
        ("plusmail", "message_size_mb", 3),
        ("plusmail", "storage_default_mb", 10),
        ("plusmail", "unique_on_server", True),
        ("plusmail", "recipients_per_day", 1_000),
    ],
)
def test_presets_carry_the_manuals_figures(plan: str, key: str, value: object) -> None:
    assert getattr(Rules.of(PRESETS[plan][1]), key) == value


def test_every_preset_survives_the_database() -> None:
    for _title, values in PRESETS.values():
        rules = Rules.of(values)
        assert Rules.of(as_json(rules)) == rules


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("no_such_value", 1),
        ("message_size_mb", 0),
        ("message_size_mb", 101),
        ("message_size_mb", "20"),
        ("message_size_mb", True),
        ("message_size_mb", None),
        ("group_addresses", 1),
        ("login_form", "by-smile"),
        ("mailbox_messages", 1.5),
        ("mailbox_messages", -1),
        ("retention_inbox_days", ["x"]),
        ("spam_tag", " "),
        ("spam_tag", "[SPAM]\n"),
        ("auto_reply_default_subject", "x" * 101),
        ("forwarding", "by-pigeon"),
    ],
)
def test_a_wrong_value_names_its_key(key: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Rules.of({key: value})
    assert list(caught.value.error_dict) == [key]


def test_overrides_lie_over_the_plan() -> None:
    plan = Rules.of(PRESETS["plusmail"][1])
    assert plan.over({"message_size_mb": 10}).message_size_mb == 10
    assert plan.over({"message_size_mb": 10}).unique_on_server
    assert plan.over({}) is plan


@given(
    st.dictionaries(
        st.sampled_from([*enforced(), "x"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(), st.lists(st.integers())),
    )
)
def test_any_json_is_either_taken_or_refused_properly(values: dict[str, object]) -> None:
    try:
        rules = Rules.of(values)
    except ValidationError:
        return
    assert Rules.of(as_json(rules)) == rules
