"""The contact policy: what may reach a customer now, given when and how often they were reached, and what they wish.

An organization says its policy, and begins with none: nothing is capped before it says so. People say theirs: hours in
which nothing may interrupt them, "leave me alone", and of an action or a kind *stop*, *less of this*, *more of this*.
What counts is what was delivered, whoever sent it: a decision that reached nobody wearied nobody.

Hours are those on the person's own wall. A day, a week and a month are the last 24 hours, 7 and 30 days: nobody gets
two at both sides of a midnight, and no change of the clocks makes a day longer. Days, weeks, months and weariness count
what interrupts (see `channels`) and bind what interrupts; a channel's own limits count and bind that channel, and an
action's and a kind's whatever is on any channel.

    less of this   that kind comes at most once in 7 days; said again, in 14, 28, 56 …
    more of this   takes one "less" back; beyond that, weariness no longer holds that kind up
    stop           that action, or that kind, no more
    leave me alone nothing at all

What is mandatory (a recall, a confirmation) is bound by its validity alone.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from rapport.decide.actions import MOST_TIMES, Caps, Limits
from rapport.decide.channels import CHANNELS, interrupts
from rapport.decide.clocks import first_known
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, rfc3339
from rapport.terms.criteria import is_quiet

NO_CAPS: Final = Caps()
HALF: Final = 3 * DAY
"""How long a contact wearies: after this it weighs a half, after twice that a quarter."""
LESS: Final = 7 * DAY
MOST_LESS: Final = 6
"""Said more often, "less of this" changes nothing more."""
REACH: Final = LESS << MOST_LESS - 1
"""How far back (µs) contacts matter to any rule, limits of a month among them."""
_HOURS = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)
_PERIODS: Final = (("per_day", "24 hours", DAY), ("per_week", "7 days", 7 * DAY), ("per_month", "30 days", 30 * DAY))


class Contact(NamedTuple):
    """One that was delivered at an instant (µs), by whatever sender."""

    at: int
    channel: str
    action: str
    kind: str


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An organization's. `quiet`: hours such as "22:00-08:00" ("": none); `zone`: for people whose own is not known;
    `limits`: over all channels; `channels`: by channel; `weary`: nothing interrupts while contacts before weigh so
    much."""

    quiet: str = ""
    zone: str = "UTC"
    limits: Limits = Limits()
    channels: Mapping[str, Limits] = msgspec.field(default_factory=dict)
    weary: float | None = None


