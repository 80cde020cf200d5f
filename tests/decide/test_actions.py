"""Actions: what can be declared, what cannot, and what each is worth before anything was learnt."""

import math
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.actions import Action, declared, next_version, serves
from rapport.decide.channels import CHANNELS, interrupts
from rapport.decide.kinds import KINDS, SILENCE, Units, Worth, checked_units
from rapport.decide.wishes import ActionWish, action, told_action, wish_of
from rapport.kernel.errors import BadInput, TooLarge
from rapport.kernel.expressions import ExpressionError
from tests.decide.acting import WHOLE, fault_of, made, wishes


@given(wishes())
def test_any_action_that_is_told_and_asked_for_again_is_the_same(wish: dict[str, Any]) -> None:
    first = action("acme", "any", wish_of(wish))
    told = told_action(first)
    assert action("acme", "any", wish_of(told)) == first
    over_the_wire = msgspec.json.decode(msgspec.json.encode(told))
    assert action("acme", "any", wish_of(over_the_wire)) == first
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(first), type=Action) == first


def test_what_is_declared_is_kept() -> None:
    one = made()
    assert (one.kind, one.purpose, one.language, one.currency, one.value, one.cost) == (
        "help",
        "service",
        "en",
        "GBP",
        1.5,
        0.1,
    )
    assert one.benefit is not None
    assert (one.benefit.kind, one.benefit.minutes) == ("minutes_saved", 20)
    assert set(one.content["email"]) == {"en", "de-AT"}
    assert one.triggers[3].days == ("mon", "fri")
    assert one.valid.since is not None
    assert one.valid.until is not None
    assert one.caps.channels["email"].per_month == 1


def test_another_definition_is_another_version_and_the_same_is_none() -> None:
    first = made()
    assert next_version(first, made(), 5) is first
    second = next_version(first, made(cost=0.2), 5)
    assert (second.version, second.at, second.cost) == (2, 5, 0.2)
    again = next_version(second, made(cost=0.2), 9)
    assert again is second


