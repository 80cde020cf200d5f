"""What people do with the shop, one function a kind of visit. Together they hold every difficulty that real data has.

Each takes the dice, the person and what the shop remembers of them, and gives the steps of one visit. Typed-in names
and addresses go wrong now and then; the tablets in the shops are used by one after the other; the loyalty card, the
phone number or the address in a newsletter's link are often all that ties a visit to somebody.
"""

import random
from collections.abc import Callable
from typing import Any

import msgspec

from rapport.cli.demo.catalogue import CATEGORIES, CURRENCY, PRODUCTS, Order, basket, listed, pounds
from rapport.cli.demo.names import RETURN_REASONS, STORES, TABLETS, TOPICS
from rapport.cli.demo.people import Household, Shopper
from rapport.cli.demo.steps import Step, Visit

TYPO_RATE = 0.08
_GERMAN = 7
"""Every so many households speak German, as the customer file says."""


class Memory(msgspec.Struct):
    """What the shop's systems remember of a person between visits."""

    signed_up: bool = False
    app_signed_in: bool = False
    in_crm: bool = False
    calls: int = 0
    orders: list[Order] = []


Kind = Callable[[random.Random, Household, Shopper, Memory], list[Step]]


def mistyped(rng: random.Random, text: str) -> str:
    """The text with two neighbouring letters swapped, as happens at a counter."""
    letters = [place for place in range(1, len(text) - 1) if text[place : place + 2].isalpha()]
    if not letters:
        return text
    place = rng.choice(letters)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _bought(order: Order, **more: Any) -> dict[str, Any]:
    total = pounds(order.pence)
    return {"order_id": order.id, "revenue": total, "currency": CURRENCY, "products": listed(order), **more}


def _remember(memory: Memory, order: Order) -> None:
    memory.orders = [*memory.orders[-4:], order]


def _browse(visit: Visit) -> Visit:
    rng = visit.rng
    category = rng.choice(CATEGORIES)
    visit.page("Home", "/").pause(2, 12)
    if rng.random() < 0.3:
        visit.track("Products Searched", query=rng.choice(PRODUCTS).name.lower()).pause(2, 8)
    visit.track("Product List Viewed", category=category)
    for product in rng.sample([p for p in PRODUCTS if p.category == category], rng.randint(1, 4)):
        visit.looks_at(product)
    return visit


def _sign_in(visit: Visit, house: Household, who: Shopper, memory: Memory) -> Visit:
    """The person gives an account to what was an anonymous browser."""
    assert who.user_id is not None  # noqa: S101 (asked by the callers)
    visit.pause(5, 20).knows(userId=who.user_id)
    if not memory.signed_up:
        memory.signed_up = True
        visit.track("Signed Up", _consent(newsletter=who.newsletter), method="email")
    traits = {"email": who.email, "firstName": who.first_name, "lastName": who.last_name, "name": who.name}
    # The household's mailbox is where parcels are announced: the account names it, but it is not the person's alone.
    return visit.identify({"externalIds": [_external("email", house.mailbox)]} if house.mailbox else None, **traits)


def _external(kind: str, value: str) -> dict[str, str]:
    return {"id": value, "type": kind, "collection": "users", "encoding": "none"}


def _consent(*, newsletter: bool) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": {"newsletter": newsletter, "advertising": False}}}


def _check_out(visit: Visit, memory: Memory, prefix: str) -> Visit:
    order = basket(visit.rng, prefix)
    for line in order.lines:
        visit.pause(2, 15).track(
            "Product Added", product_id=line.product.id, name=line.product.name, quantity=line.quantity
        )
    visit.pause(5, 30).track("Checkout Started", order_id=order.id, revenue=pounds(order.pence))
    if visit.rng.random() < 0.8:
        visit.pause(20, 90)
        _redeem(visit, order)
        visit.track("Order Completed", **_bought(order))
        _remember(memory, order)
    return visit


def _redeem(visit: Visit, order: Order) -> None:
    """One order in five is paid with a voucher of a tenth of it; what the shop still earns by it, it says too. The
    number decides, so that the dice fall for everything else as they would without."""
    if int(order.id[1:]) % 5 == 0:
        voucher, margin = order.pence // 10, order.pence * 3 // 20
        told = {"value": pounds(voucher), "margin": pounds(margin), "currency": CURRENCY}
        visit.track("Voucher Redeemed", voucher=f"V{order.id[1:]}", order_id=order.id, **told)


