"""How a person wants to be reached, as they change it: one thing at a time, to one company or to all, and back again.

A change is made by people on a page and by software, and says what holds from then on, not a step from what was before:
so the same one twice changes nothing more. `undoing` is the change that brings back what was.
"""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from rapport.decide.contact import MOST_LESS
from rapport.decide.kinds import KINDS
from rapport.decide.person import LAST, Says, is_alone, kind_of
from rapport.kernel.errors import BadInput
from rapport.kernel.times import SECOND, parse_rfc3339, rfc3339

MOST_ACTION: Final = 100
EVERYWHERE: Final = ""


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of: `alone` (with `until`, RFC 3339; "": until they say so), `quiet` (with `zone`), `kind` (with `leaning`,
    or `stopped`), `action` (with `stopped`), `minute` (None: as the company counts), `takes_part` in the lot. `org`: to
    whom it is said; "": to all."""

    org: str = EVERYWHERE
    alone: bool | None = None
    until: str = ""
    quiet: str | None = None
    zone: str = ""
    kind: str | None = None
    action: str | None = None
    leaning: int | None = None
    stopped: bool | None = None
    minute: float | UnsetType | None = UNSET
    takes_part: bool | None = None

    @property
    def _said(self) -> list[str]:
        said = [name for name in ("alone", "quiet", "kind", "action", "takes_part") if getattr(self, name) is not None]
        return said if self.minute is UNSET else [*said, "minute"]

    @property
    def says_one(self) -> bool:
        return len(self._said) == 1

    @property
    def what(self) -> str:
        """The one thing that it changes. Raises BadInput (`bad_wish`)."""
        if not self.says_one:
            raise _bad("say one of alone, quiet, kind, action, minute and takes_part", None)
        return self._said[0]


def changed(says: Says, change: Change, at: int) -> Says:
    """What a person says from a time (µs) on. Raises BadInput (`bad_wish`, `unknown_kind`), naming the field; what else
    is wrong with it, `person.checked` says."""
    replace = msgspec.structs.replace
    match change.what:
        case "alone":
            return replace(says, alone=bool(change.alone), alone_until=_until(change, at) if change.alone else None)
        case "quiet":
            return replace(says, quiet=change.quiet or "", zone=change.zone)
        case "minute":
            return replace(says, minute=None if change.minute is UNSET else change.minute)
        case "takes_part":
            return replace(says, declines=not change.takes_part)
        case "action":
            if not change.action or len(change.action) > MOST_ACTION or change.stopped is None:
                raise _bad("say of an action whether it is stopped", "stopped")
            actions = says.stopped_actions - {change.action}
            return replace(says, stopped_actions=actions | {change.action} if change.stopped else actions)
        case _:
            return _of_kind(says, kind_of(change.kind or ""), change)


def _of_kind(says: Says, kind: str, change: Change) -> Says:
    if KINDS[kind].mandatory:
        raise _bad(f"a {kind} must be said: it is not asked for more or less", "kind")
    if change.leaning is None and change.stopped is None:
        raise _bad("say of a kind its leaning, or whether it is stopped", "leaning")
    leanings, stopped = dict(says.leanings), says.stopped_kinds
    if change.leaning is not None:
        if not -MOST_LESS <= change.leaning <= MOST_LESS:
            raise _bad(f"a leaning is from {-MOST_LESS} (less) to {MOST_LESS} (more)", "leaning")
        leanings[kind] = change.leaning
    if change.stopped is not None:
        stopped = stopped | {kind} if change.stopped else stopped - {kind}
    left = {name: lean for name, lean in leanings.items() if lean}
    return msgspec.structs.replace(says, stopped_kinds=stopped, leanings=left)


def _until(change: Change, at: int) -> int | None:
    if not change.until:
        return None
    try:
        until = parse_rfc3339(change.until)
    except (BadInput, OverflowError):
        raise _bad("a time is written 2026-12-01T09:00:00Z", "until") from None
    if not at < until < LAST:
        raise _bad("say a time to come, or none", "until")
    return until


def undoing(before: Says, change: Change, at: int) -> Change:
    """The change that brings back what was said before another, as far as it still held at a time (µs)."""
    org = change.org
    match change.what:
        case "alone":
            until = "" if before.alone_until is None else rfc3339(before.alone_until // SECOND * SECOND)
            return Change(org, alone=True, until=until) if is_alone(before, at) else Change(org, alone=False)
        case "quiet":
            return Change(org, quiet=before.quiet, zone=before.zone)
        case "minute":
            return Change(org, minute=before.minute)
        case "takes_part":
            return Change(org, takes_part=not before.declines)
        case "action":
            return Change(org, action=change.action, stopped=change.action in before.stopped_actions)
        case _:
            kind = change.kind or ""
            return Change(org, kind=kind, leaning=before.leanings.get(kind, 0), stopped=kind in before.stopped_kinds)


def _bad(message: str, field: str | None) -> BadInput:
    return BadInput(message, code="bad_wish", field=field)
