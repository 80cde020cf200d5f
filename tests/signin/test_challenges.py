"""Challenges are good for one use, one subject and five minutes, and nobody else can make one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.errors import Unauthorized
from rapport.signin.challenges import LIFE, Challenges

names = st.text(max_size=20)


class Clock:
    at = 1_000_000_000

    def __call__(self) -> int:
        return self.at


@given(names, names, names, names)
def test_a_challenge_is_for_its_use_and_subject_alone(use: str, subject: str, other: str, another: str) -> None:
    clock = Clock()
    challenges = Challenges(bytes(32), clock)
    made = challenges.make(use, subject)
    assert challenges.check(made, use, subject) == clock.at + LIFE
    if (use, subject) != (other, another):
        with pytest.raises(Unauthorized):
            challenges.check(made, other, another)


@given(st.integers(0, 39), st.integers(1, 255))
def test_a_challenge_that_was_changed_is_none(place: int, change: int) -> None:
    challenges = Challenges(bytes(32))
    made = bytearray(challenges.make("sign in"))
    made[place] ^= change
    with pytest.raises(Unauthorized):
        challenges.check(bytes(made), "sign in")


def test_a_challenge_ends_and_another_node_s_is_none() -> None:
    clock = Clock()
    challenges = Challenges(bytes(32), clock)
    made = challenges.make("sign in")
    clock.at += LIFE
    challenges.check(made, "sign in")
    clock.at += 1
    with pytest.raises(Unauthorized):
        challenges.check(made, "sign in")
    with pytest.raises(Unauthorized):
        Challenges(b"x" * 32, clock).check(challenges.make("sign in"), "sign in")


@pytest.mark.parametrize("raw", [b"", b"x", bytes(40), bytes(41), bytes(4000)])
def test_what_is_no_challenge_is_refused(raw: bytes) -> None:
    with pytest.raises(Unauthorized):
        Challenges(bytes(32)).check(raw, "sign in")
