"""RFM: how recently, how frequently and for how much a customer bought, each as a fifth of all customers (1 to 5).

The classic of direct marketing (Hughes, Strategic Database Marketing, 1994). The limits between the fifths are learned
from all customers whose data may be read for the purpose; a score is then a plain comparison with them.
"""

from collections.abc import Sequence

import msgspec

from rapport.decide import maths
from rapport.decide.lifetime import FEWEST
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import UNTIMED, Series
from rapport.kernel.times import DAY


class Bought(msgspec.Struct, frozen=True):
    """Whole days since the last purchase, how many there were, and for how much in all."""

    days: int
    times: int
    amount: float


class Fifths(msgspec.Struct, frozen=True):
    """Four limits each, ascending: a value above the first is in the second fifth, and so on."""

    days: tuple[float, ...]
    times: tuple[float, ...]
    amount: tuple[float, ...]
    customers: int = 0


def bought_of(series: Series, now: int, value: str = "") -> Bought | None:
    """What a customer bought until now; None before the first purchase of a known time."""
    end = series.until(now)
    known = [time for time in series.times[:end] if time != UNTIMED]
    if not known:
        return None
    amounts = [
        amount
        for amount in series.values.get(value, ())[:end]
        if isinstance(amount, int | float) and not isinstance(amount, bool)
    ]
    return Bought((now - known[-1]) // DAY, end, float(sum(amounts)))


def fit_fifths(bought: Sequence[Bought]) -> Fifths:
    """The limits between fifths of customers. Raises BadInput (`too_few`)."""
    if len(bought) < FEWEST:
        message = f"this is learned from at least {FEWEST} customers, and there are {len(bought)}"
        raise BadInput(message, code="too_few")
    seen = maths.np.array([(one.days, one.times, one.amount) for one in bought], float)
    limits = maths.np.quantile(seen, (0.2, 0.4, 0.6, 0.8), axis=0, method="inverted_cdf")
    days, times, amount = (tuple(float(limit) for limit in column) for column in limits.T)
    return Fifths(days, times, amount, len(bought))


def score(fifths: Fifths, bought: Bought) -> str:
    """Three digits, recency first; 5 is the best of each (the most recent, the most often, the most money)."""
    recency = 5 - _above(fifths.days, bought.days)
    frequency = 1 + _above(fifths.times, bought.times)
    money = 1 + _above(fifths.amount, bought.amount)
    return f"{recency}{frequency}{money}"


def segment(score: str) -> str:
    """A name for what recency and frequency say together."""
    recency, frequency = int(score[0]), int(score[1])
    if frequency >= 4:
        return "champion" if recency >= 4 else "loyal" if recency == 3 else "at_risk"
    if recency >= 4:
        return "new" if frequency <= 2 else "promising"
    if recency == 3:
        return "drowsy"
    return "lost" if frequency <= 2 else "at_risk"


def _above(limits: Sequence[float], value: float) -> int:
    return sum(1 for limit in limits if value > limit)
