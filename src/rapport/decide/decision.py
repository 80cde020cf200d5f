"""One decision: what to do for one customer in one moment, out of all that an organization can do; or silence.

    eligibility (catalogue) → contact policy → what each is expected to give both sides → arbitration

A decision is a pure function of what it is given: of the catalogue, of the way in which an organization decides, of
what was learnt so far, and of a *moment*, which holds no more of the customer than the gate let through. What is kept
of it (`Decision`) holds all numbers that went in, so that anybody can rule again and compare.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from rapport.decide import contact, features
from rapport.decide.actions import Action, declared
from rapport.decide.arbitration import RULES, Case, Ranked, arbitrate, losers, ranked
from rapport.decide.catalogue import NOWHERE, Catalogue, Ready, Rendered, Where
from rapport.decide.catalogue import RULES as UNFIT
from rapport.decide.contact import Contact, Policy, Wishes
from rapport.decide.features import ALWAYS, Context, Crossed, Named
from rapport.decide.grounds import Ground
from rapport.decide.holdout import USUAL, share_of
from rapport.decide.kinds import SILENCE, Worth
from rapport.decide.posterior import Estimates, Posterior, estimate_both
from rapport.decide.priors import Scales
from rapport.decide.triggers import Start, begins_anew
from rapport.decide.wants import Want, served
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import Facts
from rapport.kernel.times import DAY

MOST_DAYS: Final = 90
MOST_REASONS: Final = 3
_GIVEN: Final = "it was given to them: once for each version, and once more where what starts it happens again"

Delivery = Literal["", "asked", "delivered", "failed", "withdrawn"]


class Manner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How an organization decides, openly. `weight`: the customer's, between 0 and 1; `holdout`: the share of customers
    who are left alone by lot; `policy`: how often it may reach anybody; `days`: within which it shows what a decision
    gave. `version` counts from 0: nothing was said. `guard_rails`: whether an action that is shown to harm a side is
    switched off by itself."""

    weight: float = 0.5
    holdout: float = USUAL
    policy: Policy = Policy()
    days: int = 7
    version: int = 0
    guard_rails: bool = True


class Learnt(NamedTuple):
    """What was learnt of both sides, up to a `lesson` (its sequence number)."""

    customer: Posterior
    company: Posterior
    lesson: int = 0

    @property
    def scales(self) -> Scales:
        """Of the priors before any lesson."""
        return Scales(self.customer.prior.scale, self.company.prior.scale)


class Moment(msgspec.Struct, frozen=True):
    """One customer now, for a purpose and on a channel, as far as the gate lets them be seen. `facts` hold the computed
    traits that the purpose's actions look at; `contacts` what reached them before; `minute`: what a minute is worth to
    them (None: what the organization says); `unreachable`: why nothing that is delivered now would reach them;
    `started`: what started it, where nobody asked; `wants`: the goals that they let be known; `given`: notices, by id
    and version, that were given to them, and when (µs)."""

    purpose: str
    channel: str
    facts: Facts
    context: Context
    languages: Sequence[str] = ()
    where: Where = NOWHERE
    contacts: Sequence[Contact] = ()
    wishes: Wishes = Wishes()
    minute: float | None = None
    held_out: bool = False
    takes_part: bool = True
    unreachable: str = ""
    started: tuple[Start, ...] = ()
    wants: tuple[Want, ...] = ()
    given: Mapping[tuple[str, int], int] = msgspec.field(default_factory=dict)


class Excluded(msgspec.Struct, frozen=True, array_like=True):
    """An action that was no candidate, or lost for one side: `rule` is a stable id, `said` tells people."""

    action: str
    rule: str
    said: str


