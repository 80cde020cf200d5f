"""Benefits: what uses gave, to the customer and to the company. The two are never added, and what is settled (exact,
with the event that shows it) is never added to what is estimated.

Amounts are decimal numbers, kept as text from end to end: 0.10 a thousand times is 100.00. A company may tell a band in
place of an amount; a band adds to nothing and is counted.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from rapport.collect import Event
from rapport.kernel.errors import BadInput
from rapport.profile.timeline import Block
from rapport.profile.view import Part
from rapport.terms.filtering import permitted_event

Side = Literal["customer", "company"]
KINDS: Mapping[Side, tuple[str, ...]] = {
    "customer": ("discount", "refund", "fee_avoided", "minutes_saved"),
    "company": ("margin", "saving"),
}
MINUTES = "minutes"
MOST = Decimal(10) ** 12
PLACES = 6
"""Digits behind the point, at most."""
MAX_NAME = 512
_BAND = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})? ?[–-] ?-?[0-9]{1,12}(\.[0-9]{1,6})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_NUMBER = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,6})?")


class Settled(msgspec.Struct, frozen=True, array_like=True):
    """One benefit that is settled. `amount` is a decimal number as text, "" where a `band` says it; `unit` a currency
    (ISO 4217) or `minutes`; `use` the receipt of the use that gave it, "" where none was named; `evidence` the message
    id of the event that shows it; `records` the number of the record which has that event; `at` in µs."""

    id: str
    org: str
    at: int
    side: Side
    kind: str
    amount: str
    band: str
    unit: str
    use: str
    evidence: str
    records: tuple[int, ...]


class Sum(NamedTuple):
    """Benefits of one side, kind and unit, added up; of bands (`band`, `amount` "") how often one was told."""

    side: Side
    kind: str
    unit: str
    band: str
    amount: str
    times: int


class Estimate(msgspec.Struct, frozen=True):
    """A group's benefit, estimated: `effect` and its interval (`low`, `high`) per person, over `n` people, by a
    `method`, on a `date`. Never one person's: that cannot be known."""

    side: Side
    group: str
    effect: str
    low: str
    high: str
    unit: str
    n: int
    method: str
    date: str


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A benefit as a company reports it."""

    customer: str
    side: Side
    kind: str
    unit: str
    evidence: str
    amount: Decimal | None = None
    band: str | None = None
    receipt: str | None = None

    def checked(self) -> "Wish":
        """Raises BadInput, naming the field that is wrong."""
        if self.kind not in KINDS[self.side]:
            raise _bad("kind", f"a {self.side} is given one of: {', '.join(KINDS[self.side])}")
        _check_unit(self.kind, self.unit)
        if not 0 < len(self.evidence) <= MAX_NAME:
            raise _bad("evidence", "evidence is the message id of the event that shows the benefit")
        if (self.amount is None) == (self.band is None):
            raise _bad("amount", "a benefit has either an amount or a band")
        if self.amount is not None:
            amount_text(self.amount)
        if self.band is not None and (self.side == "customer" or not _BAND.fullmatch(self.band)):
            raise _bad("band", "a band, such as 10–20, may stand for what the company got, and for nothing else")
        return self


class Mapped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Events that settle themselves: each of this name gives what its property says."""

    event: str
    property: str
    kind: str
    unit: str
    side: Side = "customer"


class MappingFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    benefit: tuple[Mapped, ...] = ()


def _bad(field: str, message: str) -> BadInput:
    return BadInput(message, code="bad_benefit", field=field)


def _check_unit(kind: str, unit: str) -> None:
    if kind == "minutes_saved" and unit != MINUTES:
        raise _bad("unit", "minutes_saved is in minutes")
    if kind != "minutes_saved" and not _CURRENCY.fullmatch(unit):
        raise _bad("unit", "money is in a currency (ISO 4217), such as GBP")


def is_currency(unit: str) -> bool:
    return _CURRENCY.fullmatch(unit) is not None


