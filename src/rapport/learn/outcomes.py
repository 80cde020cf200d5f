"""Outcomes: what became of a decision, by a report or by an event, and what of it is learnt.

    reported(report, org, awaited, …)     whoever acted says what it gave
    settled_by(event, rules, awaited)     an event shows it: a purchase, a visit, a problem solved
    lapsed(awaited, now)                  nothing came while its window was open: it gave nothing

Each changes an `Awaited`, a decision as it waits, and answers what is new: an outcome for the books, and a *lesson*
for the model. A decision teaches once: with its first outcome at once, or, when its window has passed without any,
that it gave 0. What comes after is for the books, where estimators find all of it; the model is not told again.

An event settles one decision and once, whatever copies of it come. It goes to the `last` decision before it that
reached the customer and whose window is open, or, if a rule says `only`, to the only one; silence counts like any
action, for what people do when left alone is what all else is measured against. So it is worth the same whatever was
done.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from rapport.decide.actions import Benefit
from rapport.decide.kinds import MOST, MOST_MINUTES, SILENCE, Units, Worth
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.terms.benefits import KINDS, MINUTES, Side

MOST_OUTCOMES = 100
"""Of one decision."""
MAX_NAME = 512
_FIELDS: Mapping[Side, str] = {"customer": "customer_benefit", "company": "company_value"}
Passed = Literal[
    "no_time", "settled_already", "no_decision", "several_decisions", "no_amount", "absurd", "no_rule", "full"
]
PASSED: Mapping[Passed, str] = {
    "no_time": "when it happened is not known",
    "settled_already": "it has settled a decision before",
    "no_decision": "no decision reached this customer so shortly before",
    "several_decisions": "several decisions may have led to it",
    "no_amount": "it does not say how much",
    "absurd": f"it says more than {MOST:,}, or what is no number",
    "no_rule": "no rule says what it is worth",
    "full": f"the decision has {MOST_OUTCOMES} outcomes",
}
"""Why an event settles nothing."""


class Outcome(msgspec.Struct, frozen=True):
    """Something that a decision gave. `source`: the message id of the event that shows it, or "" where it was reported;
    `late`: it came to be known after the window had passed."""

    decision: str
    kind: str
    source: str
    worth: Worth
    at: int
    late: bool = False


class Awaited(msgspec.Struct, frozen=True):
    """A decision as it waits for what comes of it. `until`: when its window has passed (µs). `delivered`: it reached
    the customer, or it was silence. `learnt`: it has taught what it had to teach."""

    org: str
    decision: str
    customer: str
    action: str
    at: int
    until: int
    delivered: bool
    outcomes: tuple[Outcome, ...] = ()
    learnt: bool = False

    @property
    def worth(self) -> Worth | None:
        """All that it gave; None where nothing came."""
        if not self.outcomes:
            return None
        sums = (
            math.fsum(getattr(outcome.worth, side) for outcome in self.outcomes) for side in ("customer", "company")
        )
        return Worth(*sums)


class Lesson(NamedTuple):
    """What the model is to learn of a decision, once."""

    decision: str
    worth: Worth


class Step(NamedTuple):
    """`awaited` as it is now; what is new, None where nothing is: a copy changes nothing."""

    awaited: Awaited
    outcome: Outcome | None = None
    lesson: Lesson | None = None


# -- by report


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What whoever acted says came of it: numbers in the side's unit, or as an action declares its benefit."""

    decision: str
    kind: str
    customer_benefit: float | Benefit = 0.0
    company_value: float | Benefit = 0.0


def report_of(raw: Any) -> Report:
    """A report as JSON has it. Raises BadInput (`bad_outcome`)."""
    try:
        return msgspec.convert(raw, Report)
    except msgspec.ValidationError as error:
        raise BadInput(f"this is no outcome: {error}", code="bad_outcome") from None


def reported(
    report: Report, org: str, awaited: Awaited | None, units: Units, now: int, minute: float | None = None
) -> Step:
    """Keep what was reported. `minute`: what a minute is worth to this customer. Raises BadInput naming the field,
    NotFound where the organization has no such decision (another's is as unknown), Conflict where the same was reported
    otherwise."""
    if not 0 < len(report.kind) <= MAX_NAME or not report.kind.isprintable():
        raise _bad("kind", "kind says what came of it, in a word, such as bought")
    rate = units.minute if minute is None else minute
    worth = Worth(_amount(report.customer_benefit, "customer", rate), _amount(report.company_value, "company", rate))
    if awaited is None or awaited.org != org or awaited.decision != report.decision:
        raise NotFound("there is no such decision", field="decision")
    for one in awaited.outcomes:
        if one.kind == report.kind and not one.source:
            if one.worth == worth:
                return Step(awaited)
            message = f"{report.kind[:40]!r} was reported of this decision before, and otherwise"
            raise Conflict(message, code="outcome_differs", field="kind")
    if now < awaited.at:
        raise _bad("decision", "an outcome cannot come before its decision")
    if len(awaited.outcomes) >= MOST_OUTCOMES:
        raise _bad("decision", f"a decision has at most {MOST_OUTCOMES} outcomes")
    if _too_much(awaited, worth):
        raise _bad("decision", f"what a decision gave is {MOST:,} in all, at most")
    return _kept(awaited, Outcome(awaited.decision, report.kind, "", worth, now, now >= awaited.until))


