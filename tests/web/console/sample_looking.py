"""What decisions gave, in memory: a log of some weeks whose truth is known, reviewed and asked as the product does."""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

import functools
from collections.abc import Mapping

import numpy as np

from rapport.decide.decision import Manner
from rapport.decide.kinds import SILENCE, Units
from rapport.kernel.errors import NotFound
from rapport.kernel.times import DAY
from rapport.learn import what_if
from rapport.learn.logged import Candidate, Logged
from rapport.learn.reviewed import Answered, Lot, Other, Review
from rapport.learn.reviewing import answered, review
from rapport.learn.verdicts import Rail, Verdict
from rapport.web.console.looking_desk import Setting
from rapport.web.console.session import Session
from rapport.web.retrospects import Looked, Progress

AT = 1_793_000_000_000_000
"""When it is looked at: 2026-10-26."""
DAYS = 70
GAVE: Mapping[str, tuple[str, float, float]] = {
    "help_after_refund": ("help", 1.8, 1.1),
    "thank_first_order": ("thank", 0.6, 0.05),
    "inform_care": ("inform", 0.0, 0.3),
    "offer_warranty": ("offer", -1.6, 3.0),
    "a" * 63: ("offer", 0.4, 0.2),
}
"""What each action gives the customer and the company, against silence."""
CHANCES = (0.24, 0.18, 0.16, 0.1, 0.02, 0.3)


@functools.cache
def made_up(number: int, seed: int = 7) -> list[Logged]:
    """So many decisions about a third as many customers, of which one in twenty is held out."""
    chance = np.random.default_rng(seed)
    candidates = tuple(
        Candidate(action, kind, share, *gave)
        for (action, (kind, *gave)), share in zip(GAVE.items(), CHANCES, strict=False)
    )
    all_of_it = (*candidates, Candidate(SILENCE, SILENCE, CHANCES[-1]))
    names = [one.action for one in all_of_it]
    found = []
    for place in range(number):
        customer = int(chance.integers(max(1, number // 3)))
        held = customer % 20 == 0
        action = SILENCE if held else names[int(chance.choice(len(names), p=CHANCES))]
        at = AT - (8 * DAY) - int((1 - place / max(1, number)) * DAYS * DAY)
        likes = float(chance.normal())
        gives = GAVE.get(action, (SILENCE, 0.0, 0.0))
        customer_gave = 0.4 + gives[1] * (1 + 0.6 * likes) * 1.2 + float(chance.normal()) * 1.5
        company_gave = max(0.0, 1.0 + gives[2] + float(chance.normal()) * 2.0 - at / DAY % 7 * 0.05)
        found.append(
            Logged(
                f"dec_{place:06d}",
                f"cus_{customer}",
                at,
                at + 7 * DAY,
                action,
                all_of_it,
                0.05,
                held,
                True,
                (likes, float(chance.normal())),
                customer_benefit=customer_gave,
                company_value=company_gave,
            )
        )
    return found


@functools.cache
def sample_review(number: int) -> Review:
    log = made_up(number)
    return review(log, AT, Lot(0.05, number // 3, max(0, number // 60), 40 if number > 1_000 else None))


@functools.cache
def sample_answer(number: int, other: Other) -> Answered:
    change: what_if.Change = what_if.Without(other.without)
    if other.weight is not None:
        again = {"help_after_refund": other.weight, SILENCE: 1 - other.weight}
        change = what_if.Rechosen(f"weight {other.weight:g}", lambda _: again)
    elif other.most is not None:
        change = what_if.Capped(other.most, other.days * DAY)
    return answered(what_if.what_if(made_up(number), AT, change), AT)


class SampleLooking:
    """`number` of decisions; `progress`: what is told in place of an answer."""

    def __init__(self, number: int = 6_000, progress: Progress | None = None) -> None:
        self.number = number
        self.progress = progress
        harmful = Verdict("offer_warranty", "customer", True, -1.8, -2.1, -1.5, 558, 2_073, 0.0025, "it harms")
        rails = (
            Rail("offer_warranty", 1, "off", AT - 9 * DAY, (harmful,)),
            Rail("inform_care", 1, "on", AT - DAY, (harmful,), "Olga", "It was mis-sent."),
        )
        self.rails = {one.action: one for one in rails if number > 1_000}
        self.asked: list[Other] = []

    async def review(self, session: Session) -> Looked:
        if self.progress is not None:
            return Looked(None, self.progress)
        return Looked(sample_review(self.number))

    async def what_if(self, session: Session, other: Other) -> Looked:
        self.asked.append(other)
        if self.progress is not None:
            return Looked(None, self.progress)
        if other.without and other.without not in GAVE:
            raise NotFound(f"no decision could have chosen {other.without!r}", field="without")
        return Looked(sample_answer(self.number, other))

    async def setting(self, session: Session) -> Setting:
        if not self.number:
            return Setting(Units(), Manner())
        return Setting(Units("GBP", version=1), Manner(version=2), tuple(GAVE), self.rails)