FAULTS: list[tuple[str, Any, str, str]] = [
    ("kind", "sell", "kind", "bad_action"),
    ("kind", 3, "kind", "bad_type"),
    ("kind", SILENCE, "kind", "bad_action"),
    ("purpose", "world peace", "purpose", "unknown_purpose"),
    ("eligible", "traits.plan = 1", "eligible", "bad_expression"),
    ("eligible", '"yes"', "eligible", "bad_expression"),
    ("content", {}, "content", "bad_action"),
    ("content", {"fax": {"en": "x"}}, "content.fax", "unknown_channel"),
    ("content", {"inbox": {}}, "content.inbox", "bad_action"),
    ("content", {"inbox": {"english": "x"}}, "content.inbox.english", "bad_language"),
    ("content", {"inbox": {"en_GB": "x"}}, "content.inbox.en_GB", "bad_language"),
    ("content", {"inbox": {"en-gb": "x", "en-GB": "y"}}, "content.inbox.en-GB", "bad_language"),
    ("content", {"inbox": {"en": ""}}, "content.inbox.en.text", "missing_part"),
    ("content", {"inbox": {"en": " \n"}}, "content.inbox.en.text", "missing_part"),
    ("content", {"inbox": {"en": 5}}, "content.inbox.en", "bad_type"),
    ("content", {"inbox": {"en": {"text": None}}}, "content.inbox.en.text", "bad_type"),
    ("content", {"inbox": "Hello"}, "content.inbox", "bad_type"),
    ("content", ["Hello"], "content", "bad_type"),
    ("content", {"email": {"en": "no subject"}}, "content.email.en.subject", "missing_part"),
    ("content", {"sms": {"en": {"text": "x", "subject": "y"}}}, "content.sms.en.subject", "unknown_part"),
    ("content", {"sms": {"en": "x" * 1_601}}, "content.sms.en.text", "too_large"),
    ("content", {"inbox": {"en": "a\x00b"}}, "content.inbox.en.text", "bad_action"),
    ("content", {"email": {"en": {"subject": "a\nBcc: b", "text": "x"}}}, "content.email.en.subject", "bad_action"),
    ("content", {"inbox": {"en": "{traits.name"}}, "content.inbox.en.text", "bad_placeholder"),
    ("benefit", {"customer": {"kind": "joy", "amount": 1}}, "benefit.customer.kind", "bad_action"),
    ("benefit", {"customer": {"kind": "refund"}}, "benefit.customer", "bad_action"),
    ("benefit", {"customer": {"kind": "refund", "minutes": 3}}, "benefit.customer", "bad_action"),
    ("benefit", {"customer": {"kind": "minutes_saved", "amount": 3}}, "benefit.customer", "bad_action"),
    ("benefit", {"customer": {"kind": "refund", "amount": 1, "minutes": 1}}, "benefit.customer", "bad_action"),
    ("benefit", {"customer": {"kind": "refund", "amount": 1e308}}, "benefit.customer.amount", "bad_action"),
    ("benefit", {"customer": {"kind": "minutes_saved", "minutes": 1e6}}, "benefit.customer.minutes", "bad_action"),
    ("benefit", {"company": {}}, "benefit", "bad_type"),
    ("value", {"company": math.nan}, "value.company", "bad_action"),
    ("value", {"company": math.inf}, "value.company", "bad_action"),
    ("value", {"company": "5"}, "value.company", "bad_type"),
    ("value", {"company": True}, "value.company", "bad_type"),
    ("cost", -0.01, "cost", "bad_action"),
    ("cost", 1e308, "cost", "bad_action"),
    ("cost", 10**400, "cost", "bad_type"),
    ("goals", ["..."], "goals", "bad_action"),
    ("goals", ["x" * 101], "goals", "bad_action"),
    ("goals", [f"goal {place}" for place in range(21)], "goals", "bad_action"),
    ("caps", {"per_day": 0}, "caps.per_day", "bad_action"),
    ("caps", {"per_day": 1.5}, "caps.per_day", "bad_type"),
    ("caps", {"per_hour": 1}, "caps", "bad_type"),
    ("caps", {"per_day": 3, "per_week": 2}, "caps.per_day", "bad_action"),
    ("caps", {"channels": {"sms": {"per_day": 1}}}, "caps.channels.sms", "unknown_channel"),
    ("caps", {"channels": {"email": {"per_day": 2, "per_month": 1}}}, "caps.channels.email.per_day", "bad_action"),
    ("place", {}, "place", "bad_action"),
    ("place", {"lat": 51.5, "lon": 0.1}, "place", "bad_action"),
    ("place", {"lat": 91, "lon": 0.1, "km": 1}, "place.lat", "bad_action"),
    ("place", {"lat": 51, "lon": math.nan, "km": 1}, "place.lon", "bad_action"),
    ("place", {"lat": 51, "lon": 1, "km": 0}, "place.km", "bad_action"),
    ("place", {"countries": ["England"]}, "place.countries", "bad_action"),
    ("place", {"countries": ["GB"], "km": 3}, "place", "bad_action"),
    ("triggers", [{}], "triggers[0]", "bad_action"),
    ("triggers", [{"event": "x"}, {"event": "x", "entered": "y"}], "triggers[1]", "bad_action"),
    ("triggers", [{"entered": "no name"}], "triggers[0].entered", "bad_name"),
    ("triggers", [{"at": "tomorrow"}], "triggers[0].at", "bad_time"),
    ("triggers", [{"at": "0001-01-01T00:00:00+23:59"}], "triggers[0].at", "bad_time"),
    ("triggers", [{"daily": "25:00"}], "triggers[0].daily", "bad_action"),
    ("triggers", [{"daily": "09:00", "days": ["monday"]}], "triggers[0].days", "bad_action"),
    ("triggers", [{"daily": "09:00", "zone": "Mars/Olympus"}], "triggers[0].zone", "bad_action"),
    ("triggers", [{"event": "x", "zone": "UTC"}], "triggers[0]", "bad_action"),
    ("valid", {"from": "2027-01-01", "until": "2026-01-01"}, "valid.until", "bad_action"),
    ("valid", {"from": "2027-01-01", "until": "2027-01-01"}, "valid.until", "bad_action"),
    ("valid", {"from": 5}, "valid.from", "bad_time"),
    ("language", "fr", "language", "bad_action"),
    ("language", "??", "language", "bad_language"),
    ("currency", "pounds", "currency", "bad_currency"),
    ("colour", "red", "action", "bad_type"),
]


