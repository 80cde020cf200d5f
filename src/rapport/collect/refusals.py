"""Why a line of a file became no event: stable codes for machines, a sentence for the person who reads the report.

The codes are listed in docs/how-to/import.md, and a test fails when one is not.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a line was refused. An event that was made of lines can be refused by any `Code` of `collect` too."""

    RAGGED = "ragged_line"
    BAD_QUOTES = "bad_quotes"
    BAD_ENCODING = "bad_encoding"
    BAD_JSON = "bad_json"
    TOO_LARGE = "too_large"
    TOO_LONG = "too_long"
    MISSING_ID = "missing_id"
    MISSING_TIME = "missing_time"
    BAD_TIME = "bad_time"
    BAD_NUMBER = "bad_number"
    BAD_BOOLEAN = "bad_boolean"
    BAD_TYPE = "bad_type"
    NO_EVENT = "no_event"
    NO_GROUP = "no_group"
    GROUP_REFUSED = "group_refused"


MEANING: dict[Reason, str] = {
    Reason.RAGGED: "The line has more or fewer fields than the header.",
    Reason.BAD_QUOTES: "A quote is opened and not closed, or followed by text.",
    Reason.BAD_ENCODING: "The line is not text in the encoding that the mapping names (UTF-8 by default).",
    Reason.BAD_JSON: "The line is not a JSON object.",
    Reason.TOO_LARGE: "The line, or the event made of it and its group, is over a size limit, which the message names.",
    Reason.TOO_LONG: "An identifier is longer than 1,024 characters.",
    Reason.MISSING_ID: "The line names nobody: the identifier that keys its record is empty or not usable.",
    Reason.MISSING_TIME: "The line has no time.",
    Reason.BAD_TIME: "The time is none in ISO 8601 or in the mapping's formats.",
    Reason.BAD_NUMBER: "A number cannot be read, or one that a sum or product needs is missing.",
    Reason.BAD_BOOLEAN: "A value is neither true nor false.",
    Reason.BAD_TYPE: "A list or an object stands where a single value belongs.",
    Reason.NO_EVENT: "No event of the mapping applies to the line.",
    Reason.NO_GROUP: "The columns that group lines are empty.",
    Reason.GROUP_REFUSED: "Another line of the same event was refused, and half an event would be a wrong one.",
}


class Unreadable(ValueError):
    """A value that is not what the mapping says it is."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
