"""Limits let so many through in a span, each key for itself, and say when to come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.errors import TooMany
from rapport.kernel.times import MINUTE, SECOND
from rapport.signin.limits import Limit


class Clock:
    at = 1_000 * MINUTE

    def __call__(self) -> int:
        return self.at


def test_so_many_are_let_through_and_the_next_is_told_when_to_come_back() -> None:
    clock = Clock()
    limit = Limit(5, MINUTE, clock)
    for _ in range(5):
        limit.count("a")
    with pytest.raises(TooMany) as refused:
        limit.count("a")
    limit.count("b")
    clock.at += refused.value.retry_after * SECOND
    limit.count("a")


@given(st.lists(st.integers(0, 20 * SECOND), max_size=80))
def test_no_span_ever_lets_more_than_twice_as_many_through(pauses: list[int]) -> None:
    clock = Clock()
    limit = Limit(6, MINUTE, clock)
    passed = []
    for pause in pauses:
        clock.at += pause
        try:
            limit.count("a")
        except TooMany:
            continue
        passed.append(clock.at)
    for start in passed:
        assert sum(start <= at < start + MINUTE for at in passed) <= 12


def test_whoever_tries_under_ever_new_names_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rapport.signin.limits._MOST_KEYS", 10)
    clock = Clock()
    limit = Limit(1, MINUTE, clock)
    for number in range(1000):
        limit.count(f"client {number}")
    assert len(limit._empty_until) == 10
    with pytest.raises(TooMany):  # those who tried last are still held to theirs
        limit.count("client 999")


def test_a_refused_try_costs_nothing_further() -> None:
    clock = Clock()
    limit = Limit(1, MINUTE, clock)
    limit.count("a")
    for _ in range(50):
        with pytest.raises(TooMany):
            limit.count("a")
    clock.at += MINUTE
    limit.count("a")
