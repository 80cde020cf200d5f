"""Looks back on decisions, as the API and the console ask for them, and a review as the API tells it."""

from typing import Any, Protocol

import msgspec

from rapport.kernel.times import rfc3339
from rapport.learn.reviewed import Answered, Compared, Figure, Other, Review


class Progress(msgspec.Struct, frozen=True):
    """Of a look that is under way: `read` decisions `of` so many; `waiting`: others are before it."""

    read: int
    of: int
    waiting: bool


class Looked(msgspec.Struct, frozen=True):
    """What is known so far (None: nothing yet), and how far a look, or a newer look, is."""

    found: Review | Answered | None
    progress: Progress | None = None


class Retrospects(Protocol):
    async def look(self, org: str, other: Other | None = None) -> Looked:
        """What is known of an organization's decisions, or of them made another way. Raises BadInput and NotFound for
        what cannot be asked, Busy where too much is being asked."""


def told_review(review: Review) -> dict[str, Any]:
    """All of it; the two sides are never added."""
    return {
        "as_of": rfc3339(review.at),
        "decisions": review.decisions,
        "waiting": review.waiting,
        "silences": review.silences,
        "customers": review.customers,
        "since": rfc3339(review.since) if review.decisions else None,
        "until": rfc3339(review.until) if review.decisions else None,
        "customer": _compared(review.customer),
        "company": _compared(review.company),
        "step": review.step,
        "spans": [
            {
                "since": rfc3339(span.since),
                "until": rfc3339(span.until),
                "decisions": span.decisions,
                "silences": span.silences,
                "customer": _compared(span.customer),
                "company": _compared(span.company),
            }
            for span in review.spans
        ],
        "actions": [
            {
                "action": one.action,
                "kind": one.kind,
                "decisions": one.decisions,
                "gave": {"customer": _figure(one.gave_customer), "company": _figure(one.gave_company)},
                "customer": None if one.customer is None else _compared(one.customer),
                "company": None if one.company is None else _compared(one.company),
            }
            for one in review.actions
        ],
        "found": {one.side: _figure(one.above) for one in review.curves},
        "holdout": msgspec.to_builtins(review.lot),
        "guard_rails": [
            {
                "action": one.action,
                "side": one.side,
                "harmful": one.harmful,
                "effect": one.effect,
                "low": one.low,
                "high": one.high,
                "got": one.got,
                "left_alone": one.left,
            }
            for one in review.verdicts
        ],
    }


def _compared(one: Compared) -> dict[str, Any]:
    return {
        "standing": one.added.standing,
        "added": _figure(one.added),
        "done": _figure(one.reached),
        "silence": _figure(one.alone),
        "got": one.got,
        "left_alone": one.left,
        "customers": one.customers,
    }


def _figure(one: Figure) -> dict[str, Any]:
    """With why there is none, where there is none."""
    if one.value is None or one.low is None or one.high is None:
        return {"value": None, "low": None, "high": None, "said": one.said}
    return {"value": round(one.value, 6), "low": round(one.low, 6), "high": round(one.high, 6), "said": ""}
