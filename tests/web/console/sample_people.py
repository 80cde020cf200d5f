"""Plain demo people for the console's tests: who they are, by which records they are known, what they did."""

from collections.abc import Iterable
from random import Random
from typing import Any, NamedTuple

from rapport.collect import Event
from rapport.kernel.times import DAY, HOUR, MINUTE, parse_rfc3339

NOON = parse_rfc3339("2026-11-21T12:00:00Z")


class Link(NamedTuple):
    """A record names an identifier."""

    type: str
    value: str
    level: int
    at: int = NOON - 200 * DAY
    verified: bool = False


class Known(NamedTuple):
    """A record: its source, its own key, what was said, and what happened."""

    source: str
    key: tuple[str, str]
    links: tuple[Link, ...]
    traits: dict[str, tuple[Any, int]] = {}  # noqa: RUF012 (never changed)
    events: tuple[Event, ...] = ()
    slice: str = ""
    groups: tuple[str, ...] = ()

    @property
    def user(self) -> str | None:
        return next((link.value for link in self.links if link.level == 0), None)


def event(
    kind: str,
    name: str,
    time: int | None,
    properties: dict[str, Any] | None = None,
    traits: dict[str, Any] | None = None,
    message: str = "",
    **more: Any,
) -> Event:
    blank: dict[str, Any] = {
        "user_id": None,
        "anonymous_id": None,
        "key": None,
        "corrected": False,
        "received_at": (time or NOON) + 1_300_000,
        "traits_once": {},
        "context": {},
        "group_id": None,
        "previous_id": None,
        "identifiers": (),
        "consent": None,
        "categories": {},
        "digest": b"",
    }
    message = message or f"m-{kind}-{time}"
    return Event(
        kind=kind,
        name=name,
        time=time,
        properties=properties or {},
        traits=traits or {},
        message_id=message,
        **{**blank, **more},
    )


BROWSER = {
    "page": {"path": "/winter-coats", "title": "Winter coats"},
    "locale": "en-GB",
    "library": {"name": "analytics.js"},
}


def order(number: int, time: int, total: float, *products: str) -> Event:
    lines = [{"name": product, "quantity": 1} for product in products]
    told = {"order_id": f"o-{number}", "total": total, "currency": "GBP", "products": lines}
    return event("track", "Order Completed", time, told, message=f"o-{number}")


def page(time: int, title: str, path: str) -> Event:
    return event("page", "page", time, {"title": title, "path": path}, context=BROWSER, message=f"p-{time}")


def alice() -> Iterable[Known]:
    mail = Link("email", "alice@example.com", 2, verified=True)
    yield Known(
        "crm",
        ("user_id", "u-1001"),
        (Link("user_id", "u-1001", 0), mail, Link("phone", "+447700900123", 3)),
        {
            "name": ("Alice Martin", NOON - 120 * DAY),
            "email": ("alice@example.com", NOON - 120 * DAY),
            "phone": ("+44 7700 900123", NOON - 120 * DAY),
            "plan": ("Household", NOON - 80 * DAY),
            "address": ({"street": "14 Mill Lane", "city": "Hebden Bridge", "postcode": "HX7 8AD"}, NOON - 120 * DAY),
            "birthday": ("1988-03-14", NOON - 120 * DAY),
        },
        (
            event(
                "identify", "identify", NOON - 120 * DAY, traits={"name": "Alice Martin", "email": "alice@example.com"}
            ),
            event("group", "group", NOON - 80 * DAY, traits={"name": "14 Mill Lane"}, group_id="household-88"),
        ),
        groups=("household-88",),
    )
    yield Known(
        "web",
        ("user_id", "u-1001"),
        (Link("user_id", "u-1001", 0), Link("email", "alice@example.com", 3)),
        {
            "name": ("alice m.", NOON - 3 * DAY),
            "email": ("alice@example.com", NOON - 3 * DAY),
            "newsletter": (True, NOON - 3 * DAY),
            "language": ("en-GB", NOON - 3 * DAY),
            "favourite_colour": ("moss green", NOON - 40 * DAY),
        },
        (
            event(
                "identify", "identify", NOON - 3 * DAY, traits={"name": "alice m.", "newsletter": True}, context=BROWSER
            ),
            event(
                "track",
                "Product Added",
                NOON - 3 * DAY + 4 * MINUTE,
                {"name": "Wool coat", "price": 149, "currency": "GBP"},
            ),
            order(5123, NOON - 3 * DAY + 9 * MINUTE, 149.00, "Wool coat"),
            event("track", "Coupon Looked At", NOON - 22 * HOUR, {"coupon": "WINTER", "worth": 10}),
        ),
    )
    yield Known(
        "web",
        ("anonymous_id", "7f3c9d21-40aa"),
        (Link("anonymous_id", "7f3c9d21-40aa", 3), Link("email", "alice@example.com", 3)),
        {"referrer": ("a friend’s link", NOON - 4 * DAY)},
        (
            page(NOON - 4 * DAY, "Winter coats", "/winter-coats"),
            page(NOON - 4 * DAY + 3 * MINUTE, "Wool coat", "/winter-coats/wool"),
            event("track", "Products Searched", NOON - 4 * DAY + MINUTE, {"query": "warm coat"}),
        ),
    )
    yield Known(
        "till",
        ("loyalty_id", "4711-2290"),
        (Link("loyalty_id", "4711-2290", 2), mail),
        {
            "loyalty_points": (1240, NOON - 2 * HOUR),
            "name": ("A. Martin", NOON - 300 * DAY),
            "phone": ("07700 900123", NOON - 300 * DAY),
        },
        tuple(
            order(4400 + i, NOON - i * 23 * DAY - 2 * HOUR, 12.4 + 7 * i, "Oat milk", "Rye bread", "Apples")
            for i in range(9)
        ),
    )
    yield Known(
        "support",
        ("email", "alice@example.com"),
        (mail,),
        {"preferred_channel": ("by courier", NOON - 30 * DAY)},
        (
            event(
                "track", "Ticket Opened", NOON - 30 * DAY, {"subject": "Coat is a size too small", "priority": "normal"}
            ),
            event("track", "Ticket Solved", NOON - 29 * DAY, {"subject": "Coat is a size too small"}),
        ),
    )
    yield Known(
        "app",
        ("device_id", "iphone-9c41"),
        (Link("device_id", "iphone-9c41", 3), Link("phone", "+447700900123", 3)),
        {"push": (False, NOON - 10 * DAY)},
        (event("screen", "screen", NOON - 10 * DAY, {"name": "Orders"}),),
    )


