"""Alice and Ben Ashmarsh, told by hand, so that the documentation can speak of them: the same whatever the seed.

Alice moves between channels. She browses without a name, follows a link in the newsletter, opens an account, signs in
to the app, buys at the till with her card and calls the support desk. What ties it together differs every time: an
address, an account, a card, a phone number. Ben uses the same laptop and the same mailbox, and is not her.
"""

from collections.abc import Callable

from rapport.cli.demo.catalogue import CURRENCY, PRODUCTS, Line, Order, listed, pounds, shown
from rapport.cli.demo.names import STORES
from rapport.cli.demo.people import Household, Shopper, lots
from rapport.cli.demo.steps import Step, Visit
from rapport.kernel.times import DAY, HOUR

_GOODS = {product.name: product for product in PRODUCTS}
_ORDERS = {
    "W000000001": Order("W000000001", (Line(_GOODS["Teapot"], 1), Line(_GOODS["Linen napkins"], 2))),
    "A000000002": Order("A000000002", (Line(_GOODS["Reading lamp"], 1),)),
    "T000000003": Order("T000000003", (Line(_GOODS["Beeswax candle"], 3), Line(_GOODS["Cushion"], 1))),
    "W000000004": Order("W000000004", (Line(_GOODS["Watering can"], 1),)),
    "T000000005": Order("T000000005", (Line(_GOODS["Notebook"], 2),)),
}

Part = Callable[[Household, Shopper, Shopper], Visit]


def alices_story(house: Household, end: int) -> list[tuple[int, list[Step]]]:
    """Their visits of the 90 days before `end`, each with the time (µs) it began."""
    alice, ben = house.people
    return [
        (end - days * DAY - end % DAY + hour * HOUR, part(house, alice, ben).steps)
        for days, hour, part in (
            (62, 20, _unknown_visitor),
            (60, 8, _newsletter_link),
            (55, 19, _account),
            (54, 10, _customer_file),
            (40, 21, _app),
            (33, 18, _bens_account),
            (32, 10, _bens_file),
            (30, 12, _bens_purchase),
            (21, 15, _till),
            (20, 11, _brought_back),
            (14, 10, _call),
            (3, 21, _app_again),
        )
    ]


def _visit(source: str, client: str, **ids: str) -> Visit:
    return Visit(lots("alice", source, client), source, client, **ids)


def _pay(visit: Visit, number: str, **more: str) -> Visit:
    order = _ORDERS[number]
    paid = {"order_id": number, "revenue": pounds(order.pence), "currency": CURRENCY, "products": listed(order), **more}
    return visit.pause(20, 60).track("Order Completed", **paid)


def _external(kind: str, value: str | None) -> dict[str, list[dict[str, str | None]]]:
    return {"externalIds": [{"id": value, "type": kind, "collection": "users", "encoding": "none"}]}


def _unknown_visitor(_: Household, alice: Shopper, __: Shopper) -> Visit:
    browser = alice.browsers[0]
    visit = _visit("web", browser, anonymousId=browser).page("Home", "/").track("Products Searched", query="teapot")
    return visit.looks_at(_GOODS["Teapot"]).looks_at(_GOODS["Water jug"])


def _newsletter_link(_: Household, alice: Shopper, __: Shopper) -> Visit:
    browser = alice.browsers[0]
    campaign = {"campaign": {"source": "newsletter", "medium": "email", "name": "autumn-table"}}
    visit = _visit("web", browser, anonymousId=browser).page("Offers", "/offers", campaign)
    return (
        visit.identify(email=alice.email)
        .track("Email Link Clicked", campaign="autumn-table")
        .looks_at(_GOODS["Teapot"])
    )


def _account(house: Household, alice: Shopper, _: Shopper) -> Visit:
    visit = _signs_up(house, alice, alice.browsers[1], newsletter=True)
    visit.pause(5, 20).track("Product Added", **shown(_GOODS["Teapot"]), quantity=1).track("Checkout Started")
    return _pay(visit, "W000000001")


