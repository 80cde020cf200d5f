"""Arbitration: of all that may be done for a customer now, what is fairest to both; or silence.

Each candidate has an estimate of what it gives the customer and one of what it gives the company, both against silence.
What is expected to be worse than silence for either is out. Of the rest, the best has the greatest *Nash product*,
customer^w × company^(1-w): the one bargain that depends neither on the units in which each side counts, nor on what is
not on the table (Nash 1950, "The bargaining problem"; with a weight, Kalai 1977). Silence is what both fall back on: it
gives nothing, and it is chosen where nothing gives both something.

Estimates are uncertain, so the choice is drawn (Thompson 1933). In each of DRAWS draws every estimate takes a value
that it may well have, and the greatest product wins; what silence would have given is drawn once for all, since all
are measured against it. Then one of the draws, taken at random, decides. So an action's chance is the share of the
draws that it won, exactly: what is logged is no estimate.

All that is random comes from the seed and the action's own name: an action more or less, or another order, leaves the
others' draws as they were. Of equals the greater product of means goes first, then the greater mean for the customer,
then the first by name.

A ruling holds its whole case, so that anybody can rule again and compare every bit, on any machine: what is drawn are
whole numbers, looked up in a table of the normal distribution, and of a product seven digits count (a power's last bits
are the machine's own).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Final, NamedTuple

import msgspec

from rapport.decide import maths
from rapport.decide.features import hashes_of
from rapport.decide.kinds import SILENCE
from rapport.decide.posterior import Estimates
from rapport.kernel.errors import BadInput

DRAWS: Final = 128
SURE: Final = 1.959964
"""So many standard deviations to each side of a mean are an interval of 95 %."""
RULES: Final[Mapping[str, str]] = {
    "customer_loses": "the customer is expected to be worse off than with silence",
    "company_loses": "the company is expected to be worse off than with silence",
}
_LEVELS: Final = 12
"""Bits of a drawn value: one of 4,096 equally likely ones."""


class Case(msgspec.Struct, frozen=True):
    """What is to be ruled on. `seed`: the decision's id. The candidates are columns in one order, silence not among
    them: `actions` (ids, each once), `kinds`, the estimates for both sides. `weight`: the customer's, between 0 and 1.

    `mandatory`: actions that are done without arbitration. `holdout`: the share of customers who are left alone by lot
    (0 where this one declined to take part), and whether this one is `held_out`.
    """

    seed: str
    actions: tuple[str, ...]
    kinds: tuple[str, ...]
    customer: Estimates
    company: Estimates
    weight: float = 0.5
    mandatory: frozenset[str] = frozenset()
    holdout: float = 0.0
    held_out: bool = False


class Ruling(msgspec.Struct, frozen=True):
    """What was chosen (`action`: an id, or "silence"), with which `propensity`: its chance over all lots, that of being
    held out among them.

    In the order of the case's candidates: `products` of the means (None: it is out), and `chances` by arbitration
    alone, had nobody been held out, with that of `silence`; all chances add up to 1. `ranking`: the candidates' places,
    the best first, and last those that are out.
    """

    case: Case
    action: str
    propensity: float
    products: tuple[float | None, ...]
    chances: tuple[float, ...]
    silence: float
    ranking: tuple[int, ...]


class Estimate(NamedTuple):
    """A mean with its interval of 95 %."""

    mean: float
    low: float
    high: float


class Ranked(NamedTuple):
    """A candidate as people read it; `rules`: why it is out (see RULES)."""

    action: str
    kind: str
    customer: Estimate
    company: Estimate
    product: float | None
    chance: float
    rules: tuple[str, ...]


class _Latest:
    """The last ruling: who decides, says what was decided and why asks of one case three times in a row."""

    ruling: Ruling | None = None


def arbitrate(case: Case) -> Ruling:
    """Rule on a case. Raises BadInput (`bad_weight`, `bad_holdout`)."""
    latest = _Latest.ruling
    if latest is None or latest.case is not case:
        latest = _Latest.ruling = _arbitrated(case)
    return latest


def _arbitrated(case: Case) -> Ruling:
    _checked(case)
    means = maths.np.array((case.customer.means, case.company.means))
    products, ranking = _ranking(case, means)
    must = next((place for place in ranking if case.actions[place] in case.mandatory), None)
    if must is not None:
        alone = tuple(float(place == must) for place in range(len(ranking)))
        return Ruling(case, case.actions[must], 1.0, products, alone, 0.0, ranking)
    kept = [place for place in ranking if products[place] is not None]
    winners = _winners(case, kept, means[:, kept].astype(maths.np.float32))
    shares = (maths.np.bincount(winners, minlength=len(kept) + 1) / DRAWS).tolist()
    chances = [0.0] * len(ranking)
    for place, share in zip(kept, shares, strict=False):
        chances[place] = share
    won = len(kept) if case.held_out else int(winners[int(hashes_of([f"lot {case.seed}"])[0]) % DRAWS])
    action, lot = (case.actions[kept[won]], 0.0) if won < len(kept) else (SILENCE, case.holdout)
    propensity = lot + (1 - case.holdout) * shares[won]
    return Ruling(case, action, propensity, products, tuple(chances), shares[-1], ranking)


def ranked(ruling: Ruling) -> list[Ranked]:
    """All candidates as people read them, the best first."""
    case = ruling.case
    return [
        Ranked(
            case.actions[place],
            case.kinds[place],
            estimate(case.customer, place),
            estimate(case.company, place),
            ruling.products[place],
            ruling.chances[place],
            losers(case, place),
        )
        for place in ruling.ranking
    ]


def estimate(estimates: Estimates, place: int) -> Estimate:
    """What one candidate gives a side, and between what."""
    mean = estimates.means[place]
    about = SURE * (estimates.variances[place] + estimates.silence) ** 0.5
    return Estimate(mean, mean - about, mean + about)


def losers(case: Case, place: int) -> tuple[str, ...]:
    """The rules by which a candidate is out; what must be done never is. (That a mean is no number is a rule's breach,
    too.)"""
    if case.actions[place] in case.mandatory:
        return ()
    means = (case.customer.means[place], case.company.means[place])
    return tuple(rule for rule, mean in zip(RULES, means, strict=True) if not mean >= 0)


def _checked(case: Case) -> None:
    if not 0 < case.weight < 1:
        message = "the customer's weight is more than 0 and less than 1: a decision weighs both sides"
        raise BadInput(message, code="bad_weight", field="weight")
    if not 0 <= case.holdout < 1:
        message = "the share of customers who are held out is at least 0 and less than 1"
        raise BadInput(message, code="bad_holdout", field="holdout")


def _ranking(case: Case, means: maths.Floats) -> tuple[tuple[float | None, ...], tuple[int, ...]]:
    """The products of means, and the candidates' places, the best first."""
    np = maths.np
    found = np.where(np.minimum.reduce(means) >= 0, _product(np.maximum(means, 0).astype(np.float32), case.weight), -1)
    by_name = sorted(range(len(case.actions)), key=case.actions.__getitem__)
    order = np.lexsort((-means[0, by_name], -found[by_name]))  # the last key counts first, and equals stay as they were
    ranking = tuple([by_name[place] for place in order.tolist()])
    return tuple([product if product >= 0 else None for product in found.tolist()]), ranking