class Decision(msgspec.Struct, frozen=True):
    """As it is kept. `action`: an id, or "silence"; `version` and `kind` its own. `case` is what was ruled on, for the
    named `features`, with what was `learnt` up to that lesson. `versions`: of the candidates;
    `units` and `manner`: which versions were in force; until it `closes` (µs) it shows what it gave. `worths`: what
    each candidate declares; `parts`: the message; `because`: the features that speak most for it, to the customer;
    `grounds`: what is known of them and without which it would not be for them; `scales`: of the priors that it rests
    on; `started`: what started it, where nobody asked; `serves`: the goals that it serves, in the customer's words;
    `minute`: what a minute is worth to them, where they say so; `zone`: of the clock on their wall, "": nobody
    knew; `goals`: the ids of those that it serves, which are kept in place of the words, so that these go with the
    goals."""

    id: str
    at: int
    purpose: str
    channel: str
    action: str
    kind: str
    version: int
    propensity: float
    case: Case
    features: Named
    learnt: int
    versions: tuple[int, ...]
    units: int
    manner: int
    excluded: tuple[Excluded, ...]
    closes: int
    worths: tuple[Worth, ...] = ()
    language: str = ""
    parts: Mapping[str, str] = msgspec.field(default_factory=dict)
    because: tuple[str, ...] = ()
    grounds: tuple[Ground, ...] = ()
    scales: Scales = Scales()
    started: tuple[Start, ...] = ()
    serves: tuple[str, ...] = ()
    minute: float | None = None
    zone: str = ""
    goals: tuple[str, ...] = ()


def checked_manner(manner: Manner) -> Manner:
    """Raises BadInput (`bad_weight`, `bad_holdout`, `bad_days`, `bad_policy`), naming the field."""
    if not 0 < manner.weight < 1:
        message = "the customer's weight is more than 0 and less than 1: a decision weighs both sides"
        raise BadInput(message, code="bad_weight", field="weight")
    share_of(manner.holdout)
    if not 1 <= manner.days <= MOST_DAYS:
        message = f"it shows within 1 to {MOST_DAYS} days what a decision gave"
        raise BadInput(message, code="bad_days", field="days")
    contact.checked(manner.policy)
    return manner


def decide(id: str, catalogue: Catalogue, manner: Manner, learnt: Learnt, moment: Moment) -> Decision:  # noqa: A002 (what it is called everywhere)
    """Decide. `id` is the decision's own, and the seed of all that is drawn."""
    candidates, excluded = _candidates(catalogue, manner, moment)
    named = features.named(moment.context)
    serves = [served(one.action, moment.wants) if moment.wants else () for one in candidates]
    worths = tuple(
        declared(one.action, catalogue.units, moment.minute, serving=bool(goals))
        for one, goals in zip(candidates, serves, strict=True)
    )
    at = moment.context.at
    kinds = tuple((one.action.id, one.action.kind) for one in candidates)
    crossed = features.crossed(features.hashed(named), kinds)
    customer, company = _estimates(learnt, crossed, worths, at)
    case = Case(
        id,
        tuple(name for name, _ in kinds),
        tuple(kind for _, kind in kinds),
        customer,
        company,
        manner.weight,
        frozenset(one.action.id for one in candidates if one.action.mandatory),
        manner.holdout if moment.takes_part else 0.0,
        moment.held_out and moment.takes_part,
    )
    ruling = arbitrate(case)
    out = [place for place in ruling.ranking if ruling.products[place] is None]
    lost = [Excluded(case.actions[place], rule, RULES[rule]) for place in out for rule in losers(case, place)]
    chosen = next((place for place, one in enumerate(candidates) if one.action.id == ruling.action), None)
    done = None if chosen is None else candidates[chosen]
    message = None if done is None else _message(done, moment)
    return Decision(
        id,
        at,
        moment.purpose,
        moment.channel,
        ruling.action,
        SILENCE if done is None else done.action.kind,
        0 if done is None else done.action.version,
        ruling.propensity,
        case,
        named,
        learnt.lesson,
        tuple(one.action.version for one in candidates),
        catalogue.units.version,
        manner.version,
        (*excluded, *lost),
        at + manner.days * DAY,
        worths,
        "" if message is None else message.language,
        {} if message is None else message.parts,
        () if chosen is None else _because(learnt, crossed, chosen, at),
        () if done is None else done.grounds(moment.facts, at),
        scales=learnt.scales,
        started=moment.started,
        serves=() if chosen is None else tuple(one.words for one in serves[chosen]),
        goals=() if chosen is None else tuple(one.goal for one in serves[chosen]),
        minute=moment.minute,
        zone=moment.wishes.zone,
    )


