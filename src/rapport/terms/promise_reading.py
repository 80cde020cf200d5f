"""Reading a declaration, from JSON or TOML: every error says which field it is about, and what would do instead.

What is read is checked by hand rather than by type alone, since the writer is a person with a text editor: an error is
`purposes.offers.categories[2] 'emial' is no category; did you mean 'email'?`, and its `field` is that path.
"""

import datetime as dt
import re
from typing import get_args

from rapport.kernel import vocabulary
from rapport.kernel.errors import BadInput, TooLarge
from rapport.kernel.times import DAY, parse_rfc3339
from rapport.terms.declaration import EVERYTHING, Basis, Benefit, Declaration, Promise, ValueClaim
from rapport.terms.places import BLOCS, COUNTRIES
from rapport.terms.tables import Format, Table, called, load

MAX_BYTES = 64 * 1024
MAX_PURPOSES = 50
MAX_VALUES = 100
MAX_CONSENT = 200
MAX_LISTED = 100
"""Categories, recipients, places or purposes in one list."""
MAX_BENEFITS = 20
MAX_DAYS = 36_500
MAX_AMOUNT = 1e9

_JOINERS = "\u200c\u200d"
"""Signs without a look of their own that some scripts are written with."""
_BENEFITS = ("money", "discount", "time", "service")
_CURRENCY = re.compile(r"[A-Z]{3}")
_VALUE = re.compile(r"[a-z][a-z0-9_]{0,59}")
_DATE = re.compile(r"(19|2\d)\d\d-\d\d-\d\d")
_TIME = re.compile(r"(19|2\d)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


def parse(text: bytes, form: Format) -> Declaration:
    """The declaration in a document. Raises TooLarge, or BadInput with `code` and, where it is about one, `field`."""
    if len(text) > MAX_BYTES:
        raise TooLarge(f"a declaration has at most {MAX_BYTES:,} bytes; this one has {len(text):,}")
    raw = load(text, form)
    if not isinstance(raw, dict):
        raise BadInput(f"a declaration must be a table, not {called(raw)}", code="bad_type")
    return _declaration(Table("", raw))


def times_of(claim: ValueClaim) -> tuple[int | None, int | None]:
    """From when until when (µs) a claim holds. A date of expiry counts to its end, in UTC."""
    issued = parse_rfc3339(claim.issued) if claim.issued else None
    if not claim.expires:
        return issued, None
    return issued, parse_rfc3339(claim.expires) + (DAY if _DATE.fullmatch(claim.expires) else 0)


# -- what a declaration is made of


def _declaration(table: Table) -> Declaration:
    name = table.text("name", 200)
    if name and not (name.strip() and all(sign.isprintable() or sign in _JOINERS for sign in name)):
        table.fail("name", "is no name of one line that people can read")
    purposes = table.table("purposes")
    consent = table.table("consent")
    values = tuple(_claim(each) for each in table.tables("values", MAX_VALUES))
    table.done()
    for number, claim in enumerate(values):
        if any((claim.value, claim.attester) == (other.value, other.attester) for other in values[:number]):
            where = f"values[{number}].value"
            by = f" by {claim.attester!r}" if claim.attester else ""
            raise BadInput(f"{where} {claim.value!r} is claimed twice{by}", code="bad_declaration", field=where)
    return Declaration(name, _promises(purposes), _consent(consent), values)


def _promises(table: Table | None) -> dict[str, Promise]:
    if table is None:
        return {}
    if len(table.content) > MAX_PURPOSES:
        raise BadInput(
            f"purposes lists {len(table.content)}; at most {MAX_PURPOSES} are taken", code="too_long", field="purposes"
        )
    promises: dict[str, Promise] = {}
    for name in table.content:
        try:
            purpose = _purpose(name)
        except BadInput as error:
            raise BadInput(f"purposes: {error.message}", code=error.code, field=table.at(name)) from None
        if purpose in promises:
            table.fail(name, f"is {purpose}, which stands there already")
        section = table.table(name)
        assert section is not None  # noqa: S101 (it is one of the table's own keys)
        promises[purpose] = _promise(section)
    return promises


def _promise(table: Table, *, other: bool = False) -> Promise:
    """One promise; `other`: it is the alternative of another, which has none itself."""
    basis = table.choice("basis", get_args(Basis))
    law = table.text("law", 300)
    categories = table.texts("categories", MAX_LISTED, vocabulary.category)
    if categories == ():
        table.fail("categories", "is empty: name what is read, or leave the purpose out")
    if basis == "legal_obligation":
        _check_obligation(table, law, categories, other=other)
    days = table.maybe("retention_days", int)
    if days is not None and not 0 <= days <= MAX_DAYS:
        table.fail(
            "retention_days", f"is {days}; it must be from 0 to {MAX_DAYS:,}" if abs(days) < 1e12 else "is too large"
        )
    promise = Promise(
        basis=basis,  # type: ignore[arg-type]  # one of them, by `choice`
        categories=(EVERYTHING,) if categories is None else categories,
        retention_days=days,
        recipients=table.texts("recipients", MAX_LISTED, _recipient),
        onward=table.maybe("onward", bool),
        place=table.texts("place", MAX_LISTED, _place),
        benefits=tuple(_benefit(each) for each in table.tables("benefits", MAX_BENEFITS)),
        law=law,
        alternative=_alternative(table, other=other),
    )
    if promise.place == ():
        table.fail("place", "is empty: name where data is processed, or leave it out")
    table.done()
    return promise


def _check_obligation(table: Table, law: str, categories: tuple[str, ...] | None, *, other: bool) -> None:
    """A law obliges beyond what the person wants, so that it must be named, and exactly what it asks for."""
    if other:
        table.fail("basis", "is legal_obligation: what the law demands is no alternative")
    if not law.strip():
        table.fail("law", "is missing: a legal obligation names the law that obliges", "missing_field")
    if categories is None:
        table.fail("categories", "is missing: a legal obligation names the data that the law asks for", "missing_field")
    if EVERYTHING in categories:
        table.fail("categories", "has 'everything': a legal obligation names the data that the law asks for")


def _alternative(table: Table, *, other: bool) -> Promise | None:
    section = table.table("alternative")
    if section is None:
        return None
    if other:
        table.fail("alternative", "is one too many: an alternative has none of its own")
    if table.content.get("basis") == "legal_obligation":
        table.fail("alternative", "is not possible: nobody is asked about a legal obligation")
    return _promise(section, other=True)


def _benefit(table: Table) -> Benefit:
    kind = table.choice("kind", _BENEFITS)
    amount = _amount(table)
    benefit = Benefit(kind, amount, table.text("unit", 20), table.text("per", 60), table.text("text", 500))  # type: ignore[arg-type]  # by `choice`
    table.done()
    wrong = _wrong_unit(benefit)
    if wrong is not None:
        table.fail("unit", f"is {benefit.unit!r}; {wrong}" if benefit.unit else f"is missing; {wrong}")
    if kind == "discount" and amount > 100:
        table.fail("amount", "is over 100 %")
    if kind == "service" and amount:
        table.fail("amount", "is of no use: a service is told in `text`")
    if kind == "service" and not benefit.text.strip():
        table.fail("text", "is missing: it says what the service is", "missing_field")
    return benefit


def _amount(table: Table) -> float:
    amount = table.number("amount", MAX_AMOUNT) or 0.0
    if round(amount, 4) != amount:  # so that every language writes it alike
        table.fail("amount", "has more than four decimals")
    return amount


def _wrong_unit(benefit: Benefit) -> str | None:
    if benefit.kind == "money":
        fits = _CURRENCY.fullmatch(benefit.unit)
        return None if fits else "money is in a currency of ISO 4217, such as EUR"
    needed = {"discount": "%", "time": "minutes", "service": ""}[benefit.kind]
    said = f"for {benefit.kind} it must be {needed!r}" if needed else "a service has none"
    return None if benefit.unit == needed else said


def _consent(table: Table | None) -> dict[str, tuple[str, ...]]:
    if table is None:
        return {}
    if len(table.content) > MAX_CONSENT:
        message = f"consent lists {len(table.content)} categories; at most {MAX_CONSENT} are taken"
        raise BadInput(message, code="too_long", field="consent")
    mapping = {}
    for name in table.content:
        table.check_text(name, name, 200)
        mapping[name] = table.texts(name, MAX_LISTED, _target) or ()
    return mapping


def _claim(table: Table) -> ValueClaim:
    value = table.text("value", 60)
    if not _VALUE.fullmatch(value):
        table.fail("value", f"is {value!r}; a value is named in small letters, digits and '_', such as living_wage")
    claim = ValueClaim(
        value,
        table.text("text", 500),
        table.text("attester", 100),
        table.text("evidence", 500),
        _moment(table, "issued"),
        _moment(table, "expires"),
        table.text("signature", 200),
    )
    table.done()
    if claim.signature and not claim.attester:
        table.fail("attester", "is missing: a signature is somebody's", "missing_field")
    issued, until = times_of(claim)
    if issued is not None and until is not None and until <= issued:
        table.fail("expires", "is before it was issued")
    return claim


def _moment(table: Table, key: str) -> str:
    """A date or time as text; TOML writes both without quotes, too."""
    value = table.content.get(key)
    if isinstance(value, dt.date):  # also a datetime
        text = value.isoformat()
        table.content[key] = text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
    text = table.text(key, 40)
    if text:
        try:
            if not (_DATE.fullmatch(text) or _TIME.fullmatch(text)):
                raise BadInput("")  # noqa: TRY301 (the same answer as to a day that there is not)
            parse_rfc3339(text)
        except BadInput:
            table.fail(
                key, f"is {text!r}; it is a date such as 2026-11-21, or an RFC 3339 time with its zone", "bad_time"
            )
    return text


# -- words, each as the vocabulary writes it


def _purpose(name: str) -> str:
    purpose = vocabulary.purpose(name)
    if purpose in {vocabulary.ANY, "dpv:Purpose"}:
        raise BadInput(f"{name!r} is every purpose: name those that you mean", code="unknown_purpose")
    return purpose


def _target(text: str) -> str:
    """`purpose`, or `purpose:category` for a category that has a plain name."""
    head = "dpv:" if text.startswith("dpv:") else ""
    name, colon, kind = text.removeprefix(head).partition(":")
    purpose = _purpose(head + name)
    if not colon:
        return purpose
    category = vocabulary.category(kind)
    if ":" in category:
        raise BadInput(f"{text[:60]!r}: consent opens categories that have a plain name", code="unknown_category")
    return f"{purpose}:{category}"


def _recipient(name: str) -> str:
    if not (name.strip() and name.isprintable() and len(name) <= 200):
        raise BadInput(f"{name[:60]!r} is no name of 1 to 200 characters", code="bad_declaration")
    return name


def _place(code: str) -> str:
    if code in COUNTRIES or code in BLOCS:
        return code
    near = {"UK": "GB", "EL": "GR"}.get(code) or (code.upper() if code.upper() in {*COUNTRIES, *BLOCS} else "")
    hint = f"; did you mean {near!r}?" if near else ""
    message = f"{code[:60]!r} is no place: write EEA, EU, or a country's two capital letters of ISO 3166{hint}"
    raise BadInput(message, code="bad_declaration")
