"""From the lines of files to bodies for the log, by a mapping. Pure: who reads the files and who writes the log is the
caller's affair.

What always holds: the same lines and mapping give the same bodies in the same order, with the same message ids, so a
run that was killed is simply started again; every line ends in exactly one of an event, a refusal that is reported, or
the count of lines the mapping leaves out; no refusal stops the run; and the worker will take every event that is handed
out, because each was judged by the rules the worker follows.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from rapport.collect.cells import Cells
from rapport.collect.grouping import Groups
from rapport.collect.limits import LIMITS
from rapport.collect.making import Line, Maker, Misread
from rapport.collect.mapping import Mapping
from rapport.collect.reading import validate
from rapport.collect.refusals import Reason, Unreadable

Read = tuple[int, tuple[Any, ...] | Unreadable]
"""What a file's reader yields: where a line stands, and its values by the mapping's columns, or why it has none."""

BATCH_BYTES = 1024 * 1024
BATCH_EVENTS = 1000
SHOWN_LINES = 5
"""How many lines of each reason the summary names."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Any, ...]).decode


class Refused(msgspec.Struct):
    """The lines refused for one reason."""

    lines: int = 0
    first: list[int] = []
    message: str = ""
    """About the first of them."""


class Tally(msgspec.Struct):
    """How the lines fared: `lines` is the sum of those in events, refused, and left out by the mapping."""

    lines: int = 0
    in_events: int = 0
    events: int = 0
    left_out: int = 0
    refused: dict[str, Refused] = {}


class Batch(msgspec.Struct, frozen=True):
    """The body of one log entry, and how many events it holds."""

    body: bytes
    events: int


class _Made(msgspec.Struct, frozen=True, gc=False):
    body: bytes
    places: "array[int]"


