"""Intervals cover what they claim: over a thousand made-up logs whose truth is known, those of 95 % hold it 93 to 97
times in a hundred; and an action that does no harm is hardly ever switched off, however often one looks.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

from bench import logs, machine
from bench.bench import Bench
from bench.logs import World
from bench.row import Row, against
from rapport.learn import guard_rails, off_policy, uplift
from rapport.learn.intervals import FEWEST, Floats
from rapport.learn.logged import Logged
from rapport.learn.off_policy import METHODS
from rapport.learn.table import Table, as_it_was, table, target

LOGS = 1_000
CUSTOMERS = (60, 4_000)
"""Of a log, from and to; as many logs of each magnitude."""
AFTER = 1 << 60
LOOKS = 12
HARMLESS = 200
"""Logs of an action that gives nothing, each looked at `LOOKS` times."""
_FAR = 2.0
"""Points by which coverage may be off 95 %."""
_NORMAL = float(special.ndtri(0.975))


class Tally(NamedTuple):
    """Of intervals: how many were told, how many hold the truth, and how many had if they reached 1.96 standard
    errors."""

    told: int
    hold: int
    normal: int
    untold: int

    @property
    def coverage(self) -> float:
        """In percent."""
        return 100 * self.hold / max(self.told, 1)

    @property
    def off(self) -> float:
        """In percentage points, from 95."""
        return abs(self.coverage - 95)

    @property
    def normal_off(self) -> float:
        return abs(100 * self.normal / max(self.told, 1) - 95)


class _Told(NamedTuple):
    """An interval, if one was told, and what it was to hold."""

    of: str
    value: float | None
    low: float | None
    high: float | None
    error: float
    truth: float


def study(number: int, seed: int, customers: tuple[int, int] = CUSTOMERS) -> dict[str, Tally]:
    """By what was estimated and how: of so many logs, how often the intervals held the truth."""

    def each() -> Iterator[_Told]:
        for one in range(number):
            chance = np.random.default_rng([seed, one])
            world = logs.world(chance)
            decisions = logs.log(world, chance, _size(chance, customers))
            yield from _policies(world, decisions)
            yield from _uplifts(world, table(decisions, AFTER))

    return _tallied(each())


def study_of_learning(number: int, seed: int, customers: tuple[int, int] = CUSTOMERS) -> dict[str, Tally]:
    """The same of logs whose policy learned as it went, of what another is worth."""

    def each() -> Iterator[_Told]:
        for one in range(number):
            chance = np.random.default_rng([seed, one])
            world = logs.world(chance)
            shares = chance.dirichlet(np.ones(len(world.actions)), logs.MOMENTS)
            world = world._replace(other=shares, logged=np.full(shares.shape, np.nan))
            decisions = logs.learning(world, chance, max(_size(chance, customers), 10 * int(FEWEST)))
            over = table(decisions, AFTER)
            other = target(over, "the other way", logs.other_way(world, decisions))
            for method in METHODS:
                found = off_policy.estimate(over, other, "customer", method)
                yield _Told(f"{method} as it learns", found.value, found.low, found.high, found.error, world.value)

    return _tallied(each())


def _size(chance: np.random.Generator, customers: tuple[int, int]) -> int:
    return int(np.exp(chance.uniform(*np.log(customers))))


def _tallied(each: Iterator[_Told]) -> dict[str, Tally]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for told in each:
        tally = counts[told.of]
        if told.value is None or told.low is None or told.high is None:
            tally[3] += 1
            continue
        tally[0] += 1
        tally[1] += told.low <= told.truth <= told.high
        tally[2] += abs(told.value - told.truth) <= _NORMAL * told.error
    return {of: Tally(*counts[of]) for of in counts}


def _policies(world: World, decisions: list[Logged]) -> Iterator[_Told]:
    over = table(decisions, AFTER)
    other = target(over, "the other way", logs.other_way(world, decisions))
    if np.array_equal(world.other, world.logged):
        return
    for method in METHODS:
        for what, than, truth in (("value", None, world.value), ("gain", as_it_was(over), world.gain)):
            found = off_policy.estimate(over, other, "customer", method, against=than)
            yield _Told(f"{method} {what}", found.value, found.low, found.high, found.error, truth)


def _uplifts(world: World, over: Table) -> Iterator[_Told]:
    action = world.actions[1]
    compared, rows = uplift.arms(over, [action], "customer")
    found = uplift.effect(compared, action, "customer")
    own = world.logged[:, 1] * world.odds
    gain = world.worth[:, 1] - world.worth[:, 0]
    if own.sum():
        yield _Told("uplift", found.value, found.low, found.high, found.error, float(own @ gain / own.sum()))
    # Scores by the moments' first feature, as good a guess as any.
    first = over.context[:, 0][rows] if len(rows) else np.zeros(0)
    curve = uplift.qini(compared, first, "customer")
    yield _Told("qini", curve.coefficient, curve.low, curve.high, curve.error, _area(world, gain))


def _area(world: World, gain: Floats) -> float:
    """The Qini coefficient that scores by the first feature truly have, among moments in which both could be."""
    shares = (1 - logs.HOLDOUT) * (world.logged[:, 1] + world.logged[:, 0]) + logs.HOLDOUT
    weight = world.odds * np.where(world.logged[:, 1] > 0, shares, 0.0)
    if not weight.sum():
        return 0.0
    weight = weight / weight.sum()
    scores = world.features[:, 0]
    above = (weight[None, :] * (scores[None, :] > scores[:, None])).sum(axis=1) + weight / 2
    return float(weight @ (gain * (0.5 - above)))


def false_alarms(number: int, seed: int, looks: int = LOOKS) -> float:
    """Of so many logs in which no action gives anything, the share in which one was ever shown to harm, in percent."""
    alarms = 0
    for one in range(number):
        chance = np.random.default_rng([seed, one])
        world = logs.world(chance)
        level = world.worth[:, :1]  # whatever is done, what silence would have given
        decisions = logs.log(world._replace(worth=np.broadcast_to(level, world.worth.shape)), chance, 1_000)
        places = np.geomspace(len(decisions) // 20, len(decisions), looks).astype(int)
        alarms += any(verdict.harmful for place in places for verdict in guard_rails.judged(decisions[:place], AFTER))
    return 100 * alarms / number


def measure(bench: Bench) -> Iterator[Row]:
    share = 1.0 if bench.scale.full else 0.05
    machine.say(f"{LOGS * share:,.0f} logs of policies …")
    number = int(LOGS * share)
    for of, tally in sorted((study(number, 1) | study_of_learning(number, 3)).items()):
        yield Row(
            f"intervals of 95 %, {of}: held the truth, off by",
            tally.off,
            "points",
            _FAR,
            "at most",
            floor=against("1.96 standard errors, off by", tally.normal_off, "points"),
            ratio=tally.off / max(tally.normal_off, 0.1),
        )
        yield Row(
            f"{of}: intervals that held the truth ({tally.told:,} told, {tally.untold:,} too few)", tally.coverage, "%"
        )
    machine.say("actions that do no harm, looked at again and again …")
    alarms = false_alarms(int(HARMLESS * share), 2)
    yield Row(
        f"switched off though harmless, in {LOOKS} looks",
        alarms,
        "%",
        100 * guard_rails.ALPHA,
        "at most",
        floor=against("the chance that is claimed", 100 * guard_rails.ALPHA, "%"),
        ratio=alarms / (100 * guard_rails.ALPHA),
    )
