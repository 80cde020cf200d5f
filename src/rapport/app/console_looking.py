"""The console's desk for what decisions gave: looks back that others may wait for, too, and what is set now."""

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.guard_rails import RailBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.manners import MannerBook
from rapport.app.definitions import Ledgers
from rapport.app.retrospects import Retrospects
from rapport.app.settings import Settings
from rapport.decide.kinds import SILENCE
from rapport.learn.reviewed import Other
from rapport.web.console.looking_desk import Setting
from rapport.web.console.session import Session
from rapport.web.retrospects import Looked


class ConsoleLooking:
    """The LookingDesk of an embedded node."""

    def __init__(self, settings: Settings, retrospects: Retrospects) -> None:
        self._ledgers = Ledgers(settings)
        self._retrospects = retrospects

    async def review(self, session: Session) -> Looked:
        return await self._retrospects.look(session.org)

    async def what_if(self, session: Session, other: Other) -> Looked:
        return await self._retrospects.look(session.org, other)

    async def setting(self, session: Session) -> Setting:
        org = session.org

        def setting(_: Definitions, ledger: LedgerFile) -> Setting:
            decisions = DecisionBook(ledger)
            chosen = decisions.tallies(org, 0)
            actions = sorted((name for name in chosen if name != SILENCE), key=lambda name: (-chosen[name][0], name))
            units, rails = ActionBook(ledger).units(org), RailBook(ledger).standing(org)
            return Setting(units, MannerBook(ledger).manner(org), tuple(actions), rails)

        return await self._ledgers.with_definitions(setting)

    def close(self) -> None:
        self._ledgers.close()
        self._retrospects.close()