class Wishes(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person's. `leanings`: kind → how often they said "more", less how often they said "less"; `alone` ends at
    `alone_until` (µs; None: when they say so)."""

    quiet: str = ""
    zone: str = ""
    alone: bool = False
    stopped_actions: frozenset[str] = frozenset()
    stopped_kinds: frozenset[str] = frozenset()
    leanings: Mapping[str, int] = msgspec.field(default_factory=dict)
    alone_until: int | None = None


class Proposal(msgspec.Struct, frozen=True):
    """An action that may be done now, on one channel. It is valid from `since` on, until `until` (µs; None: always)."""

    action: str
    kind: str
    channel: str
    caps: Caps = Caps()
    since: int | None = None
    until: int | None = None
    mandatory: bool = False


class Exclusion(NamedTuple):
    """Why an action may not be done now: `rule` is a stable id (see RULES), `text` says it to people."""

    action: str
    rule: str
    text: str


class _Moment(NamedTuple):
    """All that rules look at beside a proposal; and all the `proposals`."""

    now: int
    zone: str
    policy: Policy
    wishes: Wishes
    contacts: Sequence[Contact]
    interrupting: Sequence[Contact]
    proposals: Sequence[Proposal]


def exclusions(
    proposals: Iterable[Proposal], policy: Policy, wishes: Wishes, contacts: Iterable[Contact], now: int
) -> list[Exclusion]:
    """All that speaks against each proposal now, in their order; nothing of one that may be done."""
    proposals, known = tuple(proposals), tuple(contacts)
    interrupting = [contact for contact in known if _interrupts(contact.channel)]
    moment = _Moment(now, first_known(wishes.zone, policy.zone), policy, wishes, known, interrupting, proposals)
    # Most people said nothing, and most policies say little: whatever is proposed, most rules have nothing to say.
    rules = [(rule, against) for rule, against in RULES.items() if _RESTS[rule](moment)]
    return [
        Exclusion(proposal.action, rule, text)
        for proposal in proposals
        for rule, against in rules
        if (not proposal.mandatory or rule in _BINDING_ALL) and (text := against(proposal, moment))
    ]


def weariness(interrupting: Iterable[Contact], now: int) -> float:
    """What contacts before weigh together: one of now 1, one of HALF ago a half."""
    return math.fsum(math.exp2(-max(0, now - contact.at) / HALF) for contact in interrupting)


def checked(policy: Policy) -> Policy:
    """Raises BadInput (`bad_policy`), naming the field."""
    quiet_hours(policy.quiet, "quiet")
    if policy.zone != first_known(policy.zone):
        raise _bad(f"{policy.zone[:60]!r} is no time zone, such as Europe/Berlin", "zone")
    for channel in policy.channels:
        if channel not in CHANNELS:
            raise _bad(f"{channel[:40]!r} is no channel: {', '.join(CHANNELS)}", "channels")
    by_channel = ((f"channels.{channel}", limits) for channel, limits in policy.channels.items())
    for field, limits in (("limits", policy.limits), *by_channel):
        if not all(0 <= (getattr(limits, period) or 0) <= MOST_TIMES for period, *_ in _PERIODS):
            raise _bad(f"a limit is a number from 0 to {MOST_TIMES:,}", field)
    if policy.weary is not None and not policy.weary > 0:
        raise _bad("this is a number above 0, or nothing", "weary")
    return policy


def quiet_hours(hours: str, field: str) -> str:
    """Hours of the day such as "22:00-08:00"; "": none. Raises BadInput (`bad_policy`)."""
    if hours and not _HOURS.fullmatch(hours):
        raise _bad(f"{hours[:40]!r} are no hours such as 22:00-08:00", field)
    if hours and hours[:5] == hours[6:]:
        raise _bad("quiet hours begin at one time and end at another", field)
    return hours


def _bad(message: str, field: str) -> BadInput:
    return BadInput(message, code="bad_policy", field=field)


def _interrupts(channel: str) -> bool:
    """A channel that is not known (any more) is taken for one that does."""
    return channel not in CHANNELS or interrupts(channel)


def _not_yet(proposal: Proposal, moment: _Moment) -> str:
    since = proposal.since
    return "" if since is None or since <= moment.now else f"it is valid from {rfc3339(since)} on"


def _no_longer(proposal: Proposal, moment: _Moment) -> str:
    until = proposal.until
    return "" if until is None or moment.now < until else f"it was valid until {rfc3339(until)}"


def _left_alone(_: Proposal, moment: _Moment) -> str:
    until = moment.wishes.alone_until
    alone = moment.wishes.alone and (until is None or moment.now < until)
    return "the customer asked to be left alone" if alone else ""


def _stopped_action(proposal: Proposal, moment: _Moment) -> str:
    return "the customer said stop to this" if proposal.action in moment.wishes.stopped_actions else ""


def _stopped_kind(proposal: Proposal, moment: _Moment) -> str:
    return f"the customer said stop to all of kind {proposal.kind}" * (proposal.kind in moment.wishes.stopped_kinds)


def _less(proposal: Proposal, moment: _Moment) -> str:
    said = min(-moment.wishes.leanings.get(proposal.kind, 0), MOST_LESS)
    if said <= 0:
        return ""
    apart = LESS << said - 1
    if not any(contact.kind == proposal.kind and contact.at > moment.now - apart for contact in moment.contacts):
        return ""
    return f"the customer asked for less of kind {proposal.kind}: one in {apart // DAY} days, and one came"


def _quiet(proposal: Proposal, moment: _Moment) -> str:
    if not _interrupts(proposal.channel):
        return ""
    both = (("the customer", moment.wishes.quiet), ("the company", moment.policy.quiet))
    told = [f"{hours} ({whose}'s)" for whose, hours in both if _is_quiet(hours, moment)]
    return f"it is within quiet hours in {moment.zone}: {', '.join(told)}" if told else ""


def _is_quiet(hours: str, moment: _Moment) -> bool:
    return bool(hours) and is_quiet(hours, moment.zone, moment.now)


def _limit(proposal: Proposal, moment: _Moment) -> str:
    if not _interrupts(proposal.channel):
        return ""
    return _over(moment.policy.limits, moment.interrupting, moment.now, "contacts that interrupt")


def _channel_limit(proposal: Proposal, moment: _Moment) -> str:
    limits = moment.policy.channels.get(proposal.channel)
    if limits is None:
        return ""
    on = [contact for contact in moment.contacts if contact.channel == proposal.channel]
    return _over(limits, on, moment.now, f"contacts by {proposal.channel}")


def _action_limit(proposal: Proposal, moment: _Moment) -> str:
    caps, channel = proposal.caps, proposal.channel
    if caps == NO_CAPS:
        return ""
    same = [contact for contact in moment.contacts if contact.action == proposal.action]
    on = [contact for contact in same if contact.channel == channel]
    told = (
        _over(caps, same, moment.now, "this action"),
        _over(caps.channels.get(channel, Limits()), on, moment.now, f"this action by {channel}"),
    )
    return ", and ".join(text for text in told if text)


def _weary(proposal: Proposal, moment: _Moment) -> str:
    most = moment.policy.weary
    if most is None or not _interrupts(proposal.channel) or moment.wishes.leanings.get(proposal.kind, 0) > 0:
        return ""
    weighs = weariness(moment.interrupting, moment.now)
    return f"contacts of late weigh {weighs:.2g}, and {most:g} is enough" if weighs >= most else ""


def _over(limits: Limits, contacts: Sequence[Contact], now: int, what: str) -> str:
    told = []
    for period, words, length in _PERIODS:
        most = getattr(limits, period)
        if most is None:
            continue
        count = sum(1 for contact in contacts if contact.at > now - length)
        if count >= most:
            told.append(f"{what} in {words}: {count}, at most {most}")
    return ", and ".join(told)


RULES: Final[Mapping[str, Callable[[Proposal, _Moment], str]]] = {
    "not_yet_valid": _not_yet,
    "no_longer_valid": _no_longer,
    "left_alone": _left_alone,
    "stopped_action": _stopped_action,
    "stopped_kind": _stopped_kind,
    "asked_for_less": _less,
    "quiet_hours": _quiet,
    "contact_limit": _limit,
    "channel_limit": _channel_limit,
    "action_limit": _action_limit,
    "weary": _weary,
}
"""By their ids, which stay. Each says why a proposal may not be done now, or nothing."""
_RESTS: Final[Mapping[str, Callable[[_Moment], object]]] = {
    "not_yet_valid": lambda moment: any(one.since is not None for one in moment.proposals),
    "no_longer_valid": lambda moment: any(one.until is not None for one in moment.proposals),
    "left_alone": lambda moment: moment.wishes.alone,
    "stopped_action": lambda moment: moment.wishes.stopped_actions,
    "stopped_kind": lambda moment: moment.wishes.stopped_kinds,
    "asked_for_less": lambda moment: moment.wishes.leanings,
    "quiet_hours": lambda moment: moment.wishes.quiet or moment.policy.quiet,
    "contact_limit": lambda moment: moment.policy.limits != Limits(),
    "channel_limit": lambda moment: moment.policy.channels,
    "action_limit": lambda moment: any(one.caps != NO_CAPS for one in moment.proposals),
    "weary": lambda moment: moment.policy.weary is not None,
}
"""What each rule rests on; where there is none of it, it speaks against nothing."""
_BINDING_ALL: Final = frozenset({"not_yet_valid", "no_longer_valid"})
