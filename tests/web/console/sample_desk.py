"""A desk over demo people in memory: the console's tests ask it, and one can look at the pages with it.

    python -m tests.web.console.sample_desk 8099

Its resolution is a small stand-in (edges in order of level, two users never meet); the product's is `rapport.resolve`.
"""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import count, islice
from random import Random
from typing import Any

from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.times import SECOND, now, rfc3339
from rapport.kernel.vocabulary import category_of
from rapport.profile.masking import mask
from rapport.web.console import desk as told
from tests.web.console.sample_people import Known, alice, crowd, household
from tests.web.console.sample_requests import SampleRequests
from tests.web.console.sample_sources import PER_PAGE, SampleSources
from tests.web.console.sample_terms import SampleTerms

REASONS = {
    "user_id": "this user id joins them",
    "email": "this e-mail address joins them",
    "device_id": "this device joins them",
}


class Edge:
    """Evidence with what became of it."""

    def __init__(
        self, number: int, record: int, type_: str, value: str, level: int, at: int, kind: str = "identifies"
    ) -> None:
        self.id = f"evd{number:04}"
        self.record, self.type, self.value, self.level, self.at, self.kind = record, type_, value, level, at, kind
        self.used = False
        self.reason = ""
        self.retracted: told.Retraction | None = None
        self.before_retraction: tuple[str, ...] = ()

    @property
    def end(self) -> tuple[str, Any]:
        return ("record", int(self.value)) if self.kind != "identifies" else (self.type, self.value)


