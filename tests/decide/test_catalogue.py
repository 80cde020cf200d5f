"""The catalogue: who is a candidate for what, and by which rule not; and actions in files."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.actions import Area, declared
from rapport.decide.catalogue import NOWHERE, RULES, Catalogue, Exclusion, Where, distance_km, is_there
from rapport.decide.catalogue_files import parse
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import ExpressionError, Facts
from rapport.kernel.times import parse_rfc3339
from tests.decide.acting import fault_of, made

NOW = parse_rfc3339("2027-01-01T12:00:00Z")
BEFORE, AFTER = parse_rfc3339("2026-11-30T23:59:59Z"), parse_rfc3339("2027-03-01T00:00:00Z")
COLD = Facts({"boiler": "Heat 3", "name": "Ada"})
HERE = Where(country="GB")
LONDON = {"lat": 51.5, "lon": -0.12, "km": 20}


@pytest.mark.parametrize(
    ("now", "channel", "where", "facts", "rule"),
    [
        (NOW, "inbox", HERE, COLD, None),
        (BEFORE, "inbox", HERE, COLD, "not_yet"),
        (AFTER, "inbox", HERE, COLD, "over"),
        (NOW, "sms", HERE, COLD, "channel"),
        (NOW, "inbox", NOWHERE, COLD, "place"),
        (NOW, "inbox", Where(country="FR"), COLD, "place"),
        (NOW, "inbox", HERE, Facts(), "eligible"),
        (NOW, "email", HERE, COLD, None),
    ],
)
def test_who_is_no_candidate_is_told_by_which_rule(
    now: int, channel: str, where: Where, facts: Facts, rule: str | None
) -> None:
    ready = Catalogue([made()]).ready["boiler"]
    found = ready.excluded(facts, now, channel, (), where)
    assert (None if found is None else found.rule) == rule
    assert rule is None or rule in RULES


def test_what_cannot_be_said_in_their_language_is_no_candidate() -> None:
    ready = Catalogue([made()]).ready["boiler"]
    nameless = Facts({"boiler": "Heat 3"})
    assert ready.excluded(nameless, NOW, "email", ("en",), HERE) is None
    found = ready.excluded(nameless, NOW, "email", ("de",), HERE)
    assert found == Exclusion("content", "{traits.name}: it is absent or withheld, and nothing stands behind an or")


def test_a_condition_that_fails_on_a_customer_excludes_and_says_why() -> None:
    ready = Catalogue([made(eligible="traits.age > 18")]).ready["boiler"]
    found = ready.excluded(Facts({"age": "old"}), NOW, "inbox", (), HERE)
    assert found is not None
    assert found.rule == "eligible"
    assert "kinds that do not go together" in found.said


def test_what_a_later_release_wrote_is_no_candidate_and_breaks_nothing() -> None:
    strange = msgspec.structs.replace(made(), eligible="tomorrow(traits.x)")
    odd = msgspec.structs.replace(made("other"), kind="dance")
    catalogue = Catalogue([strange, odd, made("fine")])
    for name in ("boiler", "other"):
        found = catalogue.ready[name].excluded(COLD, NOW, "inbox", (), HERE)
        assert found is not None
        assert found.rule == "unreadable"
        catalogue.ready[name].rendered(COLD, NOW, "inbox")
    assert catalogue.ready["fine"].excluded(COLD, NOW, "inbox", (), HERE) is None


def test_a_catalogue_knows_what_is_for_a_purpose_and_what_it_looks_at() -> None:
    catalogue = Catalogue([made("b"), made("a"), made("c", purpose="personalisation")])
    some = catalogue.of_purpose("service")
    assert [one.action.id for one in some] == ["a", "b"]
    assert {"boiler", "name", "language"} <= catalogue.needs(some).traits
    assert catalogue.fill(COLD, some, NOW).traits == COLD.traits


def test_a_place_is_a_circle_or_countries_and_who_does_not_share_is_nowhere() -> None:
    circle = Area(**LONDON)
    assert is_there(circle, Where(51.6, -0.1))
    assert not is_there(circle, Where(53.48, -2.24))
    assert not is_there(circle, Where(country="GB"))
    assert not is_there(Area(countries=("GB",)), Where(51.5, -0.12))
    assert distance_km(51.5074, -0.1278, 48.8566, 2.3522) == pytest.approx(343.6, abs=1)


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
def test_any_two_points_are_at_most_half_the_way_round_apart(lat: float, lon: float, to: float, other: float) -> None:
    assert 0 <= distance_km(lat, lon, to, other) <= 20_016


# -- files

FILE = """
[units]
currency = "GBP"
minute = 0.25
kinds.help = { customer = 2, company = 1 }

