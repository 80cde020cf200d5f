"""How pages say things: times, numbers, names and values in plain words."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final, Protocol, TypeVar

import msgspec

from rapport.collect import Event
from rapport.kernel.ports import YOU
from rapport.kernel.times import DAY, HOUR, MINUTE, SECOND
from rapport.web import language
from rapport.web.language import SPOKEN

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TRAITS: Final = (
    *("Name", "First name", "Last name", "Email", "Phone", "Address", "Street", "City", "Postal code", "Country"),
    *("Birthday", "Age", "Gender", "Language", "Company", "Title", "Plan", "Size", "Shoe size", "Newsletter"),
    *("Created at", "Loyalty", "Loyalty tier", "Points", "Tier", "Postcode", "Zip", "State", "Interests"),
    *("Favourite shop", "Goals"),
)
"""What companies often call what they know, as `label` writes it: catalogs have these."""
LONG: Final = 280
"""Characters of a value that are shown before the rest is folded away."""

PURPOSES: Final = {
    "service": "to do what the customer asked for",
    "personalisation": "to fit what they see to them",
    "offers": "to offer them something",
    "analytics": "to learn how the service is used",
    "advertising": "to show them advertising",
    "fraud": "to protect them and others from fraud",
    "research": "to develop something new",
}
"""What a purpose means, after “I am looking …”."""

KINDS: Final = {
    "user_id": "user id",
    "anonymous_id": "anonymous id",
    "device_id": "device",
    "loyalty_id": "loyalty card",
    "email": "e-mail",
    "phone": "phone",
}

SECTIONS: Final = {
    "Who they are": ("name", "age", "gender", "language", "demographic", "profession"),
    "How to reach them": ("contact", "email", "phone", "address", "location"),
    "What they have with us": ("account", "loyalty", "purchases", "financial"),
    "What they like and do": ("preference", "behaviour", "device"),
    "Delicate": ("health", "genetics", "biometrics", "ethnicity", "beliefs", "politics", "sexuality", "union"),
    "Everything else": (),
}
"""The view's headings, and the categories under each."""

HAPPENED: Final = {
    "identify": "Said who they are",
    "page": "Looked at a page",
    "screen": "Looked at a screen",
    "group": "Joined a group",
    "alias": "Got another id",
}

THEMSELF: Final = "the customer themself"
"""The source of what customers correct."""

CURRENCIES: Final = {"GBP": "£", "EUR": "€", "USD": "$"}


def moment(at: int | str | None) -> datetime | None:
    """Microseconds or RFC 3339 as a datetime in UTC; None where it is neither, or unknown."""
    try:
        if isinstance(at, int):
            return _EPOCH + timedelta(microseconds=at)
        return datetime.fromisoformat(at).astimezone(UTC) if at else None
    except (ValueError, OverflowError):
        return None


def stamp(at: int | str | None) -> str:
    """A time for machines, as in `<time datetime>`; "" where it is unknown."""
    known = moment(at)
    return known.isoformat().replace("+00:00", "Z") if known else ""


def when(at: int | str | None) -> str:
    """`21 Nov 2026, 20:02`; times on pages are UTC."""
    known = moment(at)
    if known is None:
        return SPOKEN.say("unknown time")
    return SPOKEN.say("%(date)s, %(clock)s", date=_date(known), clock=f"{known:%H:%M}")


def date(at: int | str | None) -> str:
    """`21 Nov 2026`"""
    known = moment(at)
    return _date(known) if known else SPOKEN.say("unknown time")


def _date(known: datetime) -> str:
    month = SPOKEN.say(_MONTHS[known.month - 1])
    return SPOKEN.say("%(day)s %(month)s %(year)s", day=known.day, month=month, year=f"{known:%Y}")


def day(at: int | str | None) -> str:
    """`Sat 21 Nov 2026`"""
    known = moment(at)
    if known is None:
        return SPOKEN.say("Time unknown")
    return SPOKEN.say("%(weekday)s %(date)s", weekday=SPOKEN.say(_DAYS[known.weekday()]), date=_date(known))