class SampleDesk(SampleSources, SampleTerms):
    def __init__(self, people: Iterable[Known] = (), *, rate: float = 6.0, empty: bool = False) -> None:
        self.rate = rate
        self.codes = {"good-code", *(f"code-{i}" for i in range(60))}
        self.tokens: dict[str, told.Session] = {}
        self.clock = now()
        self.set_people([] if empty else [*people] or [*alice(), *household(), *crowd(61)])
        SampleSources.__init__(self, [] if empty else self._names(), self.clock)
        SampleTerms.__init__(self, empty=empty)
        self.requests = SampleRequests(empty=empty)

    def set_people(self, people: Iterable[Known]) -> None:
        self.records = [*people]
        self.edges: list[Edge] = []
        number = count(1)
        for i, record in enumerate(self.records):
            for link in record.links:
                self.edges.append(Edge(next(number), i, link.type, link.value, link.level, link.at))
        self._resolve()

    def _names(self) -> list[str]:
        return sorted({record.source for record in self.records})

    # Sessions

    async def sign_in(self, code: str) -> str | None:
        if code not in self.codes:
            return None
        self.codes.remove(code)
        token = f"session-of-{code}"
        self.tokens[token] = told.Session(f"s-{len(self.tokens) + 1}", "demo", "operator", "service")
        return token

    async def sign_out(self, token: str) -> None:
        self.tokens.pop(token, None)

    async def session(self, token: str) -> told.Session | None:
        return self.tokens.get(token)

    async def set_purpose(self, token: str, purpose: str) -> None:
        old = self.tokens[token]
        self.tokens[token] = told.Session(old.id, old.org, old.operator, purpose)

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

    def _resolve(self) -> None:
        """Groups of records: edges in order of level, two users never meet, an e-mail of two users joins nobody."""
        self.parent = list(range(len(self.records)))
        self.label = [record.user for record in self.records]
        first: dict[tuple[str, Any], int] = {}
        users: dict[tuple[str, Any], set[str]] = {}
        for edge in self.edges:
            if not edge.retracted and edge.level > 0 and (user := self.records[edge.record].user):
                users.setdefault(edge.end, set()).add(user)
        for edge in sorted(self.edges, key=lambda edge: (edge.level, edge.id)):
            if edge.retracted:
                edge.used = False
                continue
            if len(users.get(edge.end, ())) > 1:
                thing = edge.type.replace("_", " ").replace("email", "e-mail address")
                edge.used, edge.reason = False, f"this {thing} is on records of more than one user id"
                continue
            other = int(edge.value) if edge.kind == "must_link" else first.setdefault(edge.end, edge.record)
            one, two = self._root(edge.record), self._root(other)
            labels = {self.label[one], self.label[two]} - {None}
            edge.used = len(labels) < 2
            edge.reason = REASONS.get(
                edge.type, f"this {edge.type.replace('_', ' ') or 'link by an operator'} joins them"
            )
            if not edge.used:
                edge.reason = f"this {edge.type.replace('_', ' ')} would join two user ids"
            elif one != two:
                self.parent[max(one, two)] = min(one, two)
                self.label[min(one, two)] = next(iter(labels), None)

    def _root(self, record: int) -> int:
        while self.parent[record] != record:
            record = self.parent[record]
        return record

    def _handle(self, record: int) -> str:
        return f"rec_{record:026}"

    def _shown(self, record: int) -> str:
        return f"cus_{self._root(record):026}"

    def _records(self, customer: str) -> list[int]:
        number = customer.removeprefix("cus_")
        if not (
            customer.startswith("cus_") and len(number) == 26 and number.isdigit() and int(number) < len(self.records)
        ):
            return []
        return [i for i in range(len(self.records)) if self._root(i) == self._root(int(number))]

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
        return told.Customer(self._view(mine), timeline, self._identity(mine))

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

    # Evidence

    def _record_node(self, i: int, mine: list[int]) -> told.Node:
        record = self.records[i]
        if i in mine:
            return told.Node(self._handle(i), "record", *record.key, record.source, record.slice)
        kind, value = record.key
        return told.Node(self._handle(i), "record", kind, mask(kind, value), record.source, "", self._shown(i))

    def _other_node(self, edge: Edge, mine: list[int]) -> told.Node:
        if edge.kind == "must_link":
            return self._record_node(int(edge.value), mine)
        return told.Node(f"{edge.type}:{edge.value}", "identifier", edge.type, edge.value)

    def _told(self, edge: Edge) -> told.Evidence:
        origin = "operator" if edge.kind == "must_link" else self.records[edge.record].source
        rule = "link by an operator" if edge.kind == "must_link" else "named by the source"
        other = self._handle(int(edge.value)) if edge.kind == "must_link" else f"{edge.type}:{edge.value}"
        kind: Any = edge.kind
        return told.Evidence(
            edge.id,
            self._handle(edge.record),
            other,
            kind,
            edge.type,
            rule,
            origin,
            edge.level,
            edge.level < 3,
            edge.used,
            edge.reason,
            edge.at,
        )

    def _identity(self, mine: list[int]) -> told.Identity:
        active = [edge for edge in self.edges if not edge.retracted]
        own = [edge for edge in active if edge.record in mine]
        ends = {edge.end for edge in own}
        near = [edge for edge in active if edge.record not in mine and edge.end in ends]
        nodes = {node.id: node for i in mine for node in [self._record_node(i, mine)]}
        for edge in own + near:
            for node in (self._record_node(edge.record, mine), self._other_node(edge, mine)):
                nodes.setdefault(node.id, node)
        return told.Identity(tuple(nodes.values()), tuple(self._told(edge) for edge in own + near))

    def _parties(self, roots: Iterable[int]) -> tuple[told.Party, ...]:
        parties = []
        for root in sorted(set(roots)):
            mine = [i for i in range(len(self.records)) if self._root(i) == root]
            links = dict.fromkeys(
                (e.type, e.value) for e in self.edges if e.record in mine and e.kind == "identifies" and not e.retracted
            )
            nodes = [self._record_node(i, mine) for i in mine]
            nodes += [told.Node(f"{t}:{v}", "identifier", t, v) for t, v in links]
            parties.append(told.Party(self._shown(root), tuple(nodes), sum(len(self.records[i].events) for i in mine)))
        return tuple(parties)

    def _edge(self, evidence: str) -> Edge | None:
        return next((edge for edge in self.edges if edge.id == evidence), None)

    async def preview_retract(self, session: told.Session, evidence: str) -> told.Preview | None:
        edge = self._edge(evidence)
        if edge is None or session.purpose in self.refused:
            return None
        mine = [i for i in range(len(self.records)) if self._root(i) == self._root(edge.record)]
        shown = (self._told(edge), self._record_node(edge.record, mine), self._other_node(edge, []))
        if edge.retracted:
            roots = {self._root(i) for i in range(len(self.records)) if self._handle(i) in edge.before_retraction}
            after = self._parties(roots)
            back = (
                (
                    self._handle(edge.record),
                    self._handle(next(r for r in sorted(roots) if r != self._root(edge.record))),
                )
                if len(after) > 1
                else None
            )
            return told.Preview(*shown, _sentences(len(after)), (), after, edge.retracted, back)
        before = self._parties([self._root(edge.record)])
        edge.retracted = told.Retraction(0, "", "")
        self._resolve()
        after = self._parties(self._root(i) for i in mine)
        edge.retracted = None
        self._resolve()
        return told.Preview(*shown, _sentences(len(after)), before, after)

    async def retract(self, session: told.Session, evidence: str, why: str) -> None:
        edge = self._edge(evidence)
        if edge is None:
            raise NotFound("there is no such evidence")
        root = self._root(edge.record)
        edge.before_retraction = tuple(self._handle(i) for i in range(len(self.records)) if self._root(i) == root)
        edge.retracted = told.Retraction(now(), session.operator, why)
        self._resolve()

    async def link(self, session: told.Session, one: str, another: str, why: str) -> None:
        first, second = (int(handle.removeprefix("rec_")) for handle in (one, another))
        if len({self.records[first].user, self.records[second].user} - {None}) > 1:
            raise Conflict("The two records have different user ids; a link does not override them.")
        self.edges.append(Edge(len(self.edges) + 1, first, "", str(second), 1, now(), "must_link"))
        self._resolve()


def _matches(record: Known, text: str) -> bool:
    kind, colon, value = text.partition(":")
    values = {(link.type, link.value) for link in record.links}
    if colon and (kind, value) in values:
        return True
    words = " ".join(said for said, _ in record.traits.values() if isinstance(said, str)).lower().split()
    return text in {value for _, value in values} or all(
        any(w.startswith(t) for w in words) for t in text.lower().split()
    )


def _sentences(parties: int) -> tuple[str, ...]:
    if parties == 1:
        return (
            "Nothing comes apart: other evidence holds the same records together.",
            "The identifier stays where others said it.",
        )
    return (
        f"One customer becomes {parties}.",
        "Each keeps its own records with their events and values; nothing is deleted.",
        "Old handles go on answering, and say that the customer was split.",
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
