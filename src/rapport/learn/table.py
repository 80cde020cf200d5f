"""A log as arrays, made once and asked often.

Candidates of all decisions lie in one flat row, decision after decision: `row` says whose each is. All that an
estimator finds depends on the decisions alone, never on the order in which they came: they are sorted, and parts for
cross-fitting go by the customer's name.
"""

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rapport.decide.kinds import SILENCE
from rapport.kernel.errors import BadInput
from rapport.learn.intervals import Floats, Ints
from rapport.learn.logged import SIDES, Logged, known
from rapport.terms.benefits import Side

FOLDS = 5
_MOST_STRATA = 50
_SMALLEST = 1e-9


class Table(NamedTuple):
    """Decisions whose outcomes are known. Flat, one for each candidate: `row`, `what` (a place in `actions`), `chance`
    (by arbitration), `propensity` (over all lots). One for each decision: `taken` (a place in the flat ones),
    `customer` and `fold` (numbers), `context` (features and strata, a column each), `given` by side."""

    decisions: Sequence[str]
    actions: tuple[str, ...]
    kinds: tuple[str, ...]
    row: Ints
    what: Ints
    chance: Floats
    propensity: Floats
    taken: Ints
    customer: Ints
    fold: Ints
    context: Floats
    given: Mapping[Side, Floats]

    @property
    def number(self) -> int:
        return len(self.taken)

    def per_decision(self, flat: Floats) -> Floats:
        """Candidates' figures added up by decision."""
        return np.asarray(np.bincount(self.row, flat, minlength=self.number), float)

    @property
    def done(self) -> Ints:
        """What was done, a place in `actions`, of each decision."""
        return self.what[self.taken]


class Target(NamedTuple):
    """Another way to choose, laid over a table. `chance` of each flat candidate. `beyond` by action: the share of all
    its choices that it would make where the log never does."""

    said: str
    chance: Floats
    beyond: Mapping[str, float]


def table(log: Iterable[Logged], now: int) -> Table:
    """The decisions whose windows have passed by `now` (µs). Raises BadInput or Conflict for a log that cannot be
    used."""
    decisions = known(log, now)
    lengths = {len(one.features) for one in decisions}
    if len(lengths) > 1:
        raise BadInput("features are as many for every decision of a log", code="bad_decision", field="features")
    kinds = {SILENCE: SILENCE}
    # In columns from the start: as tuples, the candidates of many decisions would take ten times as much memory.
    rows, names, by_arbitration, over_all = array("q"), list[str](), array("d"), array("d")
    taken = []
    for row, one in enumerate(decisions):
        kinds |= {candidate.action: candidate.kind for candidate in one.candidates}
        chances = one.chances
        for action, propensity in one.propensities.items():
            if action == one.action:
                taken.append(len(rows))
            rows.append(row)
            names.append(action)
            by_arbitration.append(chances[action])
            over_all.append(propensity)
    actions = tuple(sorted(kinds))
    place = {action: number for number, action in enumerate(actions)}
    customers = sorted({one.customer for one in decisions})
    number_of = {customer: number for number, customer in enumerate(customers)}
    folds = [_fold(customer) for customer in customers]
    customer = np.array([number_of[one.customer] for one in decisions], np.intp)
    return Table(
        [one.decision for one in decisions],
        actions,
        tuple(kinds[action] for action in actions),
        np.array(rows, np.intp),
        np.array([place[action] for action in names], np.intp),
        np.array(by_arbitration, float),
        np.array(over_all, float),
        np.array(taken, np.intp),
        customer,
        np.array(folds, np.intp)[customer],
        _context(decisions),
        {side: np.array([one.given(side) for one in decisions], float) for side in SIDES},
    )


def target(over: Table, said: str, chances: Mapping[str, Mapping[str, float]]) -> Target:
    """A way to choose, by decision the chances of all that it may do; a decision that is missing is chosen as it was.
    Raises BadInput where chances are not 1 together."""
    chance = over.chance.copy()
    beyond: dict[str, float] = {}
    starts = np.searchsorted(over.row, np.arange(over.number + 1))
    for row, decision in enumerate(over.decisions):
        wished = chances.get(decision)
        if wished is None:
            continue
        if min(wished.values(), default=-1) < 0 or not abs(sum(wished.values()) - 1) <= 1e-6:
            raise BadInput("the chances of all that may be done are 1 together", code="bad_policy", field="chances")
        left = dict(wished)
        for place in range(starts[row], starts[row + 1]):
            found = left.pop(over.actions[over.what[place]], 0.0)
            if over.propensity[place] > 0:
                chance[place] = found
            else:
                chance[place] = 0
                left[over.actions[over.what[place]]] = found
        for action, share in left.items():
            if share > _SMALLEST:
                beyond[action] = beyond.get(action, 0.0) + share / over.number
    return Target(said, chance, dict(sorted(beyond.items())))


def as_it_was(over: Table) -> Target:
    """How arbitration chose, for those who were not held out."""
    return Target("as it was", over.chance, {})


def _fold(customer: str) -> int:
    return int.from_bytes(hashlib.blake2b(customer.encode(), digest_size=8).digest(), "big") % FOLDS


def _context(decisions: Sequence[Logged]) -> Floats:
    """Features, scaled to mean 0 and spread 1, and a column for each of the commonest strata; what is the same
    everywhere is left out."""
    if not decisions:
        return np.zeros((0, 0))
    features = np.array([one.features for one in decisions], float).reshape(len(decisions), -1)
    counts: dict[str, int] = {}
    for one in decisions:
        counts[one.stratum] = counts.get(one.stratum, 0) + 1
    common = sorted(counts, key=lambda stratum: (-counts[stratum], stratum))[:_MOST_STRATA]
    strata = np.array([[one.stratum == stratum for stratum in common] for one in decisions], float)
    both = np.hstack([features, strata.reshape(len(decisions), -1)])
    scale = both.std(axis=0)
    varied = scale > _SMALLEST
    return np.asarray((both[:, varied] - both[:, varied].mean(axis=0)) / scale[varied], float)