class Importer:
    """One run of a mapping over some lines.

    `columns` are those that each line's values stand for, in their order; `on_refusal` is told the place, reason and
    message of every line refused; `line_of` turns a place into the line number within its own file.
    """

    def __init__(
        self,
        mapping: Mapping,
        columns: tuple[str, ...],
        groups: Groups,
        on_refusal: Callable[[int, str, str], None],
        line_of: Callable[[int], int] = lambda place: place,
    ) -> None:
        cells = Cells(mapping.file, mapping.time)
        self._makers = [Maker(mapping, spec, columns, cells) for spec in mapping.events]
        self._by_label = {maker.spec.label: maker for maker in self._makers}
        self._groups = groups
        self._on_refusal = on_refusal
        self._line_of = line_of
        self._repeated: set[int] = set()
        self._occurrences: dict[str, int] = {}
        self.reads_twice = any(not maker.grouped and not maker.skip for maker in self._makers)
        """Lines that are events of their own are read once before, to find those that repeat, and whether the file is
        sound to its end."""
        self.tally = Tally()

    def batches(self, read: Callable[[], Iterable[Read]]) -> Iterator[Batch]:
        """The bodies, in an order that the lines and the mapping fix. `read` starts reading anew at every call."""
        waiting: list[_Made] = []
        size = 0
        for made in self._events(read):
            waiting.append(made)
            size += len(made.body)
            if size >= BATCH_BYTES or len(waiting) >= BATCH_EVENTS:
                yield from self._batch(waiting)
                waiting, size = [], 0
        yield from self._batch(waiting)

    def _events(self, read: Callable[[], Iterable[Read]]) -> Iterator[_Made]:
        if self.reads_twice:
            self._repeated = _repeated(read())
        for place, values in read():
            self.tally.lines += 1
            if isinstance(values, Unreadable):
                self._refuse(place, values.reason, values.message)
                continue
            try:
                made = self._take(place, values)
            except OverflowError:
                message = "a whole number has more than 64 bits; write it as text"
                self._refuse(place, Reason.BAD_NUMBER, message)
            except Misread as error:
                self._refuse(place, error.why.reason, error.why.message)
            except Unreadable as error:
                self._refuse(place, error.reason, error.message)
            else:
                if made:
                    yield made
        yield from self._grouped()

    def _take(self, place: int, values: tuple[Any, ...]) -> _Made | None:
        """The event of a line; None where it waits for the others of its group, or is left out."""
        for maker in self._makers:
            if not maker.applies(values):
                continue
            if maker.skip:
                self.tally.left_out += 1
                return None
            if maker.grouped:
                self._groups.add(maker.group(values), place, _encode(values))
                return None
            lines = [(place, values)]
            message_id = maker.own_id(lines) or self._content_id(maker, values)
            return _Made(maker.make(lines, message_id, self._line_of(place)), array("q", [place]))
        raise Unreadable(Reason.NO_EVENT, "no event of the mapping applies to it")

    def _content_id(self, maker: Maker, values: tuple[Any, ...]) -> str:
        content = maker.message_id(maker.alone(values))
        if _hash(values) not in self._repeated:
            return content
        occurrence = self._occurrences[content] = self._occurrences.get(content, 0) + 1
        return content if occurrence == 1 else f"{content}-{occurrence}"

    def _grouped(self) -> Iterator[_Made]:
        for key, group in self._groups.drain():
            maker = self._by_label[key[0]]
            try:
                group.check()
                lines: list[Line] = list(zip(group.places, map(_decode, group.lines), strict=True))
                message_id = maker.message_id(key)
                yield _Made(maker.make(lines, message_id, self._line_of(group.places[0])), group.places)
            except Misread as error:
                self._refuse(error.place, error.why.reason, error.why.message)
                rest = [place for place in group.places if place != error.place]
                self._refuse_all(
                    rest, Reason.GROUP_REFUSED, f"line {self._line_of(error.place):,}: {error.why.message}"
                )
            except Unreadable as error:
                self._refuse_all(group.places, error.reason, error.message)

    def _batch(self, waiting: list[_Made]) -> Iterator[Batch]:
        """What of the waiting events the worker will take."""
        limit = LIMITS["import"].event
        sound = []
        for made in waiting:
            if len(made.body) > limit:
                message = (
                    f"the event of {len(made.places):,} lines has {len(made.body):,} bytes; the limit is {limit:,}"
                )
                self._refuse_all(made.places, Reason.TOO_LARGE, message)
            else:
                sound.append(made)
        body = _body(sound)
        refused = {one.index: one for one in validate("import", "batch", body).rejected} if sound else {}
        if refused:
            for index, one in refused.items():
                if index is None:
                    raise AssertionError(f"a body of our own making was refused: {one.message}")
                self._refuse_all(sound[index].places, one.code, one.message)
            sound = [made for index, made in enumerate(sound) if index not in refused]
            body = _body(sound)
        if sound:
            self.tally.events += len(sound)
            self.tally.in_events += sum(len(made.places) for made in sound)
            yield Batch(body, len(sound))

    def _refuse_all(self, places: Iterable[int], reason: str, message: str) -> None:
        for place in places:
            self._refuse(place, reason, message)

    def _refuse(self, place: int, reason: str, message: str) -> None:
        # Codes are enumerations' members; reports and JSON want their plain text.
        reason = str(reason)
        refused = self.tally.refused.setdefault(reason, Refused(message=message))
        refused.lines += 1
        if len(refused.first) < SHOWN_LINES:
            refused.first.append(place)
        self._on_refusal(place, reason, message)


def _body(made: list[_Made]) -> bytes:
    return b'{"batch":[' + b",".join(one.body for one in made) + b"]}"


def _hash(values: tuple[Any, ...]) -> int:
    try:
        return hash(values)
    except TypeError:  # a list or an object from JSON or Parquet
        return hash(repr(values))


def _repeated(read: Iterable[Read]) -> set[int]:
    """The hashes that more than one line has: 8 bytes a line are kept, rather than each line's content."""
    hashes = array("q", (_hash(values) for _, values in read if not isinstance(values, Unreadable)))
    if not hashes:
        return set()
    import numpy as np  # noqa: PLC0415 (dear to load, and most who know of imports count none)

    distinct, counts = np.unique(np.frombuffer(hashes, dtype=np.int64), return_counts=True)
    return set(distinct[counts > 1].tolist())