[action.boiler]
kind = "help"
purpose = "service"
eligible = "has(traits.boiler)"
content.inbox.en = "Your {traits.boiler} is low on water."
content.email.en = { subject = "Water", text = "Low." }
valid.from = 2026-12-01
valid.until = 2027-03-01T00:00:00Z

[[action.boiler.triggers]]
at = 2026-12-01T09:00:00+01:00

[action.thanks]
kind = "thank"
purpose = "service"
content.inbox.en = "Thank you!"
"""


def test_a_file_holds_many_actions_and_the_units() -> None:
    read = parse("acme", FILE.encode())
    assert [one.id for one in read.actions] == ["boiler", "thanks"]
    assert read.units is not None
    assert (read.units.currency, read.units.worth("help").customer) == ("GBP", 2)
    assert read.actions[0].valid.since == parse_rfc3339("2026-12-01T00:00:00Z")
    assert read.actions[0].triggers[0].at == parse_rfc3339("2026-12-01T08:00:00Z")
    assert parse("acme", b"") == ((), None)


@pytest.mark.parametrize(
    ("before", "after", "field", "code"),
    [
        ('kind = "help"', 'kind = "hlep"', "action.boiler.kind", "bad_action"),
        ('purpose = "service"\neli', 'purpose = "x"\neli', "action.boiler.purpose", "unknown_purpose"),
        ('"has(traits.boiler)"', '"has(boiler)"', "action.boiler.eligible", "bad_expression"),
        ("{traits.boiler} is", "{boiler} is", "action.boiler.content.inbox.en.text", "bad_placeholder"),
        ("[action.thanks]", '[action."no id"]', "action.no id", "bad_name"),
        ("[action.thanks]", "[action.silence]", "action.silence", "reserved"),
        ("[action.thanks]", "[action.boiler]", None, "bad_toml"),
        ("[action.thanks]", "[actions.thanks]", "actions", "unknown_field"),
        ("minute = 0.25", "minute = nan", "units.minute", "bad_units"),
        ("minute = 0.25", 'minute = "x"', "units.minute", "bad_type"),
        ("minute = 0.25", "minutes = 1", "units", "bad_type"),
        ("2026-12-01\n", "12:00:00\n", "action.boiler.valid.from", "bad_time"),
        ("Thank you!", "Thank {", "action.thanks.content.inbox.en.text", "bad_placeholder"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_the_action_and_the_field(
    before: str, after: str, field: str | None, code: str
) -> None:
    assert before in FILE
    with pytest.raises(BadInput) as caught:
        parse("acme", FILE.replace(before, after, 1).encode())
    assert (caught.value.field, caught.value.code) == (field, code)


def test_all_that_is_wrong_with_an_expression_in_a_file_is_told() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("acme", FILE.replace("has(traits.boiler)", "cuont() > 1 && trait.x", 1).encode())
    assert len(caught.value.problems) == 2


@given(st.binary())
def test_any_bytes_are_a_file_or_bad_input(body: bytes) -> None:
    fault = fault_of(lambda: parse("acme", body))
    assert fault is None or fault.message


@pytest.mark.parametrize("body", [b"action = 3", b"[action]\na = 1", b"units = 1", b"a=" + b"[" * 5_000, b"\xff"])
def test_odd_files_are_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        parse("acme", body)


def test_the_example_is_a_catalogue_that_mostly_sells_nothing() -> None:
    example = Path(__file__).parents[2] / "examples" / "actions.toml"
    read = parse("demo", example.read_bytes())
    assert len(read.actions) >= 12
    assert sum(one.kind == "offer" for one in read.actions) * 3 <= len(read.actions)
    assert read.units is not None
    catalogue = Catalogue(read.actions, None, read.units)
    assert not any(one.trouble for one in catalogue.ready.values())
    for one in read.actions:
        worth = declared(one, read.units)
        assert one.mandatory or (worth.customer > 0 and worth.company > 0), one.id
