"""Purchases as proofs: somebody tells what only the buyer has, an order's number, its exact total and its day.

That is little, and receipts are left lying about. So it is the weakest proof there is, and counts only where there is
no stronger one: for records of the organization's own systems that hold the order, and name no e-mail address, phone or
user id, by which their customer could show better who they are; nor does it open where somebody lives, or anything of a
special category. An organization says first which of its events count,
and for how long. The price: who cannot read the address that a shop noted wrongly asks the shop for a link.
"""

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import NamedTuple

import msgspec

from rapport.collect import Event
from rapport.kernel.errors import BadInput
from rapport.kernel.identifiers import normalise, type_name
from rapport.kernel.times import DAY, SECOND
from rapport.kernel.vocabulary import SPECIAL, below, bit, category_of
from rapport.profile import timeline
from rapport.profile.store import ProfileReader
from rapport.profile.view import Part
from rapport.terms.deciding import holds_firmly, links_of

STRONGER = ("email", "phone", "user_id")
"""Types of identifiers, and with `email` and `phone` those made of them, such as `email_sha256`."""
MOST_RECORDS = 4
"""Records that one order's number may be on: a till's and a shop's, but not half a company's."""
MOST_DAYS = 365
_MOST_TEXT = 100
_SHUT = below("contact") | SPECIAL
_CENT = Decimal("0.01")
_MOST_AMOUNT = Decimal(10**12)
_EXACT = 6
"""Digits behind the point to which a sum of binary fractions is meant: three times 0.1 is 0.3 on the receipt."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of an organization counts as a proof. `event` is the name of its events, `identifier` the type of identifier
    by which they name the order, `total` the property with what was paid, `code` that of a code printed on the receipt
    ("": none is asked for), `zone` where a day begins, and `days` how long after it a purchase counts, and a claim by
    it lasts."""

    event: str
    identifier: str
    total: str = "total"
    code: str = ""
    zone: str = "UTC"
    days: int = 60


class Told(NamedTuple):
    """What somebody told of a purchase."""

    order: str
    total: Decimal
    day: dt.date
    code: str


class Bought(NamedTuple):
    """The records that hold a purchase which was told rightly, and all identifiers (`type:value`) of the customers that
    they are joined into."""

    records: tuple[int, ...]
    links: frozenset[str]


def checked(rule: Rule) -> Rule:
    """A rule as it is kept. Raises BadInput."""
    kind = type_name(rule.identifier)
    if kind is None or _is_stronger(kind):
        message = "name the type of identifier that your events name an order by, such as order_id"
        raise BadInput(message, code="bad_rule", field="identifier")
    for name, text, least in (("event", rule.event, 1), ("total", rule.total, 1), ("code", rule.code, 0)):
        if not least <= len(text) <= _MOST_TEXT:
            raise BadInput(f"{name} must have {least} to {_MOST_TEXT} characters", code="bad_rule", field=name)
    if not 1 <= rule.days <= MOST_DAYS:
        raise BadInput(f"days must lie between 1 and {MOST_DAYS}", code="bad_rule", field="days")
    _zone(rule.zone)
    return msgspec.structs.replace(rule, identifier=kind)


def read_told(rule: Rule, order: str, total: str, day: str, code: str) -> Told:
    """What was typed, however it was written. Raises BadInput."""
    named = normalise(rule.identifier, order) if len(order) <= _MOST_TEXT else None
    if named is None:
        raise BadInput("Type the number of the order, as it is on the receipt.", code="bad_purchase", field="order")
    paid = amount(total)
    if paid is None:
        raise BadInput("Type what you paid in all, such as 42.50.", code="bad_purchase", field="total")
    try:
        when = dt.date.fromisoformat(day.strip())
    except ValueError:
        raise BadInput("Type the day, such as 2026-11-22.", code="bad_purchase", field="day") from None
    return Told(named, paid, when, _plain(code[:_MOST_TEXT]))


def bought(reader: ProfileReader, org: str, rule: Rule, told: Told, at: int) -> Bought | None:
    """The records that a purchase is proved for, at a time in µs; None for any reason. Within a reader's snapshot."""
    firm = firmly(reader, org, rule, told.order)
    if not 0 < len(firm) <= MOST_RECORDS:
        return None
    # One record that would be opened and does not hold this very purchase is a stranger's with the same number.
    if not all(part.trusted and not holds_more(part) and _holds(reader, part, rule, told, at) for part in firm):
        return None
    return Bought(tuple(part.number for part in firm), around(reader, org, rule.identifier, told.order))


