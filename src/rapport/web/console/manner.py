"""How an organization decides, and in which units it counts: two forms, each with what every number means."""

from typing import Any, Final

import msgspec
from starlette.responses import Response

from rapport.decide.channels import CHANNELS
from rapport.decide.contact import Policy
from rapport.decide.decision import MOST_DAYS, Manner
from rapport.decide.holdout import LARGEST
from rapport.decide.kinds import KINDS, Units
from rapport.kernel.errors import BadInput, Conflict
from rapport.web.console import action_form
from rapport.web.console.actions import money
from rapport.web.console.visit import Visit
from rapport.web.forms import go, whole

MANNER: Final = "/console/manner"
UNITS: Final = "/console/units"


async def page(visit: Visit) -> Response:
    return await _manner(visit, filled(await visit.desk.actions.manner(visit.session)))


async def _manner(visit: Visit, said: dict[str, str], error: BadInput | Conflict | None = None) -> Response:
    return visit.page(
        "manner.html",
        200 if error is None else error.status,
        section="manner",
        said=said,
        error=error,
        at_fault=_at_fault(error),
        saved=visit.asked("saved", 5) == "yes",
        interrupting=[name for name, channel in CHANNELS.items() if channel.interrupts],
        most_days=MOST_DAYS,
        most_held=LARGEST,
        here=MANNER,
    )


async def change(visit: Visit) -> Response:
    try:
        manner = manner_of(visit.form)
        await visit.desk.actions.put_manner(visit.session, manner, _expected(visit))
    except (BadInput, Conflict) as error:
        return await _manner(visit, visit.form, error)
    return go(f"{MANNER}?saved=yes")


def filled(manner: Manner) -> dict[str, str]:
    policy = manner.policy
    start, _, end = policy.quiet.partition("-")
    return {
        "version": str(manner.version),
        "weight": action_form.figure(round(manner.weight * 100, 9)),
        "holdout": action_form.figure(round(manner.holdout * 100, 9)),
        "quiet_from": start,
        "quiet_until": end,
        "zone": policy.zone,
        **action_form.filled_limits(policy.limits),
        "channels": "\n".join(action_form.told_limits(policy.channels)),
        "weary": action_form.figure(policy.weary),
        "days": str(manner.days),
        "guard_rails": "yes" if manner.guard_rails else "",
    }


def manner_of(form: dict[str, str]) -> Manner:
    """Raises BadInput."""
    start, end = action_form.text(form, "quiet_from"), action_form.text(form, "quiet_until")
    raw: dict[str, Any] = {
        "weight": _needed(form, "weight") / 100,
        "holdout": _needed(form, "holdout") / 100,
        "policy": {
            "quiet": f"{start}-{end}" if start or end else "",
            "zone": action_form.text(form, "zone") or Policy().zone,
            "limits": action_form.limits_of(form),
            "channels": action_form.channel_limits(form, "channels"),
            "weary": action_form.number(form, "weary"),
        },
        "days": action_form.count(form, "days") or 0,
        "guard_rails": form.get("guard_rails") == "yes",
    }
    return msgspec.convert(raw, Manner)


def _needed(form: dict[str, str], name: str) -> float:
    found = action_form.number(form, name)
    if found is None:
        raise BadInput("a number is needed here", code="bad_type", field=name)
    return found


def _at_fault(error: BadInput | Conflict | None) -> str:
    field = ((error.field or "") if error is not None else "").removeprefix("policy.")
    return {"quiet": "quiet_from", "limits": "per_day"}.get(field, field.partition(".")[0])


def _expected(visit: Visit) -> int:
    expected = whole(visit.form.get("version", ""), 9)
    if expected is None:
        raise BadInput("open the page again and repeat it", code="bad_version", field="version")
    return expected


# -- units


async def units(visit: Visit) -> Response:
    return await _units(visit, filled_units(await visit.desk.actions.units(visit.session)))


async def _units(visit: Visit, said: dict[str, str], error: BadInput | Conflict | None = None) -> Response:
    return visit.page(
        "units.html",
        200 if error is None else error.status,
        section="units",
        said=said,
        error=error,
        at_fault=(error.field or "") if error is not None else "",
        saved=visit.asked("saved", 5) == "yes",
        units=await visit.desk.actions.units(visit.session),
        kinds=KINDS,
        money=money,
        here=UNITS,
    )


async def change_units(visit: Visit) -> Response:
    try:
        await visit.desk.actions.put_units(visit.session, units_of(visit.form), _expected(visit))
    except (BadInput, Conflict) as error:
        return await _units(visit, visit.form, error)
    return go(f"{UNITS}?saved=yes")


def filled_units(units: Units) -> dict[str, str]:
    said = {"version": str(units.version), "currency": units.currency, "minute": action_form.figure(units.minute)}
    for kind, worth in units.kinds.items():
        said[f"kinds.{kind}.customer"] = action_form.figure(worth.customer)
        said[f"kinds.{kind}.company"] = action_form.figure(worth.company)
    return said


def units_of(form: dict[str, str]) -> Units:
    """A kind of which neither side is said keeps its default. Raises BadInput."""
    kinds: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        sides = {side: action_form.number(form, f"kinds.{kind}.{side}") for side in ("customer", "company")}
        if any(amount is not None for amount in sides.values()):
            kinds[kind] = {side: amount or 0.0 for side, amount in sides.items()}
    raw = {"currency": action_form.text(form, "currency").upper(), "minute": _needed(form, "minute"), "kinds": kinds}
    return msgspec.convert(raw, Units)
