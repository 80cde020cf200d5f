"""Which column plays which part, by its name and its values."""

from collections.abc import Callable, Sequence
from functools import partial

from rapport.collect.mapping import FileFormat
from rapport.collect.suggesting.column import Column

USER_ID = frozenset(
    [
        "user_id",
        "userid",
        "uid",
        "customer",
        "customer_id",
        "customerid",
        "customer_no",
        "customer_nr",
        "customer_number",
        "customer_key",
        "cust_id",
        "cust_no",
        "client_id",
        "client_no",
        "shopper_id",
        "buyer_id",
        "member_id",
        "kunden_id",
        "kundennr",
        "kundennummer",
        "kunde",
    ]
)
LOYALTY_ID = frozenset(
    ["loyalty_id", "loyalty_no", "loyalty_number", "loyalty_card", "card_id", "club_card", "clubcard", "membership_no"]
)
ANONYMOUS_ID = frozenset(["anonymous_id", "anonymousid", "visitor_id", "cookie_id", "client_uuid"])
DEVICE_ID = frozenset(["device_id", "deviceid", "idfa", "idfv", "gaid", "adid"])
NAMED = (("user_id", USER_ID), ("loyalty_id", LOYALTY_ID), ("anonymous_id", ANONYMOUS_ID), ("device_id", DEVICE_ID))

EMAIL = frozenset({"email", "mail", "mailaddress"})
PHONE = frozenset({"phone", "mobile", "telephone", "tel", "cell", "cellphone", "msisdn", "handy", "telefon"})
NUMBERED = frozenset({"id", "no", "nr", "num", "number", "key", "code", "ref", "reference", "uuid", "guid"})
ORDER = frozenset(
    [
        "order",
        "invoice",
        "receipt",
        "transaction",
        "basket",
        "bill",
        "purchase",
        "sale",
        "booking",
        "rechnung",
        "bestellung",
    ]
)
NO_PERSON = ORDER | {"product", "stock", "sku", "item", "ticket", "store", "shop", "session", "post", "postal", "zip"}
NO_PERSON |= {"phone", "tel", "mobile", "country", "currency", "street", "house", "event", "message", "line", "row"}
PEOPLE_TABLES = frozenset(
    [
        "user",
        "users",
        "customer",
        "customers",
        "member",
        "members",
        "people",
        "person",
        "persons",
        "account",
        "accounts",
    ]
)

QUANTITY = frozenset({"quantity", "qty", "menge", "pieces", "units", "anzahl"})
PRICE = frozenset({"price", "preis", "unitprice"})
AMOUNT = frozenset(
    [
        "amount",
        "total",
        "revenue",
        "value",
        "sum",
        "subtotal",
        "betrag",
        "umsatz",
        "summe",
        "paid",
        "spend",
        "spent",
        "sales",
        "turnover",
        "dollar",
        "gross",
    ]
)
PRODUCT_ID = frozenset(
    ["sku", "stock_code", "stockcode", "product_id", "product_code", "product_no", "item_id", "item_code", "article_no"]
)
PRODUCT = frozenset(
    ["description", "product", "product_name", "item", "item_name", "product_title", "title", "article"]
)
GOODS = {"category": "category", "product_category": "category", "brand": "brand", "variant": "variant"}
EVENT = frozenset(["event", "event_name", "event_type", "eventname", "action", "activity"])
MESSAGE_ID = frozenset(["message_id", "messageid", "event_id", "eventid", "insert_id"])

_TIMES = ("updated", "modified", "changed", "occurred", "timestamp", "time", "datetime", "at", "created", "date")
_BIRTH = frozenset({"birth", "birthday", "birthdate", "dob", "geburtstag"})
_BEST = 0.9


def first(columns: Sequence[Column], fits: Callable[[Column], bool]) -> Column | None:
    return next((column for column in columns if column.filled and fits(column)), None)


