"""A house in which decisions start by themselves: an evaluator that notices, and what makes decisions of it, both over
a clock that is moved by hand."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.channels import ChannelBook
from rapport.adapters.embedded.decisions import Kept
from rapport.adapters.embedded.noticed import NoticedBook
from rapport.app.starting import Starting
from rapport.decide.actions import Action, Trigger
from rapport.decide.decision import Manner
from rapport.kernel.times import now
from tests.app.deciding import Deciding
from tests.app.desk import NOBODY_HELD, Desk
from tests.app.post_office import SENDER
from tests.profile.house import ORG, House, told

LETTER = {"email": {"en": {"subject": "Your order", "text": "It was noticed."}}}
MAILED = {"smtp": "smtp://127.0.0.1:9", "mail_from": "node@rapport.example"}


def notice(*triggers: Trigger, name: str = "confirm", **fields: Any) -> Action:
    """One that is chosen wherever it may be: what must be said skips arbitration."""
    return Action(ORG, name, "notice", **{"purpose": "service", "content": LETTER, **fields}, triggers=triggers)


class Triggering:
    """`ada` and `bo` are there, with addresses."""

    def __init__(self, house: House, *actions: Action, manner: Manner = NOBODY_HELD) -> None:
        self.house = house
        self._numbers = itertools.count()
        self.deciding = Deciding(house)
        self.deciding.at = now()
        self.desk = Desk(house, *actions, manner=manner)
        self.actions = ActionBook(self.desk.ledger)
        self.book = NoticedBook(self.desk.ledger)
        ChannelBook(self.desk.ledger).put(ORG, "email", SENDER, "eve")
        self.starting = self._starting()
        for user in ("ada", "bo"):
            self.does(user, type="identify", traits={"name": user, "email": f"{user}@example.com"})
        self.settle()

    def _starting(self) -> Starting:
        return Starting(self.house.settings, lambda: self.deciding.at)

    def does(self, user: str, event: str = "", at: int | None = None, **fields: Any) -> None:
        """Something happens, and comes in now."""
        when = self.deciding.at if at is None else at
        name = {"type": "track", "event": event} if event else {}
        message = fields.pop("message", f"m{next(self._numbers)}")
        said = told(when, userId=user, messageId=message, **name, **fields)
        self.house.send(said, source="crm", received_at=self.deciding.at)

    def settle(self) -> None:
        self.deciding.settle()
        self.starting.settle()

    def later(self, micros: int) -> int:
        self.deciding.at += micros
        return self.deciding.at

    def restart(self) -> None:
        """Both begin anew, as after a kill."""
        self.deciding.restart()
        self.starting.close()
        self.starting = self._starting()

    def told_again(self) -> None:
        """The worker's news come once more, as after a kill before the evaluator's own commit."""
        self.deciding.evaluator.file.db.execute("UPDATE meta SET value = 0 WHERE name = 'touched'")
        self.restart()
        self.settle()

    def kept(self) -> list[Kept]:
        """All decisions, the first first."""
        return self.desk.book.page(ORG, 1 << 62, 1_000)[::-1]

    def decided(self) -> list[str]:
        return [one.content.action if one.content else "" for one in self.kept()]

    def started(self) -> list[list[tuple[str, str]]]:
        """By what each was."""
        return [[(start.how, start.name) for start in one.content.started] for one in self.kept() if one.content]

    def waiting(self) -> int:
        return int(self.desk.ledger.db.execute("SELECT count(*) FROM noticed").fetchone()[0])

    def number(self, user: str) -> int:
        (number,) = [part.number for one in self.house.found() for part in one.parts if part.record.key_value == user]
        return number

    def close(self) -> None:
        self.starting.close()
        self.desk.close()
        self.deciding.close()


@contextlib.contextmanager
def triggering(*actions: Action, manner: Manner = NOBODY_HELD) -> Iterator[Triggering]:
    with House(**MAILED) as house, contextlib.closing(Triggering(house, *actions, manner=manner)) as made:
        yield made
