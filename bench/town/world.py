"""The town: a shop that also sells energy and looks after boilers, its customers, and what is truly worth what.

Nobody who chooses sees any of what is hidden here: customers' tastes, the worth of their time, how much being contacted
wearies them. What can be seen are traits and page views that hint at it, goals that six in ten say, the occasion, and
how often somebody was contacted.

What an action gives is made of one thing for both: whether the customer takes it up, which they rather do the better it
suits their taste and the moment. Then the customer has its surplus (more of it, the better it suits) and the company
its margin; both pay for it anyway: the customer in minutes, the company in money. So interests mostly meet, as where
people are free to say no. They part in two of the offers, which pay best of all and are bad for most who take
them up, and in two actions that are good for customers and cost the company more than they bring.

Being contacted wearies: a contact that interrupts counts 1, one on the web .3, and half of it is gone after three days.
`harm` is how strongly weariness works: each contact costs customers harm × £ .6 × their sensitivity × weariness; they
take things up less; and a contact that leaves them worse off may make them leave for good, and what they and the
company would have had anyway is lost to both. At 0 nothing of this happens, however often they are contacted and
whatever they were sold.

All that is random is drawn beforehand from the seed: every way to choose meets the same people on the same occasions
with the same luck.
"""

from typing import Final, NamedTuple

import numpy as np

from rapport.decide.kinds import Units, Worth
from rapport.kernel.times import DAY
from rapport.learn.intervals import Floats

START: Final = 20_500 * DAY
THEMES: Final = ("energy", "comfort", "safety", "family", "garden")
GARDEN: Final = 4
RARE: Final = 0.05
"""The share of customers who love gardens; the others hardly care."""
MOMENTS: Final = ("", "trouble", "due")
PLANS: Final = ("basic", "plus", "premium")
HOUSEHOLDS: Final = ("single", "couple", "family")
HALF: Final = 3.0
"""Days after which a contact wearies half as much."""
ANNOYANCE: Final = 0.6
DULLS: Final = 0.15
LEAVING: Final = 0.03
"""The chance to leave after a contact that cost 1 £, where harm is 1; at most ten times that."""
DAILY: Final = (0.25, 0.45)
"""What customer and company have of each other a day, come what may, as long as the customer stays (£)."""
_RATE: Final = Units().minute


class Act(NamedTuple):
    """`often`: how readily it is taken up (log odds); `pull`: how much taste for the theme moves that; `moment`: the
    one that it is for; `surplus` and `margin` when it is taken up; `minutes` and `cost` in any case."""

    id: str
    kind: str
    theme: int
    often: float
    pull: float
    moment: str
    surplus: float
    margin: float
    minutes: float
    cost: float


ACTS: Final = (
    Act("leak-help", "help", 2, -1.0, 0.5, "trouble", 12.0, 4.0, 2.0, 0.4),
    Act("fault-guide", "help", 1, -0.5, 1.0, "trouble", 6.0, 2.5, 3.0, 0.1),
    Act("service-reminder", "remind", 2, -1.0, 0.5, "due", 6.0, 6.0, 1.0, 0.1),
    Act("meter-reminder", "remind", 0, 0.5, 1.0, "", 1.2, 0.8, 1.0, 0.05),
    Act("tariff-check", "inform", 0, -0.5, 2.0, "", 7.0, -1.0, 2.0, 0.05),
    Act("usage-report", "inform", 0, -0.2, 2.0, "", 3.0, 0.9, 2.0, 0.05),
    Act("family-evening", "invite", 3, -1.5, 3.0, "", 5.0, 3.0, 1.5, 0.2),
    Act("thanks", "thank", 1, 1.0, 0.0, "", 0.8, 0.3, 0.5, 0.05),
    Act("thanks-voucher", "thank", 1, 1.5, 0.0, "", 2.5, -0.6, 0.5, 0.1),
    Act("survey", "ask", 1, -1.0, 0.5, "", 0.0, 3.0, 2.5, 0.1),
    Act("wishes", "ask", 3, -0.5, 1.0, "", 1.5, 1.5, 2.0, 0.1),
    Act("insulation", "offer", 0, -3.0, 3.0, "", 30.0, 25.0, 2.0, 0.2),
    Act("thermostat", "offer", 1, -2.2, 2.5, "", 14.0, 12.0, 1.5, 0.2),
    Act("alarm", "offer", 2, -2.5, 3.0, "", 16.0, 14.0, 1.5, 0.2),
    Act("warranty", "offer", 2, -1.5, 1.5, "", -8.0, 14.0, 1.5, 0.2),
    Act("premium-plan", "offer", 1, -1.8, 2.0, "", -4.0, 12.0, 1.5, 0.2),
    Act("garden-care", "offer", 4, -4.0, 5.0, "", 20.0, 15.0, 1.5, 0.2),
)
KINDS_OF: Final = tuple((act.id, act.kind) for act in ACTS)
APART: Final = 14
"""Days between two of the same action to the same customer: the catalogue's cap, which binds every way to choose."""


