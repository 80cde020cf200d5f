"""Turns: in which order what waits for one customer comes, when several senders of a company want to reach them.

Senders take turns, so that a loud one drowns out nobody: first comes who has waited longest for a turn, since their
last one or since they began to wait. Among what one sender has waiting, age counts, and worth: the most that something
can be worth counts like AHEAD of waiting, so nothing that comes later than that is let in before it.

So everything comes. Whatever others send, and however many they are, a sender who waits is passed at most once by each
who waited already, and by none who came later.
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from rapport.kernel.times import DAY

AHEAD: Final = DAY


class Waiting(msgspec.Struct, frozen=True):
    """A decision that was triggered and waits since `at` (µs). `sender`: a team, a campaign, a trigger; `worth`: from 0
    to 1, as the sender sees it."""

    decision: str
    sender: str
    at: int
    worth: float = 0.0


def in_turn(waiting: Iterable[Waiting], turns: Mapping[str, int]) -> list[Waiting]:
    """All that waits for a customer, in the order in which it comes, whatever order it is given in. `turns`: sender →
    when they had their last turn (µs)."""
    queues: dict[str, list[Waiting]] = {}
    for one in sorted(waiting, key=_before):
        queues.setdefault(one.sender, []).append(one)
    since = {sender: min(one.at for one in queue) for sender, queue in queues.items()}
    order = sorted(queues, key=lambda sender: (max(since[sender], turns.get(sender, since[sender])), sender))
    rounds = itertools.zip_longest(*(queues[sender] for sender in order))
    return [one for round_ in rounds for one in round_ if one is not None]


def _before(one: Waiting) -> tuple[float, str]:
    return one.at - AHEAD * max(0.0, min(one.worth, 1.0)), one.decision
