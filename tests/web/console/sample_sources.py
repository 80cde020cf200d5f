"""The part of the sample desk that is about sources: their keys and volumes, and what of theirs was refused."""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random

from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import DAY, HOUR, MINUTE, SECOND, now
from rapport.web.console import desk as told

PER_PAGE = 20


class SampleSources:
    def __init__(self, names: Iterable[str], clock: int) -> None:
        self.refused: set[str] = {"research"}  # for these purposes nobody may be seen
        self.asked: list[tuple[str, ...]] = []
        self.cards = {name: _card(name, i, clock) for i, name in enumerate(names)}
        self.refusals = [*_refusals(clock)] if self.cards else []

    async def rejected(self, session: told.Session, code: str | None, cursor: str | None) -> told.Refusals:
        rows = [row for row in self.refusals if code in {None, row.code}]
        start = int(cursor or 0)
        onward = str(start + PER_PAGE) if start + PER_PAGE < len(rows) else None
        return told.Refusals(
            tuple(rows[start : start + PER_PAGE]),
            onward,
            tuple(Counter(row.code for row in self.refusals).most_common()),
        )

    async def rejected_part(self, session: told.Session, refusal: str) -> tuple[told.Refusal, bytes] | None:
        self.asked.append(("rejected_part", refusal, session.purpose))
        row = next((row for row in self.refusals if row.id == refusal), None)
        if row is None or session.purpose in self.refused:
            return None
        if row.code == "bad_json":
            return row, b'{"type": "track", "event": "Order Comp\xff'
        return (
            row,
            b'{"type":"track","event":"Order Completed","properties":{"total":14.2},"timestamp":"yesterday"}',
        )

    async def sources(self, session: told.Session) -> tuple[told.SourceCard, ...]:
        return tuple(self.cards[name] for name in sorted(self.cards))

    async def add_source(self, session: told.Session, name: str, trusted: bool) -> None:
        if not name.replace("-", "").isalnum() or name != name.lower():
            raise BadInput(f"{name[:40]!r} cannot name a source: small letters, digits and hyphens can.", field="name")
        if name in self.cards:
            raise Conflict(f"There is a source {name!r} already.")
        self.cards[name] = told.SourceCard(name, f"wk_{name}_1", trusted, now(), None, (0,) * 60, 0)

    async def rotate_key(self, session: told.Session, source: str) -> None:
        if source not in self.cards:
            raise NotFound("there is no such source")
        old = self.cards[source]
        fresh = f"{old.write_key}N"
        self.cards[source] = told.SourceCard(
            old.name, fresh, old.trusted, old.created_at, old.last_seen_at, old.per_minute, old.rejected
        )


def _refusals(clock: int) -> Iterator[told.Refusal]:
    messages = {
        "missing_id": "The event has no usable userId or anonymousId.",
        "bad_time": "timestamp: 'yesterday' is not an RFC 3339 time such as 2026-11-21T20:02:55Z",
        "too_large": "The event is 48,120 bytes long; 32,768 are allowed.",
        "duplicate_id": "Another event has this messageId already, and other content.",
        "bad_json": "Invalid JSON at byte 41: unterminated string.",
    }
    sources = ["web", "app", "till"]
    for i in range(47):
        code = [*messages][(i * i) % 5]
        at = clock - i * 41 * MINUTE
        yield told.Refusal(
            f"rej{i:04}",
            at,
            sources[i % 3],
            code,
            messages[code],
            at + 7 * DAY - at % HOUR,
            None if code == "bad_json" else i % 20,
        )


def _card(name: str, i: int, clock: int) -> told.SourceCard:
    chance = Random(i)
    minutes = tuple(max(0, int(chance.gauss(30 - 5 * i, 9))) for _ in range(60))
    trusted = name in {"crm", "till", "support"}
    return told.SourceCard(
        name,
        f"wk_{name}_4f9aQ2xR8mTz",
        trusted,
        clock - 90 * DAY,
        clock - i * 7 * SECOND,
        minutes,
        3 * (i == 1),
    )
