"""A desk over demo people in memory: the console's tests ask it, and one can look at the pages with it:
`python -m tests.web.console.sample_desk 8099`.
"""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import count, islice
from random import Random
from typing import Any

import msgspec

from rapport.kernel.errors import NotFound
from rapport.kernel.times import SECOND, now, rfc3339
from rapport.kernel.vocabulary import category_of
from rapport.profile.masking import mask
from rapport.web.console import desk as told
from tests.web.console.sample_actions import SampleActions
from tests.web.console.sample_audiences import SampleAudiences
from tests.web.console.sample_demands import SampleDemands
from tests.web.console.sample_destinations import SampleDestinations
from tests.web.console.sample_exports import SampleExports
from tests.web.console.sample_identity import SampleIdentity
from tests.web.console.sample_looking import SampleLooking
from tests.web.console.sample_people import Known, alice, crowd, household
from tests.web.console.sample_requests import SampleRequests
from tests.web.console.sample_sources import PER_PAGE, SampleSources
from tests.web.console.sample_staff import SampleSignin, SampleStaff
from tests.web.console.sample_terms import SampleTerms


class SampleDesk(SampleIdentity, SampleSources, SampleTerms):
    def __init__(self, people: Iterable[Known] = (), *, rate: float = 6.0, empty: bool = False) -> None:
        self.rate = rate
        self.codes = {"good-code", *(f"code-{i}" for i in range(60))}
        self.tokens: dict[str, told.Session] = {}
        self.clock = now()
        self.set_people([] if empty else [*people] or [*alice(), *household(), *crowd(61)])
        SampleSources.__init__(self, [] if empty else self._names(), self.clock)
        SampleTerms.__init__(self, empty=empty)
        self.requests = SampleRequests(empty=empty)
        self.exports = SampleExports(empty=empty)
        self.audiences = SampleAudiences(empty=empty)
        self.actions = SampleActions(empty=empty)
        self.looking = SampleLooking(0 if empty else 6_000)
        self.demands = SampleDemands(empty=empty)
        self.destinations = SampleDestinations(empty=empty)
        self.signin = SampleSignin()
        self.staff = SampleStaff(empty=empty)

    def _names(self) -> list[str]:
        return sorted({record.source for record in self.records})

    # Sessions

    async def sign_in(self, code: str) -> str | None:
        if code not in self.codes:
            return None
        self.codes.remove(code)
        token = f"session-of-{code}"
        number = f"s-{len(self.tokens) + 1}"
        self.tokens[token] = told.Session(number, "demo", "operator", "service", "owner", verified_at=now())
        return token

    async def sign_out(self, token: str) -> None:
        self.tokens.pop(token, None)

    async def session(self, token: str) -> told.Session | None:
        return self.tokens.get(token)

    async def set_purpose(self, token: str, purpose: str) -> None:
        self.tokens[token] = msgspec.structs.replace(self.tokens[token], purpose=purpose)

    async def set_org(self, token: str, org: str) -> None:
        if not self.tokens[token].everywhere:
            raise NotFound("there is no such organization")
        self.tokens[token] = msgspec.structs.replace(self.tokens[token], org=org)

    # Live

    def _news(self) -> Iterator[told.News]:
        chance = Random(11)
        names = [
            "Order Completed",
            "page",
            "Product Added",
            "Products Searched",
            "Ticket Opened",
            "identify",
            "Checkout Started",
        ]
        for i in count():
            record = chance.randrange(len(self.records))
            known = self.records[record]
            link = known.links[-1]
            who = f"{link.type.replace('_', ' ')} {mask(link.type, link.value)}"
            if i % 9 == 4:
                why = "the same e-mail address" if i % 2 else "the same loyalty card"
                yield told.News("merged", 0, known.source, "", who, self._shown(record), 2, why)
            elif i % 31 == 7:
                yield told.News("rejected", 0, known.source, "missing_id", "")
            else:
                yield told.News("event", 0, known.source, chance.choice(names), who, self._shown(record))

    async def live(self, session: told.Session) -> AsyncIterator[told.News]:
        if not self.records:
            await asyncio.Event().wait()
        for news in self._news():
            await asyncio.sleep(1 / self.rate)
            yield told.News(news.kind, now(), news.source, news.name, news.who, news.customer, news.count, news.why)

    async def pulse(self, session: told.Session) -> told.Pulse:
        if not self.records:
            return told.Pulse(now(), (0,) * 60, None, 0, ())
        second = now() // SECOND

        def heights(seed: int, size: float) -> tuple[int, ...]:
            return tuple(max(0, int(Random(seed * 100_000 + second - 59 + i).gauss(size, size / 3))) for i in range(60))

        sources = tuple(
            told.SourcePulse(name, heights(i, 8 / (i + 1)), int(i == 1) * 2, now() - i * SECOND)
            for i, name in enumerate(self._names())
        )
        whole = tuple(map(sum, zip(*(source.per_second for source in sources), strict=True)))
        return told.Pulse(now(), whole, 11.6, 2, sources)

    async def recent(self, session: told.Session) -> tuple[told.News, ...]:
        if not self.records:
            return ()
        return tuple(
            told.News(n.kind, now() - i * SECOND, n.source, n.name, n.who, n.customer, n.count, n.why)
            for i, n in enumerate(islice(self._news(), 24))
        )

    # Customers

    async def search(self, session: told.Session, text: str, cursor: str | None) -> told.Hits:
        if session.purpose in self.refused:
            return told.Hits((), None)
        roots = sorted({self._root(i) for i, record in enumerate(self.records) if _matches(record, text)})
        start = int(cursor or 0)
        rows = tuple(self._hit(root) for root in roots[start : start + PER_PAGE])
        return told.Hits(rows, str(start + PER_PAGE) if start + PER_PAGE < len(roots) else None)

    def _hit(self, root: int) -> told.Hit:
        records = [self.records[i] for i in self._records(self._shown(root))]
        events = sorted((e for r in records for e in r.events), key=lambda e: -(e.time or 0))
        identifiers = dict.fromkeys((link.type, mask(link.type, link.value)) for r in records for link in r.links)
        names = tuple(event.name for event in events[:3])
        last = events[0].time if events else None
        return told.Hit(
            self._shown(root), tuple(identifiers), names, len(events), last, tuple(sorted({r.source for r in records}))
        )

    async def customer(self, session: told.Session, customer: str) -> told.Customer | None:
        self.asked.append(("customer", customer, session.purpose))
        mine = self._records(customer)
        if not mine or session.purpose in self.refused:
            return None
        timeline = await self.events(session, customer, "0")
        assert timeline is not None
        return told.Customer(self._view(mine), timeline, self._identity(mine), ("gold_lately",))

    def _view(self, mine: list[int]) -> dict[str, Any]:
        records = {self._handle(i): self.records[i] for i in mine}
        identifiers: dict[tuple[str, str], set[str]] = {}
        for record in records.values():
            for link in record.links:
                identifiers.setdefault((link.type, link.value), set()).add(record.source)
        facts: dict[str, list[dict[str, Any]]] = {}
        for handle, record in records.items():
            for name, (value, at) in record.traits.items():
                facts.setdefault(name, []).append(
                    {
                        "value": value,
                        "source": record.source,
                        "record": handle,
                        "observed_at": rfc3339(at),
                        "event": f"m-{at // SECOND}",
                        "category": category_of(name),
                    }
                )
        events = [event for record in records.values() for event in record.events]
        times = [event.time for event in events if event.time is not None]
        by_name = {
            name: {"count": n, "first_at": None, "last_at": None} for name, n in Counter(e.name for e in events).items()
        }
        groups = sorted({group for record in records.values() for group in record.groups})
        return {
            "customer": self._shown(mine[0]),
            "identifiers": [
                {"type": t, "value": v, "verified": t == "loyalty_id", "sources": sorted(s)}
                for (t, v), s in sorted(identifiers.items())
            ],
            "traits": {name: {**shown[0], "others": shown[1:]} for name, shown in sorted(facts.items())},
            "events": {
                "total": len(events),
                "first_at": rfc3339(min(times)) if times else None,
                "last_at": rfc3339(max(times)) if times else None,
                "by_name": by_name,
            },
            "records": [
                {"source": record.source, "record": handle, "why": "its user id"} for handle, record in records.items()
            ],
            "groups": [
                {
                    "id": g,
                    "traits": {
                        "name": {"value": "14 Mill Lane", "source": "crm"},
                        "size": {"value": 3, "source": "crm"},
                    },
                    "sources": ["crm"],
                }
                for g in groups
            ],
            "consent": [],
            "elsewhere": [],
            "receipt": "rcp_5wq8ydp2m6zk3c7h9n4r1t0xaa",
            "as_of": rfc3339(self.clock),
        }

    async def events(self, session: told.Session, customer: str, cursor: str) -> told.Timeline | None:
        mine = self._records(customer)
        if not mine or session.purpose in self.refused:
            return None
        rows = [
            told.Happened(event, self.records[i].source, self._handle(i))
            for i in mine
            for event in self.records[i].events
        ]
        rows.sort(key=lambda row: (-(row.event.time or 0), row.event.message_id))
        start = int(cursor) if cursor.isdigit() else 0
        onward = str(start + 12) if start + 12 < len(rows) else None
        return told.Timeline(tuple(rows[start : start + 12]), onward, "rcp_0aaabbbcccdddeeefffggghhhj")


def _matches(record: Known, text: str) -> bool:
    kind, colon, value = text.partition(":")
    values = {(link.type, link.value) for link in record.links}
    if colon and (kind, value) in values:
        return True
    words = " ".join(said for said, _ in record.traits.values() if isinstance(said, str)).lower().split()
    return text in {value for _, value in values} or all(
        any(w.startswith(t) for w in words) for t in text.lower().split()
    )


def main() -> None:
    import uvicorn
    from starlette.applications import Starlette

    from rapport.web.console import console_routes

    port = int(sys.argv[1])
    desk = SampleDesk()
    app = Starlette(routes=console_routes(desk, f"http://127.0.0.1:{port}"))
    print(f"http://127.0.0.1:{port}/console/start?code=good-code")  # noqa: T201
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", ws="none", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
