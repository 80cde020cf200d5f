"""Decisions as the API and the console ask for them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from rapport.decide.arbitration import Estimate, estimate
from rapport.decide.decision import Decision, Manner
from rapport.decide.explaining import Moved, why
from rapport.decide.grounds import Ground
from rapport.decide.kinds import SILENCE, Units
from rapport.kernel.times import rfc3339
from rapport.learn.outcomes import Rule
from rapport.learn.rules import Rules

NOTHING = Estimate(0.0, 0.0, 0.0)


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the customer is: degrees, and a country (ISO 3166, two letters)."""

    lat: float | None = None
    lon: float | None = None
    country: str = ""


class Now(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the caller knows of the moment. `zone`: the customer's time zone; `session`: what happens in the session, by
    names of one's own."""

    device: str = ""
    zone: str = ""
    place: Place | None = None
    session: dict[str, str | float | bool | None] = {}


class DecisionWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`deliver`: whether what is decided is to be sent, too."""

    customer: str
    purpose: str
    channel: str
    context: Now = Now()
    language: str | None = None
    deliver: bool = False


class Trial(msgspec.Struct, frozen=True):
    """A decision that was tried, and of which nothing but a receipt is kept. `head`: the customer's handle and the
    receipt, as every answer about a customer has them; `moved`: by candidate, what moved its estimates; `lately`: what
    was decided for the customer before, for the same purpose, the newest first."""

    head: dict[str, Any]
    decision: Decision
    units: Units
    moved: Mapping[str, Moved]
    lately: tuple["Before", ...] = ()


class Before(msgspec.Struct, frozen=True):
    """A decision that was made. `action`: "" where it cannot be read; `why`: of silence, in words; `delivered`: the
    node sent it, or is about to."""

    at: int
    action: str
    channel: str
    why: str
    delivered: bool


class Outcomes(Protocol):
    """What the node does about outcomes."""

    async def report(self, org: str, raw: dict[str, Any]) -> dict[str, Any]:
        """What came of a decision (see `learn.outcomes.Report`). Raises NotFound, BadInput (`bad_outcome`), Conflict
        (`outcome_differs`)."""

    async def rules(self, org: str) -> Rules:
        """By which rules events settle outcomes."""

    async def put_rules(self, org: str, rules: Sequence[Rule], who: str, expected: int | None = None) -> Rules:
        """Raises BadInput (`bad_rule`), Conflict (`outdated`)."""


class Decisions(Protocol):
    """What the node does about decisions, each for one organization. `caller` is told in receipts."""

    async def decide(self, org: str, wish: DecisionWish, caller: str) -> dict[str, Any]:
        """Raises NotFound where the customer is absent or refused, Conflict (`ambiguous`), BadInput."""

    async def trial(self, org: str, wish: DecisionWish, caller: str) -> Trial:
        """What would be decided now; nothing of it is delivered, counted or learnt. Raises likewise."""

    async def manner(self, org: str) -> Manner:
        """How an organization decides."""

    async def put_manner(self, org: str, manner: Manner, who: str, expected: int | None = None) -> Manner:
        """Raises BadInput, Conflict (`outdated`)."""


def told_decision(decision: Decision, units: Units) -> dict[str, Any]:
    """What was decided, without the customer's head and the receipt."""
    case = decision.case
    both = (NOTHING, NOTHING)
    if decision.action != SILENCE:
        place = case.actions.index(decision.action)
        both = (estimate(case.customer, place), estimate(case.company, place))
    return {
        "decision": decision.id,
        "action": decision.action,
        "kind": decision.kind,
        "content": None if decision.action == SILENCE else dict(decision.parts),
        "language": decision.language or None,
        "channel": decision.channel,
        "estimates": {side: told_estimate(one) for side, one in zip(("customer", "company"), both, strict=True)},
        "propensity": decision.propensity,
        "why": why(decision, units),
        "grounds": [told_ground(one) for one in decision.grounds],
        "serves": list(decision.serves),
        "excluded": [{"action": one.action, "rule": one.rule, "said": one.said} for one in decision.excluded],
    }


def told_ground(one: Ground) -> dict[str, Any]:
    return {"kind": one.kind, "name": one.name, "at": None if one.at is None else rfc3339(one.at)}


def told_estimate(one: Estimate) -> dict[str, float]:
    """In the organization's money, to a millionth."""
    return {"mean": round(one.mean, 6), "low": round(one.low, 6), "high": round(one.high, 6)}


def told_manner(manner: Manner) -> dict[str, Any]:
    return {
        "weight": manner.weight,
        "holdout": manner.holdout,
        "policy": msgspec.to_builtins(manner.policy),
        "days": manner.days,
        "guard_rails": manner.guard_rails,
        "version": manner.version,
    }
