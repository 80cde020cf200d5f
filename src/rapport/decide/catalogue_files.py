"""Actions in files: TOML, with as many in one as you like, and the units in which both sides count.

    [units]
    currency = "GBP"
    minute = 0.2

    [action.boiler_help]
    kind = "help"
    purpose = "service"
    content.inbox.en = "Your {traits.boiler or 'boiler'} says F22: the water is low. Here is how to fill it up."

Nothing of a file is taken in unless all of it can be.
"""

import tomllib
from typing import Any, Final, NamedTuple

import msgspec

from rapport.decide.actions import Action
from rapport.decide.kinds import Units, checked_units
from rapport.decide.wishes import action, wish_of
from rapport.kernel.errors import BadInput, TooLarge
from rapport.kernel.expressions import ExpressionError

MOST_BYTES: Final = 20_000_000
_KNOWN: Final = ("units", "action")


class CatalogueFile(NamedTuple):
    """What a file holds; `units` None where it says nothing of them."""

    actions: tuple[Action, ...]
    units: Units | None


def parse(org: str, body: bytes) -> CatalogueFile:
    """What a file says, checked. Raises BadInput: `bad_toml`, or what is wrong with an action, named in the field."""
    if len(body) > MOST_BYTES:
        raise TooLarge(f"a file of actions has at most {MOST_BYTES:,} bytes")
    try:
        document = tomllib.loads(body.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadInput(f"this is no TOML: {error}", code="bad_toml") from None
    for name in document:
        if name not in _KNOWN:
            raise BadInput(
                f"{name[:40]!r} is unknown: a file has [action.ID] and [units]", code="unknown_field", field=name[:40]
            )
    named = document.get("action", {})
    if not isinstance(named, dict):
        raise BadInput("actions are tables [action.ID]", code="bad_type", field="action")
    return CatalogueFile(
        tuple(_action(org, name, raw) for name, raw in named.items()),
        None if "units" not in document else _units(document["units"]),
    )


def _action(org: str, name: str, raw: Any) -> Action:
    within = f"action.{name[:64]}"
    try:
        return action(org, name, wish_of(raw))
    except ExpressionError as error:
        error.field = f"{within}.{error.field}"
        raise
    except BadInput as error:
        field = within if error.field in (None, "id", "action") else f"{within}.{error.field}"
        raise type(error)(error.message, code=error.code, field=field) from None


def _units(raw: Any) -> Units:
    try:
        units = msgspec.convert(raw, Units)
        return checked_units(msgspec.structs.replace(units, version=0))
    except (msgspec.ValidationError, OverflowError) as error:
        message, _, path = str(error).partition(" - at ")
        field = f"units{path.strip('`').removeprefix('$')}"
        raise BadInput(message[:1].lower() + message[1:], code="bad_type", field=field) from None
    except BadInput as error:
        raise BadInput(error.message, code=error.code, field=f"units.{error.field}") from None
