"""Audiences and computed traits as the API, the console and the command line ask for them.

Definitions are in ledger.db, who is in is what the evaluator committed to decide.db. Neither is told of a customer but
through the gate: members, memberships and reasons are answers of it, so whoever refuses is in none of them at once,
before the evaluator knows.
"""

import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

import msgspec

from rapport.adapters.embedded.audiences import Definitions, in_use
from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.reader import StateReader
from rapport.app.cursors import NEWEST
from rapport.app.definitions import Doubts, HouseTraits, Ledgers, or_none
from rapport.app.embedded import Sources, open_keys, open_ledger, open_people, open_reader
from rapport.app.histories import folded
from rapport.app.previewing import Looking, Previewer
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.decide import Audience, Rule, Verdict, audience, expressed
from rapport.decide.audiences import Knowing
from rapport.kernel import ids
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import Kind, Why
from rapport.kernel.times import DAY, now, rfc3339
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.profile.paging import page_of
from rapport.profile.store import Found
from rapport.terms import Gate, Request, headed
from rapport.terms.aggregates import Crowd, Guard
from rapport.terms.facts import facts_of, looked_at
from rapport.terms.standing_use import StandingUse
from rapport.web.audiences import Day, Filling, Member, Preview, Saved, Standing, Warned, told_why

ACTION, WHY_ACTION = "audiences", "audience: why"
RESERVED = "preview"
_TOGETHER = 50
"""Members in one transaction of receipts, so that nobody else waits long."""
_SPARE = 20
"""Steps, of so many members each, that a page takes beyond those that its length asks for."""
_WHOLE = 10
_MEMBER = b"mbr"
Told = TypeVar("Told")


