"""Alice's month: what she did in it, and what Lantern Lane used of hers and gave for it, through the node's own doors.

What she did in the month lies in the past, as the rest of the history does. Uses cannot: a receipt says when it was
written, and nothing else. So all uses of the month are made while the demo starts, and what they gave happens then,
too; the terminal says so. What settles itself by its event alone (a voucher, a refund, a fee) lies anywhere in the
month. A month that has only begun is lived faster.
"""

import datetime as dt
import shlex
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import count

from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.doors import Doors
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.cli.demo.catalogue import CURRENCY, PRODUCTS, Line, Order, listed, pounds
from rapport.cli.demo.history import Call
from rapport.cli.demo.names import STORES
from rapport.cli.demo.people import ALICE, Shopper, household, lots
from rapport.cli.demo.premises import Note
from rapport.cli.demo.steps import Step, Visit
from rapport.kernel.times import MINUTE, SECOND
from rapport.terms import promises
from rapport.terms.benefits import parse_mapping
from rapport.terms.presets import PRESETS

_GOODS = {product.name: product for product in PRODUCTS}
TERMS = "balanced"
_MILLISECOND = SECOND // 1000


def began(end: int) -> int:
    """When the month of `end` (µs) began, UTC."""
    day = dt.datetime.fromtimestamp(end // SECOND, dt.UTC)
    first = day.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(first.timestamp()) * SECOND


def month_of(end: int) -> str:
    """`2026-11`."""
    return f"{dt.datetime.fromtimestamp(end // SECOND, dt.UTC):%Y-%m}"


# -- what she did


def lived(seed: int, end: int) -> list[Call]:
    """What happened to Alice in the month up to `end` (µs), beside the rest of her history."""
    alice = household(seed, ALICE).people[0]
    start = began(end)
    visits = (
        (0.10, _with_voucher(alice, "W000000006", "Notebook", 240)),
        (0.28, _at_till(alice, "T000000007", "Beeswax candle", 300)),
        (0.41, _brought_back(alice)),
        (0.57, _delivered(alice)),
        (0.72, _with_voucher(alice, "W000000009", "Hand trowel", 135)),
        (0.90, _with_voucher(alice, "W000000010", "Wrapping paper", 60)),
    )
    at = [start + int((end - start) * share) // MINUTE * MINUTE for share, _ in visits]
    return [*_calls(seed, "month", zip(at, (steps for _, steps in visits), strict=True))]


def today(seed: int, end: int, at: int) -> list[Call]:
    """What comes of the uses that the company makes while the demo starts: a chat at the desk, and an order after an
    offer. `end` names the month, `at` is now (both µs)."""
    alice = household(seed, ALICE).people[0]
    steps = [*_chat(alice), *_ordered(alice)]
    return [
        *_calls(seed, f"today-{month_of(end)}", zip(count(at, _MILLISECOND), ([step] for step in steps), strict=False))
    ]


def _calls(seed: int, name: str, visits: Iterable[tuple[int, list[Step]]]) -> Iterator[Call]:
    """Each once, and by a right clock: each is told of on the statement."""
    numbers = count()
    for began_at, steps in visits:
        first = steps[0].after
        for step in steps:
            at = began_at + (step.after - first) * SECOND
            body = {**step.call, "messageId": f"demo-{seed}-{name}-{next(numbers)}"}
            yield Call(at, at, step.source, 0, body)


def _visit(source: str, client: str, **ids: str) -> Visit:
    return Visit(lots("alice", "month", source, client), source, client, **ids)


def _signed_in(alice: Shopper) -> Visit:
    return _visit("web", alice.browsers[1], anonymousId=alice.browsers[1], userId=alice.user_id or "")


def _pay(visit: Visit, number: str, name: str, voucher: int) -> Visit:
    """Pay for one thing, with a voucher of so many pence."""
    order = Order(number, (Line(_GOODS[name], 1),))
    paid = {"order_id": number, "currency": CURRENCY, "products": listed(order)}
    visit.track("Voucher Redeemed", voucher=f"V{number[1:]}", value=pounds(voucher), currency=CURRENCY, order_id=number)
    return visit.track("Order Completed", **paid, revenue=pounds(order.pence - voucher), discount=pounds(voucher))


def _with_voucher(alice: Shopper, number: str, name: str, voucher: int) -> list[Step]:
    return _pay(_signed_in(alice).looks_at(_GOODS[name]), number, name, voucher).steps


def _card(alice: Shopper) -> Visit:
    return _visit("till", "till-2", anonymousId=f"card-{alice.card}")


def _at_till(alice: Shopper, number: str, name: str, voucher: int) -> list[Step]:
    return _pay(_card(alice).track("Loyalty Card Scanned", store=STORES["till-2"]), number, name, voucher).steps


def _brought_back(alice: Shopper) -> list[Step]:
    napkins = _GOODS["Linen napkins"]
    returned = [{"product_id": napkins.id, "name": napkins.name, "quantity": 1}]
    refund = {"order_id": "W000000001", "total": pounds(napkins.pence), "currency": CURRENCY, "products": returned}
    return _card(alice).track("Order Refunded", **refund, reason="a seam came loose").steps


def _delivered(alice: Shopper) -> list[Step]:
    waived = {"order_id": "A000000008", "fee": pounds(395), "currency": CURRENCY, "reason": "gold card"}
    return _signed_in(alice).track("Delivery Fee Waived", **waived).steps


CHAT, OFFERED = "S0000002", "W000000011"


def _chat(alice: Shopper) -> list[Step]:
    desk = _visit("support", "desk", anonymousId=f"contact-{alice.number}")
    return desk.track("Support Chat Closed", ticket=CHAT, topic="Where is my parcel?", order_id="A000000008").steps


def _ordered(alice: Shopper) -> list[Step]:
    return _pay(_signed_in(alice), OFFERED, "Reading lamp", 390).steps


# -- how she and the company are set up


def prepare(settings: Settings, org: str, note: Note) -> None:
    """Alice's account with her terms, and the events that settle themselves; once."""
    if not note.alice:
        alice = household(note.seed, ALICE).people[0]
        people = embedded.open_people(settings)
        hers = (f"user_id:{alice.user_id}", f"email:{alice.email}", f"loyalty_id:{alice.card}", f"phone:{alice.phone}")
        person = people.add([f"{org}:{each}" for each in hers])
        people.set_terms(person.handle, PRESETS[TERMS])
        note.alice = person.handle
    book = BenefitFile(embedded.open_ledger(settings))
    if not book.mapping(org):
        book.set_mapping(org, parse_mapping(_file("benefits.toml")))


def first_promise() -> str:
    """The hash of what Lantern Lane promises first; whatever else stands there is somebody's own, and is left alone."""
    return promises.hash_of(promises.parse(_file("lantern_lane.toml"), "toml"))


def promised_anew() -> bytes:
    """What Lantern Lane promises from the middle of the month on: it has a further wish, and gives its word on it."""
    return _file("lantern_lane.toml") + _file("lantern_lane_more.toml")


def _file(name: str) -> bytes:
    return files("rapport.cli.demo").joinpath(name).read_bytes()


def how_to_look(settings: Settings, note: Note) -> str:
    """How to open Alice's own pages and her statement, for the terminal."""
    from rapport.web.door import AT_ONCE  # noqa: PLC0415 (commands load no pages before they need one)

    url = f"{settings.url}/me/open?code={Doors(embedded.open_ledger(settings)).mint(note.alice, AT_ONCE)}"
    data, port = _unless_usual(settings, "data"), _unless_usual(settings, "port")
    return (
        "Alice's own page, signed in as Alice by one click (once, within 10 minutes):\n"
        f"  {url}\n"
        f"Another link:\n  rapport person open {note.alice}{data}{port}\n"
        f"Her inbox is on it, and her statement of {month_of(note.end)}; that in the terminal:\n"
        f"  rapport person statement {note.alice} --month {month_of(note.end)}{data}\n"
        "What she did lies in the month; what the company used was used just now, and its receipts say so.\n"
    )


def _unless_usual(settings: Settings, name: str) -> str:
    """The flag by which a command reaches this node; "" where it does without."""
    said = getattr(settings, name)
    return "" if said == getattr(Settings(), name) else f" --{name} {shlex.quote(str(said))}"
