"""The console's desk for actions and for trying decisions: over what the API asks, too, for the session's purpose."""

from typing import Any, Final

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.guard_rails import RailBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.noticed import NoticedBook
from rapport.app.actions import HouseActions
from rapport.app.console_operators import by
from rapport.app.deciding import HouseDecisions
from rapport.app.definitions import Ledgers
from rapport.app.settings import Settings
from rapport.decide.actions import Action, declared
from rapport.decide.decision import Manner
from rapport.decide.kinds import SILENCE, Units
from rapport.decide.wishes import ActionWish
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.times import DAY, now
from rapport.learn.verdicts import Rail
from rapport.web.actions import SavedAction
from rapport.web.console import actions_desk as ask
from rapport.web.console.session import Session
from rapport.web.decisions import DecisionWish, Trial

LATELY: Final = 30 * DAY
Tallies = dict[str, tuple[int, int]]


class ConsoleActions:
    """The ActionsDesk of an embedded node."""

    def __init__(self, settings: Settings, actions: HouseActions, decisions: HouseDecisions) -> None:
        self._ledgers = Ledgers(settings)
        self._actions = actions
        self._decisions = decisions

    # -- the catalogue

    async def page(self, session: Session, after: str, limit: int) -> ask.Catalogued:
        org = session.org

        def page(_: Definitions, ledger: LedgerFile) -> ask.Catalogued:
            book = ActionBook(ledger)
            units, tallies = book.units(org), DecisionBook(ledger).tallies(org, now() - LATELY)
            rails = RailBook(ledger).standing(org)
            rows = tuple(_listed(one, units, tallies, rails.get(one.id)) for one in book.page(org, after, limit))
            return ask.Catalogued(rows, units, tallies.get(SILENCE, (0, 0))[0])

        return await self._ledgers.with_definitions(page)

    async def named(self, session: Session, name: str) -> ask.Looked:
        org = session.org

        def named(_: Definitions, ledger: LedgerFile) -> ask.Looked:
            book = ActionBook(ledger)
            one, units = book.action(org, name), book.units(org)
            tallies = DecisionBook(ledger).tallies(org, now() - LATELY)
            rail = RailBook(ledger).standing(org).get(name)
            started = NoticedBook(ledger).counts(org, now() - LATELY).get(name, (0, 0))
            versions = tuple(book.versions(org, name, ask.VERSIONS + 1))
            return ask.Looked(_listed(one, units, tallies, rail), units, versions, *started)

        return await self._ledgers.with_definitions(named)

    async def put(self, session: Session, name: str, wish: ActionWish, expected: int) -> SavedAction:
        return await self._actions.put(session.org, name, wish, by(session), expected)

    async def delete(self, session: Session, name: str) -> None:
        await self._actions.delete(session.org, name, by(session))

    async def switch_on(self, session: Session, name: str, reason: str) -> None:
        await self._actions.switch_on(session.org, name, by(session), reason)

    async def units(self, session: Session) -> Units:
        return await self._actions.units(session.org)

    async def put_units(self, session: Session, units: Units, expected: int) -> Units:
        return await self._actions.put_units(session.org, units, by(session), expected)

    # -- one customer

    async def preview(
        self, session: Session, name: str, customer: str, channel: str, language: str | None
    ) -> dict[str, Any]:
        one, _ = await self._actions.named(session.org, name)
        if one.purpose != session.purpose:
            raise NotFound("there is no such action for this purpose", field="purpose")
        return await self._actions.preview(session.org, name, customer, channel, language, _caller(session))

    async def trial(self, session: Session, wish: DecisionWish) -> Trial:
        if wish.purpose != session.purpose:
            raise BadInput("a session decides for its own purpose", code="other_purpose", field="purpose")
        return await self._decisions.trial(session.org, wish, _caller(session))

    # -- how it is decided

    async def manner(self, session: Session) -> Manner:
        return await self._decisions.manner(session.org)

    async def put_manner(self, session: Session, manner: Manner, expected: int) -> Manner:
        return await self._decisions.put_manner(session.org, manner, by(session), expected)

    def close(self) -> None:
        self._ledgers.close()


def _listed(one: Action, units: Units, tallies: Tallies, rail: Rail | None) -> ask.Listed:
    return ask.Listed(one, declared(one, units), *tallies.get(one.id, (0, 0)), rail)


def _caller(session: Session) -> str:
    return f"console {session.id}"
