"""What a company's systems are told of a correction, and whether it may still be told as it leaves."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from rapport.act.delivery import Delivery, Dressed
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.collect.correction import Key
from rapport.kernel.errors import NotFound
from rapport.kernel.times import rfc3339
from rapport.terms import Request
from rapport.terms.rights import Case
from rapport.terms.still_open import still_open

MESSAGE = "rectification"
TELLING = "telling its systems of your correction"
CALLER = "node"
PURPOSE = "service"


def telling(org: str, customer: str, systems: Sequence[str] = ()) -> Request:
    """The use that telling some of a company's systems is: that of who serves the customer."""
    return Request(org, customer, PURPOSE, CALLER, TELLING, systems=tuple(systems))


def letter(case: Case, customer: str, keys: Sequence[Key]) -> dict[str, Any]:
    """What a system is told that knows a customer by these identifiers."""
    return {
        "id": case.id,
        "organization": case.asked.org,
        "customer": customer,
        "identifiers": [{"type": kind, "value": value} for kind, value in keys],
        "trait": case.asked.about,
        "value": case.asked.value,
        "taken_back": case.asked.value is None,
        "corrected_at": rfc3339(case.at),
    }


class _Said(msgspec.Struct):
    organization: str
    customer: str
    trait: str
    taken_back: bool = False


class _Letter(msgspec.Struct):
    type: str
    data: msgspec.Raw


class CorrectionLetters:
    """Dresses webhooks; those about corrections only while they may still be told: withdrawal is immediate."""

    def __init__(self, settings: Settings, ledger: LedgerFile, dress: Callable[[Delivery, bytes], Dressed]) -> None:
        self._settings = settings
        self._people = embedded.open_people(settings, ledger)
        self._sources = embedded.Sources(ledger)
        self._dress = dress

    def dress(self, delivery: Delivery, body: bytes) -> Dressed:
        """Raises NotFound where it may not be told any more."""
        letter = msgspec.json.decode(body, type=_Letter)
        if letter.type == MESSAGE:
            said = msgspec.json.decode(letter.data, type=_Said)
            request = telling(said.organization, said.customer)
            with contextlib.closing(embedded.open_reader(self._settings, self._sources.by_name)) as reader:
                told = still_open(reader, self._people, request, None if said.taken_back else said.trait)
            if not told:
                raise NotFound("what it tells of may not be told any more")
        return self._dress(delivery, body)
