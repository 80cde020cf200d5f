"""A house whose audiences are followed, over a clock that is moved by hand."""

import contextlib
from collections.abc import Iterator
from typing import Any

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.app.embedded import open_ledger
from rapport.app.evaluating import Evaluator
from rapport.decide import Audience
from tests.profile.house import ORG, TEN, House, told

WHO = "command line"


class Deciding:
    """A house with definitions and an evaluator, over a clock that is moved by hand."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.at = TEN
        self.ledger = open_ledger(house.settings)
        self.kept = Definitions(self.ledger)
        self.evaluator = self._evaluator()
        self.read = DecideReader(house.directory)

    def _evaluator(self) -> Evaluator:
        return Evaluator(self.house.settings, lambda: self.at)

    def restart(self) -> None:
        self.evaluator.close()
        self.evaluator = self._evaluator()

    def close(self) -> None:
        self.evaluator.close()
        self.read.close()
        self.ledger.close()

    def put(self, name: str, expression: str, purpose: str = "service") -> Audience:
        return self.kept.put_audience(ORG, name, expression, purpose, WHO)

    def settle(self) -> None:
        self.house.worker._following._looked = 0.0
        self.house.worker.step()
        self.house.settle()
        self.evaluator.settle()

    def send(
        self, user: str, name: str = "Order Completed", time: int | None = None, settle: bool = True, **fields: Any
    ) -> None:
        """Something that somebody did, at a time (µs; None: now), as it comes in now."""
        time = self.at if time is None else time
        event = told(time, type="track", userId=user, event=name, messageId=f"m{time}{name}{user}", **fields)
        self.house.send(event, received_at=self.at)
        if settle:
            self.settle()

    def identify(self, user: str, settle: bool = True, **traits: Any) -> None:
        event = told(
            self.at, type="identify", userId=user, messageId=f"i{self.at}{user}{sorted(traits)}", traits=traits
        )
        self.house.send(event, received_at=self.at)
        if settle:
            self.settle()

    def users(self, audience: str) -> set[str]:
        """User ids of its members."""
        by_number = {found.number: found for found in self.house.found()}
        members = self.read.members(ORG, audience, limit=1000)
        return {part.record.key_value for number, _ in members for part in by_number[number].parts}

    def moves(self, audience: str) -> list[tuple[str, str]]:
        """(kind, cause), oldest first."""
        return [(one.kind, one.cause) for one in reversed(self.read.history(ORG, audience))]

    def failing(self, audience: str) -> dict[str, str]:
        """User id → why the expression fails on them."""
        by_number = {found.number: found for found in self.house.found()}
        failing = self.read.failing(ORG, audience, limit=1000)
        return {part.record.key_value: error for number, error in failing for part in by_number[number].parts}


@contextlib.contextmanager
def deciding_house() -> Iterator[Deciding]:
    with House() as house, contextlib.closing(Deciding(house)) as deciding:
        yield deciding
