"""Events that settle outcomes: what customers do after a decision shows what it gave, without anybody's report.

The evaluator hears of each such event from the worker. It is looked at through the gate, for `service`, with a receipt:
an event that may not be seen is no evidence. What it settles is one transaction of the ledger, benefits, outcome and
lesson; only then the evaluator's cursor moves on. So an event that is told again, after a kill or a power cut, is found
to have settled already, by its source and message id, whatever was merged or split meanwhile.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.audiences import version_of
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.decisions import DecisionBook, Kept
from rapport.adapters.embedded.outcome_rules import OutcomeRules
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.app.outcomes import gave_both
from rapport.collect import Event
from rapport.kernel.errors import BadInput, Corrupt, NotFound, RapportError
from rapport.learn.outcomes import Awaited, Happened, Passed, Rule, Step, settled_by
from rapport.profile.store import Found, ProfileReader, Touch
from rapport.profile.view import Part
from rapport.terms import Gate, Request
from rapport.terms.filtering import permitted_event

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

log = logging.getLogger(__name__)

PURPOSE: Final = "service"
ACTION: Final = "outcome"
CALLER: Final = "evaluator"
_FEW, _DECISIONS = 8, 100
"""Of one customer before an event: it is mostly one of the very last that led to it."""


class Seen(NamedTuple):
    """An event that may be told, and the record that has it."""

    part: Part
    happened: Happened


class EventOutcomes:
    """One evaluator's; `ledger`, `reader` and `gate` are of its thread."""

    def __init__(
        self, ledger: "LedgerFile", reader: ProfileReader, gate: Gate, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._gate = gate
        self._loop = loop
        self._rules_of = OutcomeRules(ledger)
        self._rules: Mapping[str, tuple[Rule, ...]] = {}
        self._version = -1
        self._waiting: dict[str, dict[int, set[str]]] = {}

    def begin(self) -> None:
        """Forget what was gathered and not settled: it is told again."""
        self._waiting.clear()

    def touched(self, org: str, touches: Iterable[Touch]) -> None:
        """Gather what the worker tells of. The rules are looked at after that was read, so that none is newer."""
        version = version_of(self._ledger.db)
        if version != self._version:
            self._rules, self._version = self._rules_of.every(), version
        names = {rule.event for rule in self._rules.get(org, ())}
        for touch in touches if names else ():
            messages = {message for name, message in touch.happened if name in names}
            if messages:
                self._waiting.setdefault(org, {}).setdefault(touch.record, set()).update(messages)

    def settle(self, at: int) -> None:
        """Settle what was gathered. Raises Busy, and then all of it may come again."""
        waiting, self._waiting = self._waiting, {}
        for org, records in waiting.items():
            self._settle(org, records, at)

    def _settle(self, org: str, records: Mapping[int, Collection[str]], at: int) -> None:
        def customers() -> Sequence[Found]:
            found = self._reader.found_many(org, list(records))
            return list({one.number: one for one in found if one is not None}.values())

        def seen(found: Found) -> list[Seen]:
            return [one for part in found.parts for one in self._seen(part, records.get(part.number, ()))]

        request = Request(org, "", PURPOSE, CALLER, ACTION)
        answers = self._loop.run_until_complete(self._gate.each(request, customers, seen, lambda _: ("events",)))
        for found, events, _ in answers:
            if events:
                self._try(org, found, events, at)

    def _seen(self, part: Part, messages: Collection[str]) -> list[Seen]:
        """Those of a record's events that may be told."""
        found: list[Seen] = []
        left, position = set(messages), part.record.head
        while left and position:
            block = self._reader.block_of(part, position)
            for event in block.events:
                if event.message_id in left:
                    left.remove(event.message_id)
                    told = permitted_event(part, event)
                    found += [] if told is None else [Seen(part, _happened(told))]
            position = block.previous
        return found

    def _try(self, org: str, found: Found, events: Sequence[Seen], at: int) -> None:
        """Settle a customer's events. What cannot be is left out: it would be in the way of all others' for ever."""
        try:
            self._keep(org, found, events, at)
        except (BadInput, NotFound, Corrupt, msgspec.MsgspecError) as error:
            why = error.code if isinstance(error, RapportError) else type(error).__name__
            log.warning("an event of a customer of %s settles no outcome: %s", org, why)

    def _keep(self, org: str, found: Found, events: Sequence[Seen], at: int) -> None:
        """Settle a customer's events, the first first."""
        ordered = sorted(events, key=lambda one: (one.happened.at or 0, one.happened.message))
        with translating(self._ledger.path), transaction(self._ledger.db):
            for one in ordered:
                self._keep_one(org, [part.number for part in found.parts], one, at)

    def _keep_one(self, org: str, records: Sequence[int], seen: Seen, at: int) -> None:
        part, event = seen
        source, ledger = part.record.source, self._ledger
        outcomes, happened = OutcomeBook(ledger), event.at
        rule = next((rule for rule in self._rules.get(org, ()) if rule.event == event.name), None)
        if rule is None or happened is None or outcomes.settled(org, source, event.message):
            return
        if ledger.receipt_log.sealing_key(org, part.number) is None:
            return  # erased since it was read
        awaited: dict[str, tuple[Kept, Awaited]] = {}
        step: Step | Passed = "no_decision"
        for most in (_FEW, _DECISIONS) if rule.attribution == "last" else (_DECISIONS,):
            decisions = DecisionBook(ledger).between(records, happened - rule.within, happened, most)
            awaited = {one.id: (one, waiting) for one in decisions if (waiting := outcomes.awaited(one)) is not None}
            step = settled_by(event, [rule], [waiting for _, waiting in awaited.values()], at)
            if step != "no_decision" or len(decisions) < most:
                break
        if not isinstance(step, Step) or step.outcome is None:
            return
        kept, units = awaited[step.awaited.decision][0], ActionBook(ledger).units(org)
        worth = step.outcome.worth
        gave = gave_both(kept, part.number, (worth.customer, worth.company), event.message, units, happened)
        if gave:
            BenefitFile(ledger).put_along(gave, [kept.record], mapped=False)
        outcomes.keep_along(kept, step, at, source)


def _happened(event: Event) -> Happened:
    # A client's clock may be ahead: nothing happens after it was taken in.
    at = None if event.time is None else min(event.time, event.received_at)
    return Happened(event.message_id, event.name, at, event.properties)
