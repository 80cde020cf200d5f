"""Features: what a model can learn from in a context, under names that people can read.

A context becomes at most MOST *named* features, such as ("traits.plan is gold", 1.0): these are what a decision logs
and what an explanation says. What can be said of somebody has no end, so a model keeps no list of names: a name is
hashed (blake2b: the same in every process, on every machine), and crossed with what may be done. The weight of "plan is
gold" for one action is at the place that both hashes say together, among PLACES; that two share a place by chance is
rare, and costs a little noise.

A number says two things: the step of 1, 2, 5, 10, 20 … that it is on, which can be worth anything, and its size,
squashed into -1 … 1, along which a worth can rise. So no number is large enough to hurt: 1e308 is "above 1e+09". A time
is told as the days from now. Long texts say that they are there, and no more.
"""

import itertools
import math
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import msgspec

from rapport.decide import maths
from rapport.decide.clocks import first_known, wall
from rapport.decide.kinds import SILENCE
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, parse_rfc3339

MOST: Final = 100
"""So many named features of a context at most: the first, in the order that `named` says."""
BITS: Final = 18
PLACES: Final = 1 << BITS
ALWAYS: Final = "always"
"""The feature that every context has: what something is worth whoever it is done for."""
LENGTH: Final = 0.5
"""The length of all of a context's features together, where ALWAYS is 1: at first, whom an action is for is taken to
move its worth half as much as what it is. A rich context is then no more uncertain than a poor one."""
_LONGEST: Final = 64
_SHORTEST_TIME: Final = len("2027-05-01")
_MOST_OF_A_LIST: Final = 8
_STEPS: Final = (*(digit * 10.0**power for power in range(-2, 9) for digit in (1, 2, 5)), 1e9)
_DAYS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 31.0, 61.0, 92.0, 183.0, 366.0)
_PARTS: Final = ("night", "morning", "afternoon", "evening")
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MIX: Final = 0x9E3779B97F4A7C15

Named = tuple[tuple[str, float], ...]
"""Features of a context: each name once, with its value."""


class Context(msgspec.Struct, frozen=True):
    """One customer in one moment (`at`, µs), as far as the gate lets it be seen for the decision's purpose.

    `zone`: of the person; `place`: coarse, and only if shared; `session`: what happens just now, name → value;
    `goals`: what they want → progress (0 … 1); `events`: name → how many lately; `computed` and `traits`: name → value.
    """

    at: int
    zone: str = "UTC"
    channel: str = ""
    device: str = ""
    place: str = ""
    session: Mapping[str, Any] = msgspec.field(default_factory=dict)
    goals: Mapping[str, float] = msgspec.field(default_factory=dict)
    computed: Mapping[str, Any] = msgspec.field(default_factory=dict)
    events: Mapping[str, int] = msgspec.field(default_factory=dict)
    traits: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Features(msgspec.Struct, frozen=True):
    """Hashed: `names`, and for each its hash and its value (n). The first is ALWAYS. `size`: all squares of values."""

    names: tuple[str, ...]
    hashes: maths.Hashes
    values: maths.Floats
    size: float


class Crossed(msgspec.Struct, frozen=True):
    """Features, crossed with what may be done: with each of p *parts*, which are kinds and actions.

    `places` (n, p): where the weights are in a model; `values` (n, 1) and `size`: the features'. Silence has the first
    two parts; `kinds` (a) and `actions` (a): the two parts that each candidate is made of, in their order.
    """

    names: tuple[str, ...]
    places: maths.Places
    values: maths.Floats
    size: float
    kinds: maths.Places
    actions: maths.Places


def named(context: Context) -> Named:
    """The features of a context: channel, device, the hour, the weekday, place, then what happens in the session,
    goals, computed traits, events and traits, each in the order of their names. Of one name the first counts."""
    found: dict[str, float] = {}
    for some in _all(context):
        for name, value in some:
            found.setdefault(name, value)
        if len(found) >= MOST:
            break
    return tuple(found.items())[:MOST]


def hashed(features: Named) -> Features:
    """The features that models know, of the features that people know."""
    names, said = zip((ALWAYS, 1.0), *features, strict=True)
    values = maths.np.array(said)
    length = math.sqrt(math.fsum((values[1:] * values[1:]).tolist()))
    if length > 0:
        values[1:] *= LENGTH / length
    return Features(names, hashes_of(names), values, 1 + LENGTH * LENGTH * (length > 0))


def crossed(features: Features, candidates: Iterable[tuple[str, str]]) -> Crossed:
    """Features crossed with candidates (action, kind) other than silence, and with silence."""
    np = maths.np
    parts, kinds, actions = _parts(tuple(candidates))
    both = features.hashes[:, None] ^ parts
    both *= np.uint64(_MIX)
    both >>= np.uint64(64 - BITS)
    return Crossed(features.names, both.view(np.int64), features.values[:, None], features.size, kinds, actions)


