"""A logged decision as estimators need it: what could have been done with which chance, what was, and what it gave.

Two chances are kept apart. A candidate's `chance` is that with which arbitration would have drawn it; the *propensity*
of what was done is the chance of all the lots together: first whether the customer is held out, then the draw. A
customer is held out for good, so the decisions about one customer hang together: estimators count customers, not
decisions, when they say how sure they are.
"""

import math
from collections.abc import Iterable

import msgspec

from rapport.decide.kinds import MOST, SILENCE
from rapport.kernel.errors import BadInput, Conflict
from rapport.terms.benefits import Side

SIDES: tuple[Side, Side] = ("customer", "company")
LARGEST = float(MOST)
"""What one decision may have given to one side, at most, in the side's unit."""
_ROUNDING = 1e-6


class Candidate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that could have been done. `chance`: with which arbitration would draw it, had nobody been held out;
    `customer` and `company`: what it was estimated to give each side, against silence."""

    action: str
    kind: str
    chance: float
    customer: float = 0.0
    company: float = 0.0


class Logged(msgspec.Struct, frozen=True):
    """One decision and what became of it.

    `customer` is the handle that decisions about one customer share; `at` the moment, `until` when its window has
    passed (µs): only then is what it gave known, whatever came before. `candidates` are all that passed the rules,
    silence among them; `holdout` is the share of customers of which this one was or could have been held out (0 where
    they declined). `features` have the same meaning throughout a log. Both benefits are None until something is known;
    when the window has passed, None is 0.
    """

    decision: str
    customer: str
    at: int
    until: int
    action: str
    candidates: tuple[Candidate, ...]
    holdout: float = 0.0
    held_out: bool = False
    delivered: bool = True
    features: tuple[float, ...] = ()
    stratum: str = ""
    customer_benefit: float | None = None
    company_value: float | None = None

    @property
    def propensity(self) -> float:
        """The chance, over all lots, with which what was done was done."""
        return self.propensities[self.action]

    @property
    def propensities(self) -> dict[str, float]:
        """Of every candidate, over all lots."""
        found = {one.action: (1 - self.holdout) * one.chance for one in self.candidates}
        found[SILENCE] = found.get(SILENCE, 0.0) + self.holdout
        return found

    @property
    def chances(self) -> dict[str, float]:
        """Of every candidate, by arbitration alone."""
        return {SILENCE: 0.0} | {one.action: one.chance for one in self.candidates}

    def given(self, side: Side) -> float:
        """What it gave this side, as far as is known."""
        return (self.customer_benefit if side == "customer" else self.company_value) or 0.0

    def checked(self) -> "Logged":
        """Raises BadInput where no estimator could use it, naming the field."""
        chances = [one.chance for one in self.candidates]
        if len({one.action for one in self.candidates}) != len(chances):
            raise _bad("candidates", "each candidate is there once")
        if not all(0 <= chance <= 1 for chance in chances) or abs(sum(chances) - 1) > _ROUNDING:
            raise _bad("candidates", "the chances of all candidates are from 0 to 1, and 1 together")
        if not 0 <= self.holdout < 1:
            raise _bad("holdout", "the share that is held out is at least 0 and below 1")
        if self.held_out and (self.action != SILENCE or not self.holdout):
            raise _bad("held_out", "who is held out is left alone, and only where somebody is held out")
        if not self.propensities.get(self.action, 0) > 0:
            raise _bad("action", f"{self.action[:40]!r} was done, though it had no chance to be")
        if not all(map(math.isfinite, self.features)):
            raise _bad("features", "features are finite numbers")
        for field in ("customer_benefit", "company_value"):
            benefit = getattr(self, field)
            if benefit is not None and not abs(benefit) <= LARGEST:
                raise _bad(field, f"what a decision gave is a number of at most {LARGEST:,.0f}")
        return self


def known(log: Iterable[Logged], now: int) -> list[Logged]:
    """The decisions whose windows have passed, each once, in one order whatever order they came in.

    One whose outcome came early waits like all others: whoever bought at once would else stand for everybody. Raises
    Conflict where two decisions have one id, BadInput for one that cannot be used.
    """
    found: dict[str, Logged] = {}
    for one in log:
        if one.until <= now and found.setdefault(one.decision, one) != one:
            raise Conflict(
                f"decision {one.decision[:40]!r} is in the log twice, and not the same", code="two_of_one_id"
            )
    return [found[decision].checked() for decision in sorted(found)]


def _bad(field: str, message: str) -> BadInput:
    return BadInput(message, code="bad_decision", field=field)
