"""Single changes of a promise that would let an organization in: which of a fixed list, by what terms ask for.

Parameters are of a grid (a week, a month, 90 days …; 1, 2, 5, 10 %), never those that a person wrote: a retention of
137 days in somebody's clause must not come back to those who could know whose it is. Values to stand for are told as
people name them, since a door is told only where at least twenty people wait at it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from rapport.terms.clauses import Clause, Criterion
from rapport.terms.declaration import Benefit, Promise, Standing

DAYS = (1, 7, 14, 30, 60, 90, 180, 365, 730, 1_095, 1_825, 3_650)
AMOUNTS = (1, 2, 3, 5, 10, 15, 20, 25, 30, 50, 75, 100, 200, 500, 1_000)
PLACES = ("EU", "EEA")
UNITS = {
    "discount": ("%",),
    "money": ("EUR", "USD", "GBP", "CHF", "SEK", "DKK", "NOK", "PLN", "CZK", "JPY"),
    "time": ("minutes",),
    "service": ("",),
}
_WHOLE = 100


class Door(NamedTuple):
    """A change of one thing. `kind` and `name` say which (`benefit`, `money:EUR`), `level` how far: of doors that
    differ by it alone, whoever is content with a lower one is with a higher one, too."""

    kind: str
    name: str
    level: int


def change_of(door: Door) -> dict[str, object]:
    """The change as members of a promise, or of the declaration (`value`)."""
    match door.kind:
        case "retention":
            return {"retention_days": DAYS[-1 - door.level]}
        case "onward":
            return {"onward": False}
        case "place":
            return {"place": [PLACES[-1 - door.level]]}
        case "benefit":
            kind, _, unit = door.name.partition(":")
            return {"benefit": {"kind": kind, "amount": AMOUNTS[door.level], "unit": unit}}
        case _:
            return {"value": door.name, "attested": bool(door.level)}


def words(door: Door) -> str:
    """The change as an instruction."""
    match door.kind:
        case "retention":
            days = DAYS[-1 - door.level]
            return f"keep it at most {'one day' if days == 1 else f'{days:,} days'}"
        case "onward":
            return "promise that nothing is passed on"
        case "place":
            return f"process it only in the {PLACES[-1 - door.level]}"
        case "benefit":
            kind, _, unit = door.name.partition(":")
            what = {"money": "", "discount": " discount", "time": " saved", "service": ""}[kind]
            return "offer a service" if kind == "service" else f"offer {AMOUNTS[door.level]} {unit}{what}"
        case _:
            value = door.name.replace("_", " ")
            return f"stand for {value}{', and have it attested' if door.level else ''}"


def changed(door: Door, promise: Promise, standing: Standing) -> tuple[Promise, Standing]:
    """Promise and declaration with this one thing changed."""
    replace = msgspec.structs.replace
    match door.kind:
        case "retention":
            return replace(promise, retention_days=DAYS[-1 - door.level]), standing
        case "onward":
            return replace(promise, onward=False), standing
        case "place":
            return replace(promise, place=(PLACES[-1 - door.level],)), standing
        case "benefit":
            kind, _, unit = door.name.partition(":")
            text = "a service" if kind == "service" else ""
            benefit = Benefit(kind, float(AMOUNTS[door.level]), unit, text=text)  # type: ignore[arg-type]  # of UNITS
            return replace(promise, benefits=(*promise.benefits, benefit)), standing
        case _:
            claimed = {**standing.claimed, door.name: None}
            attested = {**standing.attested, door.name: None} if door.level else standing.attested
            return promise, replace(standing, claimed=claimed, attested=attested)


def doors_for(candidates: Iterable[Door], opens: Callable[[Door], bool]) -> list[Door]:
    """Those of the candidates that would each let the organization in: of each kind and name the one with the least
    change."""
    found: dict[tuple[str, str], Door] = {}
    for door in sorted(candidates):
        if (door.kind, door.name) not in found and opens(door):
            found[door.kind, door.name] = door
    return list(found.values())


def candidates_of(clause: Clause, promise: Promise) -> frozenset[Door]:
    """What a clause's criteria ask for and the promise does not give, on the grid."""
    return frozenset(door for criterion in clause.when for door in _asked(criterion, promise))


def _asked(criterion: Criterion, promise: Promise) -> Iterator[Door]:
    match criterion.kind:
        case "retention":
            fitting = [days for days in DAYS if days <= criterion.days]
            stands = promise.retention_days
            if fitting and (stands is None or fitting[-1] < stands):
                yield Door("retention", "", len(DAYS) - 1 - DAYS.index(fitting[-1]))
        case "onward":
            yield Door("onward", "", 0)
        case "place":
            for level, place in enumerate(reversed(PLACES)):
                if promise.place != (place,):
                    yield Door("place", "", level)
        case "value":
            if not criterion.negated:
                yield Door("value", criterion.value, int(criterion.attested))
        case "benefit":
            yield from _benefits(criterion)


def _benefits(criterion: Criterion) -> Iterator[Door]:
    fitting = [level for level, amount in enumerate(AMOUNTS) if amount >= criterion.amount]
    if criterion.negated or not fitting:
        return
    for kind in (criterion.benefit,) if criterion.benefit else UNITS:
        units: Sequence[str] = UNITS.get(kind, ())
        for unit in units:
            too_much = unit == "%" and AMOUNTS[fitting[0]] > _WHOLE
            if criterion.unit in ("", unit) and not too_much:
                yield Door("benefit", f"{kind}:{unit}", fitting[0])