def web_shop(rng: random.Random, house: Household, who: Shopper, memory: Memory) -> list[Step]:
    """Browse without a name; some sign in, and some of those buy."""
    browser = rng.choice(who.browsers)
    visit = _browse(Visit(rng, "web", browser, anonymousId=browser))
    if who.user_id is not None and rng.random() < (0.65 if memory.signed_up else 0.5):
        _sign_in(visit, house, who, memory)
        if rng.random() < 0.5:
            _check_out(visit, memory, "W")
    return visit.steps


def newsletter(rng: random.Random, _: Household, who: Shopper, memory: Memory) -> list[Step]:
    """Follow a link in an e-mail: the browser has no account, but the link knows the address it was sent to."""
    del memory
    browser = who.browsers[0]
    campaign = {"campaign": {"source": "newsletter", "medium": "email", "name": "autumn-lamps"}}
    visit = Visit(rng, "web", browser, anonymousId=browser)
    visit.page("Offers", "/offers", campaign).identify(email=who.email).track(
        "Email Link Clicked", campaign="autumn-lamps"
    )
    visit.looks_at(rng.choice(PRODUCTS)).looks_at(rng.choice(PRODUCTS))
    if rng.random() < 0.06:
        visit.pause(5, 20).track("Newsletter Unsubscribed", _consent(newsletter=False))
    return visit.steps


def app(rng: random.Random, house: Household, who: Shopper, memory: Memory) -> list[Step]:
    """Open the app: signed in since the first time, from a phone whose clock may be wrong."""
    assert who.install is not None  # noqa: S101 (asked by `kinds_for`)
    assert who.user_id is not None  # noqa: S101 (with the app comes an account)
    del house
    device = {
        "device": {"id": f"phone-{who.number}", "type": rng.choice(("ios", "android"))},
        "app": {"version": "4.2"},
    }
    visit = Visit(rng, "app", who.install, anonymousId=who.install)
    if memory.app_signed_in:
        visit.knows(userId=who.user_id)
    visit.track("Application Opened", device, from_background=rng.random() < 0.5).screen("Start", device).pause(2, 10)
    for product in rng.sample(PRODUCTS, rng.randint(1, 3)):
        visit.looks_at(product)
    if not memory.app_signed_in:
        memory.app_signed_in = memory.signed_up = True
        visit.pause(5, 20).knows(userId=who.user_id).identify(device, name=who.name, email=who.email)
        visit.alias(who.install)
    if rng.random() < 0.25:
        _check_out(visit, memory, "A")
    return visit.steps


def till(rng: random.Random, house: Household, who: Shopper, memory: Memory) -> list[Step]:
    """Buy in the shop: with the loyalty card, or with a receipt sent to an address that somebody typed."""
    del house
    place = rng.choice(tuple(STORES))
    order = basket(rng, "T")
    paid = _bought(order, store=STORES[place], till=place, payment=rng.choice(("card", "card", "cash")))
    if who.card is not None and rng.random() < 0.85:
        card = {"externalIds": [_external("loyalty_id", who.card)]}
        visit = Visit(rng, "till", place, anonymousId=f"card-{who.card}")
        visit.track("Loyalty Card Scanned", card, store=STORES[place]).track("Order Completed", card, **paid)
    else:
        address = mistyped(rng, who.email) if rng.random() < 2 * TYPO_RATE else who.email
        visit = Visit(rng, "till", place, anonymousId=f"receipt-{order.id}")
        visit.identify(email=address).track("Order Completed", **paid)
    _remember(memory, order)
    return visit.steps


