"""Where a message can go, as it is decided; and whether it still may, as it leaves.

An address is one of the customer's own e-mail identifiers that the gate let through: what the person has shown to be
theirs first, then what the more trusted source says; never one that is on another customer too, and none at which the
organization's mails were stopped. Before a message is handed over it is asked whether that still may be: of the terms,
the person, and the contact policy; what they say holds, whatever was decided before. It is the use that the decision
was, and counts no second time (`terms.carrying_out`); where nothing may leave, a receipt says why.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from rapport.act.mail import Sender, can_be_reached
from rapport.act.messages import Hook, Message, Step
from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.channels import ChannelBook
from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.guard_rails import RailBook, switched_off
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.messages import MessageBook
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.wishes import WishBook
from rapport.app.settings import Settings
from rapport.decide import contact
from rapport.decide.channels import interrupts
from rapport.decide.contact import Policy, Proposal, Wishes
from rapport.decide.person import wishes
from rapport.kernel.errors import BadInput, Conflict, Corrupt, NotFound
from rapport.kernel.times import DAY, HOUR, MINUTE, now
from rapport.profile.store import Found, ProfileReader
from rapport.profile.view import Part
from rapport.terms import Ground, Request
from rapport.terms.carrying_out import QUIET, CarryingOut
from rapport.terms.deciding import links_of

CALLER, ACTION = "node", "message"
DELIVERED: Final = ("inbox", "email", "webhook")
"""Channels on which the node itself delivers."""
SHAPES: Final[dict[str, type[Sender] | type[Hook]]] = {"email": Sender, "webhook": Hook}
"""What a channel is set up with, of those that need it."""
_NOBODY: Final = "nobody reads it: no person claims this customer"
_NO_ADDRESS: Final = "no e-mail address of the customer's own may be used for this"
_STOPPED: Final = "mails to every address of the customer's were stopped"
_SHUT: Final = "the customer may not be read for this any more"
_PROBE: Final = 5 * MINUTE
"""How closely the end of quiet hours is looked for."""


class Route(NamedTuple):
    """Where a message goes: an address where the way needs one; else why it would reach nobody."""

    to: str = ""
    unreachable: str = ""


class Reaching:
    """Over one ledger connection and one reader of profiles; used by one thread at a time, within a snapshot."""

    def __init__(self, settings: Settings, people: PeopleFile, reader: ProfileReader) -> None:
        ledger = people.ledger
        self._settings = settings
        self._people = people
        self._reader = reader
        self._channels = ChannelBook(ledger)
        self._messages = MessageBook(ledger)
        self._decisions = DecisionBook(ledger)
        self._manners = MannerBook(ledger)
        self._actions = ActionBook(ledger)
        self._rails = RailBook(ledger)
        self._wishes = WishBook(people)

    # -- as it is decided

    def check(self, org: str, channel: str) -> None:
        """Raises BadInput (`not_delivered`) where nothing goes out by a channel."""
        why = ""
        if channel not in DELIVERED:
            why = f"nothing is sent by {channel} from here: leave out deliver, and show it yourself"
        elif channel == "email" and not self._settings.smtp:
            why = "no mail goes out from this node: whoever runs it sets smtp"
        elif channel in SHAPES and self._channels.read(org, channel, SHAPES[channel]) is None:
            why = f"say first how you send it: PUT /v1/channels/{channel}"
        if why:
            raise BadInput(why, code="not_delivered", field="deliver")

    def route(self, found: Found, channel: str) -> Route:
        """Where a message to an opened customer goes."""
        ground = self._people.ground(found.org, links_of(found.parts))
        if channel == "inbox":
            return Route(unreachable="" if ground.holders else _NOBODY)
        if channel != "email":
            return Route()
        own = [one for one in _addresses(found.parts, ground) if can_be_reached(one) and self._is_own(found, one)]
        open_to = [one for one in own if not self._messages.has_unsubscribed(found.org, one)]
        if open_to:
            return Route(open_to[0])
        return Route(unreachable=_STOPPED if own else _NO_ADDRESS)

    def is_claimed(self, found: Found) -> bool:
        """Whether there is a person who would read the inbox: of the customer nothing is looked at."""
        return bool(self._people.ground(found.org, links_of(found.parts)).holders)

    def _is_own(self, found: Found, address: str) -> bool:
        """Whether an address is on this customer, and on no other."""
        there = self._reader.by_identifier(found.org, "email", address)
        return [one.customer for one in there] == [found.customer]

    # -- as it leaves

    async def still(self, use: CarryingOut, message: Message) -> Step | None:
        """None where a message may leave now, and that is on record; else what becomes of it. Raises Busy."""
        decision, later = message.decision, 0

        def check(found: Found) -> None:
            nonlocal later
            against = self._against(found, message)
            later = against.next_at
            if against.why:
                raise Conflict(against.why, code="withheld")

        try:
            decided = self._people.ledger.receipt(message.org, message.record, message.receipt)
        except (Corrupt, msgspec.MsgspecError):
            # One that cannot be read must not stop those behind it.
            decided = None
        if decided is None:
            return Step("withdrawn", _SHUT)
        reaching = interrupts(message.channel)
        request = Request(message.org, message.customer, decision.purpose, CALLER, ACTION, reaching_out=reaching)
        try:
            await use.go_on(request, decided, check, ("identifiers",) if message.to else ("customer",))
        except NotFound:
            return Step("withdrawn", _SHUT)
        except Conflict as error:
            if error.code == QUIET:
                # Where they just ended, or another clause is used up, too, it is asked again, but not over and over.
                later = use.opens_at(request) or now() + HOUR
            return Step("waiting", error.message, later) if later else Step("withdrawn", error.message)
        return None

    def _against(self, found: Found, message: Message) -> Step:
        """What speaks against it now; where that passes, when it has."""
        if message.channel == "email" and not self._reaches(found, message.to):
            return Step("withdrawn", "the address may not be written to any more")
        decision, at = message.decision, now()
        try:
            action = self._actions.action(message.org, decision.action)
        except NotFound:
            return Step("withdrawn", "the company took this action back")
        if action.id in switched_off(self._rails.standing(message.org)):
            return Step("withdrawn", "this action was switched off meanwhile, since it harms")
        says = self._wishes.holding(self._holders(found), message.org)
        valid, mandatory = action.valid, action.mandatory
        proposal = Proposal(
            action.id, action.kind, message.channel, action.caps, valid.since, valid.until, mandatory=mandatory
        )
        # What came after it counted it already; it does not count itself.
        before = [one for one in self._standing(found, at) if one.at < decision.at]
        policy, wished = self._manners.manner(message.org).policy, wishes(says)
        wished = msgspec.structs.replace(wished, zone=wished.zone or decision.zone)
        against = contact.exclusions([proposal], policy, wished, before, at)
        if not against:
            return Step("delivered")
        why = "; ".join(one.text for one in against)
        if {one.rule for one in against} == {"quiet_hours"}:
            return Step("waiting", why, end_of_quiet(proposal, policy, wished, at))
        return Step("withdrawn", why)

    def _reaches(self, found: Found, address: str) -> bool:
        there = any(f"email:{address}" in _active(part) for part in found.parts)
        return there and self._is_own(found, address) and not self._messages.has_unsubscribed(found.org, address)

    def _holders(self, found: Found) -> tuple[int, ...]:
        return tuple(one.id for one in self._people.ground(found.org, links_of(found.parts)).holders)

    def _standing(self, found: Found, at: int) -> Iterable[contact.Contact]:
        return self._decisions.at([part.number for part in found.parts], at).contacts


def end_of_quiet(proposal: Proposal, policy: Policy, wished: Wishes, at: int) -> int:
    """When quiet hours are over, to a few minutes."""
    alone = Policy(policy.quiet, policy.zone)
    quietly = msgspec.structs.replace(Wishes(), quiet=wished.quiet, zone=wished.zone)
    bare = Proposal(proposal.action, proposal.kind, proposal.channel)
    until = at
    while until < at + DAY and contact.exclusions([bare], alone, quietly, (), until):
        until += _PROBE
    return until


def _active(part: Part) -> set[str]:
    record = part.record
    return {link for link, how in record.links.items() if how & ~record.unlinked.get(link, 0)}


def _addresses(parts: Iterable[Part], ground: Ground) -> list[str]:
    """A customer's e-mail addresses, the surest first."""
    shown = {link for holder in ground.holders for link in holder.links}
    ranked: dict[str, tuple[bool, bool, int]] = {}
    for part in parts:
        for link in _active(part):
            if link.startswith("email:"):
                rank = (link in shown, part.trusted, part.trust)
                address = link.removeprefix("email:")
                ranked[address] = max(rank, ranked.get(address, rank))
    return [address for address, _ in sorted(ranked.items(), key=lambda one: (*(-int(by) for by in one[1]), one[0]))]
