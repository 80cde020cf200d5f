"""The catalogue of actions on a node: kept in the ledger, compiled once for each change, and rendered for customers
whom the gate lets through."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.guard_rails import RailBook, switched_off
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app.audiences import looking
from rapport.app.definitions import Doubts, Ledgers, or_none
from rapport.app.embedded import open_ledger
from rapport.app.histories import folded
from rapport.app.reaching import DELIVERED
from rapport.app.settings import Settings
from rapport.decide import languages
from rapport.decide.actions import Action, Trigger
from rapport.decide.catalogue import Catalogue, Ready, Where
from rapport.decide.catalogue_files import CatalogueFile
from rapport.decide.channels import CHANNELS
from rapport.decide.kinds import Units, checked_units
from rapport.decide.languages import spoken_by
from rapport.decide.traits import Computation
from rapport.decide.wishes import ActionWish, action
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.expressions import Kind, Problem, review
from rapport.kernel.expressions.problems import alike
from rapport.kernel.times import now
from rapport.learn.verdicts import Rail, checked_reason
from rapport.profile.store import Found, ProfileReader
from rapport.terms import Gate, Request, headed
from rapport.terms.facts import facts_of, looked_at
from rapport.web.actions import Previewed, SavedAction, told_preview
from rapport.web.audiences import Warned

PREVIEW: Final = "action preview"
MOST_WARNINGS: Final = 50


class _Known(NamedTuple):
    """A catalogue and what it was made of, looked at in some versions of actions and of definitions."""

    version: tuple[int, int]
    made_of: tuple[list[Action], Computation, Units, dict[str, str]]
    catalogue: Catalogue


class Catalogues:
    """Catalogues by organization, each made anew where an action, a unit or a computed trait of its own changed. One
    instance per thread, over its ledger."""

    def __init__(self, book: ActionBook, definitions: Definitions) -> None:
        self._book = book
        self._definitions = definitions
        self._rails = RailBook(book.ledger)
        self._known: dict[str, _Known] = {}

    def of(self, org: str) -> Catalogue:
        version = (self._book.version(), self._definitions.version())
        known = self._known.get(org)
        if known is None or known.version != version:
            computation, off = self._definitions.rulebook(org).computation, switched_off(self._rails.standing(org))
            made_of = (self._book.actions(org), computation, self._book.units(org), off)
            if known is None or known.made_of != made_of:  # versions move with what others change, too
                known = _Known(version, made_of, Catalogue(*made_of))
            known = self._known[org] = known._replace(version=version)
        return known.catalogue


class Warner:
    """What nobody refuses of an action, and whoever wrote it may want to know: what no source ever sent, an audience
    that is not there, a purpose for which nothing is promised."""

    def __init__(self, doubts: Doubts, definitions: Definitions, org: str) -> None:
        self._doubts = doubts
        self._definitions = definitions
        self._org = org
        self._schema = doubts.schema(definitions, org)
        self._purposes: dict[str, tuple[Warned, ...]] = {}

    def of(self, action: Action) -> tuple[Warned, ...]:
        if action.purpose not in self._purposes:
            doubts = self._doubts.of(self._definitions, self._org, "", action.purpose, Kind.ANY)
            self._purposes[action.purpose] = doubts
        found = [*self._purposes[action.purpose], *self._reviewed("eligible", action.eligible, Kind.BOOL)]
        seen: set[str] = set()
        for field, places in Ready(action, Computation({})).places().items():
            for text in (tried.text for place in places for tried in place.tried):
                if text not in seen:
                    seen.add(text)
                    found += self._reviewed(field, text, Kind.ANY)
        for place, trigger in enumerate(action.triggers):
            found += self._trigger(f"triggers[{place}]", trigger, action)
        if action.triggers and not any(channel in action.content for channel in DELIVERED):
            message = f"what starts by itself is sent from here, by {', '.join(DELIVERED)}: this says nothing there"
            found.append(Warned("triggers", Problem(1, 1, "", message, doubt=True)))
        return tuple(found[:MOST_WARNINGS])

    def _reviewed(self, field: str, text: str, wanted: Kind) -> list[Warned]:
        # Where nothing came so far, all of it would be doubted.
        return [Warned(field, one) for one in review(text, self._schema, wanted)] if self._schema.events else []

    def _trigger(self, field: str, trigger: Trigger, action: Action) -> Iterator[Warned]:
        if trigger.event and self._schema.events and trigger.event not in self._schema.events:
            like = alike(trigger.event, self._schema.events)
            message = f"no event {trigger.event[:60]!r} was seen so far"
            yield Warned(f"{field}.event", Problem(1, 1, trigger.event, message, like, doubt=True))
        for how in ("entered", "left"):
            name = getattr(trigger, how)
            one = or_none(self._definitions.audience, self._org, name) if name else None
            if name and one is None:
                message = f"there is no audience {name!r} so far"
                yield Warned(f"{field}.{how}", Problem(1, 1, name, message, doubt=True))
            elif one is not None and one.purpose != action.purpose:
                message = f"this audience is for {one.purpose}: what that lets see starts nothing for {action.purpose}"
                yield Warned(f"{field}.{how}", Problem(1, 1, name, message, doubt=True))


class HouseActions:
    """The Actions of an embedded node. `gate` and `reader` are the caller's own, of its thread."""

    def __init__(self, settings: Settings, ledgers: Ledgers, reader: ProfileReader, gate: Gate) -> None:
        self._ledgers = ledgers
        self._reader = reader
        self._gate = gate
        self._doubts = Doubts(settings)

    async def put(self, org: str, name: str, wish: ActionWish, who: str, expected: int | None = None) -> SavedAction:
        made = action(org, name, wish)  # what is wrong with it is told before anything is opened

        def put(definitions: Definitions, ledger: LedgerFile) -> SavedAction:
            book = ActionBook(ledger)
            before = or_none(book.action, org, name)
            saved = book.put(made, who, expected)
            warned = Warner(self._doubts, definitions, org).of(saved)
            return SavedAction(saved, book.units(org), warned, before is None)

        return await self._ledgers.with_definitions(put)

    async def load(self, org: str, files: Sequence[CatalogueFile], who: str) -> list[SavedAction]:
        """All that some files hold, or nothing of it."""

        def load(definitions: Definitions, ledger: LedgerFile) -> list[SavedAction]:
            book = ActionBook(ledger)
            wished = [one for file in files for one in file.actions]
            units = [file.units for file in files if file.units is not None]
            before = {one.id for one in book.actions(org)}
            saved = book.put_all(org, wished, units[-1] if units else None, who)
            force, warner = book.units(org), Warner(self._doubts, definitions, org)
            return [SavedAction(one, force, warner.of(one), one.id not in before) for one in saved]

        return await self._ledgers.with_definitions(load)

    async def named(self, org: str, name: str) -> tuple[Action, Units]:
        def named(_: Definitions, ledger: LedgerFile) -> tuple[Action, Units]:
            book = ActionBook(ledger)
            return book.action(org, name), book.units(org)

        return await self._ledgers.with_definitions(named)

    async def page(self, org: str, after: str, limit: int) -> tuple[list[Action], Units]:
        def page(_: Definitions, ledger: LedgerFile) -> tuple[list[Action], Units]:
            book = ActionBook(ledger)
            return book.page(org, after, limit), book.units(org)

        return await self._ledgers.with_definitions(page)

    async def delete(self, org: str, name: str, who: str) -> None:
        await self._ledgers.with_definitions(lambda _, ledger: ActionBook(ledger).delete(org, name, who))

    async def rails(self, org: str) -> dict[str, Rail]:
        return await self._ledgers.with_definitions(lambda _, ledger: RailBook(ledger).standing(org))

    async def switch_on(self, org: str, name: str, who: str, reason: str) -> Rail:
        checked_reason(reason)
        return await self._ledgers.with_definitions(
            lambda _, ledger: RailBook(ledger).switch_on(org, name, who, reason)
        )

    async def units(self, org: str) -> Units:
        return await self._ledgers.with_definitions(lambda _, ledger: ActionBook(ledger).units(org))

    async def put_units(self, org: str, units: Units, who: str, expected: int | None = None) -> Units:
        checked_units(units)
        return await self._ledgers.with_definitions(
            lambda _, ledger: ActionBook(ledger).put_units(org, units, who, expected)
        )

    async def preview(
        self, org: str, name: str, customer: str, channel: str, language: str | None, caller: str
    ) -> dict[str, Any]:
        if channel not in CHANNELS:
            message = f"{channel[:40]!r} is no channel: {', '.join(CHANNELS)}"
            raise BadInput(message, code="unknown_channel", field="channel")
        wanted = None if language is None else (languages.language(language, "language"),)

        def ready(definitions: Definitions, ledger: LedgerFile) -> tuple[Ready, str]:
            found = Ready(ActionBook(ledger).action(org, name), definitions.rulebook(org).computation)
            return found, switched_off(RailBook(ledger).standing(org)).get(name, "")

        one, off = await self._ledgers.with_definitions(ready)

        def told(found: Found) -> dict[str, Any]:
            return told_preview(_previewed(one, off, found, self._reader, channel, wanted))

        request = Request(org, customer, one.action.purpose, caller, PREVIEW)
        return headed(*await self._gate.read(request, told, lambda _: looked_at(one.dependencies)))

    def close(self) -> None:
        self._ledgers.close()


