"""The folds: of events to a record in any order, and of records to a view in any order and grouping."""

import json

from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.times import DAY, HOUR
from rapport.profile import record as records
from rapport.profile import view
from rapport.profile.record import MAX_NAMES, MAX_TRAITS, OTHER, Record, Tally
from rapport.profile.view import Part
from tests.profile.events import event

times = st.none() | st.integers(0, 4).map(lambda hours: hours * HOUR)
facts = st.dictionaries(st.sampled_from("abc"), st.sampled_from([1, "x", None, True]), max_size=3)


@st.composite
def histories(draw):
    """Distinct events of one record."""
    return [
        event(
            name=draw(st.sampled_from(["Viewed", "Bought", "Asked"])),
            kind=draw(st.sampled_from(["track", "identify", "group"])),
            message_id=f"m{number}",
            time=draw(times),
            traits=draw(facts),
            traits_once=draw(facts),
            group_id=draw(st.sampled_from(["home", "acme"])),
            consent=draw(st.none() | st.just({"ads": number})),
        )
        for number in range(draw(st.integers(0, 8)))
    ]


def folded(history, name="r"):
    record = Record("shop", "web", "user_id", name)
    for happened in history:
        records.apply(record, happened)
    return record


def text(anything):
    return json.dumps(anything, sort_keys=True, default=str)


def as_part(history, number):
    record = folded(history, f"r{number}")
    record.links = {"user_id:u": records.OWN, f"email:{number % 2}@example.com": records.OWN}
    record.source = ["web", "crm"][number % 2]
    return Part(number, f"rec_{number}", record, trust=number % 2)


def whole(parts):
    return text(view.fold(parts, {part.handle: "why" for part in parts}))


@given(st.data())
def test_a_record_is_the_same_in_whichever_order_its_events_came(data):
    history = data.draw(histories())
    shuffled = data.draw(st.permutations(history))
    assert folded(history) == folded(shuffled)


@given(histories())
def test_counters_are_exact_and_reach_from_the_first_to_the_last(history):
    record = folded(history)
    known = [e.time for e in history if e.time is not None]
    assert record.all == Tally(len(history), min(known, default=None), max(known, default=None))
    assert sum(tally.count for tally in record.names.values()) == len(history)


@given(st.lists(histories(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_view_is_the_same_in_whichever_order_its_records_are_folded(several, random):
    parts = [as_part(history, number) for number, history in enumerate(several)]
    shuffled = random.sample(parts, len(parts))
    assert whole(parts) == whole(shuffled)


tallies = st.builds(
    lambda moments: folded([event(time=t, message_id=str(i)) for i, t in enumerate(moments)]).all, st.lists(times)
)


def joined(*several):
    total = Tally()
    for tally in several:
        total.join(tally)
    return total


@given(tallies, tallies, tallies)
def test_counts_of_different_events_add_up_in_any_grouping(a, b, c):
    assert joined(joined(a, b), c) == joined(a, joined(b, c)) == joined(c, b, a)


@given(histories())
def test_saying_the_same_fact_again_changes_nothing(history):
    record = folded(history)
    for trait, fact in list(record.facts.items()):
        records.put(record.facts, trait, fact)
    assert record.facts == folded(history).facts


def test_of_too_many_names_the_same_are_kept_in_either_order():
    names = [f"n{number:05}" for number in range(MAX_NAMES + 50)]
    history = [event(name=name, message_id=name) for name in names] * 2
    forth, back = folded(history), folded(history[::-1])
    assert forth == back
    assert sorted(forth.names) == names[:MAX_NAMES]
    assert forth.other.count == 100
    assert forth.all.count == 2 * len(names)


def test_a_view_names_no_more_events_than_a_record_and_loses_none():
    half = MAX_NAMES * 2 // 3
    parts = [
        Part(n, f"rec_{n}", folded([event(name=f"{n}-{i:05}", message_id=str(i)) for i in range(half)]))
        for n in range(2)
    ]
    shown = view.events(parts)
    assert len(shown["by_name"]) == MAX_NAMES + 1
    assert shown["by_name"][OTHER]["count"] == 2 * half - MAX_NAMES
    assert sum(tally["count"] for tally in shown["by_name"].values()) == shown["total"] == 2 * half


def test_an_event_that_is_called_other_is_counted_with_the_others():
    parts = [
        Part(1, "rec_1", folded([event(name=f"z{i:05}", message_id=str(i)) for i in range(MAX_NAMES + 5)])),
        Part(2, "rec_2", folded([event(name=OTHER)])),
    ]
    shown = view.events(parts)
    assert sum(tally["count"] for tally in shown["by_name"].values()) == shown["total"] == MAX_NAMES + 6


def test_of_too_many_traits_the_same_are_kept_in_either_order():
    traits = [f"t{number:05}" for number in range(MAX_TRAITS + 20)]
    history = [event(kind="identify", traits={trait: 1}, message_id=trait) for trait in traits]
    forth, back = folded(history), folded(history[::-1])
    assert forth.facts == back.facts
    assert sorted(forth.facts) == traits[:MAX_TRAITS]


def test_a_value_that_is_no_longer_known_hides_its_record_s_own_and_no_other():
    gone = [event(kind="identify", traits={"a": 1}, message_id="1", time=HOUR)]
    gone += [event(kind="identify", traits={"a": None}, message_id="2", time=DAY)]
    kept = [event(kind="identify", traits={"a": 2}, message_id="3", time=0)]
    assert view.traits([as_part(gone, 0)]) == {}
    assert view.traits([as_part(gone, 0), as_part(kept, 2)])["a"]["value"] == 2
