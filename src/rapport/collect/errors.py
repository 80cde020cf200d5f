"""Why a body or an event was refused: stable codes for machines, a sentence for the person who reads it.

The codes are listed in docs/reference/collect.md, and a test fails when one is not.
"""

from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Why something sent was not taken."""

    BAD_JSON = "bad_json"
    BAD_TYPE = "bad_type"
    BAD_ENCODING = "bad_encoding"
    BAD_TIMESTAMP = "bad_timestamp"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_LONG = "too_long"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_ID = "missing_id"
    MISSING_EVENT = "missing_event"
    MISSING_GROUP = "missing_group"
    MISSING_PREVIOUS = "missing_previous"
    EMPTY_BATCH = "empty_batch"
    # The worker's, where de-duplication and erasure live. The HTTP answer may have said accepted before.
    DUPLICATE_ID = "duplicate_id"
    ERASED = "erased"


MEANING: dict[Code, str] = {
    Code.BAD_JSON: "The body, or this event in it, is not valid JSON in UTF-8 (`NaN` and `Infinity` are not JSON).",
    Code.BAD_TYPE: "A field has a type that it cannot have, such as an object where a text is expected.",
    Code.BAD_ENCODING: "The body says or seems to be compressed, but cannot be unpacked.",
    Code.BAD_TIMESTAMP: "The event's time is not a time. Send RFC 3339, such as 2026-11-21T20:02:55.123Z.",
    Code.TOO_LARGE: "The body or the event is over a size limit, which the message names.",
    Code.TOO_DEEP: "The event nests objects or lists more than 200 levels deep.",
    Code.TOO_LONG: "An identifier or the event's name is longer than 1,024 characters.",
    Code.UNKNOWN_TYPE: "The event's `type` is missing, or none of track, identify, page, screen, group, alias.",
    Code.MISSING_ID: "The event names nobody: it has no usable `userId` or `anonymousId` (`distinct_id` for PostHog).",
    Code.MISSING_EVENT: "A track event has no name in `event`.",
    Code.MISSING_GROUP: "A group event has no usable `groupId`.",
    Code.MISSING_PREVIOUS: "An alias event has no usable `previousId`.",
    Code.EMPTY_BATCH: "The batch holds no events.",
    Code.DUPLICATE_ID: "Another event with the same `messageId` and different content was acknowledged before.",
    Code.ERASED: "The customer was erased; what is sent about them is not kept. Only a count remains.",
}


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """One refused part of a body. `index` is its place in the batch, or None where the body as a whole is refused."""

    index: int | None
    code: str
    message: str


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A rejection with the bytes it is about, for inspection; cut to the size limit of one event."""

    index: int | None
    code: str
    message: str
    raw: bytes


class Refused(ValueError):
    """Raised inside collect only, where a part of a body cannot be taken; callers get a `Rejection`."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