def _previewed(
    one: Ready, off: str, found: Found, reader: ProfileReader, channel: str, wanted: tuple[str, ...] | None
) -> Previewed:
    """`off`: why it is switched off, "" where it is not."""
    at = now()
    facts = one.fill(facts_of(found, one.dependencies, folded(reader, one.dependencies)), at, {})
    spoken = spoken_by(facts.traits) if wanted is None else wanted
    message = one.rendered(facts, at, channel, spoken)
    # Where the customer is shows only when they are there: a preview takes them to be in the right place.
    excluded = one.excluded(facts, at, channel, spoken, _within(one.action))
    if off:
        return Previewed(one.action, message, "switched_off", off)
    return Previewed(one.action, message, "", "") if excluded is None else Previewed(one.action, message, *excluded)


def _within(one: Action) -> Where:
    place = one.place
    if place is None:
        return Where()
    return Where(place.lat, place.lon, place.countries[0] if place.countries else "")


def open_actions(settings: Settings, reader: ProfileReader, gate: Gate) -> HouseActions:
    """Over one ledger connection of its own; `reader` and `gate` are of the caller's thread."""
    return HouseActions(settings, Ledgers(settings), reader, gate)


def named_org(settings: Settings, org: str | None) -> str:
    """For the command line: the organization that is named, or the only one there is. Raises NotFound, BadInput."""
    with contextlib.closing(open_ledger(settings)) as ledger:
        orgs = ledger.orgs()
    if org is None:
        if len(orgs) != 1:
            raise BadInput(f"say which organization with --org: {', '.join(orgs) or 'there is none yet'}", field="org")
        return orgs[0]
    if org not in orgs:
        raise NotFound(f"there is no organization {org!r}; these exist: {', '.join(orgs) or 'none'}")
    return org


@contextlib.contextmanager
def at_hand(settings: Settings, org: str | None) -> Iterator[tuple[HouseActions, str]]:
    """For the command line, with the name of the organization. Raises as `named_org` does."""
    org = named_org(settings, org)
    parts = looking(settings)
    house = open_actions(settings, parts.reader, parts.gate)
    try:
        yield house, org
    finally:
        house.close()
