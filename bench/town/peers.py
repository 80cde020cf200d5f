"""The ways to choose: Rapport's own code, and what it is held against.

None is crippled. Greedy has Rapport's features and Rapport's model of the company, learns from the same outcomes, and
does what the company is expected to gain most from. Segment targeting has its rules and its pace tuned on a pilot of
the same town, with as much harm. All are bound by the catalogue's caps.
"""

from typing import Final, NamedTuple

import numpy as np

from bench.town import living
from bench.town.living import SILENT, Asked, live
from bench.town.world import ACTS, KINDS_OF, Town, town
from rapport.app import minds
from rapport.decide import contact, features
from rapport.decide.actions import Limits
from rapport.decide.arbitration import Case, arbitrate
from rapport.decide.contact import Policy, Proposal, Wishes
from rapport.decide.decision import Manner
from rapport.decide.features import Context, Crossed
from rapport.decide.holdout import USUAL
from rapport.decide.kinds import SILENCE
from rapport.decide.priors import Scales
from rapport.kernel.times import DAY

SENSIBLE: Final = Policy(limits=Limits(per_day=1, per_week=2), weary=2.0)
"""At most two messages in a week, and none while those before weigh so much as two of today."""
USUAL_WEIGHT: Final = Manner().weight
NO_POLICY: Final = Manner().policy
MOMENT_EVENTS: Final = ("", "Fault Reported", "Service Due")
_PLACES: Final = {name: place for place, (name, _) in enumerate(KINDS_OF)}


def context(asked: Asked) -> Context:
    """What may be known in this moment."""
    whose, visit = asked.visit.customer, asked.visit
    events = {f"Viewed {theme}": number for theme, number in asked.town.views[whose].items()}
    if visit.moment:
        events[MOMENT_EVENTS[visit.moment]] = 1
    lately = sum(one.at > visit.at - 7 * DAY for one in asked.contacts)
    if lately:
        events["Contacted"] = lately
    return Context(
        visit.at, channel=visit.channel, goals=asked.town.goals[whose], events=events, traits=asked.town.traits[whose]
    )


class Rapport:
    """Decides and learns by Rapport's own code, as a new organization does unless it says otherwise: so with a holdout,
    and no `policy` for contacts. `scales`: of its priors, from what its catalogue `declared`."""

    def __init__(
        self,
        seed: int,
        scales: Scales,
        weight: float = USUAL_WEIGHT,
        policy: Policy = NO_POLICY,
        holdout: float = USUAL,
    ) -> None:
        self._seed, self._weight, self._policy, self._holdout = seed, weight, policy, holdout
        self.customer, self.company, _ = minds.nothing(scales)
        self._known: dict[int, features.Features] = {}

    def choose(self, asked: Asked) -> int:
        town, visit = asked.town, asked.visit
        out = set()
        if self._policy != NO_POLICY:  # by none, nothing is out
            proposals = [Proposal(*KINDS_OF[place], visit.channel) for place in asked.open]
            against = contact.exclusions(proposals, self._policy, Wishes(), asked.contacts, visit.at)
            out = {one.action for one in against}
        open_ones = [place for place in asked.open if KINDS_OF[place][0] not in out]
        known = self._known[asked.number] = features.hashed(features.named(context(asked)))
        return self._chosen(asked, open_ones, features.crossed(known, [KINDS_OF[place] for place in open_ones]), town)

    def _chosen(self, asked: Asked, open_ones: list[int], crossed: Crossed, town: Town) -> int:
        at = asked.visit.at
        case = Case(
            f"dec_{self._seed}_{asked.number}",
            tuple(KINDS_OF[place][0] for place in open_ones),
            tuple(KINDS_OF[place][1] for place in open_ones),
            self.customer.estimates(crossed, [town.declared[place].customer for place in open_ones], at),
            self.company.estimates(crossed, [town.declared[place].company for place in open_ones], at),
            self._weight,
            holdout=self._holdout,
            held_out=bool(self._holdout and town.held_out[asked.visit.customer]),
        )
        action = arbitrate(case).action
        return SILENT if action == SILENCE else _PLACES[action]

    def learn(self, asked: Asked, done: int, customer: float, company: float, at: int) -> None:
        known = self._known.pop(asked.number)
        crossed = features.crossed(known, () if done == SILENT else (KINDS_OF[done],))
        declared = None if done == SILENT else asked.town.declared[done]
        self.customer.learn(crossed, 0.0 if declared is None else declared.customer, customer, at)
        self.company.learn(crossed, 0.0 if declared is None else declared.company, company, at)


