"""Whether a promise meets a criterion: true, false, or None where nothing is said of it."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rapport.kernel.times import HOUR, MINUTE
from rapport.terms.clauses import Criterion
from rapport.terms.declaration import Benefit, Promise, Standing

Truth = bool | None
_MINUTES = 24 * 60
_SET = HOUR
"""By so much clocks are set, at most."""

_EU = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())  # noqa: SIM905 (reads better)
_BLOCS = {"EU": _EU, "EEA": _EU | {"EU", "IS", "LI", "NO"}}


def truth(criterion: Criterion, promise: Promise, standing: Standing, at: int) -> Truth:
    """Whether the promise meets the criterion at a time (µs)."""
    plain = _TESTS[criterion.kind](criterion, promise, standing, at)
    return plain if plain is None or not criterion.negated else not plain


def _benefit(criterion: Criterion, promise: Promise, _: Standing, __: int) -> Truth:
    """Benefits are not unknown: what is not promised is not given."""
    return any(_gives(benefit, criterion) for benefit in promise.benefits)


def _gives(benefit: Benefit, criterion: Criterion) -> bool:
    if criterion.benefit and benefit.kind != criterion.benefit:
        return False
    if criterion.unit and benefit.unit != criterion.unit:
        return False
    return benefit.amount >= criterion.amount


def _value(criterion: Criterion, _: Promise, standing: Standing, at: int) -> Truth:
    """A claim that is absent or has run out says nothing, for or against."""
    claims = standing.attested if criterion.attested else standing.claimed
    if criterion.value not in claims:
        return None
    until = claims[criterion.value]
    return True if until is None or at < until else None


def _retention(criterion: Criterion, promise: Promise, _: Standing, __: int) -> Truth:
    return None if promise.retention_days is None else promise.retention_days <= criterion.days


def _onward(_: Criterion, promise: Promise, __: Standing, ___: int) -> Truth:
    return promise.onward


def _place(criterion: Criterion, promise: Promise, _: Standing, __: int) -> Truth:
    if promise.place is None:
        return None
    wanted = set(criterion.places)
    for bloc in criterion.places:
        wanted.update(_BLOCS.get(bloc, ()))
    return all(place in wanted for place in promise.place)


_TESTS = {"benefit": _benefit, "value": _value, "retention": _retention, "onward": _onward, "place": _place}


def next_change(criterion: Criterion, standing: Standing, at: int) -> int | None:
    """The next time (µs) at which the answer may change by itself: when a claim runs out."""
    if criterion.kind != "value":
        return None
    claims = standing.attested if criterion.attested else standing.claimed
    until = claims.get(criterion.value)
    return until if until is not None and at < until else None


def is_quiet(quiet: str, zone: str, at: int) -> bool:
    """Whether a time (µs) lies in hours such as `22:00-08:00` of a zone. An unknown zone is UTC."""
    local = _wall(zone, at)
    start, _, end = quiet.partition("-")
    first, last = time.fromisoformat(start), time.fromisoformat(end)
    return first <= local < last if first <= last else local >= first or local < last


def quiet_ends(quiet: str, zone: str, at: int) -> int:
    """When (µs) such hours end next after a time, whether it lies in them or not. Where they have no length, it is the
    time of their end."""
    end = time.fromisoformat(quiet.partition("-")[2])
    local = _wall(zone, at)
    ahead = (end.hour - local.hour) * 60 + end.minute - local.minute
    usual = at - at % MINUTE + ((ahead - 1) % _MINUTES + 1) * MINUTE
    # Where clocks are set between now and then, it is so much sooner or later.
    around = range(max(usual - _SET, at - at % MINUTE + MINUTE), usual + _SET + 1, MINUTE)
    ends = (one for one in around if is_quiet(quiet, zone, one - MINUTE) and not is_quiet(quiet, zone, one))
    return next(ends, usual)


def _wall(zone: str, at: int) -> time:
    try:
        return datetime.fromtimestamp(at / 1_000_000, ZoneInfo(zone)).time()
    except (ZoneInfoNotFoundError, ValueError):
        return datetime.fromtimestamp(at / 1_000_000, UTC).time()
