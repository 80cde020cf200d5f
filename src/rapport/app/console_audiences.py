"""The console's desk for audiences and computed traits: definitions and numbers as they are; of customers what the gate
lets through, for the purpose of the session, which must be the audience's own."""

from collections.abc import Callable
from typing import Any

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app import telling
from rapport.app.audiences import HouseAudiences, daily
from rapport.app.console_operators import by
from rapport.app.cursors import NEWEST
from rapport.app.definitions import HouseTraits, learned, naming
from rapport.decide import Audience, ComputedTrait, Rule
from rapport.decide.offers import TELLS, purchases
from rapport.kernel.errors import NotFound
from rapport.kernel.expressions import Completion, Kind, Problem, complete
from rapport.kernel.times import DAY, now
from rapport.profile.store import Found
from rapport.web.audiences import Preview, Saved, Standing, TraitWish
from rapport.web.console import audiences_desk as ask
from rapport.web.console.session import Session

PAGE = 25
SPARK_DAYS = 30
_MOST_STUMBLES = 25
_ROUNDS = 20
"""Pages of moves that are looked through for those who may be read, before the reader is asked to go on."""
_MOVE = b"mov"
_WANTED = {"audience": Kind.BOOL, "trait": Kind.ANY, "action": Kind.BOOL}


