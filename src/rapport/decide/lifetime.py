"""Customer lifetime value: how often a customer will buy again, and for how much, from how they bought so far.

How often: BG/NBD (Fader, Hardie and Lee, "Counting Your Customers" the Easy Way, Marketing Science 24, 2005). While
active a customer buys at a rate of their own, gamma-distributed over customers (r, alpha); after each purchase they
leave with a chance of their own, beta-distributed (a, b). For how much: Gamma-Gamma (Fader and Hardie, 2013): a
customer's purchases vary around a mean of their own, itself gamma-distributed (p, q, v), whatever their rate.

Both are fitted by maximum likelihood over all customers whose data may be read for the purpose. Every value is an
estimate for people who bought alike, never a fact about this one.
"""

from collections.abc import Callable, Sequence

import msgspec

from rapport.decide import maths
from rapport.decide.maths import Floats
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import UNTIMED, Series
from rapport.kernel.times import DAY

WEEK_DAYS = 7.0
FEWEST = 50
"""Customers that a fit takes at least."""
_NEAR_ONE = 1e-6
_HALF = 0.5
_FAR = 52.0 * 100
_EDGE = 12.0
_POLISH = {"xatol": 1e-6, "fatol": 1e-11, "maxiter": 2_000}


class Buying(msgspec.Struct, frozen=True):
    """How one customer bought: `repeats` after the first purchase; `recency`, the age at the last of them, and `age`,
    both in weeks since the first; `mean`: the mean value of the repeats (0 where there is none)."""

    repeats: int
    recency: float
    age: float
    mean: float = 0.0


