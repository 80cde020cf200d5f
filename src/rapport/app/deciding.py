"""Deciding on a node: a customer is read through the gate, what to do for them is decided within the same snapshot (see
`making`), and the decision is committed together with the receipt, or neither is.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.messages import MessageBook
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.withheld import WithheldBook
from rapport.app.actions import Catalogues
from rapport.app.definitions import Ledgers
from rapport.app.making import Beginning, Made, Making, Way
from rapport.app.minds import Minds
from rapport.app.settings import Settings
from rapport.decide.channels import interrupts
from rapport.decide.decision import Decision, Learnt, Manner, checked_manner
from rapport.decide.explaining import moved, why
from rapport.decide.kinds import SILENCE, Units
from rapport.kernel.errors import BadInput, Conflict
from rapport.kernel.times import now
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.profile.store import Found, ProfileReader
from rapport.terms import Gate, Receipt, Request, headed
from rapport.terms.gate import Treatment
from rapport.terms.ground import Along
from rapport.web.decisions import Before, DecisionWish, Trial, told_decision

ACTION: Final = "decision"
TRIAL: Final = "decision trial"
LATELY, LOOKED_BACK = 8, 40
"""So many decisions that were made before a trial tells, of so many that are looked through."""
STARTED: Final = "trigger"
"""Who asks for a decision that nobody asked for."""


class HouseDecisions:
    """The Decisions of an embedded node; `people`, `reader` and `gate` are of the caller's thread."""

    def __init__(
        self,
        settings: Settings,
        people: PeopleFile,
        reader: ProfileReader,
        gate: Gate,
        on_message: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_message`: called once a message waits to be sent."""
        ledger = people.ledger
        self._ledgers = Ledgers(settings)
        self._book = DecisionBook(ledger)
        self._manners = MannerBook(ledger)
        self._gate = gate
        self._catalogues = Catalogues(ActionBook(ledger), Definitions(ledger))
        self._minds = Minds(OutcomeBook(ledger))
        self._making = Making(settings, people, reader)
        self._on_message = on_message

    async def decide(self, org: str, wish: DecisionWish, caller: str) -> dict[str, Any]:
        """Decide for one customer, and tell what was decided. Raises as the gate does, and BadInput for a wish that
        cannot be."""
        found, one, receipt = await self._decided(org, wish, caller)
        return headed(found, one.told, receipt)

    async def start(self, org: str, wish: DecisionWish, beginning: Beginning) -> Decision | None:
        """Decide what something started, and deliver it; None where it was not to be made now, as `beginning` says.
        Raises as the gate does."""
        try:
            _, one, _ = await self._decided(org, wish, STARTED, beginning=beginning)
        except Conflict:
            if beginning.until or beginning.unreachable:
                return None
            raise
        return one.decision

    async def trial(self, org: str, wish: DecisionWish, caller: str) -> Trial:
        """What would be decided now, with all that moved it. Of it the receipt is kept alone: nothing is sent, learnt
        or counted. Raises as `decide` does."""
        found, one, receipt = await self._decided(org, wish, caller, trial=True)
        return Trial(headed(found, {}, receipt), one.decision, one.units, one.moved, one.lately)

    async def _decided(
        self, org: str, wish: DecisionWish, caller: str, *, trial: bool = False, beginning: Beginning | None = None
    ) -> tuple[Found, Made, Receipt]:
        purpose = known_purpose(wish.purpose)
        self._making.check(org, wish)
        if trial and wish.deliver:
            raise BadInput("a trial delivers nothing", code="not_delivered", field="deliver")
        started = now()

        def made(found: Found) -> Made:
            way = Way(self._catalogues.of(org), self._manners.manner(org), self._minds.of(org))
            one, units = self._making.make(found, way, wish, purpose, started, beginning), way.catalogue.units
            # Told now, while its ruling is at hand. And what was learnt may move before the receipt is on the disk.
            if not trial:
                return msgspec.structs.replace(one, told=told_decision(one.decision, units))
            reasons, lately = moved(one.decision, way.learnt), self._lately(found, purpose, units)
            return msgspec.structs.replace(one, units=units, moved=reasons, lately=lately)

        def fields(one: Made) -> tuple[str, ...]:
            return one.fields

        def treated(one: Made, withheld: tuple[str, ...]) -> Treatment:
            chosen, propensity = one.decision.action, repr(one.decision.propensity)
            kept_back = tuple(dict.fromkeys((*withheld, *one.withheld)))
            return Treatment(chosen, propensity, lambda receipt: _along(one, receipt, kept_back))

        reaching = wish.deliver and interrupts(wish.channel)
        request = Request(
            org, wish.customer, purpose, caller, TRIAL if trial else ACTION, reaching_out=reaching, goals=True
        )
        found, one, receipt = await self._gate.read(request, made, fields, None if trial else treated)
        if one.message is not None and not trial:
            self._on_message()
        return found, one, receipt

    def _lately(self, found: Found, purpose: str, units: Units) -> tuple[Before, ...]:
        """What was decided for an opened customer before, for a purpose; of silence with why. What cannot be read, of
        whatever purpose, is told without an action."""
        kept = self._book.of_records([part.number for part in found.parts], 1 << 62, LOOKED_BACK)
        told: list[Before] = []
        for one in kept:
            was = one.content
            if one.unreadable:
                told.append(Before(one.at, "", "", "", bool(one.delivery)))
            elif was is not None and was.purpose == purpose:
                # What started it may be of a kind that is not shown any more.
                said = why(msgspec.structs.replace(was, started=()), units) if was.action == SILENCE else ""
                told.append(Before(one.at, was.action, was.channel, said, bool(one.delivery)))
        return tuple(told[:LATELY])

    def zone(self, found: Found) -> str:
        """The time zone that the person behind an opened customer says is theirs, or ""."""
        return self._making.zone(found)

    def learnt(self, org: str) -> Learnt:
        """What was learnt of an organization's decisions so far."""
        return self._minds.of(org)

    async def manner(self, org: str) -> Manner:
        return self._manners.manner(org)

    async def put_manner(self, org: str, manner: Manner, who: str, expected: int | None = None) -> Manner:
        checked_manner(manner)
        return await self._ledgers.with_definitions(
            lambda _, ledger: MannerBook(ledger).put_manner(org, manner, who, expected)
        )

    def close(self) -> None:
        self._ledgers.close()


def _along(one: Made, receipt: Receipt, withheld: tuple[str, ...]) -> Along:
    def keep(ledger: LedgerFile) -> bool:
        book, place, begun = DecisionBook(ledger), (receipt.org, one.record), one.begun
        if begun is not None and not begun.still(ledger):
            return False
        if not book.keep(one.standing, *place, one.decision, one.delivery, receipt.id, one.person, one.others):
            return False
        if begun is not None:
            begun.done(ledger, one.decision.action, one.decision.at)
        WithheldBook(ledger).keep(receipt.id, one.person, withheld)
        return one.message is None or MessageBook(ledger).put(one.message)

    return keep
