"""Ninety days of a household, as a pure function of (seed, household, the day it ends): same in, same message ids out.

Beside the visits it has what happens on the way to a node: tills that were offline send hours late, some phones'
clocks are minutes off, and some calls are sent twice.
"""

import random
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import Any

import msgspec

from rapport.cli.demo.alice import alices_story
from rapport.cli.demo.names import STORES
from rapport.cli.demo.people import ALICE, Household, Shopper, household, lots
from rapport.cli.demo.steps import Step
from rapport.cli.demo.visits import Kind, Memory, crm, kinds_for
from rapport.kernel.times import DAY, HOUR, MINUTE, SECOND

DAYS = 90
TWICE_RATE = 0.01


class Call(msgspec.Struct, frozen=True):
    """One call on its way to the node. Times are in µs: when it happened, and when its client gets to send it."""

    at: int
    leaves: int
    source: str
    skew: int
    """By how much the client's clock is ahead; it writes this into every time it sends, `sentAt` too."""
    body: dict[str, Any]
    """Segment-shaped with its messageId; the timestamp is added by `sending`, by the client's clock."""


@lru_cache(16_384)
def skew(seed: int, client: str) -> int:
    """How far a client's clock is ahead: of most not at all, of one phone or browser in twelve by some minutes."""
    dice = lots(seed, "clock", client)
    # Tills, desks and tablets are looked after; an anonymous id's hyphens tell the devices that nobody looks after.
    if client.count("-") != 4 or dice.random() > 1 / 12:
        return 0
    return dice.choice((-1, 1)) * dice.randint(2, 25) * MINUTE


def back_online(seed: int, client: str, at: int) -> int:
    """When what happened at `at` can be sent: at once, but for a till on one of its offline middays (one in five)."""
    if client not in STORES:
        return at
    day = at // DAY * DAY
    dice = lots(seed, "offline", client, at // DAY)
    start, end = day + 11 * HOUR, day + 13 * HOUR + dice.randrange(3 * HOUR)
    return end if dice.random() < 1 / 5 and start <= at < end else at


def calls(
    seed: int, name: str, began: int, steps: list[Step], numbers: Iterator[int], dice: random.Random
) -> Iterator[Call]:
    """The calls of one visit that began at `began`, some of them twice."""
    for step in steps:
        at = began + step.after * SECOND
        body = {**step.call, "messageId": f"demo-{seed}-{name}-{next(numbers)}"}
        call = Call(at, back_online(seed, step.client, at), step.source, skew(seed, step.client), body)
        yield call
        if dice.random() < TWICE_RATE:
            yield msgspec.structs.replace(call, leaves=call.leaves + 2 * MINUTE)


def story(seed: int, number: int, end: int) -> list[Call]:
    """All calls of a household in the 90 days before `end` (µs), in the order in which they happened."""
    house = household(seed, number)
    dice, numbers = lots(seed, "story", number), count()
    visits = alices_story(house, end) if number == ALICE else _lives(house, end, dice)
    told = [call for at, steps in visits for call in calls(seed, f"h{number}", at, steps, numbers, dice)]
    return sorted((call for call in told if call.at < end), key=lambda call: call.at)


def _lives(house: Household, end: int, dice: random.Random) -> Iterator[tuple[int, list[Step]]]:
    for who in house.people:
        memory = Memory()
        for at, kind in sorted(_visits(who, end - DAYS * DAY, dice), key=lambda visit: visit[0]):
            yield at, kind(dice, house, who, memory)


def _visits(who: Shopper, begin: int, dice: random.Random) -> Iterator[tuple[int, Kind]]:
    for kind, often in kinds_for(who).items():
        # Everybody in the customer file was entered at least once.
        times = max(1 if kind is crm else 0, round(dice.expovariate(1 / often)))
        for _ in range(min(times, 40)):
            hour = dice.choices(range(7, 23), _BY_HOUR)[0]
            yield begin + dice.randrange(DAYS) * DAY - begin % DAY + hour * HOUR + dice.randrange(HOUR), kind


_BY_HOUR = (2, 3, 5, 7, 8, 9, 9, 8, 7, 7, 8, 8, 7, 7, 5, 2)