def clock(at: int | str | None) -> str:
    known = moment(at)
    return f"{known:%H:%M:%S}" if known else "–"


def ago(at: int | None, now: int) -> str:
    """`3 minutes ago`, `just now`, `in 2 hours`; "never" where there is no time."""
    if at is None:
        return SPOKEN.say("never")
    apart = now - at
    size = abs(apart)
    if size < 5 * SECOND:
        return SPOKEN.say("just now")
    if size >= 60 * DAY:
        return date(at)
    unit, past, yet = next(each for each in _AGO if size >= each[0])
    return SPOKEN.count(*(past if apart > 0 else yet), size // unit)


_AGO: Final = (
    (DAY, ("%(count)s day ago", "%(count)s days ago"), ("in %(count)s day", "in %(count)s days")),
    (HOUR, ("%(count)s hour ago", "%(count)s hours ago"), ("in %(count)s hour", "in %(count)s hours")),
    (MINUTE, ("%(count)s minute ago", "%(count)s minutes ago"), ("in %(count)s minute", "in %(count)s minutes")),
    (SECOND, ("%(count)s second ago", "%(count)s seconds ago"), ("in %(count)s second", "in %(count)s seconds")),
)


number = language.number


def counted(count: int, thing: str, things: str = "") -> str:
    """`1 event`, `1,204 events`; catalogs have it as `%(count)s event`, `%(count)s events`."""
    return SPOKEN.count(f"%(count)s {thing}", f"%(count)s {things or thing + 's'}", count)


def rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 or per_second == int(per_second) else f"{per_second:.1f}"


def lag(ms: float | None) -> str:
    if ms is None:
        return "–"
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def kind(name: str) -> str:
    """An identifier's type in words."""
    return language.gettext(KINDS[name]) if name in KINDS else name.replace("_", " ")


def source(name: str) -> str:
    """Who says something, to those who work at a company."""
    return language.gettext(THEMSELF) if name == YOU else name


def label(name: str) -> str:
    """A trait's name in words: `first_name` and `firstName` are `First name`."""
    words = _HUMPS.sub(" ", name).replace("_", " ").replace("-", " ").strip()
    if not words:
        return name
    return language.gettext(words[:1].upper() + (words[1:].lower() if _HUMPS.search(name) else words[1:]))


def listed(names: Iterable[str]) -> str:
    """`crm, shop and till`."""
    return SPOKEN.listed([*names], "and")


def plain(value: Any) -> str:
    """A value as text: JSON for what has parts."""
    if value is None:
        return language.gettext("no longer known")
    if isinstance(value, bool):
        return language.gettext("yes" if value else "no")
    if isinstance(value, str):
        return value
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 256):
        return f"{value}"
    return as_json(value)


def as_json(value: Any) -> str:
    """Indented JSON. What has no such form (it is nested or long beyond all sense) is only named."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=2)
    except (TypeError, ValueError, RecursionError):
        return f"(a {type(value).__name__} that cannot be shown)"


def pretty(body: bytes) -> str:
    """A kept part for reading: indented where it is JSON, as it came where it is not."""
    text = body.decode("utf-8", "replace")
    try:
        return as_json(msgspec.json.decode(body))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return text


def parts(mapping: Mapping[str, Any], depth: int = 3) -> list[tuple[str, str]]:
    """The leaves of nested properties, as (path, text), in order; lists of plain values stay together."""
    found: list[tuple[str, str]] = []
    for name, value in mapping.items():
        if isinstance(value, dict) and value and depth:
            found += [(f"{name} · {inner}", text) for inner, text in parts(value, depth - 1)]
        elif isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
            found.append((name, ", ".join(plain(item) for item in value)))
        else:
            found.append((name, plain(value)))
    return found


def title(event: Event) -> str:
    """What an event's line begins with."""
    return event.name if event.kind == "track" else happened(event.kind)


def happened(name: str) -> str:
    """An event's name for reading; those that every source has are said in words."""
    return language.gettext(HAPPENED[name]) if name in HAPPENED else name


def in_a_row(names: Iterable[str]) -> str:
    """`Order Completed ×3 · Looked at a page`"""
    runs = [(name, len([*same])) for name, same in groupby(names)]
    return " · ".join(f"{happened(name)} ×{length}" if length > 1 else happened(name) for name, length in runs)