class ConsoleAudiences:
    """The AudiencesDesk over what the API asks, too."""

    def __init__(self, audiences: HouseAudiences, traits: HouseTraits) -> None:
        self._audiences = audiences
        self._traits = traits
        self._ledgers = audiences.ledgers
        self._decided = audiences.decided

    # -- audiences

    async def page(self, session: Session, after: str, limit: int) -> list[ask.Listed]:
        return [self._listed(one) for one in await self._audiences.page(session.org, after, limit)]

    def _listed(self, standing: Standing) -> ask.Listed:
        org, name = standing.audience.org, standing.audience.name
        today = now() // DAY
        # Before the first day of which anything is known there were none: a line begins there.
        days = daily(self._decided.daily(org, name), today - SPARK_DAYS + 1, today, SPARK_DAYS)
        return ask.Listed(standing, tuple(day.inside for day in days), standing.failing)

    async def named(self, session: Session, name: str, days: int) -> ask.Looked:
        org = session.org

        def kept(definitions: Definitions, ledger: LedgerFile) -> tuple[list[Audience], Rule, list[str]]:
            definitions.audience(org, name)  # it may have been deleted meanwhile
            rule = definitions.rulebook(org).rules[name]
            given = [
                f"the destination “{one.name}”" for one in DestinationBook(ledger).of_org(org) if one.audience == name
            ]
            return definitions.audience_versions(org, name), rule, given

        standing = await self._audiences.named(org, name)
        versions, rule, given = await self._ledgers.with_definitions(kept)
        history = await self._audiences.history(org, name, days)
        reasons = tuple(self._decided.reasons(org, name))
        return ask.Looked(standing, tuple(versions), tuple(history), reasons, tuple(given), rule.trouble)

    async def put(
        self, session: Session, name: str, expression: str, purpose: str, expected: int | None
    ) -> Saved[Audience]:
        return await self._audiences.put(session.org, name, expression, purpose, by(session), expected)

    async def delete(self, session: Session, name: str) -> None:
        await self._audiences.delete(session.org, name, by(session))

    async def preview(self, session: Session, expression: str, purpose: str, name: str | None) -> Preview:
        return await self._audiences.preview(session.org, expression, purpose, name, _caller(session))

    # -- whom they are about

    async def people(self, session: Session, name: str, cursor: str | None) -> ask.Members:
        await self._rule(session, name)
        rows, following = await self._audiences.members_as(session.org, name, _caller(session), cursor, PAGE, _person)
        return ask.Members(tuple(ask.MemberRow(person, since) for person, since, _ in rows), following)

    async def moves(self, session: Session, name: str, cursor: str | None) -> ask.Moves:
        rule = await self._rule(session, name)
        before = self._audiences.place_of(session.org, _MOVE, cursor, NEWEST)
        found: list[ask.MoveRow] = []
        for _ in range(_ROUNDS):
            events = self._decided.history(session.org, name, before, PAGE)
            let = await self._let_through(session, rule, {event.customer for event in events})
            for event in events:
                before = event.seq
                if event.customer in let:
                    person = let[event.customer]
                    found.append(ask.MoveRow(person, event.kind, event.at, event.cause, event.version))
                    if len(found) == PAGE:
                        break
            if len(events) < PAGE or len(found) == PAGE:
                break
        more = self._decided.history(session.org, name, before, 1)
        following = self._audiences.cursor_of(session.org, _MOVE, before) if more else None
        return ask.Moves(tuple(found), following)

    async def stumbles(self, session: Session, name: str) -> tuple[ask.StumbleRow, ...]:
        rule = await self._rule(session, name)
        failing = dict(self._decided.failing(session.org, name, _MOST_STUMBLES))
        let = await self._let_through(session, rule, set(failing))
        return tuple(ask.StumbleRow(person, failing[number]) for number, person in let.items())

    async def why(self, session: Session, name: str, customer: str) -> dict[str, Any]:
        await self._rule(session, name)
        return await self._audiences.why(session.org, name, customer, _caller(session))

    async def _rule(self, session: Session, name: str) -> Rule:
        """Raises NotFound, too where the session looks for another purpose."""
        rule = await self._audiences.rule(session.org, name)
        if rule.audience.purpose != session.purpose:
            raise NotFound("there is no such audience for this purpose", field="purpose")
        return rule

    async def _let_through(self, session: Session, rule: Rule, numbers: set[int]) -> dict[int, ask.Person]:
        told = await self._audiences.let_through(rule, _caller(session), numbers, _person)
        return {number: person for number, (person, _) in told.items()}

    async def inside(self, session: Session) -> Callable[[Found], tuple[str, ...]]:
        """What tells of a customer, whom the gate let through for the session's purpose, in which audiences for it they
        are."""
        org = session.org
        kept = await self._ledgers.with_definitions(lambda definitions, _: definitions.audiences(org))
        names = {one.name for one in kept if one.purpose == session.purpose}

        def of(found: Found) -> tuple[str, ...]:
            return tuple(name for name, _ in self._decided.audiences_of(org, found.number) if name in names)

        return of

    # -- computed traits

    async def traits(self, session: Session, after: str, limit: int) -> list[ComputedTrait]:
        return await self._traits.page(session.org, after, limit)

    async def trait(self, session: Session, name: str) -> ask.TraitLooked:
        org = session.org

        def looked(definitions: Definitions, ledger: LedgerFile) -> ask.TraitLooked:
            trait = definitions.trait(org, name)
            rulebook = definitions.rulebook(org)
            kinds = {one: "audience" if one in rulebook.rules else "trait" for one in rulebook.uses(name)}
            uses = [f"the {kind} “{one}”" for one, kind in kinds.items()]
            uses += [f"the destination “{one}”" for one in naming(ledger, org, name)]
            versions = tuple(definitions.trait_versions(org, name))
            return ask.TraitLooked(trait, versions, tuple(uses), learned(definitions, trait))

        return await self._ledgers.with_definitions(looked)

    async def put_trait(
        self, session: Session, name: str, wish: TraitWish, expected: int | None
    ) -> Saved[ComputedTrait]:
        return await self._traits.put(session.org, name, wish, by(session), expected)

    async def delete_trait(self, session: Session, name: str) -> None:
        await self._traits.delete(session.org, name, by(session))

    async def preview_trait(self, session: Session, expression: str, purpose: str) -> ask.Known:
        told = await self._audiences.preview_trait(session.org, expression, purpose, _caller(session))
        unknown = told.read - told.inside - told.failing
        return ask.Known(told.inside, max(0, unknown), told.failing, told.reason, told.share, told.warnings)

    async def offers(self, session: Session) -> ask.Offers:
        org = session.org

        def made(definitions: Definitions, _: LedgerFile) -> dict[str, str]:
            return {one.model: one.name for one in reversed(definitions.traits(org)) if one.model}

        known = await self._ledgers.with_definitions(made)
        schema = await self._traits.schema(org)
        offered = tuple(ask.Offer(model, tells, known.get(model, "")) for model, tells in TELLS.items())
        return ask.Offers(offered, purchases(schema))

    # -- while an expression is written

    async def words(self, session: Session) -> ask.Words:
        return ask.words_of(await self._traits.schema(session.org))

    async def complete(self, session: Session, before: str) -> list[Completion]:
        return complete(before, len(before), await self._traits.schema(session.org))

    async def review(self, session: Session, expression: str, of: ask.Of) -> tuple[Problem, ...]:
        return await self._traits.review(session.org, expression, _WANTED[of])


def _caller(session: Session) -> str:
    return f"console {session.id}"


def _person(found: Found) -> ask.Person:
    return ask.Person(found.customer, telling.hit(found).identifiers)