def amount_text(amount: Decimal) -> str:
    """A decimal number as it is kept, written and added. Raises BadInput."""
    # (Compared and not rounded, as `abs` would: of a number beyond all measure that raises.)
    if not amount.is_finite() or not -MOST <= amount <= MOST or -int(amount.as_tuple().exponent) > PLACES:
        raise _bad("amount", f"an amount is a number of at most {MOST:,} with at most {PLACES} digits behind the point")
    return format(amount or abs(amount), "f")


def parse_mapping(content: bytes) -> tuple[Mapped, ...]:
    """The events that settle themselves, from TOML. Raises BadInput."""
    try:
        mapped = msgspec.toml.decode(content, type=MappingFile).benefit
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadInput(f"the mapping cannot be read: {error}", code="bad_mapping") from None
    for one in mapped:
        if one.kind not in KINDS[one.side]:
            raise _bad("kind", f"a {one.side} is given one of: {', '.join(KINDS[one.side])}")
        _check_unit(one.kind, one.unit)
    return mapped


def shown(event: Event, mapped: Sequence[Mapped]) -> Iterable[tuple[Mapped, str]]:
    """What an event settles by itself, each with the amount. A property that is no number settles nothing."""
    for one in mapped:
        if one.event == event.name:
            value = event.properties.get(one.property)
            text = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
            if _NUMBER.fullmatch(text):
                yield one, amount_text(Decimal(text))


def events_of(parts: Iterable[Part], block_of: Callable[[Part, int], Block]) -> Iterable[tuple[Part, Event]]:
    """All events that may be told, record by record."""
    for part in sorted(parts, key=lambda part: part.handle):
        position = part.record.head
        while position:
            block = block_of(part, position)
            for event in block.events:
                told = permitted_event(part, event)
                if told is not None:
                    yield part, told
            position = block.previous


KIND_WORDS: Mapping[str, str] = {
    "discount": "taken off prices",
    "refund": "paid back",
    "fee_avoided": "of fees not paid",
    "minutes_saved": "saved",
    "margin": "earned",
    "saving": "saved",
}
"""Each kind as the end of a line that begins with its amount."""


def by_kind(benefits: Iterable[Settled | Sum]) -> dict[str, list[dict[str, Any]]]:
    """Sums by side, kind and unit, with how many benefits each is of; bands by themselves, as in `totals`."""
    groups: dict[tuple[Side, str], list[Settled | Sum]] = {}
    for one in benefits:
        groups.setdefault((one.side, one.kind), []).append(one)
    told: dict[str, list[dict[str, Any]]] = {side: [] for side in get_args(Side)}
    for side, kinds in KINDS.items():
        for kind in kinds:
            of = groups.get((side, kind), [])
            counts: Counter[str] = Counter()
            for one in of:
                counts[one.unit] += 0 if one.band else _times(one)
            for line in totals(of)[side]:
                count = {} if "count" in line else {"count": counts[line["unit"]]}
                told[side].append({"kind": kind, "said": KIND_WORDS[kind], **line, **count})
    return told


def totals(benefits: Iterable[Settled | Sum]) -> dict[str, list[dict[str, Any]]]:
    """Sums by side and unit, exact; bands stand for themselves, with how often each was told."""
    sums: dict[tuple[str, str], Decimal] = {}
    bands: Counter[tuple[str, str, str]] = Counter()
    for one in benefits:
        if one.band:
            bands[one.side, one.unit, one.band] += _times(one)
        else:
            sums[one.side, one.unit] = sums.get((one.side, one.unit), Decimal(0)) + Decimal(one.amount)
    told: dict[str, list[dict[str, Any]]] = {side: [] for side in get_args(Side)}
    for (side, unit), amount in sorted(sums.items()):
        told[side].append({"amount": format(amount, "f"), "unit": unit})
    for (side, unit, band), count in sorted(bands.items()):
        told[side].append({"band": band, "unit": unit, "count": count})
    return told


def _times(one: Settled | Sum) -> int:
    return one.times if isinstance(one, Sum) else 1
