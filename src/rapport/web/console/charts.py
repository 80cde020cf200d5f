"""Small charts as SVG paths, drawn on the server: a page shows them without JavaScript, and as a table beside."""

from collections.abc import Sequence

import msgspec

from rapport.kernel.times import MINUTE

WIDTH, HEIGHT = 600, 100
"""Of the view box; pages stretch it."""


class Line(msgspec.Struct, frozen=True):
    line: str
    area: str
    """The same, closed along the bottom."""
    top: int
    """The greatest number."""


def line(numbers: Sequence[int]) -> Line:
    """A line through the numbers, from the left edge to the right, with room for its own stroke."""
    top = max(numbers, default=0)
    step = WIDTH / max(1, len(numbers) - 1)
    room = HEIGHT - 6
    points = [f"{i * step:.0f} {HEIGHT - 3 - value / (top or 1) * room:.1f}" for i, value in enumerate(numbers)]
    path = "M" + "L".join(points or [f"0 {HEIGHT - 3}"])
    return Line(path, f"{path}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z", top)


class Bars(msgspec.Struct, frozen=True):
    path: str
    top: int
    total: int


def bars(numbers: Sequence[int]) -> Bars:
    """A bar for each number, all in one path; a number above zero is never invisible."""
    top = max(numbers, default=0)
    step = WIDTH / max(1, len(numbers))
    drawn = []
    for i, value in enumerate(numbers):
        if value:
            tall = max(3.0, value / top * HEIGHT)
            drawn.append(f"M{i * step:.1f} {HEIGHT}v-{tall:.1f}h{step * 0.72:.1f}V{HEIGHT}Z")
    return Bars("".join(drawn), top, sum(numbers))


def minutes(numbers: Sequence[int], now: int) -> list[tuple[int, int]]:
    """(start of the minute, number) of those that are not zero, newest first."""
    this_minute = now - now % MINUTE
    back = enumerate(reversed(numbers))
    return [(this_minute - i * MINUTE, value) for i, value in back if value]


def shares(counts: dict[str, int]) -> list[tuple[str, int, float]]:
    """(name, count, percent of the greatest), greatest first."""
    top = max(counts.values(), default=1) or 1
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(name, count, round(100 * count / top, 1)) for name, count in ranked]
