"""Rights: what people may ask for by law, beside their terms; each asked for once, ended once, and measured.

Some are carried out at once (access, portability, erasure, restriction, objection), and no company hears of them: a
company that is shut out sees what it sees of an unknown customer. The others are addressed to a company, which so
learns that its customer asks: a correction (once it is made, and where it may serve the customer), and a human's look
at a decision.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY

Right = Literal["access", "portability", "rectification", "erasure", "restriction", "objection", "review"]
Status = Literal["open", "done", "refused", "withdrawn"]

LAW: Mapping[Right, str] = {
    "access": "GDPR Art. 15",
    "portability": "GDPR Art. 20",
    "rectification": "GDPR Art. 16",
    "erasure": "GDPR Art. 17",
    "restriction": "GDPR Art. 18",
    "objection": "GDPR Art. 21",
    "review": "GDPR Art. 22(3)",
}
ADDRESSED: frozenset[Right] = frozenset({"rectification", "review"})
"""Those that the company hears of."""
DEADLINE = 30 * DAY
"""How long a company has to answer, µs (article 12(3): one month)."""
MAX_WORDS = 2000
MAX_OPEN = 100
MAX_A_DAY = 500
"""How often a person may correct something in 24 hours: each time is kept for good."""
MAX_VALUE = 4096
"""Bytes of a corrected value as JSON."""
YOU = "you"


class Asked(msgspec.Struct, frozen=True):
    """What is asked for. `about`: the purpose objected to, the trait corrected, the receipt of the use to be looked at,
    or the format of a copy; `value` the corrected one; `words` the person's own; `by` who asks: `you`, or an agent."""

    right: Right
    org: str
    about: str = ""
    value: Any = None
    words: str = ""
    by: str = YOU

    def checked(self) -> "Asked":
        """Raises BadInput, naming the field that is wrong."""
        if len(self.words) > MAX_WORDS:
            raise BadInput(f"say it in at most {MAX_WORDS} characters", code="bad_request", field="words")
        if len(self.about) > MAX_WORDS:
            raise BadInput("this is too long to be what a request is about", code="bad_request", field="about")
        if len(msgspec.json.encode(self.value)) > MAX_VALUE:
            raise BadInput(f"a value may have at most {MAX_VALUE} bytes", code="bad_request", field="value")
        return self


class Case(msgspec.Struct, frozen=True):
    """A request on record. `at` and `ended_at` are in µs; `person` is the person's number, 0 once they are erased;
    `receipts` those in the person's book that tell of it; `told` the deliveries by which the company's systems are."""

    id: str
    person: int
    asked: Asked
    at: int
    status: Status = "open"
    ended_at: int | None = None
    answer: str = ""
    receipts: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def took(self) -> int | None:
        """From asked to ended, µs."""
        return None if self.ended_at is None else self.ended_at - self.at

    @property
    def deadline(self) -> int:
        return self.at + DEADLINE


class Answered(msgspec.Struct, frozen=True):
    """How long requests of one kind took: how many ended, how many wait, and the middle and the longest time, µs."""

    right: Right
    ended: int
    waiting: int
    median: int | None
    longest: int | None


def took_words(took: int) -> str:
    """A time in words: `0.4 seconds`, `3 days`."""
    seconds = took / 1e6
    for length, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            count = round(seconds / length)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds:.1f} seconds" if seconds >= 0.1 else "less than a tenth of a second"
