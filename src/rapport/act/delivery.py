"""A delivery, how often it is tried, and when that is given up. Times are integer microseconds since the epoch, UTC."""

from typing import Literal

import msgspec

from rapport.kernel.times import DAY, HOUR, SECOND

Status = Literal["waiting", "done", "failed"]

FIRST_WAIT = 5 * SECOND
LONGEST_WAIT = 6 * HOUR
GROWTH = 3
JITTER = 0.25
"""By which part a wait may be shorter or longer, so that what failed together does not come again together."""
GIVE_UP = 5 * DAY
"""How long after it was put in a delivery is tried."""
KEPT = 30 * DAY
"""How long the fact of a delivery is kept after its end, and what a failed one says, so that it can be tried again."""

MAX_ANSWER = 64 * 1024
"""Bytes that are read of an answer."""
TIMEOUT_S = 10.0
"""Seconds for one try, from connecting to the last byte of the answer."""

GONE = 410


class Delivery(msgspec.Struct, frozen=True):
    """What is to reach a destination once. `kind` says how it is dressed (headers, signature), `about` what it is of:
    a source's name, a demand's handle. `error` is why the last try did not do."""

    id: str
    org: str
    url: str
    kind: str
    about: str
    status: Status
    made_at: int
    next_at: int
    tries: int = 0
    done_at: int | None = None
    error: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What a destination said; status 0 where it said nothing, with the reason in `error`. Names of headers are in
    small letters; `body` has at most MAX_ANSWER bytes, and `cut` says that there were more."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}
    error: str = ""
    cut: bool = False

    @property
    def taken(self) -> bool:
        """Whether the destination has it now."""
        return 200 <= self.status < 300

    @property
    def final(self) -> bool:
        """Whether there is no use in trying again: the destination says that it is gone for good."""
        return self.status == GONE

    @property
    def why_not(self) -> str:
        """What was wrong, in a few words that hold nothing of the answer's own."""
        if self.taken:
            return ""
        if not self.status:
            return self.error
        if 300 <= self.status < 400:
            return f"it answered {self.status}: redirects are not followed"
        return f"it answered {self.status}"


class Dressed(msgspec.Struct, frozen=True):
    """A delivery as it is sent: the exact bytes, and the headers beside the usual ones."""

    body: bytes
    headers: dict[str, str]


def wait_of(tries: int, luck: float) -> int:
    """How long to wait after so many tries that failed (≥ 1), by a random number in [0, 1)."""
    # An exponent beyond this is over the longest wait anyway, and would make numbers without end.
    base = min(FIRST_WAIT * GROWTH ** min(tries - 1, 20), LONGEST_WAIT)
    return int(base * (1 - JITTER + 2 * JITTER * luck))


def is_over(since: int, at: int) -> bool:
    """Whether a delivery that is tried since then is given up now."""
    return at - since >= GIVE_UP
