"""What the console asks about audiences and computed traits. Times are integer microseconds since the epoch, UTC.

What is told of definitions and of numbers is for whoever makes audiences; whom they are about is told through the gate,
for the purpose of the session, which is the audience's own: `people`, `moves`, `stumbles` and `why` raise NotFound
where it is another, as they do where there is no such audience.
"""

from collections.abc import Iterable
from typing import Any, Literal, Protocol

import msgspec

from rapport.decide import Audience, ComputedTrait
from rapport.kernel.expressions import Completion, Problem, Schema, quoted, written
from rapport.web.audiences import Day, Learned, Preview, Saved, Standing, TraitWish, Warned
from rapport.web.console.session import Session

Of = Literal["audience", "trait", "action"]
"""What an expression is written for: true or false, or, for a trait, a value."""


class Listed(msgspec.Struct, frozen=True):
    """An audience in a list. `counts`: how many were in at the end of each of the last days, the oldest first;
    `failing`: on how many the expression fails."""

    standing: Standing
    counts: tuple[int, ...]
    failing: int = 0


class Looked(msgspec.Struct, frozen=True):
    """One audience. `versions`: newest first; `reasons`: why the expression fails, each with on how many; `uses`: what
    rests on it, in words; `trouble`: why this node cannot read its expression, "" where it can."""

    standing: Standing
    versions: tuple[Audience, ...]
    days: tuple[Day, ...]
    reasons: tuple[tuple[str, int], ...]
    uses: tuple[str, ...]
    trouble: str = ""


class Person(msgspec.Struct, frozen=True):
    """A customer in a list: the handle, and masked identifiers with their types, the most telling first."""

    customer: str
    identifiers: tuple[tuple[str, str], ...]


class MemberRow(msgspec.Struct, frozen=True):
    person: Person
    since: int


class MoveRow(msgspec.Struct, frozen=True):
    """Somebody entered or left. `cause`: `event`, `time`, `definition` or `gone`."""

    person: Person
    kind: str
    at: int
    cause: str
    version: int


class StumbleRow(msgspec.Struct, frozen=True):
    """Somebody on whom the expression fails, and why, without their values."""

    person: Person
    reason: str


class Members(msgspec.Struct, frozen=True):
    rows: tuple[MemberRow, ...]
    next: str | None


class Moves(msgspec.Struct, frozen=True):
    """Newest first. It ends where the expression was made, or where nobody who may be read moved."""

    rows: tuple[MoveRow, ...]
    next: str | None


class TraitLooked(msgspec.Struct, frozen=True):
    """One computed trait. `uses`: what rests on it, in words; `learned`: None for one by an expression, and for a
    model that waits for its turn."""

    trait: ComputedTrait
    versions: tuple[ComputedTrait, ...]
    uses: tuple[str, ...]
    learned: Learned | None = None


class Offer(msgspec.Struct, frozen=True):
    """A ready-made trait: the model, and whether there is one already (its name, else "")."""

    model: str
    tells: str
    made: str


class Offers(msgspec.Struct, frozen=True):
    """Ready-made traits, and the events that are purchases by their looks: each with the properties that say for how
    much, the likeliest first."""

    offers: tuple[Offer, ...]
    purchases: tuple[tuple[str, tuple[str, ...]], ...]


class Words(msgspec.Struct, frozen=True):
    """Names from the data that an expression can hold, as it writes them."""

    events: tuple[str, ...]
    traits: tuple[str, ...]
    identifiers: tuple[str, ...]
    computed: tuple[str, ...]


def words_of(schema: Schema) -> Words:
    """Those of what was seen of an organization."""

    def names(root: str, known: Iterable[str]) -> tuple[str, ...]:
        return tuple(written(root, name) for name in sorted(known))

    return Words(
        tuple(quoted(name) for name in sorted(schema.events)),
        names("traits", schema.traits),
        names("identifiers", schema.identifiers),
        names("computed", schema.computed),
    )


class Known(msgspec.Struct, frozen=True):
    """What a computed trait would give today: of how many customers it is known, of how many not; on how many it fails,
    most for `reason`. `share` as in Preview."""

    known: int
    unknown: int
    failing: int
    reason: str
    share: float
    warnings: tuple[Warned, ...] = ()


class AudiencesDesk(Protocol):
    # -- audiences

    async def page(self, session: Session, after: str, limit: int) -> list[Listed]:
        """By name, those after one."""

    async def named(self, session: Session, name: str, days: int) -> Looked:
        """Raises NotFound."""

    async def put(
        self, session: Session, name: str, expression: str, purpose: str, expected: int | None
    ) -> Saved[Audience]:
        """Raises BadInput, ExpressionError, Conflict (`too_many`, `outdated`)."""

    async def delete(self, session: Session, name: str) -> None:
        """Raises NotFound, Conflict (`in_use`)."""

    async def preview(self, session: Session, expression: str, purpose: str, name: str | None) -> Preview:
        """Against the saved version of `name`. Raises BadInput, ExpressionError, Busy, NotFound."""

    # -- whom they are about

    async def people(self, session: Session, name: str, cursor: str | None) -> Members:
        """Who is in, who came first first. Raises BadInput (`bad_cursor`)."""

    async def moves(self, session: Session, name: str, cursor: str | None) -> Moves:
        """Who entered and left. Raises BadInput (`bad_cursor`)."""

    async def stumbles(self, session: Session, name: str) -> tuple[StumbleRow, ...]:
        """Some of those on whom it fails."""

    async def why(self, session: Session, name: str, customer: str) -> dict[str, Any]:
        """Why one customer is in or out, as `GET /v1/audiences/{name}/why` answers. Raises Conflict (`ambiguous`)."""

    # -- computed traits

    async def traits(self, session: Session, after: str, limit: int) -> list[ComputedTrait]:
        """By name, those after one."""

    async def trait(self, session: Session, name: str) -> TraitLooked:
        """Raises NotFound."""

    async def put_trait(
        self, session: Session, name: str, wish: TraitWish, expected: int | None
    ) -> Saved[ComputedTrait]:
        """Raises BadInput, ExpressionError, Conflict (`cycle`, `too_many`, `outdated`)."""

    async def delete_trait(self, session: Session, name: str) -> None:
        """Raises NotFound, Conflict (`in_use`)."""

    async def preview_trait(self, session: Session, expression: str, purpose: str) -> Known:
        """Raises BadInput, ExpressionError, Busy."""

    async def offers(self, session: Session) -> Offers: ...

    # -- while an expression is written

    async def words(self, session: Session) -> Words: ...

    async def complete(self, session: Session, before: str) -> list[Completion]:
        """What can stand at the end of this text. Nothing of it is a value of any customer."""

    async def review(self, session: Session, expression: str, of: Of) -> tuple[Problem, ...]:
        """All that is wrong with an expression, and what of it was never seen."""
