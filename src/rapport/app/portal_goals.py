"""The portal's desk for goals, over the ledger and the person's own looks."""

from collections.abc import Callable, Iterable

from rapport.adapters.embedded.goals import GoalFile, Said
from rapport.adapters.embedded.goals_told import GoalsTold
from rapport.adapters.embedded.people import PeopleFile
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now
from rapport.terms import goals
from rapport.terms.goals import Goal, Happening
from rapport.terms.own import OwnLooks
from rapport.web.portal import goals_desk as ask
from rapport.web.portal.goals_desk import Step
from rapport.web.portal.told import Session


class PortalGoals:
    """The GoalsDesk over an embedded node. `name_of` tells what a company is called."""

    def __init__(self, people: PeopleFile, looks: OwnLooks, name_of: Callable[[str], str]) -> None:
        self._file = GoalFile(people.ledger)
        self._told = GoalsTold(people)
        self._people = people
        self._looks = looks
        self._name_of = name_of

    async def goals(self, session: Session) -> ask.Goals:
        person = self._people.person(session.person)
        at = now()
        said = self._file.of(person.handle)
        claimed = person.orgs
        since = {org: first for org, first in _first(said, at).items() if org in claimed}
        happened = await self._looks.happenings(person.id, since)
        names = {org: self._name_of(org) for org in claimed}
        known = self._told.of(person.handle)
        return ask.Goals(
            tuple(_told(one, names, happened, at, known.get(one.handle, ())) for one in said),
            tuple(ask.Place(org, name) for org, name in names.items()),
        )

    async def say(self, session: Session, goal: Goal) -> str:
        person = self._people.person(session.person)
        return self._file.say(person.handle, goals.checked(goal, {org for org, _, _ in person.claims})).handle

    async def step(self, session: Session, goal: str, step: Step, org: str = "") -> None:
        person = session.person
        if step in ("tell", "untell"):
            if step == "tell" and org not in self._people.person(person).orgs:
                raise NotFound("you are no customer there", field="org")
            self._told.tell(person, goal, org, told=step == "tell")
            return
        with self._people.changing(person):  # a decision that is being made meanwhile may know of it
            match step:
                case "pause" | "resume":
                    self._file.pause(person, goal, paused=step == "pause")
                case "finish" | "reopen":
                    self._file.finish(person, goal, finished=step == "finish")
                case _:
                    self._file.drop(person, goal)


def _goes_on(said: Said) -> bool:
    return said.goal.kind in goals.MEASURED and said.paused_at is None and said.finished_at is None


def _first(said: Iterable[Said], at: int) -> dict[str, int]:
    """Company → since when goals that go on need to know what happened there."""
    first: dict[str, int] = {}
    for one in said:
        if _goes_on(one):
            since = goals.window(one.goal, one.said_at, at)[0]
            first.update({org: min(since, first.get(org, since)) for org in one.goal.orgs})
    return first


def _told(one: Said, names: dict[str, str], happened: list[Happening], at: int, known: tuple[str, ...]) -> ask.MyGoal:
    goal = one.goal
    return ask.MyGoal(
        one.handle,
        goal.words,
        goal.kind,
        goal.orgs,
        tuple(names.get(org, org) for org in goal.orgs),
        goal.amount,
        goal.currency,
        goal.times,
        goal.per,
        one.said_at,
        one.paused_at is not None,
        one.finished_at,
        goals.progress(goal, one.said_at, happened, at) if _goes_on(one) else None,
        known,
    )
