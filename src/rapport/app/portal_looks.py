"""The portal's desk for who used it: receipts in words, their bundle to be verified, and the statement."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.own_decisions import OwnDecisions
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.withheld import WithheldBook
from rapport.app import words
from rapport.app.bundling import Bundler
from rapport.app.cursors import before_or_newest
from rapport.app.portal_decided import decided
from rapport.app.portal_terms import sentence
from rapport.app.statements import Statements
from rapport.kernel.errors import NotFound
from rapport.terms import Receipt
from rapport.terms.own import CALLER
from rapport.web.language import SPOKEN
from rapport.web.portal import told as ask
from rapport.web.portal.told import Session
from rapport.web.retelling import retold
from rapport.web.words import label

_PAGE = 40
_OF_SOME = frozenset(
    {
        "destination",
        "audiences",
        "audience preview",
        "audience: why",
        "learning from purchases",
        "outcome",
        "decision round",
    }
)
"""Uses that look at what they name alone, and at nothing else that they may."""
_WHOLE = ("identifiers", "events")
"""How what is named begins where all of a customer goes into a file."""


class PortalLooks:
    """The LooksDesk. `name` tells what a company is called."""

    def __init__(
        self,
        ledger: LedgerFile,
        people: PeopleFile,
        bundler: Bundler,
        statements: Statements,
        name: Callable[[str], str],
    ) -> None:
        self._ledger = ledger
        self._decisions = OwnDecisions(ledger)
        self._withheld = WithheldBook(ledger)
        self._people = people
        self._bundler = bundler
        self._statements = statements
        self._name = name

    async def page(self, session: Session, cursor: str | None) -> ask.Looks:
        person = self._people.person(session.person)
        rows = self._ledger.receipts_of(person.id, before_or_newest(cursor), _PAGE + 1)
        sentences = {clause.id: sentence(clause, self._name) for clause in person.terms.clauses}
        names: dict[str, str] = {}
        shown = [receipt for _, receipt in rows[:_PAGE]]
        after = self._decisions.by_receipt(person.id, [one.id for one in shown if one.treatment])
        told = tuple(
            msgspec.structs.replace(self._look(one, sentences, names), decided=decided(after[one.id]))
            if one.id in after
            else self._look(one, sentences, names)
            for one in shown
        )
        kept_back = self._withheld.of(person.id, [one.id for one in told])
        told = tuple(
            msgspec.structs.replace(one, withheld=words.categories(kept_back.get(one.id, ()), SPOKEN)) for one in told
        )
        return ask.Looks(told, str(rows[_PAGE - 1][0]) if len(rows) > _PAGE else None)

    def looked(self, handle: str, receipt: str) -> ask.Look:
        """One receipt of a person's. Raises NotFound."""
        person = self._people.person(handle)
        found = self._ledger.receipt_told(person.id, receipt)
        if found is None:
            raise NotFound("you have no such receipt")
        return self._look(found, {clause.id: sentence(clause, self._name) for clause in person.terms.clauses}, {})

    def _look(self, receipt: Receipt, sentences: dict[str, str], names: dict[str, str]) -> ask.Look:
        own = receipt.caller == CALLER and not receipt.org
        org = receipt.fields[0] if own else receipt.org
        if org not in names:
            names[org] = self._name(org)
        clauses = () if receipt.clauses == ("default",) else receipt.clauses
        return ask.Look(
            id=receipt.id,
            at=receipt.at,
            org=org,
            name=names[org],
            own=own,
            given=receipt.decision == "permitted",
            what=_what(receipt),
            why=words.purpose(receipt.purpose, SPOKEN),
            action=receipt.action,
            fields=receipt.fields,
            reason=retold(_by_name(receipt.reason, org, names[org]) if own else receipt.reason),
            clauses=tuple(
                sentences.get(clause, SPOKEN.say("%(clause)s (you have changed it since)", clause=clause))
                for clause in clauses
            ),
            unmet=tuple(map(retold, receipt.unmet)),
            recipients=receipt.recipients,
            retention_days=receipt.retention_days,
            elsewhere=receipt.elsewhere,
        )

    async def receipts(self, session: Session, since: str | None) -> dict[str, Any]:
        return self._bundler.bundle(session.person, since)

    async def statement(self, session: Session, month: str | None) -> dict[str, Any]:
        return self._statements.of(session.person, month)


def _what(receipt: Receipt) -> str:
    """What was looked at. Of a use of some things alone, all that was allowed would say too much."""
    of_some = receipt.action in _OF_SOME or (receipt.action == "export" and receipt.fields[:2] != _WHOLE)
    if of_some and receipt.fields:
        return SPOKEN.listed([_thing(name) for name in receipt.fields], "and")
    return words.categories(receipt.categories, SPOKEN)


def _thing(name: str) -> str:
    if name == "events":
        return SPOKEN.say("what you did")
    if name == "identifiers":
        return SPOKEN.say("what you are known by")
    if name == "audiences":
        return SPOKEN.say("the audiences you are in")
    kind, _, audience = name.partition(" ")
    if kind == "audience" and audience:
        return SPOKEN.say("your place in “%(audience)s”", audience=audience)
    return SPOKEN.say("“%(thing)s”", thing=label(name))


def _by_name(reason: str, org: str, name: str) -> str:
    """Receipts call a company by its id, and what was corrected by its trait's: people read the names of both."""
    said = f"{reason} ".replace(f" {org} ", f" {name} ").rstrip()
    return re.sub("“(.+?)”", lambda trait: f"“{label(trait[1])}”", said)