@pytest.mark.parametrize(("part", "value", "field", "code"), FAULTS)
def test_what_is_wrong_is_told_with_its_field(part: str, value: Any, field: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        made(**{part: value})
    assert (caught.value.field, caught.value.code) == (field, code)
    assert caught.value.message


@pytest.mark.parametrize("missing", ["kind", "purpose", "content"])
def test_what_is_missing_is_told(missing: str) -> None:
    with pytest.raises(BadInput) as caught:
        made(**{missing: None})
    assert missing in caught.value.message


@pytest.mark.parametrize("name", ["", "9", "a b", "a" * 64, "é", SILENCE])
def test_silence_and_odd_names_are_no_ids(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        made(name)
    assert caught.value.field == "id"
    assert caught.value.code == ("reserved" if name == SILENCE else "bad_name")


def test_what_must_be_said_sells_nothing_and_is_not_capped() -> None:
    notice = {"kind": "notice", "caps": None}
    assert made(**notice).mandatory
    for purpose in ("offers", "advertising", "dpv:DirectMarketing", "dpv:Marketing", "dpv:PersonalisedAdvertising"):
        with pytest.raises(BadInput) as caught:
            made(**notice, purpose=purpose)
        assert caught.value.field == "purpose"
    with pytest.raises(BadInput) as caught:
        made(kind="notice")
    assert caught.value.field == "caps"


def test_content_is_bounded_in_all() -> None:
    tags = [f"{a}{b}" for a in "abcde" for b in "abcdefgh"]
    with pytest.raises(TooLarge) as caught:
        made(content={"web": dict.fromkeys(tags, "x" * 9_000)}, language=None, caps=None)
    assert caught.value.field == "content"


def test_an_expression_that_is_wrong_tells_all_that_is() -> None:
    with pytest.raises(ExpressionError) as caught:
        made(eligible="cuont() > 1 && trait.x")
    assert len(caught.value.problems) == 2


# -- what it is worth


def test_before_anything_was_learnt_an_action_is_worth_what_it_declares_and_its_kind() -> None:
    units = Units("GBP", 0.5)
    assert declared(made(), units) == Worth(20 * 0.5 + 4 * 0.5, 1.5 - 0.1 + 2 * 0.5)
    assert declared(made(), units, minute=1.0) == Worth(20 * 1.0 + 4 * 0.5, 1.5 - 0.1 + 2 * 0.5)
    assert declared(made(kind="offer", benefit=None), units) == Worth(0, 1.4)


def test_an_organization_sets_what_a_kind_is_worth_to_it() -> None:
    own = Units("GBP", 0.5, {"help": Worth(9.0, -1.0)})
    assert own.worth("help") == Worth(9.0, -1.0)
    assert own.worth("thank") == Worth(1.0, 0.5)
    worth = declared(made(benefit=None, cost=0.5), own)
    assert (worth.customer, worth.company) == (9.0, 0.0)


def test_thanks_and_help_can_win_against_silence_and_an_offer_only_by_what_it_declares() -> None:
    for kind in ("thank", "help", "inform", "remind", "invite"):
        worth = Units().worth(kind)
        assert worth.customer > 0
        assert worth.company > 0
    assert Units().worth("offer") == Worth(0, 0)
    assert Units().worth("ask").customer < 0
    assert Units().worth("help").customer == max(Units().worth(kind).customer for kind in KINDS)


@pytest.mark.parametrize(
    ("units", "field"),
    [
        (Units("pounds"), "currency"),
        (Units("GBP", -1), "minute"),
        (Units("GBP", math.nan), "minute"),
        (Units("GBP", 1, {"sell": Worth()}), "kinds"),
        (Units("GBP", 1, {"help": Worth(1e308)}), "kinds.help.customer"),
        (Units("GBP", 1, {"help": Worth(0, math.nan)}), "kinds.help.company"),
    ],
)
def test_units_that_count_nothing_are_refused(units: Units, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        checked_units(units)
    assert caught.value.field == field


# -- the reference


def test_the_reference_tells_kinds_and_channels_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/actions.md").read_text()
    for name, kind in KINDS.items():
        (row,) = re.findall(rf"^\| `{name}` \| (.*) \| (\S+?)(?: minute)? \| (\S+) \|$", page, re.MULTILINE)
        assert row == (kind.tells, f"{kind.minutes.customer:g}".replace("-", "−"), f"{kind.minutes.company:g}")
    for name, channel in CHANNELS.items():
        (row,) = re.findall(
            rf"^\| (?:`[a-z, `]*`, )?`{name}`(?:, `[a-z, `]*`)? \| (yes|no) \| (.*) \|$", page, re.MULTILINE
        )
        assert row[0] == ("yes" if channel.interrupts else "no")
        if row[1] != "as `web`":
            assert set(re.findall(r"`(\w+)`", row[1])) == set(channel.parts)
            told = dict(re.findall(r"`(\w+)` ([0-9,]+[0-9])", row[1]))
            assert told == {part: f"{most:,}" for part, most in channel.parts.items() if part != "link"}


# -- channels and goals


def test_web_and_inbox_never_interrupt_and_what_rings_does() -> None:
    assert not any(map(interrupts, ("web", "inbox", "app", "webhook", "till")))
    assert all(map(interrupts, ("sms", "push", "call", "whatsapp", "email", "watch")))
    assert all("text" in channel.parts and set(channel.needs) <= set(channel.parts) for channel in CHANNELS.values())


def test_an_action_serves_goals_by_their_kind_or_by_their_words() -> None:
    one = made()
    assert serves(one, "spend", "less than 200 a month") == "spend"
    assert serves(one, "words", "I want a WARM, dry home!") == "a warm home"
    assert serves(one, "words", "a warm coat") == ""
    assert serves(one, "visit", "come twice") == ""


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: (
            st.lists(x) | st.dictionaries(st.sampled_from([*ActionWish.__struct_fields__, "en", "inbox", "text"]), x)
        ),
    )
)
def test_whatever_is_asked_for_is_an_action_or_bad_input(raw: Any) -> None:
    fault = fault_of(lambda: action("acme", "any", wish_of(raw)))
    assert fault is None or fault.field


@given(
    st.sampled_from(sorted(WHOLE)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
)
def test_whatever_stands_in_one_part_is_an_action_or_bad_input(part: str, value: Any) -> None:
    fault = fault_of(lambda: action("acme", "any", wish_of({**WHOLE, part: value})))
    assert fault is None or fault.field
