"""Whose audience and which fields an export or a destination may name."""

from collections.abc import Mapping

from rapport.act.activation import check_fields
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.kernel.errors import BadInput, NotFound
from rapport.profile.store import Found, ProfileReader
from rapport.terms.exports import Wish

RESERVED = ("customer", "receipt")
"""Columns of every file."""


def check_audience(definitions: Definitions, org: str, audience: str, purpose: str) -> None:
    """Raises BadInput where there is no such audience, or where it is for another purpose: who is in was worked out
    for one, and is told for that alone."""
    try:
        found = definitions.audience(org, audience)
    except NotFound:
        message = f"there is no audience {audience[:100]!r}"
        raise BadInput(message, code="unknown_audience", field="audience") from None
    if found.purpose != purpose:
        message = f"who is in {audience} was worked out for {found.purpose}, and is told for nothing else"
        raise BadInput(message, code="other_purpose", field="purpose")


def check_columns(fields: Mapping[str, str]) -> None:
    """Raises BadInput where these are no fields that a file can have."""
    check_fields(fields)
    for name in fields:
        if name.lower() in RESERVED:
            message = f"every file has a column {name!r}: name the field otherwise"
            raise BadInput(message, code="bad_fields", field="fields")


def check(definitions: Definitions, org: str, wish: Wish) -> None:
    """Raises BadInput where a wish names an audience or fields that it cannot."""
    check_columns(wish.fields)
    if wish.audience:
        check_audience(definitions, org, wish.audience, wish.purpose)


class MembersWalk:
    """The members of an audience once, by number, as they are while it goes on."""

    def __init__(self, reader: ProfileReader, decided: DecideReader, org: str, audience: str) -> None:
        self._reader = reader
        self._decided = decided
        self._where = (org, audience)
        self._after = 0
        self.most = 1
        self.walked = 0
        self.done = False

    def following(self) -> list[Found]:
        """The next members, within a reader's snapshot."""
        customers: list[Found] = []
        org, audience = self._where
        while not customers and not self.done:
            rows = self._decided.members(org, audience, self._after, self.most)
            self.done = len(rows) < self.most
            for number, _ in rows:
                self._after = number
                self.walked += 1
                found = self._reader.found(org, number)
                # Whose record is another customer's by now is soon out, and the other is asked anew.
                if found is not None and found.number == number:
                    customers.append(found)
        return customers
