"""The console's desk, where it is about promises: what is declared, what was agreed, used, and wanted in vain."""

import asyncio
from typing import Any, Literal, NamedTuple

from rapport.adapters.embedded.agreements import AgreementBook
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.populations import Populations
from rapport.adapters.embedded.promises import PromiseBook
from rapport.adapters.embedded.uses import DAYS, UseBook
from rapport.app import words
from rapport.app.agreeing import Simulator
from rapport.app.cursors import before
from rapport.app.mirrors import Mirrors, mirrored
from rapport.kernel.errors import NotFound
from rapport.kernel.times import DAY, now
from rapport.terms import promises
from rapport.terms.aggregates import FLOOR
from rapport.terms.benefits import totals
from rapport.terms.simulator import Simulation
from rapport.web.console import terms_desk as ask
from rapport.web.console.session import Session

_PAGE = 40


class Parts(NamedTuple):
    """What these pages rest on."""

    promises: PromiseBook
    agreements: AgreementBook
    populations: Populations
    uses: UseBook
    simulator: Simulator
    benefits: BenefitFile | None = None
    mirrors: Mirrors | None = None


class HouseTermsDesk:
    """The console's TermsDesk over an embedded node."""

    def __init__(self, parts: Parts) -> None:
        self._promises = parts.promises
        self._agreements = parts.agreements
        self._populations = parts.populations
        self._uses = parts.uses
        self._simulator = parts.simulator
        self._benefits = parts.benefits
        self._mirrors = parts.mirrors

    # -- promises

    async def promised(self, session: Session) -> ask.Promised:
        standing = self._promises.standing(session.org)
        key = self._promises.known_key(session.org)
        return ask.Promised(
            standing.declaration,
            standing.version,
            standing.since,
            standing.hash,
            tuple(self._promises.remarks(session.org)),
            key is not None and key.own,
        )

    async def draft(self, session: Session, document: bytes, form: Literal["json", "toml"]) -> ask.Draft:
        declaration = promises.parse(document, form)
        self._promises.candidate(session.org, declaration)
        standing = self._promises.standing(session.org).declaration
        return ask.Draft(promises.canonical(declaration).decode(), tuple(promises.changes(standing, declaration)))

    async def declare(self, session: Session, document: bytes, version: int) -> None:
        self._promises.put(session.org, document, "json", expected=version)

    async def simulate(self, session: Session, document: bytes) -> Simulation:
        return await asyncio.to_thread(self._simulator.simulate, session.org, document, "json")

    # -- what came of them

    async def agreements(self, session: Session, cursor: str | None) -> ask.AgreedPage:
        listed, following = self._agreements.of_org(session.org, before(cursor), _PAGE, active=False)
        rows = tuple(
            ask.Agreed(
                one.handle,
                one.status,
                one.since,
                one.ended_at,
                one.version,
                words.agreed(one.agreed),
            )
            for one in listed
        )
        return ask.AgreedPage(rows, None if following is None else str(following))

    async def agreement(self, session: Session, handle: str) -> dict[str, Any] | None:
        try:
            return self._agreements.show(handle, org=session.org)
        except NotFound:
            return None

    async def uses(self, session: Session, cursor: str | None) -> ask.Uses:
        found = self._uses.given(session.org, before(cursor), _PAGE + 1)
        rows = tuple(
            ask.Use(
                receipt.id,
                receipt.at,
                receipt.purpose,
                receipt.action,
                receipt.caller,
                words.categories(receipt.categories),
            )
            for _, receipt in found[:_PAGE]
        )
        by_purpose, nothing = self._uses.counted(session.org)
        following = str(found[_PAGE - 1][0]) if len(found) > _PAGE else None
        today = now() // DAY
        sums = () if self._benefits is None else self._benefits.sums(session.org, today - DAYS + 1, today + 1)
        return ask.Uses(rows, following, DAYS, by_purpose, nothing, totals(one for _, one in sums))

    async def wanted(self, session: Session) -> ask.Wanted:
        found = self._populations.refusals(session.org)
        criteria = tuple((one.criterion, one.people) for one in found.criteria)
        told = tuple(
            ask.ToldWhy(one.customer, one.purpose, one.unmet, one.at) for one in self._populations.told_why(session.org)
        )
        return ask.Wanted(found.days, FLOOR, found.people, criteria, told)

    async def mirror(self, session: Session, month: str) -> dict[str, Any]:
        assert self._mirrors is not None  # noqa: S101 (only tests of other pages do without)
        return await mirrored(self._mirrors, session.org, month)
