"""What guard-rails found of an action, and where it stands by that. Nothing here takes NumPy: catalogues read it."""

from typing import Final, Literal

import msgspec

from rapport.kernel.errors import BadInput
from rapport.terms.benefits import Side

State = Literal["off", "harm", "on"]
MOST_REASON: Final = 200
SIDES_SAID: Final = {"customer": "customers", "company": "the company"}


class Verdict(msgspec.Struct, frozen=True):
    """What the log shows of an action for one side, against silence, at all looks so far together. `harmful`: it is to
    be switched off. `effect` to those who got it is at most `high` and at least `low` (None where there is too little),
    in the organization's money; all that misses with chance `alpha` at most."""

    action: str
    side: Side
    harmful: bool
    effect: float | None
    low: float | None
    high: float | None
    got: int
    left_alone: int
    alpha: float
    said: str


class Rail(msgspec.Struct, frozen=True):
    """Where one version of an action stands since `at` (µs): switched `off`, for it harms; left on though it does
    (`harm`: the organization said so, or it must be said); or switched `on` again by somebody, with their `reason`, and
    judged by what was decided later. `verdicts`: those that found harm."""

    action: str
    version: int
    state: State
    at: int
    verdicts: tuple[Verdict, ...] = ()
    who: str = ""
    reason: str = ""

    @property
    def said(self) -> str:
        """What was found, as it goes on from its name: `harms customers: …`."""
        return "; ".join(one.said.removeprefix(f"{one.action} ") for one in self.verdicts)


def checked_reason(reason: str) -> str:
    """Why an action is switched on again. Raises BadInput (`bad_reason`)."""
    said = " ".join(reason.split())
    if not 0 < len(said) <= MOST_REASON or not said.isprintable():
        message = f"say why it is switched on again, in 1 to {MOST_REASON} letters"
        raise BadInput(message, code="bad_reason", field="reason")
    return said
