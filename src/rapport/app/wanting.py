"""What a customer wants, as far as a decision about them may know: the goals that they let the organization know, and
how far they are by what it may see itself.

Whose goals these are, the gate says (`Found.owner`). How far somebody is elsewhere is nothing to be told: what is
measured at another company, too, counts as not begun.
"""

from collections.abc import Iterable
from functools import partial

from rapport.adapters.embedded.goals import Said
from rapport.adapters.embedded.goals_told import GoalsTold
from rapport.adapters.embedded.people import PeopleFile
from rapport.decide.wants import Want
from rapport.kernel.vocabulary import bit, category_of_event
from rapport.profile import timeline
from rapport.profile.store import Found, ProfileReader
from rapport.profile.view import Part
from rapport.terms import goals
from rapport.terms.goals import Happening


class Wanting:
    """Over one ledger connection and one reader of profiles; used within a snapshot of both."""

    def __init__(self, people: PeopleFile, reader: ProfileReader) -> None:
        self._told = GoalsTold(people)
        self._reader = reader

    def of(self, found: Found, at: int) -> tuple[Want, ...]:
        """What an opened customer wants, the newest goal first."""
        if not found.owner:
            return ()
        return tuple(self._want(one, found, at) for one in self._told.open_to(found.owner, found.org))

    def _want(self, said: Said, found: Found, at: int) -> Want:
        goal = said.goal
        if goal.kind not in goals.MEASURED or goal.orgs != (found.org,):
            return Want(goal.kind, goal.words, goal=said.handle)
        since = goals.window(goal, said.said_at, at)[0]
        happened = (one for part in found.parts for one in self._happened(found.org, part, since))
        made = goals.progress(goal, said.said_at, happened, at)
        return Want(goal.kind, goal.words, 0.0 if made is None else made.percent / 100, said.handle)

    def _happened(self, org: str, part: Part, since: int) -> Iterable[Happening]:
        mask = part.mask
        for _, block in timeline.since(part.record.head, partial(self._reader.block_of, part), since):
            for event in block.events:
                if (event.time or 0) < since or (mask is not None and not bit(category_of_event(event.name)) & mask):
                    continue
                one = goals.happening(org, part.record.source, event)
                if one is not None:
                    yield one