def household() -> Iterable[Known]:
    """Ada and Bo, who share a tablet and an e-mail address (the design's worked example)."""
    family = Link("email", "fam@example.com", 3)
    tablet = "tablet-kitchen"
    yield Known(
        "app",
        ("user_id", "u-2001"),
        (Link("user_id", "u-2001", 0), family),
        {"name": ("Ada Byron", NOON - 2 * HOUR), "email": ("fam@example.com", NOON - 2 * HOUR)},
        (event("identify", "identify", NOON - 2 * HOUR, traits={"name": "Ada Byron"}),),
    )
    yield Known(
        "app",
        ("device_id", tablet),
        (Link("user_id", "u-2001", 0), Link("device_id", tablet, 3)),
        {},
        (page(NOON - 110 * MINUTE, "Recipes", "/recipes"),),
        slice="u-2001",
    )
    yield Known(
        "web",
        ("anonymous_id", "phone-of-ada"),
        (Link("user_id", "u-2001", 0), Link("anonymous_id", "phone-of-ada", 3)),
        {},
        (page(NOON - 3 * HOUR, "Gift cards", "/gifts"),),
    )
    yield Known(
        "app",
        ("user_id", "u-2002"),
        (Link("user_id", "u-2002", 0), family),
        {"name": ("Bo Byron", NOON + 3 * HOUR), "email": ("fam@example.com", NOON)},
        (event("identify", "identify", NOON + 3 * HOUR, traits={"name": "Bo Byron"}),),
    )
    yield Known(
        "app",
        ("device_id", tablet),
        (Link("user_id", "u-2002", 0), Link("device_id", tablet, 3)),
        {},
        (page(NOON + 170 * MINUTE, "Bread", "/bread"),),
        slice="u-2002",
    )
    yield Known(
        "app", ("device_id", tablet), (Link("device_id", tablet, 3),), {}, (page(NOON, "Home", "/"),), slice="nobody"
    )


FIRST = [
    "Cleo",
    "Dev",
    "Elif",
    "Femi",
    "Gus",
    "Hana",
    "Ivo",
    "June",
    "Kofi",
    "Lena",
    "Mats",
    "Nora",
    "Omar",
    "Pia",
    "Quinn",
]
LAST = ["Adler", "Brook", "Castle", "Dale", "Eide", "Field", "Grove", "Hill"]


def crowd(size: int) -> Iterable[Known]:
    chance = Random(7)
    for i in range(size):
        first, last = FIRST[i % len(FIRST)], LAST[i % len(LAST)]
        mail = f"{first}.{last}{i}@example.com".lower()
        time = NOON - 5 * HOUR - i * 47 * MINUTE
        happened = tuple(
            order(9000 + 10 * i + n, time - n * DAY, round(chance.uniform(4, 90), 2), "Bread") for n in range(1 + i % 4)
        )
        yield Known(
            chance.choice(["web", "till", "crm"]),
            ("user_id", f"u-3{i:03}"),
            (Link("user_id", f"u-3{i:03}", 0), Link("email", mail, 3)),
            {
                "name": (f"{first} {last}", time),
                "email": (mail, time),
                "city": (chance.choice(["Leeds", "York", "Hull"]), time),
            },
            happened,
        )


def hostile(text: str) -> Known:
    """One record with the text in every place that a sender can reach."""
    told = event(
        "track",
        text,
        NOON,
        {text: text, "nested": {text: [text]}},
        message=text,
        context={text: text},
        user_id=text,
        identifiers=((text, text),),
        group_id=text,
    )
    said = event("identify", "identify", NOON - MINUTE, traits={text: text}, consent={text: text}, message=f"{text}2")
    links = (Link("user_id", text, 0), Link("email", text, 3), Link(text, text, 3))
    traits = {text: (text, NOON), "name": (text, NOON), "deep": ({text: [text, {text: text}]}, NOON)}
    return Known(text, ("user_id", text), links, traits, (told, said), slice=text, groups=(text,))