def _product(sides: maths.Singles, weight: float) -> maths.Singles:
    """The Nash products (…) of what both sides gain (2, …), which is not below nothing, in seven digits."""
    np = maths.np
    if weight == 0.5:
        customer, company = np.sqrt(sides)  # which is exact, and fast
    else:
        customer, company = sides[0].astype(float) ** weight, sides[1].astype(float) ** (1 - weight)
    products: maths.Singles = (customer * company).astype(np.float32, copy=False)
    return products


def _winners(case: Case, kept: list[int], means: maths.Singles) -> maths.Places:
    """Of each draw (DRAWS) the winner's place in `kept`; its length: silence."""
    np = maths.np
    if not kept:
        return np.zeros(DRAWS, np.intp)
    sides = (case.customer, case.company)
    variances = np.array([(*side.variances, side.silence) for side in sides], np.float32)[:, [*kept, -1]]
    drawn = _normals(case.seed, [*[case.actions[place] for place in kept], SILENCE])
    drawn *= np.sqrt(variances)[:, None]
    gained = drawn[:, :, :-1] - drawn[:, :, -1:]
    gained += means[:, None]
    products = _product(np.maximum(gained, 0, out=gained), case.weight)
    winners: maths.Places = products.argmax(axis=1)  # of equals the first, which is ranked higher
    winners[products[np.arange(DRAWS), winners] == 0] = len(kept)
    return winners


def _normals(seed: str, names: Sequence[str]) -> maths.Singles:
    """Normal values for both sides, each draw and each name (2, DRAWS, n), by seed and name alone."""
    np = maths.np
    bits = _steps() + (hashes_of(names) ^ hashes_of([f"seed {seed}"])).astype(np.uint32)
    bits ^= bits >> np.uint32(16)  # a mixer of 32 bits with little bias (Wellons 2018)
    bits *= np.uint32(0x7FEB352D)
    bits ^= bits >> np.uint32(15)
    bits *= np.uint32(0x846CA68B)
    bits ^= bits >> np.uint32(16)
    levels = np.empty((2, *bits.shape), np.intp)
    levels[0] = bits >> np.uint32(32 - _LEVELS)
    levels[1] = bits & np.uint32((1 << _LEVELS) - 1)
    return _normal().take(levels)


@lru_cache(1)
def _steps() -> maths.Hashes:
    np = maths.np
    return (np.arange(1, DRAWS + 1, dtype=np.uint32) * np.uint32(0x9E3779B9))[:, None]


@lru_cache(1)
def _normal() -> maths.Singles:
    """Values of the normal distribution, of which each is as likely as any."""
    inverse, number = NormalDist().inv_cdf, 1 << _LEVELS
    return maths.np.array([round(inverse((level + 0.5) / number), 6) for level in range(number)], maths.np.float32)
