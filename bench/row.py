"""One row of the table: a figure, what it should be, and what it is measured against."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec


class Row(msgspec.Struct, frozen=True):
    """A measured figure. Without a target it is context: printed, but no claim.

    `floor` names what `ratio` is against: the same work done as barely as can be, or a peer, measured in the same run.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    wanted: Literal["at least", "at most"] = "at least"
    floor: str = ""
    ratio: float | None = None

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.wanted == "at least" else self.value <= self.target


def against(floor: str, figure: float, unit: str) -> str:
    """A floor with its own figure."""
    return f"{floor}: {short(figure)} {unit}"


def short(figure: float) -> str:
    """A figure with as many digits as mean anything."""
    size = abs(figure)
    return f"{figure:,.0f}" if size >= 1000 else f"{figure:.3g}"


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    head = ("", "measured", "target", "met", "ratio", "against")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(head))]
    lines = [
        "  ".join(_aligned(text, width, place) for place, (text, width) in enumerate(zip(line, widths, strict=True)))
        for line in cells
    ]
    return "\n".join(line.rstrip() for line in (lines[0], "─" * max(map(len, lines)), *lines[1:]))


def _aligned(text: str, width: int, place: int) -> str:
    return text.rjust(width) if place in {1, 2, 4} else text.ljust(width)


def _cells(row: Row) -> tuple[str, ...]:
    sign = "≥" if row.wanted == "at least" else "≤"
    target = "" if row.target is None else f"{sign} {short(row.target)}"
    met = {None: "", True: "yes", False: "NO"}[row.met]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    name = f"  {row.name}" if row.target is None else row.name
    return (name, f"{short(row.value)} {row.unit}", target, met, ratio, row.floor)


def results(rows: Iterable[Row]) -> list[dict[str, object]]:
    """What scripts read (design §7): one object for each row with a target."""
    return [
        {
            "name": row.name,
            "value": row.value,
            "unit": row.unit,
            "target": row.target,
            "floor": row.floor,
            "ratio": row.ratio,
            "met": row.met,
        }
        for row in rows
        if row.target is not None
    ]


def write(rows: Iterable[Row], path: Path) -> None:
    path.write_text(json.dumps(results(rows), indent=2, ensure_ascii=False) + "\n", "utf-8")
