"""The catalogue: all actions of an organization, compiled; who may get which, and what it says to them.

It is made anew when a definition changes, and shared by all that read it. What is asked of it is a pure function of the
definitions, of the facts that the gate lets through for an action's purpose, and of the moment.

    Catalogue(actions, computation, units)
      .ready: {id: Ready}   .of_purpose(purpose) → [Ready]   .needs(readies) → Dependencies   .fill(facts, readies, now)
    Ready
      .excluded(facts, now, channel, …) → Exclusion | None       by which rule it is no candidate
      .rendered(facts, now, channel, languages) → Rendered | Unrendered
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from rapport.decide.actions import EVERYBODY, Action, Area
from rapport.decide.channels import CHANNELS, dress_of
from rapport.decide.contact import Proposal
from rapport.decide.content import Place, Template, template
from rapport.decide.grounds import Ground, grounds
from rapport.decide.kinds import KINDS, Units
from rapport.decide.languages import TRAITS, chosen
from rapport.decide.saying import Unsaid, doubtful, filled, unsaid
from rapport.decide.traits import Computation, joined
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import Dependencies, Expression, Facts, Result, compile_expression

RULES: Final[Mapping[str, str]] = {
    "unreadable": "its definition cannot be read by this release",
    "not_yet": "it is not valid yet",
    "over": "it is valid no more",
    "channel": "it says nothing in this channel",
    "place": "the customer is elsewhere, or does not share where",
    "eligible": "its condition does not hold, or rests on what is absent or withheld",
    "content": "a placeholder without a fallback rests on what is absent or withheld",
}
"""Why an action is no candidate, before any contact policy: code → words. The order is that in which they are asked."""
_EARTH_KM: Final = 6_371.0
_SPOKEN = Dependencies(traits=frozenset(TRAITS))


class Exclusion(NamedTuple):
    """`rule`: one of RULES; `said`: more of it, or ""."""

    rule: str
    said: str = ""


class Where(msgspec.Struct, frozen=True):
    """Where a customer is, as far as they share it: degrees, and a country (ISO 3166); None, and "": not shared."""

    lat: float | None = None
    lon: float | None = None
    country: str = ""


NOWHERE: Final = Where()


class Rendered(msgspec.Struct, frozen=True):
    """A message to one customer. `parts`: as in `channels`, filled and escaped for where each stands."""

    channel: str
    language: str
    parts: Mapping[str, str]


class Unrendered(msgspec.Struct, frozen=True):
    """Why there is no message: the `place` (a part, or a placeholder) and a `reason` that says nothing of values."""

    channel: str
    language: str
    place: str
    reason: str


class Ready:
    """An action, compiled. Where it can no longer be read (by a later release, say) it is no candidate, and `trouble`
    says why."""

    def __init__(self, action: Action, computation: Computation) -> None:
        self.action = action
        self.trouble = ""
        self._eligible: Expression | None = None
        self._content: dict[tuple[str, str], dict[str, Template]] = {}
        try:
            self._eligible = compile_expression(action.eligible)
            self._content = _compiled(action)
        except BadInput as error:
            self.trouble = error.message
        self._doubtful = {key: _doubtful(key[0], parts) for key, parts in self._content.items()}
        if action.kind not in KINDS:
            self.trouble = f"there is no kind {action.kind!r} here"
        expressions = [] if self._eligible is None else [self._eligible]
        for parts in self._content.values():
            for made in parts.values():
                expressions += (expression for place in made.places for expression in place.tried)
        own = joined((_SPOKEN, *(one.dependencies for one in expressions)))
        self.needed = computation.needed(own.computed)
        self.dependencies = computation.dependencies(own)
        """All that can change what it says, and to whom."""
        self._computation = computation
        self._proposals: dict[str, Proposal] = {}

    def proposal(self, channel: str) -> Proposal:
        """What contact policies are asked about. (Whether it is valid is asked here, so that it is told of once.)"""
        if channel not in self._proposals:
            one = self.action
            self._proposals[channel] = Proposal(one.id, one.kind, channel, one.caps, mandatory=one.mandatory)
        return self._proposals[channel]

    def fill(self, facts: Facts, now: int, memo: dict[int, Any] | None = None) -> Facts:
        """The facts with the computed traits that it looks at: what the functions below take."""
        return self._computation.fill(facts, self.needed, now, memo)

    def excluded(
        self,
        facts: Facts,
        now: int,
        channel: str,
        languages: Sequence[str] = (),
        where: Where = NOWHERE,
        memo: dict[int, Any] | None = None,
    ) -> Exclusion | None:
        """The first rule by which it is no candidate for one customer, None: it is one. `facts` are filled; `memo`: as
        in `Expression.evaluate`, shared by all actions that are asked at this moment."""
        if self.trouble or self._eligible is None:
            return Exclusion("unreadable", self.trouble)
        valid = self.action.valid
        if valid.since is not None and now < valid.since:
            return Exclusion("not_yet")
        if valid.until is not None and now >= valid.until:
            return Exclusion("over")
        if channel not in self.action.content:
            return Exclusion("channel")
        if self.action.place is not None and not is_there(self.action.place, where):
            return Exclusion("place")
        if self.action.eligible != EVERYBODY:
            value, error = self._fits(self._eligible, facts, now, memo)
            if value is not True:
                return Exclusion("eligible", error)
        doubts = self._doubtful[channel, self._language(channel, languages)]
        if doubts is not None:  # whether anything is said shows before it is
            trouble = unsaid(doubts, facts, now, memo)
            return None if trouble is None else Exclusion("content", f"{trouble.place}: {trouble.reason}")
        message = self.rendered(facts, now, channel, languages, memo)
        return Exclusion("content", f"{message.place}: {message.reason}") if isinstance(message, Unrendered) else None

    @staticmethod
    def _fits(eligible: Expression, facts: Facts, now: int, memo: dict[int, Any] | None) -> Result:
        """What a condition gives: many actions have the same one, which is compiled once."""
        if memo is None:
            return eligible.evaluate(facts, now)
        known: Result | None = memo.get(id(eligible))
        if known is None:
            known = memo[id(eligible)] = eligible.evaluate(facts, now, memo)
        return known

    def rendered(
        self, facts: Facts, now: int, channel: str, languages: Sequence[str] = (), memo: dict[int, Any] | None = None
    ) -> Rendered | Unrendered:
        """What it says in a channel, in the first of some languages (else its own, else English, else its first).
        Whatever the facts are, it raises nothing."""
        versions = self.action.content.get(channel)
        if not versions or self.trouble:
            return Unrendered(channel, "", channel[:40], self.trouble or "it says nothing in this channel")
        language = self._language(channel, languages)
        parts: dict[str, str] = {}
        for part, made in self._content[channel, language].items():
            text = filled(made, facts, now, dress_of(part), language, memo)
            if isinstance(text, Unsaid):
                return Unrendered(channel, language, text.place, text.reason)
            if len(text) > CHANNELS[channel].parts[part]:
                most = CHANNELS[channel].parts[part]
                return Unrendered(channel, language, part, f"filled, it is longer than {most:,} characters")
            if not text.strip():
                return Unrendered(channel, language, part, "it says nothing")
            parts[part] = text
        return Rendered(channel, language, parts)

    def grounds(self, facts: Facts, now: int) -> tuple[Ground, ...]:
        """What is known of a customer for whom it is, and without which it would not be for them."""
        return () if self._eligible is None else grounds(self._eligible, facts, now)

    def _language(self, channel: str, languages: Sequence[str]) -> str:
        return chosen(tuple(self.action.content[channel]), tuple(languages), self.action.language)

    def places(self) -> dict[str, tuple[Place, ...]]:
        """The placeholders of each text, by its field."""
        return {
            f"content.{channel}.{language}.{part}": made.places
            for (channel, language), parts in self._content.items()
            for part, made in parts.items()
            if made.places
        }


def _doubtful(channel: str, parts: Mapping[str, Template]) -> tuple[Place, ...] | None:
    found: list[Place] = []
    for part, made in parts.items():
        some = doubtful(made, dress_of(part), CHANNELS[channel].parts[part])
        if some is None:
            return None
        found += some
    return tuple(found)


def _compiled(action: Action) -> dict[tuple[str, str], dict[str, Template]]:
    return {
        (channel, language): {
            part: template(text, part, f"content.{channel}.{language}.{part}") for part, text in parts.items()
        }
        for channel, versions in action.content.items()
        for language, parts in versions.items()
    }


class Catalogue:
    """Of one organization. `actions` are those in force; `units`: in which both sides count; `switched_off`: actions
    that are not to be chosen, each with why. What must be said is never switched off."""

    def __init__(
        self,
        actions: Iterable[Action] = (),
        computation: Computation | None = None,
        units: Units | None = None,
        switched_off: Mapping[str, str] | None = None,
    ) -> None:
        self.units = Units() if units is None else units
        self.computation = Computation({}) if computation is None else computation
        self.ready: dict[str, Ready] = {one.id: Ready(one, self.computation) for one in actions}
        self._of_purpose: dict[str, tuple[list[Ready], Dependencies]] = {}
        """Each is asked for at every decision."""
        self.switched_off: Mapping[str, str] = {
            name: why
            for name, why in (switched_off or {}).items()
            if name in self.ready and not self.ready[name].action.mandatory
        }

    def only(self, names: Collection[str]) -> "Catalogue":
        """The same of some actions alone, as far as it has them."""
        some = Catalogue((), self.computation, self.units)
        some.ready = {name: one for name, one in self.ready.items() if name in names}
        some.switched_off = {name: why for name, why in self.switched_off.items() if name in names}
        return some

    def of_purpose(self, purpose: str) -> list[Ready]:
        """Those that are for a purpose, by id. It is the catalogue's own list."""
        if purpose not in self._of_purpose:
            every = [one for _, one in sorted(self.ready.items()) if one.action.purpose == purpose]
            self._of_purpose[purpose] = every, self.needs(every)
        return self._of_purpose[purpose][0]

    def needs_of(self, purpose: str) -> Dependencies:
        """What facts must hold for those that are for a purpose to be asked of a customer."""
        self.of_purpose(purpose)
        return self._of_purpose[purpose][1]

    def needs(self, some: Iterable[Ready]) -> Dependencies:
        """What facts must hold for these to be asked of a customer."""
        return joined(one.dependencies for one in some)

    def fill(self, facts: Facts, some: Iterable[Ready], now: int, memo: dict[int, Any] | None = None) -> Facts:
        """The facts with all computed traits that these look at, each worked out once."""
        names = {name for one in some for name in one.needed}
        return self.computation.fill(facts, self.computation.needed(names), now, memo)


def is_there(place: Area, where: Where) -> bool:
    """Whether a customer is in a place. Who does not share where they are is nowhere."""
    if place.countries:
        return where.country in place.countries
    if place.lat is None or place.lon is None or place.km is None or where.lat is None or where.lon is None:
        return False
    return distance_km(place.lat, place.lon, where.lat, where.lon) <= place.km


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Over the ground, by the haversine formula."""
    north, east = math.radians(other_lat - lat), math.radians(other_lon - lon)
    slope = math.cos(math.radians(lat)) * math.cos(math.radians(other_lat))
    chord = math.sin(north / 2) ** 2 + slope * math.sin(east / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, max(0.0, chord))))