class Visit(NamedTuple):
    """An occasion: a customer (a row), on a day, on a channel, in a moment."""

    customer: int
    day: int
    at: int
    channel: str
    moment: int


class Town(NamedTuple):
    """Of n customers and d days. `suits` (n, actions): how well an action suits somebody's taste, 0 … 1; `odds` (n,
    actions, moments): the chance that it is taken up; `rate`: what a minute is worth; `sensitivity` to being contacted;
    `visits` in order; `luck` (visits, 6): evenly drawn for taking up, noise, leaving and delay; `declared`: what the
    company says of each action, as `Worth`."""

    harm: float
    days: int
    taste: Floats
    suits: Floats
    odds: Floats
    rate: Floats
    sensitivity: Floats
    traits: tuple[dict[str, str | float], ...]
    goals: tuple[dict[str, float], ...]
    views: tuple[dict[str, int], ...]
    held_out: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    visits: tuple[Visit, ...]
    luck: Floats
    declared: tuple[Worth, ...]

    @property
    def customers(self) -> int:
        return len(self.rate)

    @property
    def rare(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        return np.asarray(self.taste[:, GARDEN] > 0.5)


def town(seed: int, harm: float, customers: int, days: int, *, holdout: float = 0.05) -> Town:
    """A town. Only `harm` differs between two of the same seed."""
    chance = np.random.default_rng([seed, 7])
    households, plans = chance.integers(0, 3, customers), chance.integers(0, 3, customers)
    taste = chance.beta(1.6, 1.6, (customers, len(THEMES)))
    taste[:, 3] = np.clip(0.15 + 0.35 * households + chance.normal(0, 0.15, customers), 0, 1)
    taste[:, 1] = np.clip(0.6 * taste[:, 1] + 0.2 * plans, 0, 1)
    rare = chance.random(customers) < RARE
    taste[:, GARDEN] = np.where(rare, 0.95, 0.05)
    suits = taste[:, [act.theme for act in ACTS]]
    often, pull = (np.array([getattr(act, name) for act in ACTS]) for name in ("often", "pull"))
    meets = np.array(
        [[0.0 if not act.moment else 3.0 if act.moment == moment else -1.5 for moment in MOMENTS] for act in ACTS]
    )
    logits = (often + pull * suits)[:, :, None] + meets[None]
    goals = []
    for row in range(customers):
        best = int(taste[row].argmax())
        goals.append({THEMES[best]: round(float(chance.random()), 1)} if chance.random() < 0.6 else {})
    views = chance.poisson(2.0 * taste)
    found = Town(
        harm,
        days,
        taste,
        suits,
        1 / (1 + np.exp(-logits)),
        _RATE * chance.lognormal(0, 0.4, customers),
        chance.lognormal(-0.18, 0.6, customers),
        tuple(
            {"plan": PLANS[plan], "household": HOUSEHOLDS[household], "years": int(years)}
            for plan, household, years in zip(plans, households, chance.integers(0, 12, customers), strict=True)
        ),
        tuple(goals),
        tuple({theme: int(number) for theme, number in zip(THEMES, row, strict=True) if number} for row in views),
        chance.random(customers) < holdout,
        _visits(chance, customers, days),
        np.empty(0),
        (),
    )
    luck = chance.random((len(found.visits), 6))
    luck[:, 1:3] = chance.normal(size=(len(luck), 2))
    return found._replace(luck=luck, declared=_declared(chance))


def _visits(chance: np.random.Generator, customers: int, days: int) -> tuple[Visit, ...]:
    """Four in nine customers have an occasion on a day: six in ten of them a message, the others a visit to the web."""
    found = []
    for day in range(days):
        for row in chance.permutation(customers)[: customers * 4 // 9].tolist():
            moment = int(chance.choice(3, p=(0.82, 0.1, 0.08)))
            channel = "push" if chance.random() < 0.6 else "web"
            found.append(Visit(row, day, START + day * DAY + int(chance.integers(8, 21)) * DAY // 24, channel, moment))
    return tuple(found)


def _declared(chance: np.random.Generator) -> tuple[Worth, ...]:
    """What a company believes: right within a factor or so for itself, and kinder than the truth about what an offer
    does for customers. (Of a typical customer, with the relationship value of the kind added as Rapport does.)"""
    units, found = Units(), []
    for act in ACTS:
        odds = 1 / (1 + np.exp(-(act.often + act.pull * (0.1 if act.theme == GARDEN else 0.5))))
        slip, other = chance.lognormal(0, 0.5, 2)
        customer = odds * max(act.surplus, 2.0 if act.kind == "offer" else 0.0) * 0.9 * slip - act.minutes * _RATE
        company = odds * act.margin * other - act.cost
        kind = units.worth(act.kind)
        found.append(Worth(float(customer) + kind.customer, float(company) + kind.company))
    return tuple(found)
