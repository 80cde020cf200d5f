"""The company's mirror of statements over an embedded node."""

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.populations import Populations
from rapport.adapters.embedded.promises import PromiseBook
from rapport.adapters.embedded.uses import UseBook, summed
from rapport.app import statements, words
from rapport.app.agreeing import Simulator, open_agreeing
from rapport.app.settings import Settings
from rapport.kernel.errors import Busy
from rapport.kernel.times import DAY, SECOND
from rapport.terms.aggregates import words as about
from rapport.terms.estimates import today
from rapport.terms.mirror import MONTHS, Mirrored, Month, Wanted, mirror
from rapport.terms.simulator import Simulation
from rapport.terms.statement import month_span


class Mirrors:
    """Mirrors over one ledger connection; `simulator` has one of its own, since it may be asked by other threads."""

    def __init__(
        self,
        uses: UseBook,
        benefits: BenefitFile,
        promises: PromiseBook,
        populations: Populations,
        simulator: Simulator,
    ) -> None:
        self._uses = uses
        self._benefits = benefits
        self._promises = promises
        self._populations = populations
        self._simulator = simulator

    def opened(self, org: str) -> Simulation | str:
        """How the promise in force compares with an empty one. Blocks for seconds where there are many people, and may
        be asked by any thread."""
        try:
            return self._simulator.opened(org)
        except Busy as error:
            return error.message

    def of(self, org: str, month: str | None, opened: Simulation | str) -> dict[str, Any]:
        """An organization's mirror of a month (None: this one), in the shape of `terms/mirror`. Raises BadInput for
        what is no month."""
        month_span(month)
        shown = month or f"{today():%Y-%m}"
        refused = self._populations.refusals(org)
        wanted = Wanted(refused.days, refused.people, [(one.criterion, one.people) for one in refused.criteria])
        months = [self._month(org, each) for each in and_before(shown)]
        estimates = self._benefits.estimates(org)
        ground = Mirrored(org, months, estimates, self._promises.standing(org), wanted, opened)
        return mirror(ground, words.purpose)

    def _month(self, org: str, month: str) -> Month:
        first, following = (at // DAY for at in month_span(month))
        uses, nothing = summed(self._uses.tallies(org, first, following))
        return Month(month, uses, nothing, [one for _, one in self._benefits.sums(org, first, following)])


async def mirrored(mirrors: Mirrors, org: str, month: str | None) -> dict[str, Any]:
    """A mirror in a process that must not wait. Raises BadInput for what is no month."""
    month_span(month)
    return mirrors.of(org, month, await asyncio.to_thread(mirrors.opened, org))


def open_mirrors(settings: Settings) -> Mirrors:
    parts = open_agreeing(settings)
    simulator = Simulator(lambda: parts)
    return Mirrors(UseBook(parts.ledger), BenefitFile(parts.ledger), parts.promises, parts.populations, simulator)


def and_before(month: str) -> Iterator[str]:
    """A month and those before it, as far as there are any."""
    first = dt.datetime.fromtimestamp(month_span(month)[0] // SECOND, dt.UTC).date()
    for _ in range(MONTHS):
        yield f"{first:%Y-%m}"
        if (first.year, first.month) == (1000, 1):  # a year has four digits
            return
        first = (first - dt.timedelta(days=1)).replace(day=1)


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """A mirror in plain lines."""
    yield f"{told['name']}, {told['month']}"
    for one in told["uses"]:
        yield f"used {one['why']}: {statements.said_times(one['count'])}"
    yield f"nothing given, refused or absent alike: {statements.said_times(told['nothing'])}"
    for side, who in (("customer", "customers got"), ("company", "we got")):
        amounts = [statements.said_amount(one) for one in told["settled"][side]]
        yield f"settled: {who} {', '.join(amounts) or 'nothing that was told'}"
    yield f"estimated: {'see --json' if told['estimated']['known'] else told['estimated']['said']}"
    opened = told["promises"]["opened"]
    for one in opened["purposes"] or ():
        if one["by_law"]:
            yield f"opened {one['why']}: by law, whoever they are"
        else:
            yield f"opened {one['why']}: {about(one['people'])} people; by an empty promise {about(one['without'])}"
    if opened["purposes"] is None:
        yield f"opened: {opened['said']}"
    wanted = told["promises"]["wanted"]
    yield f"refused in {wanted['days']} days: {about(wanted['people'])} people"
    for one in wanted["criteria"]:
        yield f"    {one['criterion']}: {about(one['people'])}"