def worth(decision: Decision) -> Worth:
    """What the action that was chosen declares; of silence nothing."""
    if decision.action == SILENCE:
        return Worth()
    return decision.worths[decision.case.actions.index(decision.action)]


class Agreement(NamedTuple):
    """What came out the same, to the bit, when it was decided once more."""

    estimates: bool
    action: bool
    propensity: bool


def once_more(decision: Decision, learnt: Learnt) -> Agreement:
    """Decide once more, of the same candidates, with what was `learnt` then, and compare."""
    case = decision.case
    kinds = tuple(zip(case.actions, case.kinds, strict=True))
    crossed = features.crossed(features.hashed(decision.features), kinds)
    customer, company = _estimates(learnt, crossed, decision.worths, decision.at)
    ruling = arbitrate(msgspec.structs.replace(case, customer=customer, company=company))
    return Agreement(
        (customer, company) == (case.customer, case.company),
        ruling.action == decision.action,
        ruling.propensity == decision.propensity,
    )


def same_again(decision: Decision, learnt: Learnt) -> bool:
    """Whether deciding once more gives the same estimates, action and propensity."""
    return all(once_more(decision, learnt))


def ranking(decision: Decision) -> list[Ranked]:
    """Its candidates as people read them, the best first."""
    return ranked(arbitrate(decision.case))


def _estimates(learnt: Learnt, crossed: Crossed, worths: Sequence[Worth], at: int) -> tuple[Estimates, Estimates]:
    """What each candidate is expected to give both sides."""
    return estimate_both((learnt.customer, learnt.company), crossed, worths, at)


def _because(learnt: Learnt, crossed: Crossed, chosen: int, at: int) -> tuple[str, ...]:
    """The features that speak most for what was chosen, as far as was learnt what it gives customers."""
    moved = learnt.customer.contributions(crossed, chosen, at)
    return tuple(name for name, by in moved if by > 0 and name != ALWAYS)[:MOST_REASONS]


def _candidates(catalogue: Catalogue, manner: Manner, moment: Moment) -> tuple[list[Ready], list[Excluded]]:
    """Those that may be done, and of all others every rule that speaks against it."""
    at, memo = moment.context.at, dict[int, object]()
    fit: list[Ready] = []
    excluded: list[Excluded] = []
    every = catalogue.of_purpose(moment.purpose)
    against: dict[str, list[Excluded]] = {}

    proposals = [one.proposal(moment.channel) for one in every]
    for one in contact.exclusions(proposals, manner.policy, moment.wishes, moment.contacts, at):
        against.setdefault(one.action, []).append(Excluded(one.action, one.rule, one.text))
    for ready in every:
        action = ready.action.id
        unfit = ready.excluded(moment.facts, at, moment.channel, moment.languages, moment.where, memo)
        rules = list(against.get(action, ()))
        if moment.unreachable:
            rules.insert(0, Excluded(action, "unreachable", moment.unreachable))
        if action in catalogue.switched_off:
            rules.insert(0, Excluded(action, "switched_off", catalogue.switched_off[action]))
        if moment.given and _was_given(ready.action, moment):
            rules.append(Excluded(action, "given", _GIVEN))
        if unfit is not None:
            said = f"{UNFIT[unfit.rule]}: {unfit.said}" if unfit.said else UNFIT[unfit.rule]
            rules.insert(0, Excluded(action, unfit.rule, said))
        excluded += rules
        if not rules:
            fit.append(ready)
    return fit, excluded


def _was_given(action: Action, moment: Moment) -> bool:
    """Whether it is a notice that was given, and nothing happened since that it waits for."""
    last = moment.given.get((action.id, action.version))
    if last is None or not action.mandatory or begins_anew(action.triggers, moment.started):
        return False
    return not any(_last(moment, trigger.event) > last for trigger in action.triggers)


def _last(moment: Moment, event: str) -> int:
    """When an event last was (µs), of those that are looked at; 0: it was not."""
    series = moment.facts.events.get(event)
    count = 0 if series is None else series.until(moment.context.at)
    return 0 if series is None or not count else series.times[count - 1]


def _message(one: Ready, moment: Moment) -> Rendered | None:
    message = one.rendered(moment.facts, moment.context.at, moment.channel, moment.languages)
    return message if isinstance(message, Rendered) else None
