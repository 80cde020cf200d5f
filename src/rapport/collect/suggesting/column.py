"""What the values of a column look like: numbers by which marks, times by which formats, yes and no, addresses."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from rapport.collect.cells import Cells
from rapport.collect.mapping import FileFormat, Time
from rapport.collect.refusals import Unreadable
from rapport.kernel.identifiers import normalise, usable

SAMPLE_LINES = 20_000
SAMPLE_BYTES = 64 * 1024 * 1024
"""As much of a table is held in memory while it is looked at."""

NULLS = frozenset({"null", "na", "n/a", "#n/a", "nan", "none", "nil", "\\n", "(null)", "<null>", "-", "undefined"})
"""Words, in lower case, that programs write where there is no value."""

_NEVER_SAID = frozenset({"#n/a", "\\n", "(null)", "<null>"})
"""Of these, those that stand for nothing else: somebody may be called Null."""
_NEARLY_ALL = 0.9

MARKS = ((".", ""), (".", ","), (",", "."), (",", ""), (",", " "), (".", " "), (".", "'"))
"""(decimal, thousands), the plainest first."""

_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^0-9A-Za-z]+")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
    "%B %d, %Y", "%d-%b-%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
)  # fmt: skip
_WHOLE = ("%a, %d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%Y-%m-%d %H:%M:%S %Z")
FAMILIES = (*(tuple(day + clock for clock in _CLOCKS) for day in _DAYS), *((one,) for one in _WHOLE))
"""Formats that one program may mix in a column: a day, with and without a time of day."""

_TIME_WORDS = frozenset({"date", "time", "datetime", "timestamp", "at", "on", "dob", "birthday", "birth", "birthdate"})
_TIME_WORDS |= {"created", "updated", "modified", "changed", "day", "when", "seen", "datum", "occurred", "ts", "since"}
_YES_NO = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"}, {"1", "0"})
_LOOKED_AT = 2_000
_LONGEST_TIME = 40
_DIGIT = re.compile(r"\d")


def words_of(name: str) -> tuple[str, ...]:
    """`CustomerID` and `customer.id` are both (customer, id)."""
    return tuple(_ENDS.sub("_", name.strip()).strip("_").lower().split("_"))


class TimeLook(msgspec.Struct, frozen=True):
    """By which formats the values are times (none: ISO 8601), and how many of them are not."""

    formats: tuple[str, ...]
    bad: int
    ambiguous: bool = False
    """Day and month could as well be the other way round."""
    days: bool = False
    """No value has a time of day."""
    zoned: bool = False


class Column:
    """One column of the lines that were looked at."""

    def __init__(self, name: str, cells: Iterable[Any], nulls: frozenset[str]) -> None:
        self.name = name
        self.words = words_of(name)
        self.snake = "_".join(self.words)
        counted = Counter(map(_hashable, cells))
        self.empty = sum(counted.pop(cell, 0) for cell in [None, *[cell for cell in counted if cell in nulls]])
        self.counts = counted
        """Value → how often; a list or an object stands as its text."""
        self.filled = counted.total()

    @property
    def lines(self) -> int:
        return self.filled + self.empty

    @property
    def unique(self) -> bool:
        """Whether hardly any value comes twice."""
        return bool(self.filled) and len(self.counts) >= 0.95 * self.filled

    @cached_property
    def texts(self) -> list[str]:
        """The distinct values that are text, without the space around them."""
        return [value.strip() for value in self.counts if isinstance(value, str)]

    @cached_property
    def scalar(self) -> bool:
        return not any(isinstance(value, _Nested) for value in self.counts)

    def is_number(self, file: FileFormat) -> bool:
        """Whether every value can be read as a number with the file's marks, and is meant as one (no `0042`)."""
        if not self.filled or any(isinstance(value, bool | _Nested) for value in self.counts):
            return False
        if any(len(text) > 1 and text[0] == "0" and text[1].isdigit() for text in self.texts):
            return False
        return _readable(self.counts, Cells(file, Time(None)).number)

    def is_whole(self, file: FileFormat) -> bool:
        return self.is_number(file) and _readable(self.counts, Cells(file, Time(None)).integer)

    def is_boolean(self) -> bool:
        if self.counts and all(isinstance(value, bool) for value in self.counts):
            return True
        found = {text.lower() for text in self.texts}
        return len(self.texts) == len(self.counts) and any(found and found <= pair for pair in _YES_NO)

    def negative(self, file: FileFormat) -> bool:
        """Whether some number is below zero."""
        number = Cells(file, Time(None)).number
        return any((found := number(value)) is not None and found < 0 for value in self.counts)

    def share(self, kind: str) -> float:
        """How many of the values are usable as an identifier of this type, 0 to 1."""
        good = sum(n for value, n in self.counts.items() if identifies(kind, value))
        return good / self.filled if self.filled else 0.0

    def unusable(self, kind: str) -> list[str]:
        """The values, as text, that name nobody."""
        return [str(value) for value in self.counts if not identifies(kind, value)]

    @cached_property
    def time(self) -> TimeLook | None:
        """How the values are times, or None where most of them are none."""
        hinted = bool(_TIME_WORDS & set(self.words))
        values = [value for value in self.counts if not isinstance(value, _Nested | bool)][:_LOOKED_AT]
        if not values or not self.scalar:
            return None
        if unix := _unix(values, hinted=hinted):
            return TimeLook((unix,), 0)
        texts = [value.strip() for value in values if isinstance(value, str)]
        some = texts[:20]
        likely = sum(len(text) <= _LONGEST_TIME and bool(_DIGIT.search(text)) for text in some)
        if len(texts) < len(values) or likely < 0.8 * len(some):
            return None
        if not hinted and all(text.isalnum() for text in some):
            return None  # 20101201 is a number, where nothing says otherwise
        return _iso(texts) or _by_family(texts, hinted=hinted)


