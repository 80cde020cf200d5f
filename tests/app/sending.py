"""A house with destinations, and what sends to them, for tests that speak to real receivers."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from rapport.act.activation import Wish, checked
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_rows import MIGRATIONS
from rapport.adapters.embedded.destination_queue import DestinationQueue, Row
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.sqlite import connect
from rapport.app.activating import Activator
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.kernel.times import now
from tests.profile.house import ORG, House, told

PEOPLE = ("ada", "bo", "cy")


class Sent:
    """A house with destinations, their queues, and what sends them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.settings = Settings(data=house.settings.data, private_destinations=True)
        self.ledger = open_ledger(self.settings)
        self.book = DestinationBook(self.ledger)
        path = self.settings.directory / "decide.db"
        self.db = connect(path, MIGRATIONS, durable=True)
        self.queue = DestinationQueue(self.db, path)
        self.activator: Activator | None = None
        Definitions(self.ledger).put_audience(ORG, "gold", 'traits.plan == "gold"', "service", "test")

    def begin(self) -> None:
        self.activator = Activator(self.settings, check_s=0.01)

    def close(self) -> None:
        if self.activator is not None:
            self.activator.close()
        self.queue.close()
        self.ledger.close()

    def to(self, name: str, url: str, **more: Any) -> int:
        wish = {"kind": "webhook", "audience": "gold", "purpose": "service", **more}
        if wish.get("events"):
            wish["audience"] = None
        right = checked(name, Wish(url=url, **wish), private=True)
        return self.book.put(ORG, name, right)[0].number

    def customer(self, user: str) -> int:
        with self.house.reader.snapshot():
            (found,) = self.house.reader.by_identifier(ORG, "user_id", user)
        return found.number

    def handle(self, user: str) -> str:
        with self.house.reader.snapshot():
            (found,) = self.house.reader.by_identifier(ORG, "user_id", user)
        return found.customer

    def happens(self, number: int, user: str, what: Any = "entered") -> None:
        self.queue.put([Row(number, self.customer(user), what, now())])

    def lock(self, user: str) -> None:
        people = self.house.people
        people.lock(people.add([f"{ORG}:user_id:{user}"]).handle)

    def receipts(self) -> list[Any]:
        return [one for one in self.ledger.receipts(ORG, 1_000) if one.action == "destination"]


@contextmanager
def sending_house() -> Iterator[Sent]:
    """Of three customers, all in the audience `gold`."""
    with House() as house:
        for number, user in enumerate(PEOPLE):
            traits = {"plan": "gold", "email": f"{user}@example.com", "visits": number}
            house.send(told(type="identify", userId=user, messageId=f"i-{user}", traits=traits), source="crm")
        house.settle()
        with closing(Sent(house)) as sent:
            yield sent
