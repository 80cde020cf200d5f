"""What a person wants to achieve, in their words, and how far they are, measured by what happened to them.

Progress is a pure function of the set of what happened: any order and any copies give the same. Only what companies
know that are named in the goal, and that is firmly the person's (`terms/own`), may be given to it. Months and days are
UTC's.
"""

import calendar
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple

import msgspec

from rapport.collect import Event
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, SECOND

Kind = Literal["words", "spend", "buy", "visit"]
"""In words alone; spend at most an amount in a month; buy so many times; come so many times."""
Per = Literal["month", "ever"]
"""In this month; or since the goal was said."""

MEASURED: tuple[Kind, ...] = ("spend", "buy", "visit")
MOST_WORDS = 500
MOST_ORGS = 50
MOST_TIMES = 10_000
MOST_AMOUNT = Decimal(10_000_000)
BOUGHT = frozenset({"ordercompleted", "purchase", "purchased", "orderplaced"})
GIVEN_BACK = frozenset({"orderrefunded"})
CAME = frozenset({"storevisited", "presencerecognised", "loyaltycardscanned", "checkedin"})
_HUGE, _PLACES = Decimal(10**12), 12
"""No sum of money has more, or more decimal places."""
_AMOUNTS = ("total", "revenue", "value", "price")


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What somebody wants. `orgs`: where it is measured; `amount` is a decimal number of `currency` (ISO 4217)."""

    words: str
    kind: Kind = "words"
    orgs: tuple[str, ...] = ()
    amount: str = ""
    currency: str = ""
    times: int = 0
    per: Per = "month"


class Happening(NamedTuple):
    """What of an event counts for goals. `what`: bought, back (given back), or came."""

    org: str
    source: str
    message_id: str
    time: int
    what: Literal["bought", "back", "came"]
    amount: str
    """A decimal number; "" where none is told."""
    currency: str


class Progress(msgspec.Struct, frozen=True):
    """How far a goal is: `have` of `want`, both decimal numbers as text; `percent` of it, 0 to 100: what is more than
    wanted is 100. `met`: for spending, it is within the amount; else there are as many. `left_out`: purchases that told
    no amount in the goal's currency. `until`: the end of the month; None where it counts since ever."""

    have: str
    want: str
    percent: int
    met: bool
    left_out: int
    since: int
    until: int | None


def checked(goal: Goal, orgs: Collection[str]) -> Goal:
    """The goal as it is kept, by somebody who is a customer of `orgs`. Raises BadInput, naming the field."""
    words = " ".join(goal.words.split())
    if not words or len(words) > MOST_WORDS:
        raise _bad(f"say your goal in 1 to {MOST_WORDS} characters", "words")
    if goal.kind == "words":
        return Goal(words)
    named = tuple(dict.fromkeys(goal.orgs))
    if not named or len(named) > MOST_ORGS or not set(named) <= set(orgs):
        raise _bad("name companies at which you are a customer", "orgs")
    if goal.kind == "spend":
        return Goal(words, "spend", named, format(_amount(goal.amount), "f"), _currency(goal.currency))
    if not 1 <= goal.times <= MOST_TIMES:
        raise _bad(f"say how many times: 1 to {MOST_TIMES:,}", "times")
    return Goal(words, goal.kind, named, times=goal.times, per=goal.per)


def _bad(message: str, field: str) -> BadInput:
    return BadInput(message, code="bad_goal", field=field)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text.strip()) if len(text) <= 20 else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 < amount <= MOST_AMOUNT or amount != round(amount, 2):
        raise _bad(f"say an amount above 0 and up to {MOST_AMOUNT:,}, with two decimal places at most", "amount")
    return amount


def _currency(code: str) -> str:
    code = code.strip().upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise _bad("say a currency by its three letters, such as EUR", "currency")
    return code


# -- measuring


def window(goal: Goal, said_at: int, at: int) -> tuple[int, int | None]:
    """From when (inclusive) until when (exclusive) it is measured."""
    if goal.kind != "spend" and goal.per == "ever":
        return said_at, None
    present = datetime.fromtimestamp(at // SECOND, UTC)
    first = datetime(present.year, present.month, 1, tzinfo=UTC)
    days = calendar.monthrange(present.year, present.month)[1]
    begins = int(first.timestamp()) * SECOND
    return begins, begins + days * DAY


def happening(org: str, source: str, event: Event) -> Happening | None:
    """What of an event counts; None for what counts for no goal, as what happened at an unknown time."""
    if event.time is None:
        return None
    name = "".join(letter for letter in event.name.lower() if letter.isalnum()) if event.kind == "track" else ""
    if name in BOUGHT or name in GIVEN_BACK:
        told = event.properties
        amount = next((said for key in _AMOUNTS if (said := _told(told.get(key))) is not None), "")
        currency = told.get("currency")
        code = currency.strip().upper() if isinstance(currency, str) and len(currency) <= 10 else ""
        return Happening(
            org, source, event.message_id, event.time, "bought" if name in BOUGHT else "back", amount, code
        )
    if event.kind in {"page", "screen"} or name in CAME:
        return Happening(org, source, event.message_id, event.time, "came", "", "")
    return None


def _told(value: Any) -> str | None:
    """An amount as a source told it; None where it is none, or no sum of money that anybody pays."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)[:40]) == 40:
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or not -_HUGE < amount < _HUGE:
        return None
    exponent = amount.as_tuple().exponent
    return format(amount, "f") if isinstance(exponent, int) and exponent >= -_PLACES else None


def progress(goal: Goal, said_at: int, happened: Iterable[Happening], at: int) -> Progress | None:
    """How far it is; None for a goal in words alone."""
    if goal.kind == "words":
        return None
    since, until = window(goal, said_at, at)
    end = at + 1 if until is None else until
    # One of every copy, and always the same one, whichever came first.
    own: dict[tuple[str, str, str], Happening] = {}
    for one in happened:
        name = one[:3]
        if one.org in goal.orgs and (name not in own or one < own[name]):
            own[name] = one
    some = [one for one in own.values() if since <= one.time < end]
    if goal.kind == "spend":
        paid = [one for one in some if one.what != "came"]
        counted = [one for one in paid if one.amount and one.currency == goal.currency]
        have = sum((_signed(one) for one in counted), Decimal(0))
        want = Decimal(goal.amount)
        percent, left_out = _percent(have, want), len(paid) - len(counted)
        return Progress(format(have, "f"), goal.amount, percent, have <= want, left_out, since, until)
    if goal.kind == "buy":
        count = sum(one.what == "bought" for one in some)
    else:
        # Somebody comes once on a day to a company, however many pages they look at there.
        count = len({(one.org, one.time // DAY) for one in some})
    percent = _percent(Decimal(count), Decimal(goal.times))
    return Progress(str(count), str(goal.times), percent, count >= goal.times, 0, since, until)


def _percent(have: Decimal, want: Decimal) -> int:
    return int(max(Decimal(0), min(Decimal(100), 100 * have / want)))


def _signed(one: Happening) -> Decimal:
    size = Decimal(one.amount)
    return -abs(size) if one.what == "back" else size
