"""What the live page may show of the worker's news: decided when it is shown, for who shows it.

The worker says which record an event went to, never more; here the record's customer is looked up and passes the gate
for the session's purpose, as any other look would. So whoever is locked, or refuses the purpose, vanishes from the page
at once, from what came before too. It is a standing use: one receipt per customer and day, not one for each line.
"""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from rapport.adapters.embedded.reader import StateReader
from rapport.app.newsroom import Newsroom
from rapport.kernel.errors import Busy
from rapport.kernel.vocabulary import bit, category_of_event, category_of_identifier
from rapport.profile.store import Found
from rapport.terms import Gate, Request
from rapport.terms.standing_use import StandingUse
from rapport.web.console.desk import News, Session

GATHER_S = 0.2
MOST_AT_ONCE = 24
"""Deciding about a customer takes most of a millisecond: a busy stream must not take the process with it."""


class LiveNews:
    """The newsroom's items as far as a session may see them."""

    def __init__(self, newsroom: Newsroom, reader: StateReader, gate: Gate) -> None:
        self._newsroom = newsroom
        self._reader = reader
        self._gate = gate
        self._use = StandingUse()

    async def recent(self, session: Session) -> tuple[News, ...]:
        """The newest, newest first."""
        return tuple(await self._shown(session, list(self._newsroom.recent[session.org])))

    async def watch(self, session: Session) -> AsyncIterator[News]:
        """Items as they come; of more than anybody could read the newest."""
        async for items in self._newsroom.watch(session.org, GATHER_S):
            with contextlib.suppress(Busy):  # what cannot be noted is not shown
                for news in await self._shown(session, items[-MOST_AT_ONCE:]):
                    yield news

    async def _shown(self, session: Session, items: Sequence[dict[str, Any]]) -> list[News]:
        masks = await self._open(session, {item["record"] for item in items if "record" in item})
        shown = []
        for item in items:
            if item["kind"] == "rejected":
                shown.append(_news(item))
            elif (seen := masks.get(item.get("record", 0))) is not None and (told := _told(item, *seen)) is not None:
                shown.append(told)
        return shown

    async def _open(self, session: Session, numbers: Iterable[int]) -> dict[int, tuple[str, int | None]]:
        """Number of each record that may be seen → its customer, and the categories that may be told (None: all)."""

        def customers() -> list[Found]:
            found = (self._reader.found(session.org, number) for number in numbers)
            return list({one.customer: one for one in found if one is not None}.values())

        def open_parts(found: Found) -> dict[int, tuple[str, int | None]]:
            return {part.number: (found.customer, part.mask) for part in found.parts}

        request = Request(session.org, "", session.purpose, f"console {session.id}", "live page")
        seen: dict[int, tuple[str, int | None]] = {}
        if numbers:
            for _, parts, _ in await self._gate.each(request, customers, open_parts, _fields, self._use):
                seen |= parts
        return seen


def _fields(_: object) -> tuple[str, ...]:
    return ("identifiers", "events")


def _told(item: dict[str, Any], customer: str, mask: int | None) -> News | None:
    if mask is None:
        return _news(item, customer)
    if item["kind"] == "event" and not bit(category_of_event(item["name"])) & mask:
        return None
    kind, _, _ = item.get("who", "").partition(" ")
    known = not kind or bit(category_of_identifier(kind)) & mask
    return _news(item if known else {**item, "who": ""}, customer)


def _news(item: dict[str, Any], customer: str | None = None) -> News:
    return News(
        kind=item["kind"],
        at=item["at"],
        source=item.get("source", ""),
        name=item.get("name", ""),
        who=item.get("who", ""),
        customer=customer,
        count=item.get("count", 1),
        why=item.get("why", ""),
    )