class _Nested(str):
    """Stands for a list or an object."""

    __slots__ = ()


def columns_of(names: Sequence[str], rows: Sequence[tuple[Any, ...]], file: FileFormat) -> list[Column]:
    nulls = frozenset(file.nulls)
    return [Column(name, [row[index] for row in rows], nulls) for index, name in enumerate(names)]


def file_format(names: Sequence[str], rows: Sequence[tuple[Any, ...]], file: FileFormat) -> FileFormat:
    """The same, with the words for "no value" and the marks in numbers that the lines show."""
    nulls = _nulls(names, rows)
    file = msgspec.structs.replace(file, nulls=nulls)
    columns = [column for column in columns_of(names, rows, file) if column.filled]
    best, most = file, -1
    for decimal, thousands in MARKS:
        tried = msgspec.structs.replace(file, decimal=decimal, thousands=thousands)
        found = sum(column.is_number(tried) for column in columns)
        if found > most:
            best, most = tried, found
    return best


def identifies(kind: str, value: Any) -> bool:
    if isinstance(value, float):
        value = int(value) if value.is_integer() else str(value)
    if not isinstance(value, str | int) or isinstance(value, bool | _Nested):
        return False
    return normalise(kind, value) is not None and usable(value) is not None


def is_of_values(names: Sequence[str]) -> bool:
    """Whether what should be the names of columns is a line of values: an e-mail address is among them, or they are all
    numbers and times."""
    if any(identifies("email", name) for name in names):
        return True
    plain = FileFormat()
    return all(
        (column := Column("at", [name], frozenset())).is_number(plain) or column.time is not None for name in names
    )


def _nulls(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    """`""`, and the words that several columns have, or one whose other values are all numbers, times or addresses."""
    where: dict[str, int] = Counter()
    for index, name in enumerate(names):
        column = Column(name, [row[index] for row in rows], frozenset({""}))
        for value in column.counts:
            if isinstance(value, str) and (not value.strip() or value.strip().lower() in NULLS):
                rest = Column(name, [other for other in column.counts if other != value], frozenset())
                sure = not value.strip() or not rest.filled or rest.is_number(FileFormat()) or rest.time is not None
                sure = sure or value.strip().lower() in _NEVER_SAID or rest.share("email") >= _NEARLY_ALL
                where[value] += 2 if sure else 1
    return ("", *sorted(value for value, count in where.items() if count > 1))


def _hashable(cell: Any) -> Any:
    if isinstance(cell, list | dict):
        return _Nested(str(cell))
    # NaN is unlike itself and would be counted apart each time.
    return None if cell != cell else cell  # noqa: PLR0124 - this is what tells NaN


def _readable(values: Iterable[Any], read: Callable[[Any], Any]) -> bool:
    try:
        return all(read(value) is not None for value in values)
    except (Unreadable, OverflowError, ArithmeticError):
        return False


def _unix(values: list[Any], *, hinted: bool) -> str | None:
    try:
        numbers = [float(value) for value in values]
    except (ValueError, OverflowError):
        return None
    if not hinted or not numbers:
        return None
    for kind, low, high in (("unix", 3e8, 4e9), ("unix_ms", 3e11, 4e12)):
        if all(low <= number <= high for number in numbers):
            return kind
    return None


def _iso(texts: list[str]) -> TimeLook | None:
    read = _parsed(texts, datetime.fromisoformat)
    bad = len(texts) - len(read)
    if bad > 0.2 * len(texts) or not read:
        return None
    days = all(len(text) <= 10 for text in texts)
    return TimeLook((), bad, days=days, zoned=all(one.tzinfo is not None for one in read))


def _by_family(texts: list[str], *, hinted: bool) -> TimeLook | None:
    likely = [family for family in FAMILIES if _family(texts[:20], family).bad < len(texts[:20])]
    tries = sorted((_family(texts, family) for family in likely), key=lambda one: one.bad)
    if not tries:
        return None
    best = tries[0]
    allowed = 0.2 if hinted else 0.02
    if best.bad > allowed * len(texts):
        return None
    swapped = _swapped(best.formats)
    again = swapped != best.formats and any(one.formats == swapped and one.bad == best.bad for one in tries)
    return msgspec.structs.replace(best, ambiguous=again)


def _family(texts: list[str], family: tuple[str, ...]) -> TimeLook:
    used: dict[str, int] = Counter()
    zoned = bad = 0
    for text in texts:
        for written in family:
            try:
                found = datetime.strptime(text, written)  # noqa: DTZ007 - only whether it can be read
            except (ValueError, OverflowError):
                continue
            used[written] += 1
            zoned += found.tzinfo is not None
            break
        else:
            bad += 1
    formats = tuple(sorted(used, key=len, reverse=True))
    days = not any("%H" in written or "%I" in written for written in formats)
    return TimeLook(formats, bad, days=days, zoned=zoned == len(texts))


def _swapped(formats: tuple[str, ...]) -> tuple[str, ...]:
    swap = {"%d": "%m", "%m": "%d"}
    return tuple(re.sub("%[dm]", lambda found: swap[found[0]], written) for written in formats)


def _parsed(texts: list[str], read: Callable[[str], datetime]) -> list[datetime]:
    found = []
    for text in texts:
        try:
            found.append(read(text))
        except (ValueError, OverflowError):
            continue
    return found
