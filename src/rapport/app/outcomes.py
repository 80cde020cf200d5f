"""Outcomes on a node: what a decision gave is kept, settled in the book of benefits, and taught.

A report is answered the same whatever became of the customer meanwhile: of somebody who was erased nothing is kept.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.decisions import DecisionBook, Kept
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outcome_rules import OutcomeRules
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.decide.actions import Benefit
from rapport.decide.kinds import Units
from rapport.kernel import ids
from rapport.kernel.times import now
from rapport.learn.outcomes import Report, Rule, Step, report_of, reported
from rapport.learn.rules import Rules
from rapport.terms.benefits import MINUTES, Settled, Side, amount_text

_KINDS: Final[dict[Side, str]] = {"customer": "discount", "company": "margin"}
"""As what an amount is settled that does not say its kind."""
_LAST: Final = Decimal("0.000001")


class HouseOutcomes:
    """The Outcomes of an embedded node: work on a ledger of its own, in threads, one after the other."""

    def __init__(self, open_file: Callable[[], LedgerFile]) -> None:
        self._open = open_file
        self._turn = threading.Lock()
        self._ledger: LedgerFile | None = None

    async def report(self, org: str, raw: dict[str, Any]) -> dict[str, Any]:
        """Keep what a decision gave. Raises NotFound where there is no such decision of this organization's, BadInput
        (`bad_outcome`), Conflict (`outcome_differs`)."""
        report = report_of(raw)
        return await asyncio.to_thread(self._report, org, report)

    def _report(self, org: str, report: Report) -> dict[str, Any]:
        with self._turn:
            ledger, at = self._opened(), now()
            with translating(ledger.path), transaction(ledger.db):
                kept = DecisionBook(ledger).decision(org, report.decision)
                awaited = OutcomeBook(ledger).awaited(kept)
                if awaited is not None and kept.content is not None:
                    actions, counted = ActionBook(ledger), kept.content
                    then = actions.kept_units(org, counted.units)  # so that the same report is worth the same for ever
                    step = reported(report, org, awaited, then, at, counted.minute)
                    # In the money that was decided in; where none was set then, in what is now.
                    _keep(ledger, kept, step, report, then if then.currency else actions.units(org), at)
            return {"decision": kept.id, "kind": report.kind, "status": "accepted"}

    async def rules(self, org: str) -> Rules:
        """By which rules events settle outcomes."""
        return await asyncio.to_thread(self._rules, org)

    async def put_rules(self, org: str, rules: Sequence[Rule], who: str, expected: int | None = None) -> Rules:
        """Raises BadInput (`bad_rule`), Conflict (`outdated`)."""
        return await asyncio.to_thread(self._put_rules, org, rules, who, expected)

    def _rules(self, org: str) -> Rules:
        with self._turn:
            return OutcomeRules(self._opened()).rules(org)

    def _put_rules(self, org: str, rules: Sequence[Rule], who: str, expected: int | None) -> Rules:
        with self._turn:
            return OutcomeRules(self._opened()).put(org, rules, who, expected)

    def _opened(self) -> LedgerFile:
        """Within the turn."""
        if self._ledger is None:
            self._ledger = self._open()
        return self._ledger

    def close(self) -> None:
        with self._turn:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None


@contextlib.contextmanager
def outcomes_at_hand(settings: Settings) -> Iterator[HouseOutcomes]:
    """For the command line."""
    house = HouseOutcomes(lambda: open_ledger(settings))
    try:
        yield house
    finally:
        house.close()


def _keep(ledger: LedgerFile, kept: Kept, step: Step, report: Report, units: Units, at: int) -> None:
    """Keep what is new, and put what it gave into the book of benefits, in the transaction that its caller holds: what
    was reported before is settled already."""
    if step.outcome is None:
        return
    gave = (report.customer_benefit, report.company_value)
    settled = gave_both(kept, kept.record, gave, f"{kept.id} {report.kind}", units, at)
    if settled:
        BenefitFile(ledger).put_along(settled, [kept.record], mapped=False)
    OutcomeBook(ledger).keep_along(kept, step, at)


def gave_both(
    kept: Kept, record: int, gave: tuple[float | Benefit, float | Benefit], evidence: str, units: Units, at: int
) -> list[Settled]:
    """What a decision gave the customer and the company, for the book of benefits. `record`: whose `evidence` it is."""
    sides: tuple[Side, Side] = ("customer", "company")
    return [
        settled
        for side, one in zip(sides, gave, strict=True)
        for settled in _settled(kept, record, side, one, evidence, units, at)
    ]


def _settled(
    kept: Kept, record: int, side: Side, gave: float | Benefit, evidence: str, units: Units, at: int
) -> list[Settled]:
    one = gave if isinstance(gave, Benefit) else Benefit(_KINDS[side], amount=gave)
    given, unit = (one.minutes, MINUTES) if one.minutes else (one.amount, units.currency)
    amount = Decimal(repr(float(given))).quantize(_LAST).normalize()
    if not unit or not amount:
        return []  # nothing was given; or in no money, as long as nobody said in which
    text = amount_text(amount)
    return [Settled(ids.fresh("ben"), kept.org, at, side, one.kind, text, "", unit, kept.receipt, evidence, (record,))]
