"""What a person did at other companies, as much of it as they let one see: never as traits, never traceable.

No source, record or event id is given, no time finer than granted, and the other company's name only where its showing
was granted. What is shown comes from records that hold one of the person's own claimed identifiers firmly.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any

from rapport.collect import Event
from rapport.kernel.ports import OWN_WORD
from rapport.kernel.times import rfc3339
from rapport.kernel.vocabulary import bit, category_of_event
from rapport.profile import paging
from rapport.profile.store import Found, ProfileReader
from rapport.profile.view import Part
from rapport.terms.clauses import Elsewhere
from rapport.terms.deciding import holds_firmly

MOST = 200
"""Entries at most, and events at most that are looked at of each company."""
_DONE = {"track", "page", "screen"}
"""Kinds of events that are something a person did; the others say who a company thinks they are."""
MANY = 20
"""Records of others with an identifier, above which it names nobody."""
BANDS = (0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
"""Where one band of amounts ends and the next begins."""


def done_elsewhere(
    reader: ProfileReader,
    claims: Iterable[tuple[str, str, str]],
    grants: Sequence[tuple[int, Elsewhere]],
    mask: int,
    alone: Callable[[Found], bool],
) -> list[dict[str, Any]]:
    """What the claimed customers of other companies did, as far as `mask` and the most generous grant for each
    category allow. `alone`: whether nobody else has a say in a customer. Within a reader's snapshot."""
    entries: list[dict[str, Any]] = []
    for org, claimed in groupby(sorted(claims), key=lambda claim: claim[0]):
        if not any(not share.of or org in share.of for _, share in grants):
            continue
        identifiers = [(kind, value) for _, kind, value in claimed]
        parts = _parts(reader, org, identifiers, alone)
        events, _ = paging.newest_first(parts, reader.block_of, None, MOST)
        by_category: dict[str, list[Event]] = {}
        for _, event in events:
            category = category_of_event(event.name)
            if bit(category) & mask and event.kind in _DONE:
                by_category.setdefault(category, []).append(event)
        for category, some in by_category.items():
            share = _most_generous(category, org, grants)
            if share is not None:
                entries += _told(category, some, share, org)
    entries.sort(key=lambda entry: (str(entry.get("at") or entry.get("month") or ""), str(entry)), reverse=True)
    return entries[:MOST]


def _parts(
    reader: ProfileReader, org: str, identifiers: Sequence[tuple[str, str]], alone: Callable[[Found], bool]
) -> list[Part]:
    parts: dict[int, Part] = {}
    for kind, value in identifiers:
        link = frozenset((f"{kind}:{value}",))
        there = {
            found.customer: (found, firm)
            for found in reader.by_identifier(org, kind, value)
            if (firm := [part for part in found.parts if holds_firmly(part, link)])
        }
        # An identifier of several customers, such as a mailbox of two, tells of none of them.
        if len(there) == 1:
            ((found, firm),) = there.values()
            if alone(found):
                parts.update({part.number: part for part in firm})
    return [parts[number] for number in sorted(parts)]


def is_shared(reader: ProfileReader, org: str, link: str, own: Collection[int]) -> bool:
    """Whether records of another customer than that of the records `own` hold an identifier as firmly as they may."""
    kind, _, value = link.partition(":")
    others = [number for number in reader.holding(org, kind, value, len(own) + MANY + 1) if number not in own]
    if len(others) > MANY:
        return True
    links = frozenset((link,))
    parts = (reader.part(org, number) for number in others)
    return any(part is not None and part.trust < OWN_WORD and holds_firmly(part, links) for part in parts)


def _most_generous(category: str, org: str, grants: Sequence[tuple[int, Elsewhere]]) -> Elsewhere | None:
    fitting = [share for mask, share in grants if bit(category) & mask and (not share.of or org in share.of)]
    return max(fitting, key=lambda share: (share.detail == "exact", share.named), default=None)


def _told(category: str, events: Iterable[Event], share: Elsewhere, org: str) -> list[dict[str, Any]]:
    head: dict[str, Any] = {"category": category}
    if share.named:
        head["company"] = org
    if share.detail == "exact":
        return [{**head, **_exact(event)} for event in events]
    return [{**head, **entry} for entry in _coarse(category, events)]


def _exact(event: Event) -> dict[str, Any]:
    told: dict[str, Any] = {"what": event.name, "at": None if event.time is None else rfc3339(event.time)}
    amount = amount_of(event)
    if amount is not None:
        told["amount"] = amount
        told["currency"] = event.properties.get("currency")
    items = [
        {name: item[name] for name in ("name", "category", "price", "quantity") if _plain(item.get(name))}
        for item in _products(event)
    ]
    if any(items):
        told["items"] = [item for item in items if item]
    return told


def _coarse(category: str, events: Iterable[Event]) -> list[dict[str, Any]]:
    """Kind × month, with how many and in which band the amounts sum up. A company's own name for what happened might
    tell which company it is."""
    sums: dict[tuple[str, str, str], tuple[int, float]] = {}
    for event in events:
        month = "" if event.time is None else rfc3339(event.time)[:7]
        products = _products(event)
        kinds = {str(item["category"]) for item in products if _plain(item.get("category"))}
        kind = kinds.pop() if len(kinds) == 1 else "several kinds" if kinds else category
        currency = event.properties.get("currency")
        key = (kind, month, currency if isinstance(currency, str) else "")
        count, total = sums.get(key, (0, 0.0))
        sums[key] = (count + 1, total + (amount_of(event) or 0.0))
    return [
        {"what": kind, "month": month or None, "band": _band(total), "currency": currency or None, "count": _few(count)}
        for (kind, month, currency), (count, total) in sums.items()
    ]


def _band(amount: float) -> str:
    if amount <= 0:
        return "0"
    for low, high in pairwise(BANDS):
        if amount < high:
            return f"{low}–{high}"
    return f"{BANDS[-1]} or more"


def _few(count: int) -> str:
    return "1" if count == 1 else "a few" if count < 5 else "many"


def _products(event: Event) -> list[dict[str, Any]]:
    products = event.properties.get("products")
    found = products if isinstance(products, list) else [event.properties]
    return [item for item in found if isinstance(item, dict)]


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def amount_of(event: Event) -> float | None:
    """What an event was worth, as commerce events say it; None where they do not."""
    for name in ("revenue", "total", "value", "price", "amount"):
        value = event.properties.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None
