"""What a log of decisions shows, ready to be told: plain figures, each with its interval, or with why there is none.

Nothing here computes, and nothing loads NumPy: pages, programs and processes hand these to each other.
"""

from typing import Literal

import msgspec

from rapport.terms.benefits import Side

Step = Literal["day", "week", "month"]
"""Of which length a span is; a month has four weeks."""
Standing = Literal["better", "worse", "unproven", "unknown"]
Verdict = Literal["gain", "loss", "no_proven_gain", "too_few", "not_logged", "nothing_changes"]
"""As `what_if` gives it."""


class Figure(msgspec.Struct, frozen=True):
    """A mean and its interval of 95 %; without one all three are None, and `said` tells why."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    said: str = ""

    @property
    def standing(self) -> Standing:
        """What a difference from nothing shows."""
        if self.low is None or self.high is None:
            return "unknown"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "unproven"


class Compared(msgspec.Struct, frozen=True):
    """What doing something gave one side, each time, against silence.

    `reached`: what came, on average, where something was done; `alone`: where nothing was, of decisions weighted to be
    like those; `added`: the difference. Compared are `got` and `left` decisions about `customers`, in all of which both
    could have happened.
    """

    side: Side
    added: Figure
    reached: Figure
    alone: Figure
    got: int
    left: int
    customers: int


class Span(msgspec.Struct, frozen=True):
    """Decisions made from `since` until before `until` (µs), `silences` of them to do nothing."""

    since: int
    until: int
    decisions: int
    silences: int
    customer: Compared
    company: Compared


class OfAction(msgspec.Struct, frozen=True):
    """One action, or silence, of which nothing is `added`. `gave`: what came after it, to whomever it was done."""

    action: str
    kind: str
    decisions: int
    gave_customer: Figure
    gave_company: Figure
    customer: Compared | None = None
    company: Compared | None = None


class Curve(msgspec.Struct, frozen=True):
    """Whether those were found whom it helps: `points` (share of decisions, gain per decision) of a Qini curve, and by
    how much it lies `above` picking at random."""

    side: Side
    points: tuple[tuple[float, float], ...]
    above: Figure


class Judged(msgspec.Struct, frozen=True):
    """What a guard-rail makes of an action for one side, over all looks together; the three are None where too little
    is known."""

    action: str
    side: Side
    harmful: bool
    effect: float | None
    low: float | None
    high: float | None
    got: int
    left: int


class Lot(msgspec.Struct, frozen=True):
    """The disclosed holdout. `share`: of customers, now; of the `customers` who were decided for, so many were
    `held_out`; about so many `declined` (None: fewer than 20)."""

    share: float
    customers: int
    held_out: int
    declined: int | None = None


class Review(msgspec.Struct, frozen=True):
    """An organization's decisions, looked back on `at` an instant (µs): the newest `looked_at`, of which `decisions`
    have shown what they gave, and `waiting` have still time to, the first of them until `due` (µs, 0: none). Spans are
    in order; silence comes first among actions, then the commonest."""

    at: int
    looked_at: int
    decisions: int
    waiting: int
    silences: int
    customers: int
    since: int
    until: int
    step: Step
    customer: Compared
    company: Compared
    spans: tuple[Span, ...]
    actions: tuple[OfAction, ...]
    curves: tuple[Curve, ...]
    verdicts: tuple[Judged, ...]
    lot: Lot
    due: int = 0


class Other(msgspec.Struct, frozen=True):
    """Another way to decide: one change of these. `without`: an action; `most` contacts within so many `days`."""

    weight: float | None = None
    without: str = ""
    most: int | None = None
    days: int = 7


class Gained(msgspec.Struct, frozen=True):
    """What the change would have given one side, per decision. `effective`: as how many decisions made the other way
    the log counts, at most."""

    side: Side
    verdict: Verdict
    gain: Figure
    effective: float


class Answered(msgspec.Struct, frozen=True):
    """`changed`: the share of choices that would have been others; `beyond`: that of which the log cannot tell."""

    at: int
    what: str
    decisions: int
    customers: int
    changed: float
    beyond: float
    customer: Gained
    company: Gained
    said: str
