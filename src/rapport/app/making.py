"""Making one decision: all that it may know of a customer whom the gate has opened, and what comes of it.

Whatever a decision may know comes from here: the facts that its purpose permits, the moment, what the person says of
being reached, and what the caller says of the moment (device, place, what happens in the session). Where somebody is
counts only if the terms let it through.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from rapport.adapters.embedded.decisions import DecisionBook, Standing
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.messages import ToPut
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.wishes import WishBook
from rapport.app.histories import folded
from rapport.app.reaching import Reaching, Route, end_of_quiet
from rapport.app.settings import Settings
from rapport.app.wanting import Wanting
from rapport.decide.catalogue import Catalogue, Where
from rapport.decide.channels import CHANNELS
from rapport.decide.clocks import first_known
from rapport.decide.contact import Proposal
from rapport.decide.decision import Decision, Delivery, Learnt, Manner, Moment, decide
from rapport.decide.explaining import Moved
from rapport.decide.features import Context
from rapport.decide.holdout import is_held_out
from rapport.decide.kinds import SILENCE, Units
from rapport.decide.languages import language, spoken_by
from rapport.decide.person import wishes
from rapport.decide.triggers import Start
from rapport.decide.wants import shared_goals
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Conflict
from rapport.kernel.expressions import Dependencies, Facts
from rapport.kernel.vocabulary import bit, category
from rapport.profile import view
from rapport.profile.store import Found, ProfileReader
from rapport.terms.carrying_out import QUIET
from rapport.terms.deciding import links_of
from rapport.terms.facts import facts_of
from rapport.web.decisions import Before, DecisionWish, Place

NOT_SENT: Final = Route()


class Made(msgspec.Struct, frozen=True):
    """A decision on its way: about whom, what was standing when it was made, and its message, where one is sent.
    `withheld`: categories of what the caller said that the terms kept back; `told`: what whoever asked is answered;
    `others`: who is told of it, beside the person."""

    record: int
    decision: Decision
    standing: Standing
    fields: tuple[str, ...]
    person: int
    delivery: Delivery
    message: ToPut | None = None
    moved: Mapping[str, Moved] = msgspec.field(default_factory=dict)
    lately: tuple[Before, ...] = ()
    begun: "Begun | None" = None
    withheld: tuple[str, ...] = ()
    told: Mapping[str, Any] = msgspec.field(default_factory=dict)
    units: Units = Units()
    others: tuple[int, ...] = ()


class Begun(msgspec.Struct, frozen=True):
    """What starts a decision by itself, as far as the customer may be seen: of these `actions`, because of `starts`.
    `still` and `done` are called in the transaction of the decision: whether it is to be made, and that it was made."""

    actions: frozenset[str]
    starts: tuple[Start, ...]
    still: Callable[[LedgerFile], bool]
    done: Callable[[LedgerFile, str, int], None]


class Beginning(msgspec.Struct):
    """A decision that nobody asked for. `begin` is called with what the gate lets through. Where none was made: it is
    quiet `until` then (µs), or the customer is `unreachable` by the channel."""

    begin: Callable[[Found], Begun]
    until: int = 0
    unreachable: bool = False


class Way(NamedTuple):
    """With what an organization decides: its catalogue, how it decides, and what it learnt."""

    catalogue: Catalogue
    manner: Manner
    learnt: Learnt


class Making:
    """Over the ledger connection and the reader of one thread."""

    def __init__(self, settings: Settings, people: PeopleFile, reader: ProfileReader) -> None:
        ledger = people.ledger
        self._book = DecisionBook(ledger)
        self._secret = ledger.keys.secret("holdout")
        self._reader = reader
        self._people = people
        self._wishes = WishBook(people)
        self._wanting = Wanting(people, reader)
        self._reaching = Reaching(settings, people, reader)

    def check(self, org: str, wish: DecisionWish) -> None:
        """Raises BadInput (`unknown_channel`, `bad_language`, `not_delivered`)."""
        if wish.channel not in CHANNELS:
            message = f"{wish.channel[:40]!r} is no channel: {', '.join(CHANNELS)}"
            raise BadInput(message, code="unknown_channel", field="channel")
        if wish.language is not None:
            language(wish.language, "language")
        if wish.deliver:
            self._reaching.check(org, wish.channel)

    def zone(self, found: Found) -> str:
        """The time zone that the person behind an opened customer says is theirs, or ""."""
        return self._wishes.holding(self._persons(found), found.org).zone

    def make(
        self, found: Found, way: Way, wish: DecisionWish, purpose: str, at: int, beginning: Beginning | None = None
    ) -> Made:
        """Decide. Raises Conflict where what began by itself is not to be decided now, as `beginning` says then."""
        catalogue, manner, learnt = way
        begun = None if beginning is None else beginning.begin(found)
        if begun is not None:
            catalogue = catalogue.only(begun.actions)
        standing = self._standing(found, catalogue, wish.channel, purpose, at)
        persons = self._persons(found)
        says = self._wishes.holding(persons, found.org)
        facts, fields = self._facts(found, catalogue, purpose, at)
        wants = self._wanting.of(found, at)
        goals = shared_goals((one.action for one in catalogue.of_purpose(purpose)), wants) if wants else {}
        route = self._reaching.route(found, wish.channel) if wish.deliver else NOT_SENT
        zone = _zone(says.zone, wish, facts)
        wished = msgspec.structs.replace(wishes(says), zone=zone)
        moment = Moment(
            purpose,
            wish.channel,
            facts,
            _context(found, facts, wish, zone, at, goals),
            spoken_by(facts.traits) if wish.language is None else (language(wish.language, "language"),),
            _where(found, wish.context.place),
            standing.contacts,
            wished,
            says.minute,
            is_held_out(self._secret, found.customer, manner.holdout, declined=says.declines),
            not says.declines,
            route.unreachable,
            () if begun is None else begun.starts,
            wants,
            standing.given,
        )
        if beginning is not None and route.unreachable:
            beginning.unreachable = True
            raise Conflict(route.unreachable, code="unreachable")
        decision = decide(ids.fresh("dec"), catalogue, manner, learnt, moment)
        if beginning is not None and (quietly := _quietly(decision, catalogue)) is not None:
            beginning.until = end_of_quiet(quietly, manner.policy, moment.wishes, at)
            raise Conflict("it waits until the customer's quiet hours are over", code=QUIET)
        delivery: Delivery = ""
        message = None
        if wish.deliver and decision.action != SILENCE:
            delivery = "delivered" if wish.channel == "inbox" else "asked"
            if delivery == "asked":
                message = ToPut(found.org, found.number, found.customer, decision.id, wish.channel, route.to)
        looked_at = (*fields, *(("identifiers",) if route.to and "identifiers" not in fields else ()))
        looked_at = (*looked_at, *(("goals",) if goals else ()))
        person = persons[0] if persons else 0
        withheld = ("location",) if wish.context.place is not None and not _shares_where(found) else ()
        return Made(
            found.number,
            decision,
            standing,
            looked_at,
            person,
            delivery,
            message,
            begun=begun,
            withheld=withheld,
            others=tuple(one for one in found.others if one != person),
        )

    def _standing(self, found: Found, catalogue: Catalogue, channel: str, purpose: str, at: int) -> Standing:
        notices = any(one.action.mandatory for one in catalogue.of_purpose(purpose))
        return self._book.at([part.number for part in found.parts], at, channel if notices else "")

    def _persons(self, found: Found) -> tuple[int, ...]:
        """Those who claim this customer."""
        ground = self._people.ground(found.org, links_of(found.parts))
        return tuple(holder.id for holder in ground.holders)

    def _facts(self, found: Found, catalogue: Catalogue, purpose: str, at: int) -> tuple[Facts, tuple[str, ...]]:
        """All traits that are let through, and what the actions of the purpose ask for beside; and their names."""
        ready = catalogue.of_purpose(purpose)
        needs = catalogue.needs_of(purpose)
        traits = frozenset(name for part in found.parts for name in part.record.facts)
        wider = Dependencies(needs.traits | traits, needs.events, needs.identifiers, needs.computed, needs.time)
        facts = catalogue.fill(facts_of(found, wider, folded(self._reader, wider)), ready, at, {})
        kinds = ("identifiers",) if needs.identifiers else ()
        return facts, ("events", *kinds, *sorted(facts.traits))


def _quietly(decision: Decision, catalogue: Catalogue) -> Proposal | None:
    """An action that quiet hours alone speak against, where nothing else may be done."""
    if decision.case.actions:
        return None
    against: dict[str, set[str]] = {}
    for one in decision.excluded:
        against.setdefault(one.action, set()).add(one.rule)
    for name, rules in sorted(against.items()):
        if rules == {"quiet_hours"}:
            action = catalogue.ready[name].action
            return Proposal(action.id, action.kind, decision.channel)
    return None


def _zone(said: str, wish: DecisionWish, facts: Facts) -> str:
    """The first time zone of what the person says, the caller, and a trait that may be known; "": nobody knows."""
    told = (said, wish.context.zone, _text(facts.traits.get("timezone")))
    return next((one for one in told if one and first_known(one) == one), "")


def _context(found: Found, facts: Facts, wish: DecisionWish, zone: str, at: int, goals: Mapping[str, float]) -> Context:
    said = wish.context
    by_name: Mapping[str, Any] = view.events(found.parts)["by_name"]
    return Context(
        at,
        zone=zone or "UTC",
        channel=wish.channel,
        device=said.device,
        place=said.place.country if said.place is not None and _shares_where(found) else "",
        session=said.session,
        goals=goals,
        computed=facts.computed,
        events={name: told["count"] for name, told in by_name.items()},
        traits=facts.traits,
    )


def _where(found: Found, place: Place | None) -> Where:
    if place is None or not _shares_where(found):
        return Where()
    return Where(place.lat, place.lon, place.country)


def _shares_where(found: Found) -> bool:
    location = bit(category("location"))
    return any(part.mask is None or part.mask & location for part in found.parts)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
