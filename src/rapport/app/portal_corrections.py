"""The portal's desk for corrections: what is there, what would follow, and a person's own word."""

from typing import Any

from rapport.adapters.embedded.people import PeopleFile, Person
from rapport.app.correcting import Corrector
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.terms.own import OwnLooks
from rapport.terms.rights import YOU
from rapport.web.portal import corrections_desk as ask
from rapport.web.portal.told import Session
from rapport.web.words import plain


class PortalCorrections:
    """Over the node's one way to correct anything."""

    def __init__(self, corrector: Corrector, people: PeopleFile, looks: OwnLooks) -> None:
        self._corrector = corrector
        self._people = people
        self._looks = looks

    async def correcting(self, session: Session, org: str, trait: str) -> ask.Correcting:
        person = self._customer(session, org)
        own = await self._looks.look(person.id, org)
        found, systems = self._corrector.proposed(session.person, org, trait)
        if found is None or trait not in own.traits:
            raise NotFound("it knows no such thing of you")
        theirs, shown = found.theirs, found.shown["value"]
        parts = shown if isinstance(theirs, dict) and isinstance(shown, dict) else {}
        why_not = ""
        if isinstance(theirs, list):
            why_not = "it is a list"
        elif not found.keys:
            why_not = "what you have shown to be yours leads to no customer alone; your customer number there would"
        return ask.Correcting(
            org,
            self._people.name_of(org),
            trait,
            own.traits[trait],
            tuple((name, _text(said)) for name, said in parts.items() if not isinstance(said, dict | list)),
            isinstance(theirs, bool),
            bool(found.said),
            tuple(systems),
            why_not,
            own.receipt,
        )

    async def correct(self, session: Session, org: str, trait: str, value: str | dict[str, str] | None) -> None:
        self._customer(session, org)
        if isinstance(value, dict):
            found, _ = self._corrector.proposed(session.person, org, trait)
            known = found.shown["value"] if found is not None and isinstance(found.shown["value"], dict) else {}
            # The form has all parts: those that were left as they are stay of the kind that they are.
            value = {part: said for part, said in value.items() if part not in known or _text(known[part]) != said}
            if not value:
                raise BadInput("you left it as it is", code="bad_request", field="value")
        case = await self._corrector.correct(session.person, org, trait, value, YOU)
        if case.status == "refused":
            raise Conflict(case.answer, code="refused")

    def _customer(self, session: Session, org: str) -> Person:
        """Raises NotFound where the person claims nothing at a company."""
        person = self._people.person(session.person)
        if org not in {company for company, _, _ in person.claims}:
            raise NotFound("you are no customer there")
        return person


def _text(value: Any) -> str:
    return "" if value is None else plain(value)
