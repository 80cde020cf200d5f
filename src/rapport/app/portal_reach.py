"""The portal's desk for how a person wants to be reached, over what they say to whoever decides about them."""

from collections.abc import Callable

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.wishes import EVERYWHERE, WishBook
from rapport.decide.kinds import KINDS
from rapport.decide.person import NOTHING, Says, is_alone
from rapport.decide.reach import Change, changed, undoing
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now
from rapport.web.portal import reach_desk as ask
from rapport.web.portal.told import Session

_ASKED_OF = tuple(name for name, kind in KINDS.items() if not kind.mandatory)


class PortalReach:
    """The ReachDesk over an embedded node. `name_of` tells what a company is called."""

    def __init__(self, ledger: LedgerFile, people: PeopleFile, name_of: Callable[[str], str]) -> None:
        self._wishes = WishBook(people)
        self._manners = MannerBook(ledger)
        self._actions = ActionBook(ledger)
        self._people = people
        self._name_of = name_of

    async def reach(self, session: Session) -> ask.Reach:
        person, at = self._people.person(session.person), now()
        everywhere = wished(self._wishes.said(person.handle), at)
        return ask.Reach(everywhere, tuple(self._company(person.handle, org, at) for org in person.orgs))

    async def say(self, session: Session, change: Change) -> ask.Done:
        person, at = self._people.person(session.person), now()
        if change.org != EVERYWHERE and change.org not in person.orgs:
            raise NotFound("you are no customer there", field="org")
        before = NOTHING

        def say(says: Says) -> Says:
            nonlocal before
            before = says
            return changed(says, change, at)

        self._wishes.say(person.handle, change.org, say)
        return ask.Done(await self.reach(session), undoing(before, change, at))

    def _company(self, handle: str, org: str, at: int) -> ask.Reaching:
        manner, units = self._manners.manner(org), self._actions.units(org)
        said = wished(self._wishes.said(handle, org), at)
        money = (units.currency, units.minute)
        return ask.Reaching(org, self._name_of(org), said, *money, manner.weight, manner.holdout)


def wished(says: Says, at: int) -> ask.Wished:
    alone = is_alone(says, at)
    return ask.Wished(
        alone,
        says.alone_until if alone else None,
        says.quiet,
        says.zone,
        tuple(ask.OfKind(kind, says.leanings.get(kind, 0), kind in says.stopped_kinds) for kind in _ASKED_OF),
        tuple(sorted(says.stopped_actions)),
        says.minute,
        not says.declines,
    )