def hashes_of(names: Iterable[str]) -> maths.Hashes:
    """64 bits of each name: the same everywhere and always."""
    return maths.np.frombuffer(b"".join(map(_hash, names)), "<u8")


@lru_cache(1024)
def _parts(candidates: tuple[tuple[str, str], ...]) -> tuple[maths.Hashes, maths.Places, maths.Places]:
    """The parts' hashes, and which are each candidate's kind and action. (Many are asked about the same candidates.)"""
    np = maths.np
    kinds = dict.fromkeys(kind for _, kind in candidates)
    columns = {kind: 2 + place for place, kind in enumerate(kinds)}
    parts = [f"kind {SILENCE}", f"action {SILENCE}"]
    parts += [f"kind {kind}" for kind in kinds]
    parts += [f"action {action}" for action, _ in candidates]
    of_kind = np.array([columns[kind] for _, kind in candidates], np.intp)
    return hashes_of(parts), of_kind, np.arange(2 + len(kinds), len(parts))


@lru_cache(1 << 16)
def _hash(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _all(context: Context) -> Iterator[Iterable[tuple[str, float]]]:
    for name in ("channel", "device"):
        yield _text(name, getattr(context, name))
    local = wall(context.at, first_known(context.zone))
    yield (
        (f"hour is {local.hour}", 1.0),
        (f"part of the day is {_PARTS[local.hour // 6]}", 1.0),
        (f"weekday is {_WEEKDAYS[local.weekday()]}", 1.0),
    )
    yield _text("place", context.place)
    for space in ("session", "goals", "computed", "events", "traits"):
        said: Mapping[str, Any] = getattr(context, space)
        for name in sorted(said):
            value = said[name]
            if isinstance(value, str):  # what most are
                days = _days_from(value, context.at) if len(value) >= _SHORTEST_TIME else None
                known = _known_text if len(value) + len(name) <= _LONGEST else _known_text.__wrapped__
                yield known(space, name, value) if days is None else _days(f"{space}.{_short(name)}", days)
            else:
                yield _value(f"{space}.{_short(name)}", value)


@lru_cache(1 << 14)
def _known_text(space: str, name: str, text: str) -> Named:
    """Of many people the same is known. (What is long is theirs alone, and is not kept here.)"""
    return _text(f"{space}.{_short(name)}", text)


def _value(name: str, value: Any) -> Iterable[tuple[str, float]]:
    match value:
        case bool():
            return ((f"{name} is {str(value).lower()}", 1.0),)
        case int() | float():
            return _number(name, value)
        case list() | tuple():
            texts = itertools.islice((one for one in value if isinstance(one, str)), _MOST_OF_A_LIST)
            return [(f"{name} has {_short(one)}", 1.0) for one in texts]
        case _:  # nothing is known, or it is an object, of which its parts are to be named by a computed trait
            return ()


def _number(name: str, value: float) -> Iterator[tuple[str, float]]:
    if value != value:  # noqa: PLR0124 (NaN alone differs from itself; a huge int is no float to ask)
        yield f"{name} is not a number", 1.0
        return
    within = float(max(-2e9, min(value, 2e9)))
    yield f"{name} is {_step(within, _STEPS)}", 1.0
    if within:
        yield name, math.copysign(min(1.0, math.log1p(abs(within)) / math.log1p(1e9)), within)


def _days(name: str, days: float) -> Iterable[tuple[str, float]]:
    size = _step(abs(days), _DAYS)
    return ((f"{name} is {size} days {'ahead' if days > 0 else 'ago'}", 1.0),)


def _text(name: str, value: str) -> Named:
    text = value.strip()
    if not text:
        return ()
    return ((f"{name} is {_short(text) if len(text) <= _LONGEST else 'a long text'}", 1.0),)


def _step(value: float, steps: tuple[float, ...]) -> str:
    """The step that a number is on, in words: "20 to 50"; and of one below zero, "-50 to -20"."""
    size = abs(value)
    place = bisect(steps, size)
    if place == 0:
        return f"below {steps[0]:g}" if size else "0"
    sign = "-" if value < 0 else ""
    if place == len(steps):
        return f"{'below' if sign else 'above'} {sign}{steps[-1]:g}"
    low, high = sorted((float(f"{sign}{steps[place - 1]}"), float(f"{sign}{steps[place]}")))
    return f"{low:g} to {high:g}"


def _days_from(text: str, at: int) -> float | None:
    """How many days from now a text is, if it is a time such as 2027-05-01 or 2027-05-01T12:00:00Z."""
    if not _SHORTEST_TIME <= len(text) <= 40 or text[4] != "-" or text[7] != "-":
        return None
    try:
        return (parse_rfc3339(text) - at) / DAY
    except (BadInput, OverflowError):
        return None


def _short(text: str) -> str:
    """A text as a name can hold it: its first letters, such as can be written down."""
    short = text[:_LONGEST]
    return short if short.isascii() else short.encode("utf-8", "replace").decode()
