"""What an expression sees of a customer is what the gate would tell, as bare values, and nothing that it would not."""

import json
import random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rapport.collect import Event
from rapport.kernel.expressions import ANY_EVENT, Dependencies, Facts, compile_expression
from rapport.kernel.vocabulary import bit, category_of_event
from rapport.profile import record as records
from rapport.profile import view
from rapport.profile.history import Happened, History, add, history_of
from rapport.profile.record import OWN, Record
from rapport.profile.store import Found
from rapport.profile.timeline import UNKNOWN
from rapport.profile.view import Part
from rapport.terms.facts import facts_of
from rapport.terms.filtering import let_through, permitted_event
from tests.profile.events import event
from tests.properties.test_filtering import EVENTS, KINDS, TRAITS, a_part, categories_told, histories, masks

ASKED = {**{name: frozenset({"p"}) for name in (*EVENTS, "identify")}, ANY_EVENT: frozenset({"p"})}
NEEDS = Dependencies(frozenset(TRAITS), ASKED, frozenset(KINDS))
customers = st.lists(st.tuples(histories(), st.sets(st.sampled_from(KINDS), max_size=4), masks), min_size=1, max_size=3)


def opened(several: list[Any]) -> tuple[Found, dict[int, list[Event]]]:
    """A customer of some records as the gate lets them through, each by its own mask, with their timelines."""
    parts, timelines = [], {}
    for number, (events, kinds, mask) in enumerate(several, start=1):
        part = msgspec.structs.replace(a_part(events, kinds), number=number, handle=f"rec_{number}")
        kept = let_through(part, mask)
        timelines[number] = [msgspec.structs.replace(one, message_id=f"{number}-{one.message_id}") for one in events]
        if kept is not None:
            parts.append(kept[0])
    return Found("shop", "cus_1", None, parts), timelines


def facts(found: Found, timelines: dict[int, list[Event]], needs: Dependencies = NEEDS) -> Facts:
    return facts_of(found, needs, lambda part: history_of(timelines[part.number], needs.events))


@given(customers)
def test_nothing_that_is_withheld_is_seen(several: list[Any]) -> None:
    mask = several[0][2]
    found, timelines = opened([(events, kinds, mask) for events, kinds, _ in several])
    seen = facts(found, timelines)
    text = json.dumps([seen.traits, {name: one.values for name, one in seen.events.items()}, seen.identifiers])
    assert not [name for name in categories_told(text) if not bit(name) & mask], text
    for name in seen.events:
        assert name == ANY_EVENT or bit(category_of_event(name)) & mask


@given(customers)
def test_what_is_seen_is_what_the_gate_tells(several: list[Any]) -> None:
    found, timelines = opened(several)
    seen = facts(found, timelines)
    assert seen.traits == {
        name: trait["value"] for name, trait in view.traits(found.parts).items() if name in NEEDS.traits
    }
    told = [
        one
        for part in found.parts
        for own in timelines[part.number]
        if (one := permitted_event(part, own)) is not None and (one.name == own.name or own.kind != "track")
    ]
    for name in EVENTS:
        wanted = sorted((one.time, one.message_id, one.properties["p"]) for one in told if one.name == name)
        series = seen.events.get(name)
        assert [time for time, _, _ in wanted] == ([] if series is None else list(series.times))
        assert series is None or list(series.values["p"]) == [value for _, _, value in wanted]
    identifiers = {(one["type"], one["value"]) for one in view.identifiers(found.parts)}
    assert {(kind, value) for kind, values in seen.identifiers.items() for value in values} == identifiers


@given(customers, st.randoms(use_true_random=False))
def test_neither_the_order_of_events_nor_that_of_records_matters(several: list[Any], draw: random.Random) -> None:
    found, timelines = opened(several)
    wanted = facts(found, timelines)
    grown: dict[int, History] = {}
    for number, events in timelines.items():
        shuffled = draw.sample(events, len(events))
        grown[number] = {}
        for one in shuffled:
            assert add(grown[number], one, ASKED)
        assert grown[number] == history_of(shuffled, ASKED)
    parts = draw.sample(found.parts, len(found.parts))
    assert facts_of(found._replace(parts=parts), NEEDS, lambda part: grown[part.number]) == wanted


@given(customers, st.sampled_from(sorted(ASKED)), st.sampled_from(TRAITS))
def test_asking_for_less_gives_the_same_of_it(several: list[Any], name: str, trait: str) -> None:
    found, timelines = opened(several)
    less = Dependencies(frozenset({trait}), {name: frozenset({"p"})})
    seen, everything = facts(found, timelines, less), facts(found, timelines)
    assert seen.events.get(name) == everything.events.get(name)
    assert seen.traits == {key: value for key, value in everything.traits.items() if key == trait}


def test_an_event_of_unknown_time_is_first_and_properties_that_nobody_asks_for_are_left() -> None:
    known, unknown = event(name="A", message_id="m1", time=5, properties={"p": 1, "q": 2}), event(name="A", time=None)
    history = history_of([known, unknown], {"A": frozenset({"p"})})
    assert history == {"A": [Happened(UNKNOWN, "m", "A"), Happened(5, "m1", "A", {"p": 1})]}
    assert not add(history, event(name="B"), {"A": frozenset()})


def test_an_identifier_whose_evidence_was_taken_back_is_not_seen() -> None:
    record = Record(
        "shop", "crm", "user_id", "u", links={"email:a@b": OWN, "email:c@d": OWN}, unlinked={"email:a@b": OWN}
    )
    found = Found("shop", "cus_1", None, [Part(1, "rec_1", record)])
    needs = compile_expression('"c@d" in identifiers.email').dependencies
    assert facts_of(found, needs, lambda _: {}).identifiers == {"email": ["c@d"]}


def test_a_trait_that_is_no_longer_known_hides_no_other_records_value() -> None:
    one, other = Record("shop", "crm", "user_id", "u"), Record("shop", "web", "user_id", "u")
    records.apply(one, event(time=9, traits={"plan": None}))
    records.apply(other, event(time=5, traits={"plan": "gold"}))
    parts = [Part(1, "rec_1", one, trust=9), Part(2, "rec_2", other)]
    assert view.bare(parts, ["plan", "none"]) == {"plan": "gold"}


_said = st.tuples(st.integers(0, 3), st.booleans(), st.none() | st.integers(0, 9), st.integers(0, 2))


@given(st.lists(_said, max_size=5))
def test_a_bare_value_is_the_one_that_the_view_shows(several: list[tuple[int, bool, int | None, int]]) -> None:
    parts = []
    for number, (time, once, value, trust) in enumerate(several):
        record = Record("shop", f"source{number}", "user_id", "u")
        said = {"traits_once" if once else "traits": {"plan": value}}
        records.apply(record, event(message_id=f"m{number}", time=time, **said))
        parts.append(Part(number, f"rec_{number}", record, trust=trust))
    shown = {name: trait["value"] for name, trait in view.traits(parts).items()}
    assert view.bare(parts, ["plan", "age"]) == shown
