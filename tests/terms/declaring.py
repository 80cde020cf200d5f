"""Declarations to test with: any that there may be, and the same in TOML."""

import datetime as dt
import json
from typing import Any

import hypothesis.strategies as st

from rapport.kernel.vocabulary import CATEGORIES, PURPOSES
from rapport.terms import promises
from rapport.terms.declaration import Benefit, Declaration, Promise, ValueClaim

_WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
_SAID = _WORDS.filter(lambda name: not name or (bool(name.strip()) and name.isprintable()))
"""What an organization may call itself."""
_NAMES = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=20)
_KINDS = st.sampled_from([*CATEGORIES, "everything", "special", "pd:Income"])
_DATES = st.one_of(st.just(""), st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31)).map(str))


def _unique(each: st.SearchStrategy[str], **sizes: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(each, unique=True, **sizes).map(tuple)


_AMOUNTS = st.integers(0, 1_000_000).map(lambda cents: cents / 100)
_BENEFITS = st.one_of(
    st.builds(Benefit, st.just("money"), _AMOUNTS, st.sampled_from(["EUR", "GBP"]), _WORDS, _WORDS),
    st.builds(Benefit, st.just("discount"), st.integers(0, 1000).map(lambda n: n / 10), st.just("%"), _WORDS, _WORDS),
    st.builds(Benefit, st.just("time"), _AMOUNTS, st.just("minutes"), _WORDS, _WORDS),
    st.builds(Benefit, st.just("service"), text=_NAMES),
)


def _promise(basis: st.SearchStrategy[Any], kinds: Any, law: Any, alternative: Any) -> st.SearchStrategy[Promise]:
    return st.builds(
        Promise,
        basis,
        kinds,
        st.none() | st.integers(0, 36_500),
        st.none() | _unique(_NAMES, max_size=3),
        st.none() | st.booleans(),
        st.none() | _unique(st.sampled_from(["EEA", "EU", "DE", "GB"]), min_size=1, max_size=2),
        st.lists(_BENEFITS, max_size=2).map(tuple),
        law,
        alternative,
    )


_FREE = st.sampled_from(["consent", "contract", "legitimate_interest", "public_task"])
_SOME = _unique(_KINDS, min_size=1, max_size=3)
_OTHER = _promise(_FREE, _SOME, _WORDS, st.none())
PROMISES = st.one_of(
    _promise(_FREE, _SOME, _WORDS, st.none() | _OTHER),
    _promise(
        st.just("legal_obligation"),
        _unique(st.sampled_from(list(CATEGORIES)), min_size=1, max_size=3),
        _NAMES,
        st.none(),
    ),
)


@st.composite
def _claims(draw: st.DrawFn) -> tuple[ValueClaim, ...]:
    said = {}
    for _ in range(draw(st.integers(0, 2))):
        issued, expires = sorted([draw(_DATES), draw(_DATES)])
        name, attester = draw(st.sampled_from(["living_wage", "no_waste", "a1"])), draw(_WORDS)
        said[name, attester] = ValueClaim(name, draw(_WORDS), attester, draw(_WORDS), issued, expires)
    return tuple(said.values())


_TARGETS = st.sampled_from(["service", "offers", "service:health", "dpv:DeliveryOfGoods", "offers:beliefs"])
DECLARATIONS = st.builds(
    Declaration,
    _SAID,
    st.dictionaries(st.sampled_from([*PURPOSES, "dpv:DeliveryOfGoods"]), PROMISES, max_size=2),
    st.dictionaries(_WORDS, _unique(_TARGETS, max_size=2), max_size=3),
    _claims(),
)


def toml(declaration: Declaration) -> bytes:
    """The declaration as a TOML document, in inline tables."""
    plain = promises.plain(declaration)
    return "\n".join(f"{_toml(name)} = {_toml(value)}" for name, value in plain.items()).encode()


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(member) for member in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def turned(value: Any) -> Any:
    """The same JSON with the names of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: turned(value[name]) for name in reversed(value)}
    return [turned(member) for member in value] if isinstance(value, list) else value


def read(document: Any) -> Declaration:
    return promises.parse(json.dumps(document).encode(), "json")


def offers(**more: Any) -> dict[str, Any]:
    return {"purposes": {"offers": {"basis": "consent", **more}}}
