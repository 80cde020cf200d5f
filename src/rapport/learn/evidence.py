"""What is known of each action, gathered decision by decision: who got it, and who could have and was left alone.

What `table` lays out for estimators takes kilobytes a decision. Whoever looks at a whole log again and again, beside
all else that a node does, needs no more of it than with which odds it went one of two ways, and what that gave: some
forty bytes for each action that could have been.
"""

from array import array
from collections.abc import Collection

import numpy as np

from rapport.decide.kinds import SILENCE
from rapport.kernel.errors import BadInput
from rapport.learn.logged import Logged
from rapport.learn.uplift import Arms
from rapport.terms.benefits import Side


class _Columns:
    """Decisions that did an action, or nothing where it could have been done."""

    def __init__(self) -> None:
        self.treated = array("b")
        self.odds = array("d")
        self.customer = array("l")
        self.given: dict[Side, array[float]] = {"customer": array("d"), "company": array("d")}


class Evidence:
    """Of some decisions, in any order, each added once."""

    def __init__(self) -> None:
        self.decisions = 0
        self._customers: dict[str, int] = {}
        self._columns: dict[str, _Columns] = {}

    @property
    def actions(self) -> list[str]:
        return sorted(self._columns)

    def add(self, one: Logged, now: int, among: Collection[str] | None = None) -> None:
        """Take a decision in, if its window has passed by `now` (µs), as evidence of the actions `among` its candidates
        (None: all). One that no estimator could use is left out."""
        if one.until > now:
            return
        try:
            chances = one.checked().propensities
        except BadInput:
            return
        self.decisions += 1
        silence = chances.pop(SILENCE)
        named = chances if one.action == SILENCE else (one.action,)
        for action in named:
            if silence > 0 and chances[action] > 0 and (among is None or action in among):
                columns = self._columns.setdefault(action, _Columns())
                columns.treated.append(action == one.action)
                columns.odds.append(chances[action] / (chances[action] + silence))
                columns.customer.append(self._customers.setdefault(one.customer, len(self._customers)))
                for side, given in columns.given.items():
                    given.append(one.given(side))

    def arms(self, action: str, side: Side) -> Arms:
        """As estimators of a difference take it."""
        columns = self._columns.get(action) or _Columns()
        return Arms(
            np.array(columns.treated, bool),
            np.array(columns.odds, float),
            np.array(columns.given[side], float),
            np.array(columns.customer, np.intp),
        )