def ends_in(column: Column, names: frozenset[str]) -> bool:
    """Whether the column is called that, or its last words are: `customer.email` is an e-mail."""
    words = column.words
    return any("_".join(words[start:]) in names for start in range(len(words)))


def _is_id(names: frozenset[str], column: Column) -> bool:
    return column.scalar and ends_in(column, names)


def identifiers(columns: Sequence[Column]) -> dict[str, tuple[Column, str, str]]:
    """Type → the column that fits it best, why, and how sure that is."""
    found: dict[str, tuple[Column, str, str]] = {}
    for kind, names in NAMED:
        if column := first(columns, partial(_is_id, names)):
            found[kind] = (column, f"called as a {kind.replace('_', ' ')} is", "likely")
    for kind, words in (("email", EMAIL), ("phone", PHONE)):
        named = [
            column for column in columns if column.scalar and words & set(column.words) and column.share(kind) >= 0.5
        ]
        looks = [column for column in columns if kind == "email" and column.texts and column.share(kind) >= _BEST]
        if best := max([*named, *looks], key=lambda column: column.share(kind), default=None):
            share = f"{best.share(kind):.0%} of the values look like it"
            found[kind] = (best, share, "sure" if best in named and best.share(kind) >= _BEST else "likely")
    return found


def own_key(columns: Sequence[Column], table: str) -> tuple[str, Column] | None:
    """An identifier of the system's own, where none of the usual is there: its type and column."""
    numbered = [
        column
        for column in columns
        if column.filled and column.scalar and NUMBERED & set(column.words) and not NO_PERSON & set(column.words)
        and not column.time
    ]  # fmt: skip
    if not numbered:
        return None
    best = max(numbered, key=lambda column: (column.unique, column.words[-1] in NUMBERED, -columns.index(column)))
    if best.snake == "id":
        stem = "_".join(part for part in table.split("_") if part) or "record"
        return ("user_id" if PEOPLE_TABLES & set(stem.split("_")) else f"{stem}_id"), best
    return best.snake, best


def key_of(found: dict[str, tuple[Column, str, str]]) -> str:
    """The identifier that keys the record: the strongest of those that hardly any line lacks."""
    known = ["user_id", "anonymous_id", *[kind for kind in found if kind not in _RANK], "loyalty_id", "email", "phone"]
    ranked = [kind for kind in [*known, "device_id"] if kind in found]
    fullest = max(found[kind][0].filled for kind in ranked)
    return next(kind for kind in ranked if found[kind][0].filled >= _BEST * fullest)


_RANK = frozenset({"user_id", "anonymous_id", "loyalty_id", "email", "phone", "device_id"})


def is_birth(column: Column) -> bool:
    return bool(_BIRTH & set(column.words))


def time_of(columns: Sequence[Column]) -> Column | None:
    """When it happened: of the columns with times, the one that is called most like it."""
    timed = [column for column in columns if column.filled and not is_birth(column) and column.time]
    if not timed:
        return None

    def rank(column: Column) -> tuple[int, int]:
        named = [index for index, word in enumerate(_TIMES) if word in column.words]
        return (min(named, default=len(_TIMES)), -column.filled)

    return min(timed, key=rank)


def order_of(columns: Sequence[Column]) -> Column | None:
    """The number of an order, an invoice, a receipt."""

    def fits(column: Column) -> bool:
        words = set(column.words)
        return column.scalar and not column.time and bool(ORDER & words) and (len(words) == 1 or bool(NUMBERED & words))

    return first(columns, fits)


def number(columns: Sequence[Column], words: frozenset[str], file: FileFormat) -> Column | None:
    """The first column of numbers whose name has one of the words."""
    return first(columns, lambda column: bool(words & set(column.words)) and column.is_number(file))


def event_name(columns: Sequence[Column]) -> Column | None:
    """What happened, in words that come again and again."""

    def fits(column: Column) -> bool:
        few = len(column.counts) <= max(200, 0.1 * column.filled)
        return ends_in(column, EVENT) and len(column.texts) == len(column.counts) and few

    return first(columns, fits)
