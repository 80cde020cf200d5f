"""The console's desk: every question of its pages, answered from the gate, the ledger, the newsroom and the log."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import msgspec

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.reader import StateReader
from rapport.app import telling
from rapport.app.console_actions import ConsoleActions
from rapport.app.console_audiences import ConsoleAudiences
from rapport.app.console_demands import ConsoleDemands
from rapport.app.console_looking import ConsoleLooking
from rapport.app.console_operators import ConsoleOperators
from rapport.app.console_requests import ConsoleRequests
from rapport.app.console_signin import ConsoleSignin
from rapport.app.cursors import before, before_or_newest, number_of
from rapport.app.destinations import HouseDestinations
from rapport.app.embedded import Sources
from rapport.app.exports import Exports
from rapport.app.live import LiveNews
from rapport.app.newsroom import Newsroom
from rapport.app.operators import NOBODY, LogOperators
from rapport.app.terms_desk import HouseTermsDesk, Parts
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.identifiers import normalise
from rapport.kernel.times import MINUTE, SECOND, now
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.profile import paging, view
from rapport.profile.links import split_handle
from rapport.profile.search import prefix, tokens
from rapport.profile.store import Found
from rapport.profile.view import Part
from rapport.terms import Gate, Request, fields_of_view, headed
from rapport.terms.filtering import permitted_event
from rapport.web.console import desk as ask
from rapport.web.console.desk import Session

_PAGE = 25
_BARE_TYPES = ("user_id", "email", "phone", "loyalty_id", "anonymous_id", "device_id")


class HouseDesk(HouseTermsDesk):
    """The console's Desk over an embedded node."""

    def __init__(
        self,
        ledger: LedgerFile,
        reader: StateReader,
        gate: Gate,
        newsroom: Newsroom,
        operators: LogOperators,
        sources: Sources,
        parts: Parts,
        requests: ConsoleRequests,
        exports: Exports,
        demands: ConsoleDemands,
        signin: ConsoleSignin,
        audiences: ConsoleAudiences,
        destinations: HouseDestinations,
        actions: ConsoleActions,
        looking: ConsoleLooking,
    ) -> None:
        super().__init__(parts)
        self.requests = requests
        self.exports = exports
        self.destinations = destinations
        self.actions = actions
        self.looking = looking
        self.demands = demands
        self.signin = signin
        self.audiences = audiences
        self.staff = ConsoleOperators(ledger)
        self._ledger = ledger
        self._reader = reader
        self._gate = gate
        self._newsroom = newsroom
        self._live = LiveNews(newsroom, reader, gate)
        self._operators = operators
        self._sources = sources

    # -- sessions

    async def sign_in(self, code: str) -> str | None:
        return self._ledger.redeem_link(code)

    async def sign_out(self, token: str) -> None:
        self._ledger.end_session(token)

    async def session(self, token: str) -> Session | None:
        return self.staff.session(token)

    async def set_purpose(self, token: str, purpose: str) -> None:
        session = self.staff.session(token)
        if session is not None:
            self._ledger.update_session(token, org=session.org, purpose=known_purpose(purpose))

    async def set_org(self, token: str, org: str) -> None:
        session = self.staff.session(token)
        if session is None or not session.everywhere or not self._ledger.has_org(org):
            raise NotFound("there is no such organization", field="org")
        self._ledger.update_session(token, org=org, purpose=session.purpose)

    # -- live

    async def pulse(self, session: Session) -> ask.Pulse:
        present = now()
        minute = self._reader.volumes(session.org, present // MINUTE - 1)
        last = self._reader.last_seen(session.org)
        pulses = []
        for source in self._ledger.sources(session.org):
            rejected = sum(row[3] for row in minute if row[0] == source.name)
            pulses.append(
                ask.SourcePulse(
                    source.name, self._per_second(session.org, source.name), rejected, last.get(source.name)
                )
            )
        totals = tuple(sum(numbers) for numbers in zip(*(p.per_second for p in pulses), strict=True)) or (0,) * 60
        lag = self._newsroom.lag_us
        lag_ms = None if lag is None else lag / 1000
        return ask.Pulse(present, totals, lag_ms, sum(p.rejected for p in pulses), tuple(pulses))

    def _per_second(self, org: str, source: str) -> tuple[int, ...]:
        rates = self._newsroom.rates.get((org, source), {})
        last = now() // SECOND - 1
        return tuple(rates.get(second, 0) for second in range(last - 59, last + 1))

    async def live(self, session: Session) -> AsyncIterator[ask.News]:
        async for news in self._live.watch(session):
            yield news

    async def recent(self, session: Session) -> tuple[ask.News, ...]:
        return await self._live.recent(session)

    # -- customers

    async def search(self, session: Session, text: str, cursor: str | None) -> ask.Hits:
        text = text.strip()
        request = Request(session.org, "", session.purpose, f"console {session.id}", "list")
        if text and cursor is None:
            named = await self._gate.each(request, lambda: self._named(session.org, text), telling.hit, _list_fields)
            if named:
                return ask.Hits(tuple(hit for _, hit, _ in named[:_PAGE]), None)
        words = [word for word in map(prefix, tokens(text)) if word is not None]
        if text and not words:
            return ask.Hits((), None)
        following = before_or_newest(cursor)

        def matching() -> list[Found]:
            nonlocal following
            found, following = self._matching(session.org, words, following)
            return found

        def hit(found: Found) -> ask.Hit | None:  # what may not be read must not find anybody either
            return telling.hit(found) if all(telling.has_word(found, word) for word in words) else None

        # A page is filled up past those who may not be seen, so that its length does not tell that they are there.
        hits: list[ask.Hit] = []
        while following and len(hits) < _PAGE:
            hits += [one for _, one, _ in await self._gate.each(request, matching, hit, _list_fields)]
        return ask.Hits(tuple(hits), str(following) if following else None)

    def _matching(self, org: str, words: Sequence[str], before: int) -> tuple[list[Found], int]:
        """Customers with all these words, or all customers; and where to go on, 0 where there are no more."""
        if not words:
            return self._customers(org, lambda limit, start: self._reader.newest_records(org, start, limit), before)
        numbers = self._reader.search(org, words)

        def some(limit: int, start: int) -> list[int]:
            return [number for number in numbers if number < start][:limit]

        return self._customers(org, some, before, words)

    def _customers(
        self, org: str, numbers: Callable[[int, int], list[int]], before: int, words: Iterable[str] = ()
    ) -> tuple[list[Found], int]:
        """Customers of records, each once, newest record first; `numbers(limit, before)` lists records."""
        customers: dict[str, Found] = {}
        while len(customers) < _PAGE:
            some = numbers(_PAGE, before)
            if not some:
                return list(customers.values()), 0
            for number in some:
                before = number
                found = self._reader.found(org, number)
                # A record stands for its customer only where it is the newest: so each is listed once over all pages.
                if found is None or (max(part.number for part in found.parts) != number and not words):
                    continue
                if all(telling.has_word(found, word) for word in words):
                    customers.setdefault(found.customer, found)
                if len(customers) == _PAGE:
                    break
        return list(customers.values()), before

    def _named(self, org: str, text: str) -> Sequence[Found]:
        """Customers that an id, a handle or a bare value names."""
        if text.startswith("cus_"):
            found = self._reader.by_handle(org, text)
            return [found] if found is not None else []
        if text.startswith("rec_"):
            found = self._reader.by_record(org, text)
            return [found] if found is not None else []
        kind, colon, raw = text.partition(":")
        pairs = [(kind.strip(), raw.strip())] if colon else [(known, text) for known in _BARE_TYPES]
        customers: dict[str, Found] = {}
        for named, value in pairs:
            usable = normalise(named, value)
            if usable is not None:
                for found in self._reader.by_identifier(org, named, usable):
                    customers.setdefault(found.customer, found)
        return list(customers.values())

    async def customer(self, session: Session, customer: str) -> ask.Customer | None:
        inside = await self.audiences.inside(session)

        def whole(found: Found) -> ask.Customer:
            folded = view.fold(found.parts, self._reader.why(found))
            return ask.Customer(folded, self._timeline(found, None), self._identity(found), inside(found))

        def fields(page: ask.Customer) -> tuple[str, ...]:
            return (*fields_of_view(page.view), *(("audiences",) if page.audiences else ()))

        request = Request(session.org, customer, session.purpose, f"console {session.id}", "customer page")
        try:
            found, page, receipt = await self._gate.read(request, whole, fields)
        except NotFound:
            return None
        return msgspec.structs.replace(page, view=headed(found, page.view, receipt))

    async def events(self, session: Session, customer: str, cursor: str) -> ask.Timeline | None:
        request = Request(session.org, customer, session.purpose, f"console {session.id}", "events")
        try:
            _, timeline, receipt = await self._gate.read(
                request, lambda found: self._timeline(found, cursor), lambda _: ("events",)
            )
        except NotFound:
            return None
        return msgspec.structs.replace(timeline, receipt=receipt.id)

    def _timeline(self, found: Found, cursor: str | None) -> ask.Timeline:
        events, following = paging.newest_first(found.parts, self._reader.block_of, cursor, _PAGE, permitted_event)
        rows = tuple(telling.happened(part, event) for part, event in events)
        return ask.Timeline(rows, following)

    def _identity(self, found: Found, most: int = 150) -> ask.Identity:
        evidence = self._reader.evidence(found)
        nodes = {part.handle: telling.record_node(part) for part in found.parts}
        edges = []
        for item in evidence[:most]:
            edges.append(telling.edge(item))
            if item["identifier"] is not None:
                kind, value = item["identifier"]["type"], item["identifier"]["value"]
                nodes.setdefault(f"{kind}:{value}", ask.Node(f"{kind}:{value}", "identifier", kind, value))
        return ask.Identity(tuple(nodes.values()), tuple(edges), max(0, len(evidence) - most))

    # -- evidence

    async def preview_retract(self, session: Session, evidence: str) -> ask.Preview | None:
        split_handle(evidence)
        with self._reader.snapshot():
            handle = self._owner(session.org, evidence) or NOBODY

        def preview(found: Found) -> ask.Preview | None:
            return self._preview(found, evidence)

        request = Request(session.org, handle, session.purpose, f"console {session.id}", "preview of an un-merge")
        try:
            _, answer, _ = await self._gate.read(request, preview, lambda _: ("evidence",))
        except NotFound:
            return None
        return await self._with_way_back(request, answer) if answer.retracted is not None else answer

    async def _with_way_back(self, request: Request, done: ask.Preview) -> ask.Preview:
        """What came apart, beside whom its record was with, where that is one customer who may be seen as well."""
        if done.other.kind != "identifier":
            return done

        def apart(found: Found) -> tuple[ask.Party, str] | None:
            together = any(part.handle == done.evidence.record for part in found.parts)
            return None if together else (telling.party(found), min(found.parts, key=lambda one: one.number).handle)

        named = msgspec.structs.replace(request, customer=f"{done.other.type}:{done.other.value}")
        try:
            _, (other, record), _ = await self._gate.read(named, apart, lambda _: ("evidence",))
        except (NotFound, BadInput, Conflict):
            return done
        return msgspec.structs.replace(done, after=(other, *done.after), way_back=(done.evidence.record, record))

    def _owner(self, org: str, evidence: str) -> str | None:
        there = self._reader.by_node(org, split_handle(evidence)[0])
        return None if there is None else there[0].customer

    def _preview(self, found: Found, evidence: str) -> ask.Preview | None:
        _, located, edge = self._operators.locate(found.org, evidence)
        # The record as far as it may be seen: what was located is all of it.
        part = next((part for part in found.parts if located is not None and part.number == located.number), None)
        if part is None:
            return None
        parties = (telling.party(found),)
        item = next((e for e in self._reader.evidence(found) if e["id"] == evidence), None)
        if item is None and not self._reader.evidence_tables.is_retracted(split_handle(evidence)[1]):
            return None
        if edge is None or item is None:
            return self._taken_back(found, part, evidence)
        groups = self._reader.preview_retract(part, edge)
        after = tuple(party for group in groups if (party := self._party(found, group)) is not None) or parties
        shown = telling.edge(item)
        other = self._other(found, item)
        return ask.Preview(
            shown, telling.record_node(part), other, telling.sentences(item, len(after), edge.rule), parties, after
        )

    def _taken_back(self, found: Found, part: Part, evidence: str) -> ask.Preview:
        """What became of evidence that is active no more. Who took it back is in the audit log alone."""
        item = self._reader.taken_back(part, split_handle(evidence)[1])
        node = telling.record_node(part)
        gone = ask.Evidence(evidence, part.handle, "", "identifies", "", "", "", 0, False, False, "it was taken back")
        shown, other = (gone, node) if item is None else (telling.edge(item), self._other(found, item))
        said = ("This evidence was taken back.", "No event and no value was moved or deleted.")
        return ask.Preview(shown, node, other, said, (), (telling.party(found),), ask.Retraction(0, "", ""))

    def _other(self, found: Found, item: dict[str, Any]) -> ask.Node:
        if item["identifier"] is not None:
            kind, value = item["identifier"]["type"], item["identifier"]["value"]
            return ask.Node(f"{kind}:{value}", "identifier", kind, value)
        other = next((p for p in found.parts if p.handle == item["other"]), None)
        return (
            telling.record_node(other) if other is not None else ask.Node(item["other"], "record", "", "", customer="")
        )

    def _party(self, found: Found, numbers: Sequence[int]) -> ask.Party | None:
        """The customer that these of the records alone would make, as far as they may be seen."""
        parts = [part for part in found.parts if part.number in numbers and part.record.all.count]
        shown = self._reader.shown_handle(found.org, parts) if parts else ""
        return telling.party(Found(found.org, shown, None, parts)) if parts else None

    async def retract(self, session: Session, evidence: str, why: str) -> None:
        await self._operators.retract(session.org, evidence, f"console {session.id}", why)

    async def link(self, session: Session, one: str, another: str, why: str) -> None:
        said = await self._operators.assert_link(session.org, "must_link", one, another, f"console {session.id}", why)
        if not said.used:
            raise Conflict(f"it was noted, but joins nothing: {said.why}", code="not_joined")

    # -- rejected

    async def rejected(self, session: Session, code: str | None, cursor: str | None) -> ask.Refusals:
        with self._reader.snapshot():
            rows = self._reader.rejected(session.org, code, before(cursor), _PAGE + 1)
            codes = self._reader.rejected_codes(session.org)
        following = str(rows[_PAGE - 1].id) if len(rows) > _PAGE else None
        return ask.Refusals(tuple(telling.refusal(row) for row in rows[:_PAGE]), following, tuple(codes))

    async def rejected_part(self, session: Session, refusal: str) -> tuple[ask.Refusal, bytes] | None:
        number = number_of(refusal)
        if number is None:
            return None
        with self._reader.snapshot():
            row = self._reader.rejected_row(session.org, number)
        if row is None:
            return None
        request = Request(session.org, "", session.purpose, f"console {session.id}", "a refused part")
        if not await self._gate.unsorted(request, row.body):
            return None
        return telling.refusal(row), row.body

    # -- sources

    async def sources(self, session: Session) -> tuple[ask.SourceCard, ...]:
        minute = now() // MINUTE
        with self._reader.snapshot():
            rows = self._reader.volumes(session.org, minute - 59)
            last = self._reader.last_seen(session.org)
        cards = []
        for source, created in self._ledger.sources_with_age(session.org):
            per_minute = {row[1]: row[2] for row in rows if row[0] == source.name}
            cards.append(
                ask.SourceCard(
                    name=source.name,
                    write_key=source.write_key,
                    trusted=source.trusted,
                    created_at=created,
                    last_seen_at=last.get(source.name),
                    per_minute=tuple(per_minute.get(m, 0) for m in range(minute - 59, minute + 1)),
                    rejected=sum(row[3] for row in rows if row[0] == source.name),
                )
            )
        return tuple(sorted(cards, key=lambda card: card.name))

    async def add_source(self, session: Session, name: str, trusted: bool) -> None:
        self._ledger.add_source(session.org, name, trusted=trusted)
        self._sources.forget()

    async def rotate_key(self, session: Session, source: str) -> None:
        self._ledger.rotate_write_key(session.org, source)
        self._sources.forget()


def _list_fields(_: object) -> tuple[str, ...]:
    return ("identifiers", "events")