def give_back(rng: random.Random, house: Household, who: Shopper, memory: Memory) -> list[Step]:
    """Bring something back to the shop, wherever it was bought."""
    if not memory.orders:
        return web_shop(rng, house, who, memory)
    order, place = rng.choice(memory.orders), rng.choice(tuple(STORES))
    line = rng.choice(order.lines)
    loyal = {"externalIds": [_external("loyalty_id", who.card)]} if who.card else None
    visit = Visit(rng, "till", place, anonymousId=f"card-{who.card}" if who.card else f"return-{order.id}")
    if who.card is None:
        visit.identify(email=who.email)
    returned = [{"product_id": line.product.id, "name": line.product.name, "quantity": 1}]
    refund = pounds(line.product.pence)
    reason = rng.choice(RETURN_REASONS)
    visit.track(
        "Order Refunded", loyal, order_id=order.id, total=refund, currency=CURRENCY, products=returned, reason=reason
    )
    return visit.steps


def support(rng: random.Random, house: Household, who: Shopper, memory: Memory) -> list[Step]:
    """Call or write to the support desk, which knows a phone number or an address, and no account."""
    del house
    ticket, topic = f"S{rng.randrange(10**7):07d}", rng.choice(TOPICS)
    order = rng.choice(memory.orders).id if memory.orders else None
    memory.calls += 1
    visit = Visit(rng, "support", "desk", anonymousId=f"contact-{who.number}")
    if who.phone is not None and rng.random() < 0.6:
        visit.identify(phone=who.phone, name=who.first_name).track("Call Received", ticket=ticket, topic=topic)
    else:
        visit.identify(email=who.email)
    visit.track("Support Ticket Opened", ticket=ticket, topic=topic, order_id=order)
    visit.pause(60, 600).track("Support Ticket Closed", ticket=ticket, minutes=rng.randint(3, 40))
    return visit.steps


def tablet(rng: random.Random, house: Household, who: Shopper, memory: Memory) -> list[Step]:
    """Look something up on the shop's tablet, sign in, sign out; later somebody else strolls by."""
    assert who.user_id is not None  # noqa: S101 (asked by `kinds_for`)
    place = rng.choice(TABLETS)
    visit = Visit(rng, "web", place, anonymousId=place)
    visit.page("In the shop", "/shop").looks_at(rng.choice(PRODUCTS))
    _sign_in(visit, house, who, memory)
    visit.looks_at(rng.choice(PRODUCTS)).track("Wish List Updated").forgets("userId")
    visit.pause(35 * 60, 80 * 60).page("In the shop", "/shop").looks_at(rng.choice(PRODUCTS))
    return visit.steps


def crm(rng: random.Random, house: Household, who: Shopper, memory: Memory) -> list[Step]:
    """The customer file, kept by hand: entered once, now and then with a slip that the next update sets right."""
    visit = Visit(rng, "crm", "crm", anonymousId=f"crm-{who.number}")
    slip = not memory.in_crm and rng.random() < TYPO_RATE
    traits: dict[str, Any] = {
        "name": mistyped(rng, who.name) if slip else who.name,
        "email": who.email,
        **house.address,
        "birthday": who.birthday,
        "loyalty_tier": rng.choices(("green", "silver", "gold"), (60, 30, 10))[0] if who.card else None,
        "points": rng.randrange(0, 4000, 5) if who.card else None,
    }
    if who.phone is not None:
        traits["phone"] = who.phone
    if house.number % _GERMAN == 3:  # Alice is none of them
        traits["language"] = "de"
    visit.identify({"externalIds": [_external("loyalty_id", who.card)]} if who.card else None, **traits)
    if not memory.in_crm:
        memory.in_crm = True
        if house.company:
            visit.group(house.group_id, name=house.name, kind="company", city=house.city)
        elif len(house.people) > 1:
            visit.group(house.group_id, name=house.name, kind="household", people=len(house.people), city=house.city)
        visit.track("Customer Created", _consent(newsletter=who.newsletter))
    return visit.steps


def kinds_for(who: Shopper) -> dict[Kind, float]:
    """The kinds of visit a person makes, with how often in 90 days."""
    often: dict[Kind, float] = {web_shop: 4.0, support: 0.5}
    if who.newsletter:
        often[newsletter] = 1.5
    if who.install is not None:
        often[app] = 4.0
    if who.card is not None or who.user_id is None:
        often[till] = 3.5 if who.card is not None else 0.6
        often[give_back] = 0.5
    if who.user_id is not None:
        often[tablet] = 0.3
    if who.in_crm:
        often[crm] = 1.6
    return often