def _signs_up(house: Household, who: Shopper, laptop: str, *, newsletter: bool) -> Visit:
    """On the household's laptop, naming the household's mailbox for parcels beside the own address."""
    visit = _visit("web", laptop, anonymousId=laptop).page("Home", "/").looks_at(_GOODS["Teapot"])
    visit.pause(10, 20).knows(userId=who.user_id or "")
    consent = {"consent": {"categoryPreferences": {"newsletter": newsletter, "advertising": False}}}
    visit.track("Signed Up", consent, method="email")
    traits = {"email": who.email, "name": who.name, "firstName": who.first_name, "lastName": who.last_name}
    return visit.identify(_external("email", house.mailbox), **traits)


def _customer_file(house: Household, alice: Shopper, _: Shopper) -> Visit:
    return _entered(house, alice, "gold", 1240)


def _entered(house: Household, who: Shopper, tier: str, points: int) -> Visit:
    visit = _visit("crm", "crm", anonymousId=f"crm-{who.number}")
    traits = {"email": who.email, "phone": who.phone, "birthday": who.birthday, "loyalty_tier": tier, "points": points}
    visit.identify(_external("loyalty_id", who.card), name=who.name, **traits, **house.address)
    visit.group(house.group_id, name=house.name, kind="household", people=len(house.people), city=house.city)
    return visit.track("Customer Created")


def _app(_: Household, alice: Shopper, __: Shopper) -> Visit:
    install = alice.install or ""
    device = {"device": {"id": f"phone-{alice.number}", "type": "ios"}, "app": {"version": "4.2"}}
    visit = _visit("app", install, anonymousId=install)
    visit.track("Application Installed", device).screen("Start", device).looks_at(_GOODS["Reading lamp"])
    visit.pause(5, 20).knows(userId=alice.user_id or "").identify(device, name="Alice", email=alice.email)
    return _pay(visit.track("Product Added", **shown(_GOODS["Reading lamp"]), quantity=1), "A000000002")


def _app_again(_: Household, alice: Shopper, __: Shopper) -> Visit:
    install = alice.install or ""
    visit = _visit("app", install, anonymousId=install, userId=alice.user_id or "")
    visit.track("Application Opened", from_background=True).screen("Start")
    return visit.looks_at(_GOODS["Wool blanket"]).track("Wish List Updated", **shown(_GOODS["Wool blanket"]))


def _bens_account(house: Household, alice: Shopper, ben: Shopper) -> Visit:
    return _pay(_signs_up(house, ben, alice.browsers[1], newsletter=False), "W000000004")


def _bens_file(house: Household, _: Shopper, ben: Shopper) -> Visit:
    return _entered(house, ben, "green", 85)


def _at_till(who: Shopper, number: str) -> Visit:
    card = _external("loyalty_id", who.card)
    visit = _visit("till", "till-1", anonymousId=f"card-{who.card}").track("Loyalty Card Scanned", card)
    return _pay(visit, number, store=STORES["till-1"], payment="card")


def _bens_purchase(_: Household, __: Shopper, ben: Shopper) -> Visit:
    return _at_till(ben, "T000000005")


def _till(_: Household, alice: Shopper, __: Shopper) -> Visit:
    return _at_till(alice, "T000000003")


def _brought_back(_: Household, alice: Shopper, __: Shopper) -> Visit:
    cushion = _GOODS["Cushion"]
    returned = [{"product_id": cushion.id, "name": cushion.name, "quantity": 1}]
    refund = {"order_id": "T000000003", "total": pounds(cushion.pence), "currency": CURRENCY, "products": returned}
    return _visit("till", "till-1", anonymousId=f"card-{alice.card}").track(
        "Order Refunded", **refund, reason="wrong colour"
    )


def _call(_: Household, alice: Shopper, __: Shopper) -> Visit:
    visit = _visit("support", "desk", anonymousId=f"contact-{alice.number}").identify(
        phone=alice.phone, name="Mrs Ashmarsh"
    )
    told = {"ticket": "S0000001", "topic": "The teapot arrived chipped", "order_id": "W000000001"}
    visit.track("Call Received", **told).track("Support Ticket Opened", **told)
    return visit.pause(60, 540).track("Support Ticket Closed", ticket="S0000001", minutes=9)