def _amount(given: float | Benefit, side: Side, minute: float) -> float:
    field = _FIELDS[side]
    if not isinstance(given, Benefit):
        return _checked(given, field)
    if given.kind not in KINDS[side]:
        raise _bad(field, f"what the {side} is given is one of: {', '.join(KINDS[side])}")
    if given.minutes and given.amount:
        raise _bad(field, "a benefit is in minutes or an amount of money, not both")
    in_minutes = given.kind == f"{MINUTES}_saved"
    if given.amount if in_minutes else given.minutes:
        raise _bad(field, f"{given.kind} is told by {'minutes' if in_minutes else 'an amount'}")
    if not -MOST_MINUTES <= given.minutes <= MOST_MINUTES:
        raise _bad(field, f"minutes are a number from -{MOST_MINUTES:,} to {MOST_MINUTES:,}")
    return _checked(given.amount + given.minutes * minute, field)


def _checked(amount: float, field: str) -> float:
    if not -MOST <= amount <= MOST:  # nor is NaN
        raise _bad(field, f"what a decision gave is a number from -{MOST:,} to {MOST:,}")
    return float(amount)


# -- by events


class Gives(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an event is worth to a side: `times` what a `property` says, and `fixed` besides."""

    property: str = ""
    times: float = 1.0
    fixed: float = 0.0


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Events of this name settle decisions that were made at most `within` (µs) before."""

    event: str
    within: int
    customer: Gives = Gives()
    company: Gives = Gives()
    attribution: Literal["last", "only"] = "last"


class Happened(NamedTuple):
    """An event, as far as the gate lets it be seen. `at`: when it happened (µs), None where that is not known."""

    message: str
    name: str
    at: int | None
    properties: Mapping[str, Any]


def checked_rules(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Raises BadInput (`bad_rule`)."""
    for place, rule in enumerate(rules):
        field = f"rules.{place}"
        if not 0 < len(rule.event) <= MAX_NAME or rule.within <= 0:
            raise BadInput("a rule names an event, and how long it counts", code="bad_rule", field=field)
        for gives in (rule.customer, rule.company):
            if not all(-MOST <= number <= MOST for number in (gives.times, gives.fixed)):
                raise BadInput(f"this is no number from -{MOST:,} to {MOST:,}", code="bad_rule", field=field)
    if len({rule.event for rule in rules}) != len(rules):
        raise BadInput("each event has one rule", code="bad_rule", field="rules")
    return tuple(rules)


def settled_by(event: Happened, rules: Sequence[Rule], awaited: Sequence[Awaited], now: int) -> Step | Passed:
    """What an event settles, or why nothing. `awaited`: the customer's decisions whose windows held the moment of the
    event, settled or not, learnt or not; in any order."""
    rule = next((rule for rule in rules if rule.event == event.name), None)
    if rule is None:
        return "no_rule"
    if event.at is None or event.at > now:
        return "no_time"
    if any(outcome.source == event.message for one in awaited for outcome in one.outcomes):
        return "settled_already"
    before = [one for one in awaited if _may_have_led(one, event.at, rule.within)]
    if not before:
        return "no_decision"
    if rule.attribution == "only" and len(before) > 1:
        return "several_decisions"
    worth = _worth(rule, event.properties)
    if not isinstance(worth, Worth):
        return worth
    last = max(before, key=lambda one: (one.at, one.decision))
    if len(last.outcomes) >= MOST_OUTCOMES:
        return "full"
    outcome = Outcome(last.decision, event.name, event.message, worth, event.at, now >= last.until)
    return "absurd" if _too_much(last, worth) else _kept(last, outcome)


def _may_have_led(one: Awaited, at: int, within: int) -> bool:
    return (one.delivered or one.action == SILENCE) and one.at <= at < min(one.at + within, one.until)


def _worth(rule: Rule, properties: Mapping[str, Any]) -> Worth | Passed:
    amounts = []
    for gives in (rule.customer, rule.company):
        found: Any = properties.get(gives.property, 0.0) if gives.property else 0.0
        if gives.property and gives.property not in properties:
            return "no_amount"
        if isinstance(found, bool) or not isinstance(found, int | float):
            return "no_amount"
        if not -MOST <= found <= MOST:
            return "absurd"
        amounts.append(gives.fixed + gives.times * float(found))
    if not all(-MOST <= amount <= MOST for amount in amounts):
        return "absurd"
    return Worth(*amounts)


# -- by nothing


def lapsed(awaited: Awaited, now: int) -> Step:
    """Whether it is time to learn that a decision gave nothing: when its window has passed and it has taught nothing.
    One that never reached the customer teaches nothing by that."""
    reached = awaited.delivered or awaited.action == SILENCE
    if awaited.learnt or awaited.outcomes or not reached or now < awaited.until:
        return Step(awaited)
    return Step(msgspec.structs.replace(awaited, learnt=True), None, Lesson(awaited.decision, Worth()))


def _kept(awaited: Awaited, outcome: Outcome) -> Step:
    lesson = None if awaited.learnt else Lesson(awaited.decision, outcome.worth)
    after = msgspec.structs.replace(awaited, outcomes=(*awaited.outcomes, outcome), learnt=True)
    return Step(after, outcome, lesson)


def _too_much(awaited: Awaited, worth: Worth) -> bool:
    """Whether with this the decision would have given more than anything can."""
    had = awaited.worth or Worth()
    return not max(abs(had.customer + worth.customer), abs(had.company + worth.company)) <= MOST


def _bad(field: str, message: str) -> BadInput:
    return BadInput(message, code="bad_outcome", field=field)
