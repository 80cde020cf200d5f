"""Guarded counts: right enough about many, and nothing certain about one, however the question is turned."""

import math
import os
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded.crowds import crowd_of
from rapport.kernel.keys import BlindKey
from rapport.terms.aggregates import FLOOR, SCALE, Crowd, Guard, union, words

KEY = BlindKey(b"c" * 32)
GUARD = Guard(b"s" * 32)

people = st.sets(st.integers(1, 1 << 40), max_size=200)


@given(people)
def test_the_same_people_give_the_same_number_in_any_order_and_from_any_parts(everybody: set[int]) -> None:
    listed = sorted(everybody)
    parts = union((crowd_of(KEY, listed[::2]), crowd_of(KEY, listed[1::2])))
    assert parts == crowd_of(KEY, reversed(listed)) == crowd_of(KEY, [*listed, *listed])
    assert GUARD.told(parts) == GUARD.told(crowd_of(KEY, listed))


@given(people)
def test_fewer_than_twenty_are_never_told_and_more_are_told_rounded_and_about_right(everybody: set[int]) -> None:
    told = GUARD.told(crowd_of(KEY, everybody))
    if told is None:
        assert words(told) == f"fewer than {FLOOR}"
        return
    assert len(everybody) >= FLOOR
    assert told >= FLOOR
    assert told % 5 == 0
    assert abs(told - len(everybody)) < 25 * SCALE


def answers(count: int, guards: list[Guard]) -> Counter[int | None]:
    """What nodes with other secrets say of a crowd of so many."""
    return Counter(guard.told(Crowd(count, count)) for guard in guards)


def test_one_person_more_shifts_the_odds_of_every_answer_by_no_more_than_the_scale_allows() -> None:
    """What the guard is for: with nothing but one answer, nobody tells a crowd from the same with one person more."""
    guards = [Guard(os.urandom(32)) for _ in range(40_000)]
    for count in (FLOOR + 5, 60, 99, 500):
        without, with_one = answers(count, guards), answers(count + 1, guards)
        for told in without.keys() | with_one.keys():
            some = without[told] + with_one[told]
            if some < 2_000:
                continue  # too rare to measure
            odds = max(without[told], with_one[told]) / max(1, min(without[told], with_one[told]))
            assert odds <= math.exp(1 / SCALE) * 1.12, (count, told, odds)


@given(st.sets(st.integers(1, 1 << 40), min_size=40, max_size=80), st.integers(1 << 41, 1 << 42))
def test_what_comes_of_adding_one_person_is_no_more_likely_to_be_more_than_less(crowd_: set[int], one: int) -> None:
    """The two numbers are drawn apart: over secrets, the second is now above, now below, now the same."""
    without, with_one = crowd_of(KEY, crowd_), crowd_of(KEY, crowd_ | {one})
    assert without.mark != with_one.mark
    signs = Counter()
    for number in range(400):
        guard = Guard(number.to_bytes(32, "big"))
        before, after = guard.told(without), guard.told(with_one)
        assert before is not None or after is not None or len(crowd_) < 60
        signs[(after or 0) > (before or 0), (after or 0) < (before or 0)] += 1
    assert signs[True, False] > 60
    assert signs[False, True] > 40
    assert signs[False, False] > 20


def test_asking_again_averages_nothing_out() -> None:
    many = crowd_of(KEY, range(1, 58))
    assert len({GUARD.told(many) for _ in range(100)}) == 1
