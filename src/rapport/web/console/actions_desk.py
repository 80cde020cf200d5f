"""What the console asks about actions, about deciding, and about the units in which both sides are counted.

Nothing here is of any customer but `preview` and `trial`, which read one through the gate, for the purpose of the
session: each leaves its receipt, and nothing else.
"""

from typing import Any, Final, Protocol

import msgspec

from rapport.decide.actions import Action
from rapport.decide.decision import Manner
from rapport.decide.kinds import Units, Worth
from rapport.decide.wishes import ActionWish
from rapport.learn.verdicts import Rail
from rapport.web.actions import SavedAction
from rapport.web.console.session import Session
from rapport.web.decisions import DecisionWish, Trial

VERSIONS: Final = 20
"""So many of an action's versions, the newest, are told of one by one."""


class Listed(msgspec.Struct, frozen=True):
    """An action in a list. `worth`: what it declares for both sides; `chosen`, `delivered`: how often, of late; `rail`:
    where its version stands by the guard-rails, None where nothing was found."""

    action: Action
    worth: Worth
    chosen: int
    delivered: int
    rail: Rail | None = None


class Catalogued(msgspec.Struct, frozen=True):
    """A page of a catalogue, by id. `silent`: how often silence was chosen of late."""

    rows: tuple[Listed, ...]
    units: Units
    silent: int = 0


class Looked(msgspec.Struct, frozen=True):
    """One action. `versions`: newest first, the one in force among them, and one more than VERSIONS at most; `started`,
    `started_chosen`: how many decisions it started by itself of late, and how often it was chosen then."""

    listed: Listed
    units: Units
    versions: tuple[Action, ...]
    started: int = 0
    started_chosen: int = 0


class ActionsDesk(Protocol):
    # -- the catalogue

    async def page(self, session: Session, after: str, limit: int) -> Catalogued:
        """By id, those after one."""

    async def named(self, session: Session, name: str) -> Looked:
        """Raises NotFound."""

    async def put(self, session: Session, name: str, wish: ActionWish, expected: int) -> SavedAction:
        """Raises BadInput, ExpressionError, Conflict (`too_many`, `outdated`)."""

    async def delete(self, session: Session, name: str) -> None:
        """Raises NotFound."""

    async def switch_on(self, session: Session, name: str, reason: str) -> None:
        """Let an action that was switched off be chosen again. Raises NotFound, BadInput (`bad_reason`), Conflict
        (`not_switched_off`)."""

    async def units(self, session: Session) -> Units: ...

    async def put_units(self, session: Session, units: Units, expected: int) -> Units:
        """Raises BadInput, Conflict (`outdated`, `other_currency`)."""

    # -- one customer

    async def preview(
        self, session: Session, name: str, customer: str, channel: str, language: str | None
    ) -> dict[str, Any]:
        """What an action says to one customer (`web.actions.told_preview`). Raises NotFound too where the action is for
        another purpose than the session's; Conflict (`ambiguous`), BadInput."""

    async def trial(self, session: Session, wish: DecisionWish) -> Trial:
        """What would be decided. Raises NotFound, Conflict (`ambiguous`), BadInput."""

    # -- how it is decided

    async def manner(self, session: Session) -> Manner: ...

    async def put_manner(self, session: Session, manner: Manner, expected: int) -> Manner:
        """Raises BadInput, Conflict (`outdated`)."""
