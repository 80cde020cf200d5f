"""Random terms, declarations and requests: drawn by Hypothesis, which shrinks them, or by a seeded generator, which is
quick enough for a million."""

from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from rapport.kernel.times import parse_rfc3339
from rapport.kernel.vocabulary import ANY, CATEGORIES, NAMES, PURPOSES, SETS, purposes_covered
from rapport.terms.clauses import Clause, Criterion, Elsewhere, Frequency, Terms
from rapport.terms.declaration import Benefit, Declaration, Promise, Standing

ORGS = ("shop", "bakery", 'o\'neill "& sons"\n// ltd')
DPV_PURPOSES = tuple(sorted(purposes_covered(ANY) - PURPOSES.keys()))
NEAR = (
    "dpv:TargetedAdvertising",
    "dpv:PersonalisedAdvertising",
    "dpv:DeliveryOfGoods",
    "dpv:Marketing",
    "dpv:SellDataToThirdParties",
    "dpv:PersonalisedBenefits",
)
"""Purposes above, below and beside the everyday ones."""
VALUES = ("living_wage", "climate", "open_books")
PLACES = ("EEA", "EU", "DE", "US", "NO")
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati", "Nowhere/Atlantis")
DAYS = (30, 365, 730)
NOON = parse_rfc3339("2026-03-29T12:00:00Z")
HOUR = 3_600_000_000

T = TypeVar("T")


class Asked(msgspec.Struct, frozen=True):
    """One request: a person's terms, an organization's declaration, a purpose, a moment, and what was used before."""

    terms: Terms
    standing: Standing
    purpose: str
    at: int
    reaching_out: bool
    uses: dict[str, int]

    def used(self, frequency: Frequency) -> int:
        return self.uses[frequency.per]


def some(random: Random, pool: tuple[T, ...], least: int, most: int) -> tuple[T, ...]:
    return tuple(random.sample(pool, random.randint(least, most)))


def a_purpose(random: Random) -> str:
    return random.choice(random.choice((tuple(PURPOSES), tuple(PURPOSES), NEAR, DPV_PURPOSES)))


def some_categories(random: Random) -> tuple[str, ...]:
    if random.random() < 0.5:
        return ("everything", *some(random, ("special", "unclassified", "health"), 0, 1))
    pools = (tuple(CATEGORIES), NAMES, tuple(SETS))
    return tuple(random.choice(random.choice(pools)) for _ in range(random.randint(1, 4)))


BENEFITS = (("discount", "%"), ("money", "EUR"), ("", ""), ("discount", ""), ("time", "minutes"))


def a_criterion(random: Random) -> Criterion:
    kind: Any = random.choice(("benefit", "value", "retention", "onward", "place"))
    negated = random.random() < 0.35
    match kind:
        case "benefit":
            benefit, unit = random.choice(BENEFITS)
            return Criterion(kind, negated, benefit=benefit, unit=unit, amount=float(random.choice((0, 1, 5, 10))))
        case "value":
            return Criterion(kind, negated, value=random.choice(VALUES), attested=random.random() < 0.5)
        case "retention":
            return Criterion(kind, negated, days=random.choice(DAYS))
        case "place":
            return Criterion(kind, negated, places=some(random, PLACES, 1, 2))
    return Criterion(kind, negated)


def a_clause(random: Random, number: int) -> Clause:
    allow = random.random() < 0.75
    quiet = random.choice(("21:00-08:00", "12:00-13:30", "00:00-23:59")) if random.random() < 0.25 else ""
    often = Frequency(random.randint(1, 4), random.choice(("day", "week", "month"))) if random.random() < 0.25 else None
    return Clause(
        id=random.choice(("", "no-", "my.")) + f"c{number}",
        effect="allow" if allow else "deny",
        who=() if random.random() < 0.7 else some(random, ORGS, 1, 2),
        purposes=(ANY,) if random.random() < 0.45 else tuple(a_purpose(random) for _ in range(random.randint(1, 3))),
        categories=some_categories(random),
        data=random.choice(("collected", "elsewhere", "all")),
        when=tuple(a_criterion(random) for _ in range(random.choice((0, 0, 0, 1, 1, 2, 3)))),
        frequency=often if allow else None,
        quiet=quiet if allow else "",
        elsewhere=Elsewhere(random.choice(("exact", "coarse")), random.random() < 0.5),
    )


def some_terms(random: Random) -> Terms:
    clauses = tuple(a_clause(random, number) for number in range(random.randint(0, 6)))
    return Terms("own", clauses, zone=random.choice(ZONES))


def a_benefit(random: Random) -> Benefit:
    kind: Any = random.choice(("money", "discount", "time", "service"))
    unit = {"money": random.choice(("EUR", "GBP")), "discount": "%", "time": "minutes", "service": ""}[kind]
    return Benefit(kind, float(random.choice((0, 1, 5, 10))), unit)


def a_promise(random: Random, *, alternative: bool = True) -> Promise:
    return Promise(
        basis=random.choice(("consent", "contract", "legitimate_interest")),
        categories=some_categories(random),
        retention_days=random.choice((None, *DAYS)),
        recipients=random.choice((None, (), ("courier",))),
        onward=random.choice((None, False, False, True)),
        place=random.choice((None, some(random, PLACES, 1, 2))),
        benefits=tuple(a_benefit(random) for _ in range(random.randint(0, 2))),
        alternative=a_promise(random, alternative=False) if alternative and random.random() < 0.15 else None,
    )


def until(random: Random, at: int) -> int | None:
    """When a claim ends: never, was over, ends in this very instant, or later."""
    return random.choice((None, at - HOUR, at, at + HOUR))


def asked(random: Random) -> Asked:
    at = NOON + random.randrange(-24 * 60, 24 * 60) * HOUR // 60
    purpose = a_purpose(random)
    others = [a_purpose(random) for _ in range(random.randint(0, 2))]
    promises = {name: a_promise(random) for name in ([purpose, *others] if random.random() < 0.9 else others)}
    return Asked(
        some_terms(random),
        Standing(
            random.choice(ORGS),
            Declaration(purposes=promises),
            1,
            "",
            0,
            claimed={value: until(random, at) for value in some(random, VALUES, 0, 3)},
            attested={value: until(random, at) for value in some(random, VALUES, 0, 2)},
        ),
        purpose,
        at,
        random.random() < 0.5,
        {per: random.randint(0, 4) for per in ("day", "week", "month")},
    )


def drawn(make: Callable[[Random], T]) -> st.SearchStrategy[T]:
    """What a generator makes, with every choice of it Hypothesis' own."""
    return st.randoms(use_true_random=False).map(make)