class _OfEvent(Protocol):
    @property
    def event(self) -> Event: ...


_Row = TypeVar("_Row", bound=_OfEvent)


def by_day(rows: Iterable[_Row]) -> list[tuple[str, list[_Row]]]:
    """A timeline's rows under their days, in the order they come."""
    return [(name, [*same]) for name, same in groupby(rows, key=lambda row: day(row.event.time))]


def ids_of(event: Event) -> list[tuple[str, str]]:
    """All identifiers that an event carried."""
    own = [("user_id", event.user_id), ("anonymous_id", event.anonymous_id)]
    return [*dict.fromkeys([(kind, value) for kind, value in own if value] + [*event.identifiers])]


def gist(event: Event) -> str:
    """What else the line says: the few things that people look for."""
    if event.kind == "identify":
        return listed(label(name).lower() for name in [*event.traits][:6])
    if event.kind == "group":
        return event.group_id or ""
    if event.kind == "alias":
        return f"was known as {event.previous_id or 'nobody'}"
    if event.kind in {"page", "screen"}:
        inside = event.context.get("page")
        page = {**(inside if isinstance(inside, dict) else {}), **event.properties}
        return next((page[key] for key in ("title", "name", "path", "url") if isinstance(page.get(key), str)), "")
    return " · ".join(_of_track(event.properties))


def _of_track(properties: Mapping[str, Any]) -> list[str]:
    said = []
    amounts = [properties[key] for key in ("revenue", "total", "value", "price") if _is_number(properties.get(key))]
    if amounts:
        amount = amounts[0]
        code = properties.get("currency")
        sign = CURRENCIES.get(code, f"{code} ") if isinstance(code, str) else ""
        said.append(f"{'−' if amount < 0 else ''}{sign}{abs(amount):,.2f}")
    products = properties.get("products")
    if isinstance(products, list) and products:
        said.append(counted(len(products), "product"))
    telling = ("order_id", "name", "product", "query", "subject", "title")
    said += [properties[key] for key in telling if isinstance(properties.get(key), str)]
    if not said:
        told = [(k, v) for k, v in properties.items() if isinstance(v, str | int | float)]
        said = [f"{label(key).lower()} {plain(value)}" for key, value in told[:2]]
    return said[:3]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def whole_name(traits: Mapping[str, Any]) -> str:
    """What to call a customer, from the view's traits; "" where no name is known."""

    def text(*names: str) -> str:
        values = (traits[name]["value"] for name in names if name in traits)
        return next((value.strip() for value in values if isinstance(value, str) and value.strip()), "")

    first = text("first_name", "firstName", "given_name")
    last = text("last_name", "lastName", "surname")
    return text("name", "full_name") or f"{first} {last}".strip()


def sections(traits: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    """A view's traits under the headings of `SECTIONS`: that which names their category, else the last."""
    headings = {category: heading for heading, categories in SECTIONS.items() for category in categories}
    places = {category: place for place, category in enumerate(headings)}
    *_, rest = SECTIONS
    sorted_in: dict[str, list[tuple[str, Any]]] = {heading: [] for heading in SECTIONS}
    for name, fact in sorted(
        traits.items(), key=lambda said: (places.get(said[1].get("category"), len(places)), said[0])
    ):
        sorted_in[headings.get(fact.get("category"), rest)].append((name, fact))
    return [(heading, facts) for heading, facts in sorted_in.items() if facts]


FILTERS: Final = {
    "stamp": stamp,
    "when": when,
    "day": day,
    "date": date,
    "clock": clock,
    "ago": ago,
    "number": number,
    "counted": counted,
    "rate": rate,
    "lag": lag,
    "kind": kind,
    "label": label,
    "source": source,
    "listed": listed,
    "plain": plain,
    "as_json": as_json,
    "parts": parts,
    "title_of": title,
    "happened": happened,
    "in_a_row": in_a_row,
    "gist": gist,
    "groupby_day": by_day,
    "ids_of": ids_of,
}
