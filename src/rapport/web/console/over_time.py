"""What came over time, drawn: for each side a line where something was done, one where nothing was, and how sure each
is. Once for wide screens and once for narrow ones, so that letters are of one size on both."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from rapport.learn.reviewed import Compared, Figure, Span

TICKS: Final = 4
Of = Callable[[Span], Compared]
_APART: Final = 6.0
"""Of the two sides' ranges: with more between them, each side has a scale of its own."""


class Shape(msgspec.Struct, frozen=True):
    """A drawing's size, and the room around what is drawn for its words."""

    name: str
    width: int
    height: int
    left: int
    right: int
    top: int = 14
    bottom: int = 30


WIDE: Final = Shape("wide", 580, 270, 62, 14)
NARROW: Final = Shape("narrow", 350, 230, 56, 10)


class Scale(msgspec.Struct, frozen=True):
    """From `low` to `high`, with ticks at round numbers among them, 0 always one."""

    low: float
    high: float
    ticks: tuple[float, ...]


class Series(msgspec.Struct, frozen=True):
    """Paths of a line, of its points, and of the intervals around them; spans without a figure leave gaps."""

    line: str
    band: str
    lone: str
    points: tuple[tuple[float, float], ...]


class Tick(msgspec.Struct, frozen=True):
    at: float
    said: str
    anchor: str = "middle"


class Chart(msgspec.Struct, frozen=True):
    """One side in one shape."""

    shape: Shape
    reached: Series
    alone: Series
    ups: tuple[Tick, ...]
    alongs: tuple[Tick, ...]
    zero: float


def customer_of(span: Span) -> Compared:
    return span.customer


def company_of(span: Span) -> Compared:
    return span.company


def scales(spans: Sequence[Span]) -> tuple[Scale, Scale]:
    """Of customers and of the company: one for both, unless one side would then lie flat."""
    each = [_range([of(one) for one in spans]) for of in (customer_of, company_of)]
    sizes = sorted(high - low for low, high in each)
    if sizes[1] <= _APART * sizes[0]:
        both = (min(low for low, _ in each), max(high for _, high in each))
        each = [both, both]
    customer, company = (_scale(*one) for one in each)
    return customer, company


def chart(
    spans: Sequence[Span],
    of: Of,
    scale: Scale,
    shape: Shape,
    money: Callable[[float], str],
    day: Callable[[int], str],
) -> Chart:
    """Draw one side. `money` says an amount, `day` an instant (µs)."""
    inner = shape.width - shape.left - shape.right
    step = inner / max(1, len(spans))

    def along(place: int) -> float:
        return round(shape.left + (place + 0.5) * step, 1)

    def up(amount: float) -> float:
        share = (amount - scale.low) / (scale.high - scale.low)
        return round(shape.height - shape.bottom - share * (shape.height - shape.top - shape.bottom), 1)

    sides = [of(one) for one in spans]
    marked = _marked(len(spans), 3 if shape.width < 400 else 5)
    alongs = tuple(
        Tick(
            along(place),
            day(spans[place].since),
            "start" if not place and len(spans) > 3 else "end" if place == len(spans) - 1 and place > 2 else "middle",
        )
        for place in marked
    )
    return Chart(
        shape,
        _series([one.reached for one in sides], along, up),
        _series([one.alone for one in sides], along, up),
        tuple(Tick(up(amount), money(amount)) for amount in scale.ticks),
        alongs,
        up(0.0),
    )


def _range(sides: Sequence[Compared]) -> tuple[float, float]:
    ends = [
        end
        for one in sides
        for figure in (one.reached, one.alone)
        for end in (figure.low, figure.high)
        if end is not None
    ]
    return min([0.0, *ends]), max([0.0, *ends])


def _scale(low: float, high: float) -> Scale:
    """Rounded outwards to steps of 1, 2 or 5 times a power of ten."""
    size = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(size / TICKS))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= size / TICKS)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    ticks = tuple(round(number * step, 10) + 0.0 for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks)


def _series(figures: Sequence[Figure], along: Callable[[int], float], up: Callable[[float], float]) -> Series:
    lines, bands, lone = [], [], []
    points: list[tuple[float, float]] = []
    for run in _runs(figures):
        places = [(along(place), up(value), up(low), up(high)) for place, value, low, high in run]
        points += [(x, y) for x, y, _, _ in places]
        if len(places) == 1:
            x, _, bottom, top = places[0]
            lone.append(f"M{x} {bottom}V{top}")
            continue
        lines.append("M" + "L".join(f"{x} {y}" for x, y, _, _ in places))
        there = [f"{x} {top}" for x, _, _, top in places]
        back = [f"{x} {bottom}" for x, _, bottom, _ in reversed(places)]
        bands.append("M" + "L".join([*there, *back]) + "Z")
    return Series("".join(lines), "".join(bands), "".join(lone), tuple(points))


def _runs(figures: Sequence[Figure]) -> Iterator[list[tuple[int, float, float, float]]]:
    """Neighbours that have a figure, together."""
    run: list[tuple[int, float, float, float]] = []
    for place, one in enumerate(figures):
        if one.value is None or one.low is None or one.high is None:
            if run:
                yield run
            run = []
        else:
            run.append((place, one.value, one.low, one.high))
    if run:
        yield run


def _marked(number: int, most: int) -> list[int]:
    """Places that get a word: the first, the last, and some between, evenly."""
    if number <= most:
        return [*range(number)]
    return [round(place * (number - 1) / (most - 1)) for place in range(most)]
