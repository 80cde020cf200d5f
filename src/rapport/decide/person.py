"""What a person says to whoever decides about them: when not to disturb, what to stop, what their time is worth.

Said to one organization, or to all of them (`everywhere`); both hold, and the stricter counts. An organization sees
what follows from it, by the rule that excludes an action, and never whether it was said to it or to all.
"""

from collections.abc import Iterable
from typing import Final, Literal, get_args

import msgspec

from rapport.decide.clocks import first_known
from rapport.decide.contact import MOST_LESS, Wishes, quiet_hours
from rapport.decide.kinds import KINDS, MOST
from rapport.kernel.errors import BadInput
from rapport.kernel.times import SECOND

Answer = Literal["less", "more", "stop", "stop_kind", "resume"]
ANSWERS: Final[tuple[Answer, ...]] = get_args(Answer)
MOST_STOPPED: Final = 1_000
LAST: Final = 253_370_764_800 * SECOND
"""The year 9999."""


class Says(msgspec.Struct, frozen=True, omit_defaults=True):
    """`quiet`, `zone`, `alone`, what is stopped and `leanings` as in `contact.Wishes`; `minute`: what a minute is worth
    to them, in the organization's money; `declines`: to be left alone by lot; `alone_until` (µs): `alone` ends then
    (None: when they say so)."""

    quiet: str = ""
    zone: str = ""
    alone: bool = False
    stopped_actions: frozenset[str] = frozenset()
    stopped_kinds: frozenset[str] = frozenset()
    leanings: dict[str, int] = {}
    minute: float | None = None
    declines: bool = False
    alone_until: int | None = None


NOTHING: Final = Says()


def checked(says: Says) -> Says:
    """Raises BadInput (`bad_policy`, `bad_minute`), naming the field."""
    quiet_hours(says.quiet, "quiet")
    if says.zone and says.zone != first_known(says.zone):
        raise BadInput(f"{says.zone[:60]!r} is no time zone, such as Europe/Berlin", code="bad_policy", field="zone")
    if says.minute is not None and not 0 <= says.minute <= MOST:
        raise BadInput(f"a minute is worth an amount from 0 to {MOST:,}", code="bad_minute", field="minute")
    if says.alone_until is not None and not 0 < says.alone_until < LAST:
        raise BadInput("say until when, before the year 9999", code="bad_policy", field="until")
    return says


def answered(says: Says, answer: Answer, action: str, kind: str) -> Says:
    """What a person says, after they answered a decision. Raises BadInput (`too_many`)."""
    if answer == "resume":
        return msgspec.structs.replace(
            says, stopped_actions=says.stopped_actions - {action}, stopped_kinds=says.stopped_kinds - {kind}
        )
    if answer == "stop_kind":
        return msgspec.structs.replace(says, stopped_kinds=says.stopped_kinds | {kind})
    if answer == "stop":
        if len(says.stopped_actions) >= MOST_STOPPED:
            message = f"{MOST_STOPPED:,} things are stopped already: stop a whole kind, or ask to be left alone"
            raise BadInput(message, code="too_many", field="decision")
        return msgspec.structs.replace(says, stopped_actions=says.stopped_actions | {action})
    step = 1 if answer == "more" else -1
    leaning = max(-MOST_LESS, min(MOST_LESS, says.leanings.get(kind, 0) + step))
    leanings = {**says.leanings, kind: leaning}
    return msgspec.structs.replace(says, leanings={kind: lean for kind, lean in leanings.items() if lean})


def joined(every: Iterable[Says]) -> Says:
    """All of it together: of each the stricter. Of hours and zones the first that is said counts, of rates the largest,
    since nobody's time is to be worth less than they say, and of times until which to be left alone the last."""
    quiet = zone = ""
    alone = declines = False
    actions: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    leanings: dict[str, int] = {}
    minute: float | None = None
    until: int | None = 0
    for one in every:
        quiet, zone = quiet or one.quiet, zone or one.zone
        alone, declines = alone or one.alone, declines or one.declines
        if one.alone:
            until = None if until is None or one.alone_until is None else max(until, one.alone_until)
        actions, kinds = actions | one.stopped_actions, kinds | one.stopped_kinds
        for kind, lean in one.leanings.items():
            leanings[kind] = min(lean, leanings.get(kind, lean))
        if one.minute is not None:
            minute = max(one.minute, minute or 0.0)
    return Says(quiet, zone, alone, actions, kinds, leanings, minute, declines, until if alone else None)


def wishes(says: Says) -> Wishes:
    """As the contact policy asks for them."""
    stops = (says.stopped_actions, says.stopped_kinds, says.leanings)
    return Wishes(says.quiet, says.zone, says.alone, *stops, says.alone_until)


def is_alone(says: Says, at: int) -> bool:
    """Whether they are to be left alone at a time (µs)."""
    return says.alone and (says.alone_until is None or at < says.alone_until)


def kind_of(name: str) -> str:
    """Raises BadInput (`unknown_kind`)."""
    if name not in KINDS:
        raise BadInput(f"{name[:40]!r} is no kind of action: {', '.join(KINDS)}", code="unknown_kind", field="kind")
    return name
