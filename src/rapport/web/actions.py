"""Actions as the API and the console ask for them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from rapport.decide.actions import Action, declared
from rapport.decide.catalogue import Rendered, Unrendered
from rapport.decide.kinds import KINDS, Units, Worth
from rapport.decide.wishes import ActionWish, told_action
from rapport.kernel.times import rfc3339
from rapport.learn.verdicts import Rail
from rapport.web.audiences import Warned, told_warnings


class SavedAction(msgspec.Struct, frozen=True):
    """An action that is on the disk. `fresh`: there was none of this id before; `units`: those in force."""

    action: Action
    units: Units
    warnings: tuple[Warned, ...]
    fresh: bool


class Previewed(msgspec.Struct, frozen=True):
    """An action for one customer: what it says, or why it says nothing; and by which rule it is no candidate ("": it is
    one), with more of that rule."""

    action: Action
    message: Rendered | Unrendered
    rule: str
    said: str


class Actions(Protocol):
    """What the node does about actions, each for one organization. `who` is told in the audit log, `caller` in
    receipts."""

    async def put(self, org: str, name: str, wish: ActionWish, who: str, expected: int | None = None) -> SavedAction:
        """`expected`: the version that it is to follow, 0 for none. Raises BadInput, ExpressionError, Conflict
        (`too_many`, `outdated`)."""

    async def named(self, org: str, name: str) -> tuple[Action, Units]:
        """Raises NotFound, also where it is another organization's."""

    async def page(self, org: str, after: str, limit: int) -> tuple[list[Action], Units]:
        """By id, those after one."""

    async def delete(self, org: str, name: str, who: str) -> None:
        """Raises NotFound."""

    async def preview(
        self, org: str, name: str, customer: str, channel: str, language: str | None, caller: str
    ) -> dict[str, Any]:
        """What an action says to one customer, with the receipt. Raises NotFound where the action is not there, or the
        customer is absent or refused; Conflict (`ambiguous`), BadInput (`unknown_channel`, `bad_language`)."""

    async def rails(self, org: str) -> Mapping[str, Rail]:
        """Of actions about which guard-rails found anything, or somebody said so, where their versions in force
        stand."""

    async def switch_on(self, org: str, name: str, who: str, reason: str) -> Rail:
        """Let an action that was switched off be chosen again. Raises NotFound, BadInput (`bad_reason`), Conflict
        (`not_switched_off`)."""

    async def units(self, org: str) -> Units:
        """Those in force."""

    async def put_units(self, org: str, units: Units, who: str, expected: int | None = None) -> Units:
        """Raises BadInput, Conflict (`outdated`, `other_currency`)."""


# -- as they are told


def told(one: Action, units: Units, rail: Rail | None = None) -> dict[str, Any]:
    """An action, with what it is worth to both sides before anything was learnt, and where it stands by the
    guard-rails."""
    head = {"id": one.id, **told_action(one), "mandatory": one.mandatory}
    since = {"version": one.version, "since": rfc3339(one.at)}
    return {**head, "worth": told_worth(declared(one, units)), **since, "guard_rail": told_rail(rail)}


def told_rail(rail: Rail | None) -> dict[str, Any] | None:
    """None where nothing was found."""
    if rail is None:
        return None
    harm = [
        {
            "side": one.side,
            "effect": one.effect,
            "low": one.low,
            "high": one.high,
            "got": one.got,
            "left_alone": one.left_alone,
            "said": one.said,
        }
        for one in rail.verdicts
    ]
    return {"state": rail.state, "at": rfc3339(rail.at), "harm": harm, "reason": rail.reason or None}


def told_saved(saved: SavedAction, rail: Rail | None = None) -> dict[str, Any]:
    return {**told(saved.action, saved.units, rail), "warnings": told_warnings(saved.warnings)}


def told_worth(worth: Worth) -> dict[str, float]:
    return {"customer": round(worth.customer, 6), "company": round(worth.company, 6)}


def told_units(units: Units) -> dict[str, Any]:
    """`worth`: of each kind what is in force, be it set or not."""
    return {
        "currency": units.currency or None,
        "minute": units.minute,
        "kinds": {kind: told_worth(worth) for kind, worth in units.kinds.items()},
        "worth": {kind: told_worth(units.worth(kind)) for kind in KINDS},
        "version": units.version,
    }


def told_preview(one: Previewed) -> dict[str, Any]:
    """`content` is null where nothing can be said, and `trouble` then tells why."""
    message = one.message
    content, trouble = None, None
    if isinstance(message, Rendered):
        content = dict(message.parts)
    else:
        trouble = f"{message.place}: {message.reason}"
    return {
        "action": one.action.id,
        "version": one.action.version,
        "channel": message.channel,
        "language": message.language or None,
        "content": content,
        "trouble": trouble,
        "excluded": {"rule": one.rule, "said": one.said or None} if one.rule else None,
    }


def told_page(actions: Sequence[Action], units: Units, rails: Mapping[str, Rail]) -> list[dict[str, Any]]:
    return [told(one, units, rails.get(one.id)) for one in actions]
