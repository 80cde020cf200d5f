"""The made-up company whose traffic is measured: customers by number, and the events they cause.

Customer `n` is always the same person: of ten, nine have signed in before (they have a user id, a device and an e-mail
address) and one is a visitor of whom only a device is known. Steady traffic comes in sessions: a customer drawn
uniformly causes five events on average, while other sessions go on beside it. Of the sessions 70 % are signed-in
customers, 10 % sign in (an `identify` with traits, among them the e-mail address, then as before), and 20 % are
anonymous: half of them on a device that is known, half on a new one. An event is about 600 bytes of JSON, such as the
SDKs send; times are those of sending.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

BATCH = 100
"""Events in a request: what the SDKs for servers gather by default."""

OPEN_SESSIONS = 500
SESSION_EVENTS = 5

_NAMES = ("Product Viewed", "Product Added", "Products Searched", "Cart Viewed", "Order Completed")
_CITIES = ("Leeds", "York", "Bath", "Ely", "Wells", "Ripon", "Truro", "Durham")
_FIRST = ("Ada", "Bo", "Cy", "Dee", "Eve", "Finn", "Gus", "Hana", "Ines", "Jo")
_LAST = ("Lovelace", "Hopper", "Turing", "Noether", "Franklin", "Germain", "Curie", "Meitner", "Hodgkin", "Leavitt")
_SHOP = "https://shop.example.com"
_BROWSER = (
    '"library":{"name":"analytics.js","version":"2.1.0"},"locale":"en-GB","userAgent":"Mozilla/5.0 (X11; Linux x86_64) '
    'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"'
)


class Who(NamedTuple):
    """Whom an event names; `user` is "" for a visitor."""

    user: str
    device: str


def customer(number: int) -> Who:
    """Customer `number` of the company."""
    return Who("" if number % 10 == 9 else f"u{number:08d}", f"5eed0000-0000-4000-8000-{number:012x}")


def email(number: int) -> str:
    return f"customer{number}@mail{number % 40}.example.com"


def stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"


def _ids(who: Who) -> str:
    user = f'"userId":"{who.user}",' if who.user else ""
    return f'{user}"anonymousId":"{who.device}"'


def track(who: Who, message: str, time: str, item: int, name: str = "") -> str:
    """One thing that happened in the shop, as JSON."""
    return (
        f'{{"type":"track","event":"{name or _NAMES[item % 5]}",'
        f'"messageId":"{message}",{_ids(who)},"timestamp":"{time}",'
        f'"properties":{{"product_id":"sku-{item:05d}","category":"garden","price":{item % 90 + 0.5},"currency":"GBP",'
        f'"quantity":{item % 3 + 1},"list":"recommended"}},"context":{{{_BROWSER},'
        f'"page":{{"path":"/products/sku-{item:05d}","title":"Product {item:05d}",'
        f'"url":"{_SHOP}/products/sku-{item:05d}","referrer":"{_SHOP}/garden"}}}}}}'
    )


def identify(number: int, who: Who, message: str, time: str) -> str:
    """A customer signs in and says who she is, as JSON."""
    first, last = _FIRST[number % 10], _LAST[number // 10 % 10]
    newsletter = "true" if number % 2 else "false"
    return (
        f'{{"type":"identify","messageId":"{message}",{_ids(who)},"timestamp":"{time}","traits":{{'
        f'"email":"{email(number)}","name":"{first} {last}","city":"{_CITIES[number % 8]}","plan":"{number % 3}",'
        f'"newsletter":{newsletter}}},"context":{{{_BROWSER}}}}}'
    )


def first_events(first: int, last: int) -> Iterator[str]:
    """What made customers `first` to `last - 1` known: one event each."""
    for number in range(first, last):
        who = customer(number)
        if who.user:
            yield identify(number, who, f"first-{number:012x}-identify", stamp())
        else:
            yield track(who, f"first-{number:012x}-track", stamp(), number % 20_000)


class Steady:
    """Endless steady traffic of `customers` customers; equal seeds cause equal traffic, but for its times."""

    def __init__(
        self, customers: int, seed: int, *, open_sessions: int = OPEN_SESSIONS, events: int = SESSION_EVENTS
    ) -> None:
        self._customers = customers
        self._seed = seed
        self._random = random.Random(seed)
        self._count = 0
        self._events = events
        self._open = [self._session() for _ in range(open_sessions)]

    def _session(self) -> Iterator[str]:
        """The events of one session, one at a time."""
        chance, number = self._random.random(), self._random.randrange(self._customers)
        who = customer(number)
        if chance < 0.8:
            number -= not who.user  # a signed-in customer is wanted
            who = customer(number)
        elif chance < 0.9:
            who = Who("", who.device)
        else:
            who = Who("", f"new0{self._seed:04x}-0000-4000-8000-{self._random.getrandbits(48):012x}")
        length = 1 if self._events == 1 else self._random.randint(1, 2 * self._events - 1)
        for position in range(length):
            self._count += 1
            message = f"{self._seed:08x}-{self._count:012x}-{number:08x}"
            if 0.7 <= chance < 0.8 and position == 0:
                yield identify(number, who, message, stamp())
            else:
                yield track(who, message, stamp(), self._random.randrange(20_000))

    def __iter__(self) -> Iterator[str]:
        pick = self._random.randrange
        open_sessions = self._open
        while True:
            place = pick(len(open_sessions))
            event = next(open_sessions[place], None)
            while event is None:
                open_sessions[place] = self._session()
                event = next(open_sessions[place])
            yield event


def batches(events: Iterator[str], size: int = BATCH) -> Iterator[bytes]:
    """Bodies of `POST /v1/batch`, of so many events each."""
    while some := list(islice(events, size)):
        yield f'{{"batch":[{",".join(some)}],"sentAt":"{stamp()}"}}'.encode()
