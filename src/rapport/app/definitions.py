"""Definitions of audiences and computed traits: work on the ledger in threads, and what a writer may want to know."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from rapport.adapters.embedded.audiences import Definitions, in_use
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.reader import StateReader
from rapport.adapters.embedded.sqlite import translating
from rapport.app.embedded import Sources, open_ledger, open_promises, open_reader
from rapport.app.settings import Settings
from rapport.decide import ComputedTrait, expressed
from rapport.decide.models import shipped
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.expressions import ExpressionError, Kind, Problem, Schema, compile_expression, review
from rapport.terms.policy import promise_for
from rapport.web.audiences import Learned, Saved, TraitWish, Warned

LONGEST = 1_024
"""Characters of an event's name or a property's."""
Answer = TypeVar("Answer")
Desk = Callable[[Definitions, LedgerFile], Answer]


class Ledgers:
    """Work on the ledger in threads, one at a time, over one connection."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = threading.Lock()
        self._ledger: LedgerFile | None = None
        self._definitions: Definitions | None = None

    async def with_definitions(self, work: Desk[Answer]) -> Answer:
        def worked() -> Answer:
            with self._turn:
                if self._ledger is None or self._definitions is None:
                    self._ledger = open_ledger(self._settings)
                    self._definitions = Definitions(self._ledger)
                with translating(self._settings.directory / "ledger.db"):
                    return work(self._definitions, self._ledger)

        return await asyncio.to_thread(worked)

    def close(self) -> None:
        with self._turn:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None


class Doubts:
    """What a writer of definitions may want to know, and nobody refuses. Used by one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader: StateReader | None = None

    def of(self, definitions: Definitions, org: str, expression: str, purpose: str, wanted: Kind) -> tuple[Warned, ...]:
        doubts = []
        with contextlib.closing(open_ledger(self._settings)) as ledger:
            promised = promise_for(open_promises(self._settings, ledger).standing(org), purpose)
        if expression:
            doubts = [Warned("expression", one) for one in self.review(definitions, org, expression, wanted)]
        if promised is None:
            message = f"your declaration promises nothing for {purpose}: nobody can be read for it"
            doubts.append(Warned("purpose", Problem(1, 1, purpose, message, doubt=True)))
        return tuple(doubts)

    def schema(self, definitions: Definitions, org: str) -> Schema:
        """What was seen of an organization so far, and its computed traits."""
        if self._reader is None:
            with contextlib.closing(open_ledger(self._settings)) as ledger:
                self._reader = open_reader(self._settings, Sources(ledger).by_name)
        return self._reader.sightings(org).schema(definitions.rulebook(org).kinds())

    def review(self, definitions: Definitions, org: str, expression: str, wanted: Kind) -> tuple[Problem, ...]:
        """All that is wrong with an expression, and what of it was never seen."""
        schema = self.schema(definitions, org)
        problems = review(expression, schema, wanted)
        # Where nothing came so far, all of it would be doubted.
        return problems if schema.events else tuple(one for one in problems if not one.doubt)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class HouseTraits:
    """The Traits of an embedded node."""

    def __init__(self, ledgers: Ledgers, doubts: Doubts) -> None:
        self._ledgers = ledgers
        self._doubts = doubts

    async def put(
        self, org: str, name: str, wish: TraitWish, who: str, expected: int | None = None
    ) -> Saved[ComputedTrait]:
        made = trait_of(org, name, wish)

        def put(definitions: Definitions, _: LedgerFile) -> Saved[ComputedTrait]:
            before = or_none(definitions.trait, org, name)
            saved = definitions.put_trait(made, who, expected)
            warnings = self._doubts.of(definitions, org, made.expression, made.purpose, Kind.ANY)
            return Saved(saved, warnings, before is None)

        return await self._ledgers.with_definitions(put)

    async def schema(self, org: str) -> Schema:
        """What an expression can name."""
        return await self._ledgers.with_definitions(lambda definitions, _: self._doubts.schema(definitions, org))

    async def review(self, org: str, expression: str, wanted: Kind) -> tuple[Problem, ...]:
        """All that is wrong with an expression, and what of it was never seen."""
        return await self._ledgers.with_definitions(
            lambda definitions, _: self._doubts.review(definitions, org, expression, wanted)
        )

    async def named(self, org: str, name: str) -> tuple[ComputedTrait, Learned | None]:
        def looked(definitions: Definitions, _: LedgerFile) -> tuple[ComputedTrait, Learned | None]:
            trait = definitions.trait(org, name)
            return trait, learned(definitions, trait)

        return await self._ledgers.with_definitions(looked)

    async def page(self, org: str, after: str, limit: int) -> list[ComputedTrait]:
        listed = await self._ledgers.with_definitions(lambda definitions, _: definitions.traits(org))
        return [one for one in listed if one.name > after][:limit]

    async def delete(self, org: str, name: str, who: str) -> None:
        def delete(definitions: Definitions, ledger: LedgerFile) -> None:
            definitions.trait(org, name)
            if given := naming(ledger, org, name):
                raise in_use("the fields of destinations name it:", given, "change them first")
            definitions.delete_trait(org, name, who)

        await self._ledgers.with_definitions(delete)


def learned(definitions: Definitions, trait: ComputedTrait) -> Learned | None:
    """What this version's model learned last; None: nothing yet, or it has none."""
    fitted = definitions.fitted(trait.org).get(trait.name) if trait.model else None
    if fitted is None or fitted.at < trait.at:
        return None
    return Learned(fitted.at, fitted.customers, fitted.trouble)


def naming(ledger: LedgerFile, org: str, trait: str) -> list[str]:
    """The destinations whose fields name a computed trait."""
    return [one.name for one in DestinationBook(ledger).of_org(org) if _names(one.fields.values(), trait)]


def trait_of(org: str, name: str, wish: TraitWish) -> ComputedTrait:
    """A computed trait as it is asked for. Raises BadInput, ExpressionError."""
    if (wish.expression is None) == (wish.model is None):
        message = "a computed trait is given either an expression, or a model with its event"
        raise BadInput(message, code="bad_trait", field="expression")
    if wish.expression is not None:
        if wish.event is not None or wish.value is not None:
            raise BadInput("event and value belong to a model", code="bad_trait", field="event")
        return expressed(org, name, wish.expression, wish.purpose)
    for field, text in (("event", wish.event or ""), ("value", wish.value or "")):
        if len(text) > LONGEST:
            raise BadInput(f"{field} is longer than {LONGEST:,} characters", code="bad_event", field=field)
    return shipped(org, name, wish.model or "", wish.event or "", wish.value or "", wish.purpose)


def _names(expressions: Iterable[str], trait: str) -> bool:
    """Whether any of these expressions names a computed trait."""
    for text in expressions:
        with contextlib.suppress(ExpressionError):
            if trait in compile_expression(text, Kind.ANY).dependencies.computed:
                return True
    return False


def or_none(look: Callable[[str, str], Answer], org: str, name: str) -> Answer | None:
    try:
        return look(org, name)
    except NotFound:
        return None
