"""The portal's desk for the inbox, over the log of decisions and what the person says to those who decide."""

from collections.abc import Callable
from typing import Final

import msgspec

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.decisions import DecisionBook, Kept
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.wishes import EVERYWHERE, WishBook
from rapport.decide.arbitration import Ranked
from rapport.decide.decision import Decision, ranking
from rapport.decide.grounds import Ground
from rapport.decide.person import Answer, Says, answered, joined
from rapport.kernel.errors import NotFound
from rapport.web.language import SPOKEN
from rapport.web.portal import inbox_desk as ask
from rapport.web.portal.told import Session
from rapport.web.words import label, when

PAGE: Final = 20
_NEWEST: Final = 1 << 62


class PortalInbox:
    """The InboxDesk over an embedded node. `name_of` tells what a company is called."""

    def __init__(self, ledger: LedgerFile, people: PeopleFile, name_of: Callable[[str], str]) -> None:
        self._book = DecisionBook(ledger)
        self._actions = ActionBook(ledger)
        self._wishes = WishBook(people)
        self._people = people
        self._name_of = name_of

    async def inbox(self, session: Session, before: int | None) -> ask.Inbox:
        person = self._people.person(session.person)
        kept = self._book.inbox(person.id, _NEWEST if before is None else before, PAGE + 1)
        shown, more = kept[:PAGE], len(kept) > PAGE
        everywhere = self._wishes.said(person.handle)
        messages = tuple(self._message(one, person.handle) for one in shown)
        if any(one.fresh for one in messages):
            self._book.see(person.id, shown[0].seq)
        following = shown[-1].seq if more else None
        return ask.Inbox(messages, following, everywhere.alone, everywhere.quiet, everywhere.zone)

    async def unseen(self, session: Session) -> int:
        return self._book.unseen(self._people.person(session.person).id)

    async def answer(self, session: Session, decision: str, answer: Answer) -> ask.Message:
        person = self._people.person(session.person)
        kept = self._book.told(person.id, decision)
        content = kept.content
        if content is None:
            raise NotFound("there is no such decision", field="decision")
        self._wishes.say(person.handle, kept.org, lambda says: answered(says, answer, content.action, content.kind))
        return self._message(kept, person.handle)

    def _message(self, kept: Kept, handle: str) -> ask.Message:
        says = joined((self._wishes.said(handle, kept.org), self._wishes.said(handle)))
        currency = self._actions.units(kept.org).currency
        return _told(kept, self._name_of(kept.org), says, currency)


def _told(kept: Kept, company: str, says: Says, currency: str) -> ask.Message:
    decision = kept.content
    if decision is None:
        raise NotFound("there is no such decision", field="decision")
    parts, chosen = decision.parts, _chosen(decision)
    return ask.Message(
        kept.id,
        kept.org,
        company,
        kept.at,
        decision.action,
        decision.kind,
        parts.get("title", ""),
        parts.get("text", ""),
        parts.get("link", ""),
        0.0 if chosen is None else chosen.customer.mean,
        0.0 if chosen is None else chosen.company.mean,
        currency,
        tuple(_plainly(name) for name in decision.because),
        tuple(map(_ground, decision.grounds)),
        kept.seen_at is None,
        decision.action in says.stopped_actions,
        decision.kind in says.stopped_kinds,
        says.leanings.get(decision.kind, 0),
        kept.receipt,
    )


def _ground(one: Ground) -> str:
    """`“Order Refunded” on 22 Nov 2026, 15:03`, `“Points”`."""
    if one.kind == "event":
        if one.at is None:
            return SPOKEN.say("“%(thing)s”", thing=one.name)
        return SPOKEN.say("“%(event)s” on %(when)s", event=one.name, when=when(one.at))
    return SPOKEN.say("“%(thing)s”", thing=label(one.name))


def _chosen(decision: Decision) -> Ranked | None:
    return next((one for one in ranking(decision) if one.action == decision.action), None)


def _plainly(feature: str) -> str:
    """`traits.plan is gold` → `plan is gold`."""
    space, dot, rest = feature.partition(".")
    return rest.replace("_", " ") if dot and space in ("traits", "computed", "events", "goals") else feature
