"""Reading one cell of a file: texts, numbers and times as people and programs write them, by a mapping's settings.

What cannot be read is refused with a reason, never guessed: `1,234` is a thousand in one country and a bit more than
one in the next, so only the mapping decides.
"""

import math
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from rapport.collect.mapping import UNIX, FileFormat, Time
from rapport.collect.refusals import Reason, Unreadable
from rapport.collect.times import EARLIEST, LATEST
from rapport.kernel.times import micros, rfc3339

Reader = Callable[[Any], Any]
"""From a cell's value to what it says, or None where it says nothing. Raises Unreadable."""

_EXCEL_SERIAL = re.compile(r"[2-7]\d{4}(\.\d+)?")
_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})
_MAX_DIGITS = 40
_LARGEST_EXPONENT = 300
_EXACT_FLOAT = 2.0**53


class Cells:
    """The readers of one mapping."""

    def __init__(self, file: FileFormat, time: Time) -> None:
        self.nulls = frozenset(file.nulls)
        self._file = file
        self._number = _number_pattern(file)
        self._time = time
        self._strptimes = [_strptime(written) for written in time.formats if written not in UNIX]
        self._zone = None if time.zone == "UTC" else ZoneInfo(time.zone)
        # Lines of one group nearly always share their time, and parsing one is the dearest thing done to a line.
        self._moment = lru_cache(maxsize=65_536)(self._parse_moment)

    def reader(self, kind: str) -> Reader:
        """How a value of this type (one of mapping.TYPES, or empty for as it is) is read."""
        readers: dict[str, Reader] = {
            "": self.plain,
            "text": self.text,
            "integer": self.integer,
            "number": self.number,
            "boolean": self.boolean,
            "time": self.time,
            "date": self.date,
        }
        return readers[kind]

    def plain(self, value: Any) -> Any:
        """As the file has it."""
        if value.__class__ is str:
            return None if value in self.nulls else value
        if value.__class__ is float and not math.isfinite(value):
            raise Unreadable(Reason.BAD_NUMBER, f"{value} is a number that no event can hold")
        return value

    def text(self, value: Any) -> str | None:
        """As text; a whole number in plain digits, even where the column holds decimals (`17850.0`)."""
        if value.__class__ is str:
            return None if value in self.nulls else value
        if value is None:
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return str(int(value)) if value.is_integer() and abs(value) < _EXACT_FLOAT else repr(value)
        if isinstance(value, int):
            return str(value)
        raise Unreadable(Reason.BAD_TYPE, "a list or an object stands where a single value belongs")

    def number(self, value: Any) -> int | Decimal | None:
        """The exact number: a decimal that a program wrote as a double is the one that people read, `2.55`."""
        if value.__class__ is int or value is None:
            return value
        if value.__class__ is float:
            if not math.isfinite(value):
                raise Unreadable(Reason.BAD_NUMBER, f"{value} is a number that no event can hold")
            return Decimal(repr(value))
        if not isinstance(value, str):
            raise Unreadable(Reason.BAD_NUMBER, f"{_shown(value)} is no number")
        return None if value in self.nulls or not value.strip() else self._parse_number(value)

    def integer(self, value: Any) -> int | None:
        number = self.number(value)
        if number is None or isinstance(number, int):
            return number
        if number != number.to_integral_value():
            raise Unreadable(Reason.BAD_NUMBER, f"{_shown(value)} is no whole number")
        return int(number)

    def boolean(self, value: Any) -> bool | None:
        if value is None or isinstance(value, bool):
            return value
        text = self.text(value)
        if text is None:
            return None
        word = text.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise Unreadable(Reason.BAD_BOOLEAN, f"{_shown(value)} is neither true nor false")

    def time(self, value: Any) -> str | None:
        """RFC 3339 in UTC."""
        at = self.moment(value)
        return None if at is None else rfc3339(at)

    def date(self, value: Any) -> str | None:
        """A day as `1985-12-10`, in no zone: that of a time is the one written there."""
        if value is None or (value.__class__ is str and (value in self.nulls or not value.strip())):
            return None
        if isinstance(value, str):
            for read in [*self._strptimes, datetime.fromisoformat]:
                try:
                    return read(value.strip()).date().isoformat()
                except (ValueError, OverflowError):
                    continue
        raise Unreadable(Reason.BAD_TIME, self._time_advice(value))

    def moment(self, value: Any) -> int | None:
        """Microseconds since the epoch."""
        if value is None or (value.__class__ is str and (value in self.nulls or not value.strip())):
            return None
        if isinstance(value, bool | list | dict):
            raise Unreadable(Reason.BAD_TIME, f"{_shown(value)} is no time")
        return self._moment(value)

    def _parse_number(self, text: str) -> int | Decimal | None:
        match = self._number.fullmatch(text.strip())
        if match is None:
            raise Unreadable(Reason.BAD_NUMBER, f"{_shown(text)} is no number{self._number_advice(text)}")
        digits = match[0]
        for mark in _marks(self._file.thousands):
            digits = digits.replace(mark, "")
        if self._file.decimal != ".":
            digits = digits.replace(self._file.decimal, ".")
        number = Decimal(digits)
        if len(number.as_tuple().digits) > _MAX_DIGITS or abs(number.adjusted()) > _LARGEST_EXPONENT:
            raise Unreadable(Reason.BAD_NUMBER, f"{_shown(text)} is too long or too large a number")
        return int(number) if digits.lstrip("+-").isdecimal() else number

    def _number_advice(self, text: str) -> str:
        file = self._file
        other = "," if file.decimal == "." else "."
        if other in text and not file.thousands:
            marks = f"decimal mark {file.decimal!r} and no mark between thousands"
            return f" with {marks}; say otherwise by decimal and thousands in [file]"
        return ""

    def _parse_moment(self, value: str | float) -> int:
        for unit in [UNIX[written] for written in self._time.formats if written in UNIX]:
            at = _since_epoch(value, unit)
            if at is not None:
                return at
        if isinstance(value, str):
            for read in [*self._strptimes, datetime.fromisoformat]:
                try:
                    return self._micros(read(value.strip()))
                except (ValueError, OverflowError):
                    continue
        raise Unreadable(Reason.BAD_TIME, self._time_advice(value))

    def _micros(self, moment: datetime) -> int:
        if moment.tzinfo is None and self._zone is not None:
            moment = moment.replace(tzinfo=self._zone)
        return micros(moment)

    def _time_advice(self, value: str | float) -> str:
        text = str(value).strip()
        if _EXCEL_SERIAL.fullmatch(text):
            return f"{text} looks like a day number of Excel; save the column as a date such as 2026-11-21 20:02:55"
        if not isinstance(value, str):
            return f'{text} is a number; say formats = ["unix"] or ["unix_ms"] in [time] where it counts from 1970'
        known = ", ".join(("ISO 8601", *self._time.formats))
        return f"{_shown(value)} is no time as {known}"


def _strptime(written: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, written)  # noqa: DTZ007 - the zone follows


def _since_epoch(value: str | float, unit: int) -> int | None:
    try:
        at = round(Decimal(str(value).strip()) * unit)
    except (ValueError, ArithmeticError):
        return None
    return at if EARLIEST <= at <= LATEST else None


def _number_pattern(file: FileFormat) -> re.Pattern[str]:
    decimal = re.escape(file.decimal)
    whole = r"\d+"
    if file.thousands:
        mark = f"[{re.escape(''.join(_marks(file.thousands)))}]"
        whole = rf"(?:\d{{1,3}}(?:{mark}\d{{3}})+|\d+)"
    return re.compile(rf"[+-]?(?:{whole}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d{{1,4}})?", re.ASCII)


def _marks(thousands: str) -> tuple[str, ...]:
    """What may stand between thousands; a space there is often one that does not break."""
    if not thousands:
        return ()
    return (" ", "\u00a0", "\u202f") if thousands == " " else (thousands,)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
