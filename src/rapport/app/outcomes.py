"""Outcomes on a node: what a decision gave is kept, settled in the book of benefits, and taught.

A report is answered the same whatever became of the customer meanwhile: of somebody who was erased nothing is kept.
"""

import asyncio
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.decisions import DecisionBook, Kept
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.decide.actions import Benefit
from rapport.decide.kinds import Units
from rapport.kernel import ids
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now
from rapport.learn.outcomes import Report, report_of, reported
from rapport.terms.benefits import MINUTES, Settled, Side, amount_text

_KINDS: Final[dict[Side, str]] = {"customer": "discount", "company": "margin"}
"""As what an amount is settled that does not say its kind."""


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
            if self._ledger is None:
                self._ledger = self._open()
            ledger, at = self._ledger, now()
            kept = DecisionBook(ledger).decision(org, report.decision)
            book, units = OutcomeBook(ledger), ActionBook(ledger).units(org)
            awaited = book.awaited(kept)
            told = {"decision": kept.id, "kind": report.kind, "status": "accepted"}
            if awaited is None:
                return told
            step = reported(report, org, awaited, units, at)
            _settle(ledger, kept, report, units, at)
            book.keep(kept, step, at)
            return told

    def close(self) -> None:
        with self._turn:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None


def _settle(ledger: LedgerFile, kept: Kept, report: Report, units: Units, at: int) -> None:
    """Put what it gave into the book of benefits, once: before the outcome, so that a kill in between is made good by
    whoever reports it again."""
    sides: tuple[tuple[Side, float | Benefit], ...] = (
        ("customer", report.customer_benefit),
        ("company", report.company_value),
    )
    settled = [one for side, gave in sides for one in _settled(kept, report, side, gave, units, at)]
    if settled:
        try:
            BenefitFile(ledger).put(settled, [kept.record], mapped=False)
        except NotFound:
            return  # of who was erased nothing is kept


def _settled(kept: Kept, report: Report, side: Side, gave: float | Benefit, units: Units, at: int) -> list[Settled]:
    one = gave if isinstance(gave, Benefit) else Benefit(_KINDS[side], amount=gave)
    amount, unit = (one.minutes, MINUTES) if one.minutes else (one.amount, units.currency)
    if not unit or not amount:
        return []  # nothing was given; or in no money, as long as nobody said in which
    evidence = f"{kept.id} {report.kind}"
    text = amount_text(Decimal(repr(float(amount))).quantize(Decimal("0.000001")).normalize())
    return [
        Settled(ids.fresh("ben"), kept.org, at, side, one.kind, text, "", unit, kept.receipt, evidence, (kept.record,))
    ]
