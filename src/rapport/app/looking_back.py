"""What an organization's decisions gave, looked back on: effects by action, other ways to decide, actions that harm.

Only what was delivered, reported on, or silence counts: what nobody carried out teaches nothing of what it would give.
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.decisions import UNREACHED, DecisionBook, Kept
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.app.embedded import open_ledger
from rapport.app.guarding import known_by
from rapport.app.settings import Settings
from rapport.decide.decision import Decision
from rapport.decide.kinds import SILENCE
from rapport.kernel.errors import BadInput, NotFound
from rapport.learn import decided, guard_rails, table, uplift, what_if
from rapport.learn.estimated import estimates_of
from rapport.learn.logged import Logged
from rapport.learn.verdicts import Verdict

MOST: Final = 200_000
"""So many decisions, the newest, are looked back on at most."""
_PAGE: Final = 100
Progress = Callable[[int], None]
"""Told how many decisions were read so far."""


class Past(NamedTuple):
    """Decisions as they were kept, and the same as estimators need them. `cut`: since when (µs) they were looked at,
    where there are more of before, which were not; 0: all were. `unreadable`: so many could not be read."""

    decisions: list[Decision]
    log: list[Logged]
    cut: int = 0
    unreadable: int = 0


class Evaluation(NamedTuple):
    """`effects` and `verdicts` by action and side; `all` of them together."""

    decisions: int
    customers: int
    all: list[uplift.Effect]
    effects: list[uplift.Effect]
    verdicts: list[Verdict]


def past(
    ledger: LedgerFile, org: str, most: int = MOST, progress: Progress = lambda _: None, upto: int = (1 << 62) - 1
) -> Past:
    """The newest decisions of an organization up to a number, but for those of customers who were erased."""
    decisions: list[Decision] = []
    log: list[Logged] = []
    lost: list[int] = []
    for decision, one in each(ledger, org, most, progress, upto, lost.append):
        decisions.append(decision)
        log.append(one)
    return Past(decisions, log, DecisionBook(ledger).cut(org, upto, most), len(lost))


def known(ledger: LedgerFile, org: str, at: int, most: int) -> Past:
    """The same of those whose window has passed by `at` (µs): however many wait, they take the place of none that
    tells something."""
    return past(ledger, org, most, upto=known_by(ledger, org, at))


def each(
    ledger: LedgerFile, org: str, most: int, progress: Progress, upto: int, lost: Progress = lambda _: None
) -> Iterator[tuple[Decision, Logged]]:
    """The same one by one, the newest first, for who need not keep all of them. `lost` is told the number of each that
    cannot be read."""
    book, outcomes = DecisionBook(ledger), OutcomeBook(ledger)
    for read, kept in enumerate(_every(book, org, most, upto + 1), 1):
        progress(read)
        if kept.unreadable:
            lost(kept.seq)
        one = logged_of(outcomes, kept)
        if one is not None and kept.content is not None:
            yield kept.content, one


def logged_of(outcomes: OutcomeBook, kept: Kept) -> Logged | None:
    """A decision as estimators need it; None where nobody carried it out or it reached nobody, where nothing was
    chosen, and of somebody who was erased."""
    awaited = outcomes.awaited(kept)
    if kept.content is None or awaited is None or kept.delivery in UNREACHED:
        return None
    if not (awaited.delivered or awaited.outcomes or awaited.action == SILENCE):
        return None
    return decided.logged(kept.content, decided.After(str(kept.record), awaited.delivered, awaited.worth))


def evaluated(found: Past, now: int) -> Evaluation:
    """What each action gave to those who got it, against silence, and whether any harms."""
    over = table.table(found.log, now)
    customers = len({one.customer for one in found.log if one.until <= now})
    return Evaluation(
        over.number, customers, uplift.of_all(over), uplift.by_action(over), guard_rails.judged(found.log, now)
    )


def asked(
    found: Past, now: int, *, weight: float | None = None, without: str = "", most: int | None = None, days: int = 7
) -> what_if.Answer:
    """What another way to decide would have given. Raises BadInput where not exactly one change is asked for."""
    changes: list[what_if.Change] = []
    if weight is not None:
        if not 0 < weight < 1:
            message = "the customer's weight is more than 0 and less than 1"
            raise BadInput(message, code="bad_weight", field="weight")
        changes.append(decided.weighed(found.decisions, weight))
    if without:
        if found.decisions and not any(without in one.case.actions for one in found.decisions):
            raise NotFound(f"no decision could have chosen {without!r}", field="without")
        changes.append(decided.without(found.decisions, without))
    if most is not None:
        changes.append(what_if.Capped(most, days * 86_400_000_000))
    if len(changes) != 1:
        message = "say one change: another weight, an action that is not there, or at most so many"
        raise BadInput(message, code="bad_change", field="change")
    return what_if.what_if(found.log, now, changes[0])


def tell_the_books(ledger: LedgerFile, org: str, evaluation: Evaluation, today: dt.date) -> int:
    """Put the effects that have intervals into the book of estimates; return how many there are."""
    currency = ActionBook(ledger).units(org).currency
    if not currency:
        raise BadInput("say first in which currency you count: rapport action units", code="bad_currency", field="org")
    estimates = estimates_of(evaluation.effects, currency, today)
    if estimates:
        BenefitFile(ledger).estimate(org, estimates)
    return len(estimates)


@contextlib.contextmanager
def at_hand(settings: Settings, org: str) -> Iterator[LedgerFile]:
    """A ledger for the command line. Raises NotFound."""
    with contextlib.closing(open_ledger(settings)) as ledger:
        ledger.expect_org(org)
        yield ledger


def _every(book: DecisionBook, org: str, most: int, before: int) -> Iterator[Kept]:
    seen = 0
    while seen < most:
        some = book.page(org, before, min(_PAGE, most - seen))
        yield from some
        if len(some) < _PAGE:
            return
        before, seen = some[-1].seq, seen + len(some)