def firmly(reader: ProfileReader, org: str, rule: Rule, order: str) -> list[Part]:
    """The records that a claim of an order's number opens."""
    link = frozenset({f"{rule.identifier}:{order}"})
    numbers = reader.holding(org, rule.identifier, order, 10 * MOST_RECORDS)
    parts = (reader.part(org, number) for number in numbers)
    return [part for part in parts if part is not None and holds_firmly(part, link)]


def around(reader: ProfileReader, org: str, kind: str, value: str) -> frozenset[str]:
    """All identifiers of the customers who have this one."""
    found = [part for customer in reader.by_identifier(org, kind, value) for part in customer.parts]
    return frozenset({f"{kind}:{value}", *links_of(found)})


def holds_more(part: Part) -> bool:
    """Whether a record names by what its customer could show more, or holds what a receipt must not open."""
    if any(_is_stronger(link.partition(":")[0]) for link in links_of([part])):
        return True
    facts = part.record.facts.items()
    return any(bit(part.category(trait, fact)) & _SHUT for trait, fact in facts if fact.value is not None)


def _is_stronger(kind: str) -> bool:
    return kind in STRONGER or kind.startswith(("email_", "phone_"))


def _holds(reader: ProfileReader, part: Part, rule: Rule, told: Told, at: int) -> bool:
    begins = at - rule.days * DAY
    blocks = timeline.since(part.record.head, partial(reader.block_of, part), begins)
    events: Sequence[Event] = [event for _, block in blocks for event in block.events]
    found = [event for event in events if begins <= (event.time or 0) <= at and proves(rule, told, event)]
    return bool(found) and not any(bit(category_of(name)) & _SHUT for event in events for name in event.properties)


def proves(rule: Rule, told: Told, event: Event) -> bool:
    """Whether an event is the purchase that was told, in every part."""
    if event.name != rule.event or event.kind != "track" or event.time is None:
        return False
    if (rule.identifier, told.order) not in (*event.identifiers, *((event.key,) if event.key else ())):
        return False
    if amount(event.properties.get(rule.total)) != told.total:
        return False
    if dt.datetime.fromtimestamp(event.time / SECOND, _zone(rule.zone)).date() != told.day:
        return False
    return not rule.code or _code(event.properties.get(rule.code)) == told.code != ""


def amount(value: object) -> Decimal | None:
    """What was paid, in hundredths: a number, or text as receipts have it (`£1,234.50`, `1.234,50 EUR`, `12,5`). None
    where it is none, or not above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if not isinstance(value, str) and not 0 < value < _MOST_AMOUNT:  # also what is too long to be written out
        return None
    text = _figures(value) if isinstance(value, str) else str(round(value, _EXACT))
    try:
        found = Decimal(text)
        if not found.is_finite() or not 0 < found < _MOST_AMOUNT:
            return None
        cents = found.quantize(_CENT)
    except InvalidOperation:
        return None
    return cents if cents == found else None


def _figures(text: str) -> str:
    """A written amount with one point at most; "" where it is none."""
    kept = "".join(letter for letter in text[:_MOST_TEXT] if letter in "0123456789.,-")
    if not text.isprintable() or len(text) > _MOST_TEXT or "-" in kept:
        return ""
    whole, mark, parts = kept.rpartition("." if kept.rfind(".") > kept.rfind(",") else ",")
    # Three digits behind the only mark are thousands, as in 1,234; anything else is a part of one.
    if mark and (len(parts) != 3 or ("," in whole and mark == ".") or ("." in whole and mark == ",")):
        return f"{_without_marks(whole)}.{parts}"
    return _without_marks(kept)


def _without_marks(text: str) -> str:
    return text.replace(",", "").replace(".", "")


def _plain(code: str) -> str:
    return "".join(letter for letter in code.upper() if letter.isalnum())


def _code(value: object) -> str:
    return _plain(str(value)[:_MOST_TEXT]) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _zone(name: str) -> dt.tzinfo:
    """Raises BadInput."""
    if name == "UTC":
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(
            f"this machine knows no time zone {name[:60]!r}: give one such as Europe/London",
            code="bad_rule",
            field="zone",
        ) from None