class Purchases(msgspec.Struct, frozen=True):
    """The parameters of BG/NBD, in weeks."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = 0.0
    customers: int = 0


class Spending(msgspec.Struct, frozen=True):
    """The parameters of Gamma-Gamma, in the money that the purchases were in."""

    p: float
    q: float
    v: float
    log_likelihood: float = 0.0
    customers: int = 0


def buying_of(series: Series, now: int, value: str = "") -> Buying | None:
    """How a customer bought, from the events that are purchases, which say in `value` for how much; None before the
    first.

    Purchases within one day of 24 hours, counted from the first of all, are one; `age` and `recency` are of whole days.
    So the value changes with time once a day. A day that brought nothing or less (returns) has no mean value.
    """
    times = series.times
    amounts = series.values.get(value, ()) if value else ()
    by_day: dict[int, float] = {}
    first = None
    for at, time in enumerate(times):
        if time == UNTIMED or time > now:
            continue
        first = time if first is None else first
        day = (time - first) // DAY
        amount = amounts[at] if at < len(amounts) else None
        number = float(amount) if isinstance(amount, int | float) and not isinstance(amount, bool) else 0.0
        by_day[day] = by_day.get(day, 0.0) + number
    if first is None:
        return None
    repeats = [amount for day, amount in by_day.items() if day > 0]
    paid = [amount for amount in repeats if amount > 0]
    mean = sum(paid) / len(paid) if paid else 0.0
    age = (now - first) // DAY
    return Buying(len(repeats), max(by_day) / WEEK_DAYS, age / WEEK_DAYS, mean)


# -- how often


def fit_purchases(buyings: Sequence[Buying]) -> Purchases:
    """The parameters under which what was seen is likeliest. Raises BadInput (`too_few`, `no_fit`)."""
    _enough(len(buyings), sum(1 for buying in buyings if buying.repeats))
    seen = maths.np.array([(buying.repeats, buying.recency, buying.age) for buying in buyings], float)
    # Customers who bought alike are one row with a weight: a million are some thousands of rows.
    rows, counts = maths.np.unique(seen, axis=0, return_counts=True)
    x, recency, age = rows.T
    weights = counts / counts.sum()

    def loss(logs: Floats) -> float:
        r, alpha, a, b = maths.np.exp(logs)
        return -float(weights @ _purchase_likelihood(x, recency, age, r, alpha, a, b))

    # alpha is in weeks, and starts where the customers' ages are.
    (r, alpha, a, b), least = _fitted(loss, [0.0, float(maths.np.log(max(age.mean(), 1.0))), 0.0, 0.0])
    return Purchases(r, alpha, a, b, -least * len(buyings), len(buyings))


def _purchase_likelihood(x: Floats, recency: Floats, age: Floats, r: float, alpha: float, a: float, b: float) -> Floats:
    """The log-likelihood of each row, as in the spreadsheet note of 2005: what is common to both cases, then whether
    the customer is still active, or left after the last purchase (which nobody has who bought once)."""
    common = (
        maths.special.gammaln(r + x) - maths.special.gammaln(r) + r * maths.np.log(alpha) - maths.special.betaln(a, b)
    )
    active = maths.special.betaln(a, b + x) - (r + x) * maths.np.log(alpha + age)
    bought = x > 0
    left = maths.special.betaln(a + 1, b + maths.np.where(bought, x, 1.0) - 1) - (r + x) * maths.np.log(alpha + recency)
    found: Floats = common + maths.np.logaddexp(active, maths.np.where(bought, left, -maths.np.inf))
    return found


def chance_active(fit: Purchases, buying: Buying) -> float:
    """How likely it is that a customer has not left. Of whoever bought once nothing tells: 1."""
    if not buying.repeats:
        return 1.0
    odds = (
        maths.np.log(fit.a)
        - maths.np.log(fit.b + buying.repeats - 1)
        + (fit.r + buying.repeats) * maths.np.log((fit.alpha + buying.age) / (fit.alpha + buying.recency))
    )
    return float(maths.special.expit(-odds))


def expected_purchases(fit: Purchases, buying: Buying, weeks: float) -> float:
    """How often a customer is expected to buy in the coming weeks."""
    r, alpha, a, b = fit.r, fit.alpha, fit.a, fit.b
    if abs(a - 1) < _NEAR_ONE:
        a += _NEAR_ONE  # the formula has a hole where a is 1
    x, age = buying.repeats, buying.age
    part = weeks / (alpha + age + weeks)
    # The formula of the paper after Euler's transformation: its factors stay small where somebody bought often.
    shrunk = (1 - part) ** (a - 1) * maths.special.hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, part)
    expected = (a + b + x - 1) / (a - 1) * (1 - shrunk) * chance_active(fit, buying)
    return max(float(expected), 0.0) if maths.np.isfinite(expected) else 0.0


def weeks_to_next(fit: Purchases, buying: Buying) -> float | None:
    """In how many weeks a customer will have bought again as likely as not; None where it is likelier that they never
    will."""
    active = chance_active(fit, buying)
    if active <= _HALF:
        return None
    weeks = (fit.alpha + buying.age) * ((1 - _HALF / active) ** (-1 / (fit.r + buying.repeats)) - 1)
    return float(weeks) if maths.np.isfinite(weeks) and weeks < _FAR else None


# -- for how much


def fit_spending(buyings: Sequence[Buying]) -> Spending:
    """The parameters for those who bought again and paid for it. Raises BadInput (`too_few`, `no_fit`)."""
    paying = [buying for buying in buyings if buying.repeats and buying.mean > 0]
    _enough(len(paying), len(paying), "customers who bought again and paid")
    x = maths.np.array([buying.repeats for buying in paying], float)
    mean = maths.np.array([buying.mean for buying in paying], float)

    def loss(logs: Floats) -> float:
        p, q, v = maths.np.exp(logs)
        found = (
            maths.special.gammaln(p * x + q)
            - maths.special.gammaln(p * x)
            - maths.special.gammaln(q)
            + q * maths.np.log(v)
            + (p * x - 1) * maths.np.log(mean)
            + p * x * maths.np.log(x)
            - (p * x + q) * maths.np.log(v + x * mean)
        )
        return -float(found.mean())

    (p, q, v), least = _fitted(loss, [1.0, 1.0, float(maths.np.log(mean.mean()))])
    return Spending(p, q, v, -least * len(paying), len(paying))


def expected_value(fit: Spending, buying: Buying) -> float:
    """The value that a customer's purchases are expected to have on average: between their own mean and everybody's,
    the nearer to their own the more they bought."""
    x = buying.repeats if buying.mean > 0 else 0
    weight = fit.p * x + fit.q - 1
    # Where q is 1 or less the average of all has no end, and only who bought often has a value.
    return fit.p * (fit.v + x * buying.mean) / weight if weight > 0 else buying.mean


def lifetime_value(purchases: Purchases, spending: Spending, buying: Buying, weeks: float) -> float:
    """The value expected of a customer's purchases in the coming weeks, not discounted."""
    return expected_purchases(purchases, buying, weeks) * expected_value(spending, buying)


# -- fitting


def _enough(customers: int, again: int, of: str = "customers") -> None:
    if customers < FEWEST:
        raise BadInput(f"this is learned from at least {FEWEST} {of}, and there are {customers}", code="too_few")
    if not again:
        raise BadInput("nobody bought twice: there is nothing to learn from", code="no_fit")


def _fitted(loss: Callable[[Floats], float], start: list[float]) -> tuple[tuple[float, ...], float]:
    """Parameters of least loss, and that. They are positive: what is searched is their logarithms."""
    bounds = [(-_EDGE, _EDGE)] * len(start)
    with maths.np.errstate(all="ignore"):
        rough = maths.minimize(loss, start, method="L-BFGS-B", bounds=bounds)
        best = maths.minimize(loss, rough.x, method="Nelder-Mead", bounds=bounds, options=_POLISH)
    if not maths.np.isfinite(best.fun):
        raise BadInput("no model fits how these customers buy", code="no_fit")
    return tuple(float(value) for value in maths.np.exp(best.x)), float(best.fun)