class HouseAudiences:
    """The Audiences of an embedded node. `gate` and `reader` are the caller's own, of its thread."""

    def __init__(
        self,
        settings: Settings,
        ledgers: Ledgers,
        reader: StateReader,
        gate: Gate,
        keys: Keyring,
        previewer: Previewer,
        doubts: Doubts,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """`close` closes what was opened for it alone."""
        self.ledgers = ledgers
        self._reader = reader
        self._gate = gate
        self._keys = keys
        self._previewer = previewer
        self._doubts = doubts
        self.decided = DecideReader(settings.directory)
        self._use = StandingUse()
        self._close = close

    # -- definitions

    async def put(
        self, org: str, name: str, expression: str, purpose: str, who: str, expected: int | None = None
    ) -> Saved[Audience]:
        if name == RESERVED:
            raise BadInput("no audience can be called preview: choose another name", code="bad_name", field="name")
        audience(org, name, expression, purpose)  # what is wrong with it is told before anything is opened

        def put(definitions: Definitions, _: LedgerFile) -> Saved[Audience]:
            before = or_none(definitions.audience, org, name)
            saved = definitions.put_audience(org, name, expression, purpose, who, expected)
            return Saved(saved, self._doubts.of(definitions, org, expression, saved.purpose, Kind.BOOL), before is None)

        return await self.ledgers.with_definitions(put)

    async def named(self, org: str, name: str) -> Standing:
        return self._standing(await self._audience(org, name))

    async def page(self, org: str, after: str, limit: int) -> list[Standing]:
        listed = await self.ledgers.with_definitions(lambda definitions, _: definitions.audiences(org))
        return [self._standing(one) for one in [one for one in listed if one.name > after][:limit]]

    async def delete(self, org: str, name: str, who: str) -> None:
        def delete(definitions: Definitions, ledger: LedgerFile) -> None:
            definitions.audience(org, name)
            using = [one.name for one in DestinationBook(ledger).of_org(org) if one.audience == name]
            if using:
                raise in_use("destinations are given it:", using, "remove or change them first")
            definitions.delete_audience(org, name, who)

        await self.ledgers.with_definitions(delete)

    async def _audience(self, org: str, name: str) -> Audience:
        return await self.ledgers.with_definitions(lambda definitions, _: definitions.audience(org, name))

    async def rule(self, org: str, name: str) -> Rule:
        """Raises NotFound."""

        def rule(definitions: Definitions, _: LedgerFile) -> Rule:
            definitions.audience(org, name)
            return definitions.rulebook(org).rules[name]

        return await self.ledgers.with_definitions(rule)

    def _standing(self, one: Audience) -> Standing:
        state = self.decided.state(one.org, one.name)
        if state is None:
            return Standing(one, 0, Filling(0.0))
        reasons = self.decided.reasons(one.org, one.name)
        failing = sum(count for _, count in reasons)
        told = Standing(one, state.inside, None, failing, reasons[0][0] if reasons else "")
        if not state.filling and state.version == one.version:
            return told
        newest = self._reader.newest_records(one.org, NEWEST, 1)
        before = self.decided.filled_down_to(one.org, one.name) if state.version == one.version else None
        share = 0.0 if before is None or not newest else max(0.0, 1 - before / (newest[0] + 1))
        return msgspec.structs.replace(told, filling=Filling(round(share, 2)))

    # -- members

    async def members(
        self, org: str, name: str, caller: str, cursor: str | None, limit: int
    ) -> tuple[list[Member], str | None]:
        rows, following = await self.members_as(org, name, caller, cursor, limit, lambda found: found.customer)
        return [Member(customer, since, receipt) for customer, since, receipt in rows], following

    async def members_as(
        self, org: str, name: str, caller: str, cursor: str | None, limit: int, told: Callable[[Found], Told]
    ) -> tuple[list[tuple[Told, int, str]], str | None]:
        """Members as they are told of, each with since when and the receipt; and the cursor of the next page.

        A page is filled up past those who may not be seen, so that neither its length nor its time tells that they are
        there: it looks in steps of always as many, a full page has a cursor whoever comes after, and it is answered at
        a multiple of the gate's quiet time. After _SPARE steps more than a page without them takes, so of twenty people
        or more, it ends short, in whole tens: that one of them more or fewer may be seen changes it by nobody.
        """
        started = time.monotonic()
        rule = await self.rule(org, name)
        after = self.place_of(org, _MEMBER, cursor, 0)
        step = min(_TOGETHER, limit)
        steps = -(-limit // step)
        found: list[tuple[int, tuple[Told, int, str]]] = []
        done = False
        for _ in range(steps + _SPARE):
            rows = dict(self.decided.members(org, name, after, step))
            let = await self.let_through(rule, caller, rows, told) if rows else {}
            found += [(number, (one, rows[number], receipt)) for number, (one, receipt) in sorted(let.items())]
            after = max(rows, default=after)
            done = len(rows) < step
            if done or len(found) >= limit:
                break
        most = limit if done or len(found) >= limit else len(found) // _WHOLE * _WHOLE or len(found)
        if len(found) > most:
            found = found[:most]
            after = found[-1][0]
        await self._gate.rest(started, steps)
        ends = done and len(found) < limit
        return [one for _, one in found], None if ends else self.cursor_of(org, _MEMBER, after)

    async def let_through(
        self, rule: Rule, caller: str, numbers: Collection[int], told: Callable[[Found], Told]
    ) -> dict[int, tuple[Told, str]]:
        """Those of some customers whom the gate lets through for an audience, by their numbers: how they are told of,
        and the receipt."""
        org = rule.audience.org

        def customers() -> list[Found]:
            found = (self._reader.found(org, number) for number in numbers)
            # Whose record is another's by now is soon out, and the other is asked anew.
            return [one for one in found if one is not None and one.number in numbers]

        def there(found: Found) -> tuple[Told] | None:
            return (told(found),) if found.number in numbers else None

        def fields(_: tuple[Told]) -> tuple[str, ...]:
            return looked_at(rule.dependencies)

        request = Request(org, "", rule.audience.purpose, caller, ACTION)
        answers = await self._gate.each(request, customers, there, fields, self._use)
        return {found.number: (one, receipt.id) for found, (one,), receipt in answers}

    def cursor_of(self, org: str, kind: bytes, number: int) -> str:
        return ids.handle(self._keys.handles(org), kind, number)

    def place_of(self, org: str, kind: bytes, cursor: str | None, start: int) -> int:
        """The number behind a cursor. Raises BadInput (`bad_cursor`)."""
        if cursor is None:
            return start
        number = ids.record_of(self._keys.handles(org), kind, cursor)
        if number is None:
            raise BadInput("the cursor is not one that this list gave out", code="bad_cursor", field="cursor")
        return number

    async def history(self, org: str, name: str, days: int) -> list[Day]:
        one = await self._audience(org, name)
        first = await self.ledgers.with_definitions(lambda d, _: d.audience_versions(org, name)[-1].at)
        return daily(self.decided.daily(org, one.name), first // DAY, now() // DAY, days)

    # -- one customer

    async def of_customer(self, wish: Request, cursor: str | None, limit: int) -> dict[str, Any]:
        """The names of the audiences that a customer is in, of those that are for the purpose of the wish."""
        purpose = known_purpose(wish.purpose)
        listed = await self.ledgers.with_definitions(lambda definitions, _: definitions.audiences(wish.org))
        names = {one.name for one in listed if one.purpose == purpose}

        def page(found: Found) -> dict[str, Any]:
            inside = sorted(name for name, _ in self.decided.audiences_of(wish.org, found.number) if name in names)
            some, following = page_of(inside, cursor, limit)
            return {"audiences": list(some), "next": following}

        return headed(*await self._gate.read(wish, page, lambda _: ("audiences",)))

    async def why(self, org: str, name: str, customer: str, caller: str) -> dict[str, Any]:
        rule = await self.rule(org, name)
        request = Request(org, customer, rule.audience.purpose, caller, WHY_ACTION)

        def told(found: Found) -> dict[str, Any]:
            at = now()
            facts = facts_of(found, rule.dependencies, folded(self._reader, rule.dependencies))
            member = self.decided.membership(org, name, found.number)
            since = None if member is None else member.since
            return why_told(rule, rule.verdict(facts, at), rule.why(facts, at), since)

        return headed(*await self._gate.read(request, told, lambda _: looked_at(rule.dependencies)))

    # -- what is not saved

    async def preview(self, org: str, expression: str, purpose: str, name: str | None, caller: str) -> Preview:
        tried = audience(org, "tried", expression, purpose)

        def prepared(definitions: Definitions, _: LedgerFile) -> tuple[Rule, tuple[Warned, ...]]:
            if name is not None:
                definitions.audience(org, name)
            rule = Rule(tried, definitions.rulebook(org).computation)
            return rule, self._doubts.of(definitions, org, expression, tried.purpose, Kind.BOOL)

        rule, warnings = await self.ledgers.with_definitions(prepared)
        told = await self._previewer.waited_for(org, rule, name, caller)
        return msgspec.structs.replace(told, warnings=warnings)

    async def preview_trait(self, org: str, expression: str, purpose: str, caller: str) -> Preview:
        """A computed trait that is not saved, as an audience of those of whom it is known."""
        tried = expressed(org, "tried", expression, purpose)

        def prepared(definitions: Definitions, _: LedgerFile) -> tuple[Knowing, tuple[Warned, ...]]:
            knowing = Knowing(tried, definitions.rulebook(org).computation)
            return knowing, self._doubts.of(definitions, org, expression, tried.purpose, Kind.ANY)

        knowing, warnings = await self.ledgers.with_definitions(prepared)
        told = await self._previewer.waited_for(org, knowing, None, caller)
        return msgspec.structs.replace(told, warnings=warnings)

    def close(self) -> None:
        self._previewer.close()
        self._doubts.close()
        self.decided.close()
        self.ledgers.close()
        self._close()


def daily(rows: Sequence[tuple[int, int, int, int]], first: int, today: int, days: int) -> list[Day]:
    """A day each, from `first` on; where nothing moved, as many are in as the day before."""
    moves = {day: (inside, entered, left) for day, inside, entered, left in rows}
    start = max(first, today - days + 1)
    inside = next((row[1] for row in reversed(rows) if row[0] < start), 0)
    told = []
    for day in range(start, today + 1):
        inside, entered, left = moves.get(day, (inside, 0, 0))
        told.append(Day(day, inside, entered, left))
    return told


def why_told(rule: Rule, verdict: Verdict, why: Sequence[Why], since: int | None) -> dict[str, Any]:
    return {
        "audience": rule.audience.name,
        "version": rule.audience.version,
        "inside": verdict.inside,
        "error": verdict.error or None,
        "since": None if since is None or not verdict.inside else rfc3339(since),
        "due": None if verdict.due is None else rfc3339(verdict.due),
        "why": [told_why(one) for one in why],
    }


def open_audiences(
    settings: Settings, reader: StateReader, gate: Gate, keys: Keyring, close: Callable[[], None] = lambda: None
) -> tuple[HouseAudiences, HouseTraits]:
    """Both over one ledger connection of their own, until the audiences are closed; `reader` and `gate` are of the
    caller's thread."""
    ledgers = Ledgers(settings)
    doubts = Doubts(settings)
    previewer = Previewer(lambda: looking(settings))
    audiences = HouseAudiences(settings, ledgers, reader, gate, keys, previewer, doubts, close)
    return audiences, HouseTraits(ledgers, doubts)


def at_hand(settings: Settings, org: str) -> tuple[HouseAudiences, HouseTraits]:
    """Both for the command line. Raises NotFound where there is no such organization."""
    with contextlib.closing(open_ledger(settings)) as ledger:
        ledger.expect_org(org)
    parts, keys = looking(settings), open_keys(settings)

    def close() -> None:
        parts.close()
        keys.close()

    return open_audiences(settings, parts.reader, parts.gate, keys, close)


def looking(settings: Settings) -> Looking:
    """What previews read by: parts of their own, since they are of another thread."""
    from rapport.adapters.embedded.crowds import crowd_of  # noqa: PLC0415 (it loads NumPy)

    ends = ExitStack()
    ledger = ends.enter_context(contextlib.closing(open_ledger(settings)))
    keys = ends.enter_context(contextlib.closing(open_keys(settings)))
    reader = ends.enter_context(contextlib.closing(open_reader(settings, Sources(ledger).by_name)))
    gate = Gate(reader, open_people(settings, ledger), DirectReceipts(ledger), secret=keys.secret("asked"), quiet_s=0)
    key = keys.blind.derived("shut out")

    def crowd(numbers: Sequence[int]) -> Crowd:
        return crowd_of(key, numbers)

    decided = ends.enter_context(contextlib.closing(DecideReader(settings.directory)))
    guard = Guard(keys.secret("aggregates"))
    return Looking(reader, gate, decided, guard, crowd, lambda needs: folded(reader, needs), ends.close)
