"""The portal's desk for the inbox, over the log of decisions and what the person says to those who decide."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.decisions import Kept
from rapport.adapters.embedded.goals import GoalFile
from rapport.adapters.embedded.inbox_news import InboxNews
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.own_decisions import OwnDecisions
from rapport.adapters.embedded.people import PeopleFile, Person
from rapport.adapters.embedded.wishes import WishBook
from rapport.adapters.embedded.withheld import WithheldBook
from rapport.app import words
from rapport.app.open_inboxes import OpenInboxes
from rapport.decide.arbitration import Ranked
from rapport.decide.decision import Decision, ranking
from rapport.decide.grounds import Ground
from rapport.decide.person import Answer, Says, answered, is_alone, joined
from rapport.decide.triggers import Start
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now
from rapport.web.language import SPOKEN
from rapport.web.portal import inbox_desk as ask
from rapport.web.portal.told import Session
from rapport.web.words import label, when

PAGE: Final = 20
_NEWEST: Final = 1 << 62


class PortalInbox:
    """The InboxDesk over an embedded node. `name_of` tells what a company is called."""

    def __init__(self, ledger: LedgerFile, people: PeopleFile, name_of: Callable[[str], str]) -> None:
        self._book = OwnDecisions(ledger)
        self._news = InboxNews(ledger)
        self._open = OpenInboxes(self._news_of)
        self._actions = ActionBook(ledger)
        self._wishes = WishBook(people)
        self._withheld = WithheldBook(ledger)
        self._goal_file = GoalFile(ledger)
        self._people = people
        self._name_of = name_of

    async def inbox(self, session: Session, before: int | None) -> ask.Inbox:
        person = self._people.person(session.person)
        unseen = self._news.of(person.handle)
        kept = self._book.inbox(person.id, _NEWEST if before is None else before, PAGE + 1)
        shown, more = kept[:PAGE], len(kept) > PAGE
        messages = self._messages(person, [one for one in shown if not one.unreadable])
        # What was erased is not among them, and new no more either.
        since, last = shown[-1].seq if more else 0, max(unseen.last, shown[0].seq if shown else 0)
        upto = last if before is None else min(last, before - 1)
        if unseen.many and since <= upto:
            self._book.see(person.id, since, upto)
        everywhere = self._wishes.said(person.handle)
        alone = is_alone(everywhere, now())
        following = shown[-1].seq if more else None
        until, lost = everywhere.alone_until if alone else None, sum(one.unreadable for one in shown)
        return ask.Inbox(messages, following, alone, until, lost)

    def unseen(self, handle: str) -> int:
        """How much came for a person that they have not seen."""
        return self._news.unseen(handle)

    async def news(self, session: Session) -> ask.News:
        return self._news_of(session.person)

    def expect_place(self, session: Session) -> None:
        self._open.expect_place(session.person)

    def opened(self, session: Session) -> AbstractContextManager[ask.Opened]:
        return self._open.opened(session.person)

    def _news_of(self, handle: str) -> ask.News:
        unseen = self._news.of(handle)
        return ask.News(unseen.many, unseen.newest)

    async def answer(self, session: Session, decision: str, answer: Answer) -> ask.Message:
        person = self._people.person(session.person)
        kept = self._book.told(person.id, decision)
        content = kept.content
        if content is None:
            raise NotFound("there is no such decision", field="decision")
        self._wishes.say(person.handle, kept.org, lambda says: answered(says, answer, content.action, content.kind))
        return self._messages(person, [kept])[0]

    def _messages(self, person: Person, some: Sequence[Kept]) -> tuple[ask.Message, ...]:
        withheld = self._withheld.of(person.id, [one.receipt for one in some])
        everywhere = self._wishes.said(person.handle)
        says = {org: joined((self._wishes.said(person.handle, org), everywhere)) for org in {one.org for one in some}}
        money = {org: self._actions.units(org).currency for org in says}
        words_of = self._goals(person, some)
        return tuple(
            _told(
                one,
                self._name_of(one.org),
                says[one.org],
                everywhere,
                money[one.org],
                withheld.get(one.receipt, ()),
                tuple(words_of[goal] for goal in _goals_of(one) if goal in words_of),
            )
            for one in some
        )

    def _goals(self, person: Person, some: Sequence[Kept]) -> dict[str, str]:
        """The words of the goals that these serve, of those that are this person's and there still."""
        if not any(map(_goals_of, some)):
            return {}
        return {one.handle: one.goal.words for one in self._goal_file.of(person.handle)}


def _goals_of(one: Kept) -> tuple[str, ...]:
    return () if one.content is None else one.content.goals


def _told(
    kept: Kept,
    company: str,
    says: Says,
    everywhere: Says,
    currency: str,
    withheld: tuple[str, ...],
    serves: tuple[str, ...],
) -> ask.Message:
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
        tuple(_plainly(name) for name in decision.because if not name.startswith("goals.")),
        tuple(map(_ground, decision.grounds)),
        tuple(map(_start, decision.started)),
        serves,
        words.categories(withheld, SPOKEN),
        decision.case.weight,
        kept.seen_at is None,
        decision.action in says.stopped_actions,
        decision.kind in says.stopped_kinds,
        decision.action in everywhere.stopped_actions or decision.kind in everywhere.stopped_kinds,
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


def _start(one: Start) -> str:
    """`there was “Order Refunded” on 22 Nov 2026, 15:03`: it need not be they who did it."""
    at = when(one.at)
    match one.how:
        case "event":
            return SPOKEN.say("there was “%(event)s” on %(when)s", event=one.name, when=at)
        case "entered":
            return SPOKEN.say("you came into their group “%(name)s” on %(when)s", name=one.name, when=at)
        case "left":
            return SPOKEN.say("you left their group “%(name)s” on %(when)s", name=one.name, when=at)
        case _:
            return SPOKEN.say("its time came on %(when)s", when=at)


def _chosen(decision: Decision) -> Ranked | None:
    return next((one for one in ranking(decision) if one.action == decision.action), None)


def _plainly(feature: str) -> str:
    """`traits.plan is gold` → `plan is gold`."""
    space, dot, rest = feature.partition(".")
    return rest.replace("_", " ") if dot and space in ("traits", "computed", "events") else feature