class Greedy(Rapport):
    """The company's gain alone: whatever it is expected to gain most from, or silence where it gains from nothing."""

    def _chosen(self, asked: Asked, open_ones: list[int], crossed: Crossed, town: Town) -> int:
        if not open_ones:
            return SILENT
        declared = [town.declared[place].company for place in open_ones]
        means = self.company.estimates(crossed, declared, asked.visit.at).means
        best = max(range(len(means)), key=means.__getitem__)
        return open_ones[best] if means[best] > 0 else SILENT


class Knowing:
    """Nobody can choose so: by what is true of this very customer now. With the company's gain alone (`weight` 0), or
    by the product; so it is seen what a rule costs, and what learning costs."""

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def choose(self, asked: Asked) -> int:
        best, most = SILENT, 0.0
        weary = living.weariness(asked.contacts, asked.visit)
        for place in asked.open:
            customer, company = living.worth(asked.town, asked.visit, place, weary)
            gain = (
                company
                if not self._weight
                else max(customer, 0) ** self._weight * max(company, 0) ** (1 - self._weight)
            )
            if gain > most:
                best, most = place, gain
        return best

    def learn(self, asked: Asked, done: int, customer: float, company: float, at: int) -> None:
        """It knows already."""


class Random:
    """Anything that may be done, or nothing, all alike."""

    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng([seed, 11])
        self.heard: list[tuple[Asked, int, float]] = []

    def choose(self, asked: Asked) -> int:
        place = int(self._chance.integers(len(asked.open) + 1))
        return SILENT if place == len(asked.open) else asked.open[place]

    def learn(self, asked: Asked, done: int, customer: float, company: float, at: int) -> None:  # noqa: ARG002 (a Way's)
        self.heard.append((asked, done, company))


class Rules(NamedTuple):
    """Of segment targeting: for each segment its actions, the best first; and how many days apart."""

    ranked: dict[tuple[str, str], tuple[int, ...]]
    apart: int


class Segments:
    """A campaign: each customer gets what is best for the company in their segment, of what they did not just get."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._last: dict[int, int] = {}

    def choose(self, asked: Asked) -> int:
        who, day = asked.visit.customer, asked.visit.day
        if day - self._last.get(who, -self._rules.apart) < self._rules.apart:
            return SILENT
        for place in self._rules.ranked.get(segment(asked.town, who), ()):
            if place in asked.open:
                self._last[who] = day
                return place
        return SILENT

    def learn(self, asked: Asked, done: int, customer: float, company: float, at: int) -> None:
        """It learnt from the pilot."""


EVERYBODY: Final = ("", "")
PACES: Final = (7, 4, 1)
"""Days apart at least: a weekly campaign, twice a week, whenever there is an occasion."""


def segment(of: Town, who: int) -> tuple[str, str]:
    return str(of.traits[who]["plan"]), str(of.traits[who]["household"])


def tuned(seed: int, harm: float, customers: int, days: int, *, weekly: bool = False) -> Rules:
    """Rules from a pilot in another town of the same kind: what was worth most to the company in each segment by a lot,
    and the pace at which these gave it most there. `weekly`: that pace, whatever another gives."""
    pilot = town(seed + 1_000_000, harm, customers, days)
    tried = Random(seed)
    live(pilot, tried)
    gave: dict[tuple[tuple[str, str], int], list[float]] = {}
    for asked, done, company in tried.heard:
        for whose in (segment(pilot, asked.visit.customer), EVERYBODY):
            gave.setdefault((whose, done), []).append(company)
    ranked = {}
    silent = float(np.mean(gave[EVERYBODY, SILENT]))
    for plan, household in {one for one, _ in gave}:
        means = {}
        for place in range(len(ACTS)):
            own, every = gave.get(((plan, household), place), []), gave.get((EVERYBODY, place), [0.0])
            means[place] = (sum(own) + 10 * float(np.mean(every))) / (len(own) + 10)  # a little of what holds for all
        best = sorted(means, key=lambda place: -means[place])
        ranked[plan, household] = tuple(place for place in best if means[place] > silent)
    paces = (7,) if weekly else PACES
    return max((Rules(ranked, pace) for pace in paces), key=lambda rules: float(live(pilot, Segments(rules)).sides[1]))
