"""What people say about how they are reached holds until they say otherwise, and every change has a way back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.contact import MOST_LESS, Policy, Proposal, exclusions
from rapport.decide.kinds import KINDS
from rapport.decide.person import NOTHING, Says, checked, is_alone, joined, wishes
from rapport.decide.reach import Change, changed, undoing
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, HOUR, rfc3339

NOW = 1_764_000_000_000_000
KINDS_ASKED = [name for name, kind in KINDS.items() if not kind.mandatory]
hours = st.sampled_from(["", "22:00-08:00", "13:00-14:30"])
zones = st.sampled_from(["", "Europe/Berlin", "Asia/Tokyo"])
later = st.integers(1, 400).map(lambda days: rfc3339(NOW + days * DAY))
changes = st.one_of(
    st.builds(Change, alone=st.booleans(), until=st.one_of(st.just(""), later)),
    st.builds(Change, quiet=hours, zone=zones),
    st.builds(Change, kind=st.sampled_from(KINDS_ASKED), leaning=st.integers(-MOST_LESS, MOST_LESS)),
    st.builds(Change, kind=st.sampled_from(KINDS_ASKED), stopped=st.booleans()),
    st.builds(Change, action=st.sampled_from("abc"), stopped=st.booleans()),
    st.builds(Change, minute=st.none() | st.floats(0, 1e9)),
    st.builds(Change, takes_part=st.booleans()),
)


def said(some) -> Says:
    says = NOTHING
    for change in some:
        says = checked(changed(says, change, NOW))
    return says


@given(st.lists(changes, max_size=8), changes)
def test_any_change_is_undone_by_the_change_that_it_names(before, change):
    says = said(before)
    after = changed(says, change, NOW)
    assert changed(after, undoing(says, change, NOW), NOW) == says


@given(st.lists(changes, max_size=8), changes)
def test_the_same_change_twice_changes_nothing_more(before, change):
    once = changed(said(before), change, NOW)
    assert changed(once, change, NOW) == once


@given(changes)
def test_a_change_is_read_again_as_it_was_written(change):
    assert msgspec.json.decode(msgspec.json.encode(change), type=Change) == change


def test_who_was_left_alone_until_a_time_that_passed_is_not_brought_back_to_it():
    says = Says(alone=True, alone_until=NOW + HOUR)
    assert undoing(says, Change(alone=False), NOW + 2 * HOUR) == Change(alone=False)


untils = st.none() | st.integers(NOW - DAY, NOW + DAY)


@given(
    st.lists(st.builds(Says, alone=st.booleans(), alone_until=untils), max_size=4), st.integers(NOW - DAY, NOW + DAY)
)
def test_of_several_who_ask_to_be_left_alone_the_longest_counts(every, at):
    assert is_alone(joined(every), at) == any(is_alone(one, at) for one in every)


@pytest.mark.parametrize(("at", "rules"), [(NOW, ["left_alone"]), (NOW + HOUR - 1, ["left_alone"]), (NOW + HOUR, [])])
def test_being_left_alone_ends_by_itself(at, rules):
    says = changed(NOTHING, Change(alone=True, until=rfc3339(NOW + HOUR)), NOW)
    found = exclusions([Proposal("a", "help", "web")], Policy(), wishes(says), (), at)
    assert [one.rule for one in found] == rules


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (Change(), None),
        (Change(alone=True, takes_part=True), None),
        (Change(alone=True, until=rfc3339(NOW)), "until"),
        (Change(alone=True, until="soon"), "until"),
        (Change(alone=True, until="0001-01-01T00:00:00+23:00"), "until"),
        (Change(kind="bribe", stopped=True), "kind"),
        (Change(kind="notice", stopped=True), "kind"),
        (Change(kind="offer"), "leaning"),
        (Change(kind="offer", leaning=7), "leaning"),
        (Change(action="", stopped=True), "stopped"),
        (Change(action="x"), "stopped"),
        (Change(quiet="late"), "quiet"),
        (Change(quiet="10:00-10:00"), "quiet"),
        (Change(quiet="", zone="Mars/Base"), "zone"),
        (Change(minute=-1.0), "minute"),
        (Change(minute=1e308), "minute"),
    ],
)
def test_what_nobody_can_say_is_refused_by_name(change, field):
    with pytest.raises(BadInput) as caught:
        checked(changed(NOTHING, change, NOW))
    assert caught.value.field == field
