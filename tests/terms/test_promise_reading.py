"""Promises as they are written and read: one form, and errors that say where."""

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.errors import BadInput, TooLarge
from rapport.terms import promises
from rapport.terms.declaration import Benefit, Declaration, Promise
from tests.terms.declaring import DECLARATIONS, offers, read, toml, turned

ROOT = Path(__file__).parents[2]


# -- one form


@given(DECLARATIONS)
def test_what_is_written_is_read_again(declaration: Declaration) -> None:
    assert promises.parse(promises.canonical(declaration), "json") == declaration


@given(DECLARATIONS)
def test_json_and_toml_say_the_same(declaration: Declaration) -> None:
    assert promises.parse(toml(declaration), "toml") == declaration


@given(DECLARATIONS)
def test_the_hash_does_not_depend_on_the_order_of_names_or_on_blanks(declaration: Declaration) -> None:
    text = json.dumps(turned(json.loads(promises.canonical(declaration))), indent=3)
    again = promises.parse(text.encode(), "json")
    assert promises.hash_of(again) == promises.hash_of(declaration)


@given(DECLARATIONS, DECLARATIONS)
def test_two_have_one_hash_only_where_they_are_equal(one: Declaration, other: Declaration) -> None:
    assert (promises.hash_of(one) == promises.hash_of(other)) == (one == other)


def test_what_is_as_it_would_be_anyway_is_not_written() -> None:
    everything = tuple(name for name in ("everything", "special") if name != "special")  # equal, and not the same
    said = Promise("consent", everything, benefits=(Benefit("money", 5.0, "EUR"),))
    assert promises.canonical(Declaration(purposes={"offers": said})) == (
        b'{"purposes":{"offers":{"basis":"consent","benefits":[{"amount":5,"kind":"money","unit":"EUR"}]}}}'
    )


def test_names_are_sorted_as_rfc_8785_says() -> None:
    # The RFC's own example (§3.2.3), with numbers in place of its texts.
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = json.loads(promises.canonical_json(dict.fromkeys(names, 0)), object_pairs_hook=list)
    assert [name for name, _ in written] == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_purposes_and_categories_go_by_one_name_each() -> None:
    document = {"purposes": {"dpv:DirectMarketing": {"basis": "consent", "categories": ["pd:EmailAddress"]}}}
    assert read(document) == read(offers(categories=["email"]))


def test_the_example_is_complete_and_valid() -> None:
    example = promises.parse((ROOT / "examples/declaration.toml").read_bytes(), "toml")
    assert promises.parse(promises.canonical(example), "json") == example
    assert all(example != getattr(Declaration(), name) for name in Declaration.__struct_fields__)
    said = [p for promise in example.purposes.values() for p in (promise, promise.alternative) if p]
    for field in msgspec.structs.fields(Promise):
        assert any(getattr(promise, field.name) != field.default for promise in said), field.name


# -- errors say where

BENEFIT = "purposes.offers.benefits[0]"
WRONG: list[tuple[Any, str, str]] = [
    ({"nmae": "Acme"}, "unknown_field", "nmae"),
    ([], "bad_type", ""),
    ({"name": 1}, "bad_type", "name"),
    ({"name": None}, "bad_type", "name"),
    ({"name": "x" * 201}, "too_long", "name"),
    ({"name": "bell\x07"}, "bad_declaration", "name"),
    ({"name": " \u3000"}, "bad_declaration", "name"),
    ({"name": "two\nlines"}, "bad_declaration", "name"),
    ({"name": "turned \u202eemca"}, "bad_declaration", "name"),
    ({"name": "\u200bAcme"}, "bad_declaration", "name"),
    ({"name": "\ud800"}, "bad_declaration", "name"),
    ({"purposes": {"ofers": {"basis": "consent"}}}, "unknown_purpose", "purposes.ofers"),
    ({"purposes": {"any": {"basis": "consent"}}}, "unknown_purpose", "purposes.any"),
    ({"purposes": {"dpv:Purpose": {"basis": "consent"}}}, "unknown_purpose", "purposes.dpv:Purpose"),
    ({"purposes": {"offers": []}}, "bad_type", "purposes.offers"),
    (
        {"purposes": {"offers": {"basis": "consent"}, "dpv:DirectMarketing": {"basis": "consent"}}},
        "bad_declaration",
        "purposes.dpv:DirectMarketing",
    ),
    ({"purposes": {"offers": {}}}, "missing_field", "purposes.offers.basis"),
    (offers(basis="wish"), "bad_declaration", "purposes.offers.basis"),
    (offers(kept=1), "unknown_field", "purposes.offers.kept"),
    (offers(categories=["email", "name", "emial"]), "unknown_category", "purposes.offers.categories[2]"),
    (offers(categories=["email", "pd:EmailAddress"]), "bad_declaration", "purposes.offers.categories[1]"),
    (offers(categories=[]), "bad_declaration", "purposes.offers.categories"),
    (offers(categories="email"), "bad_type", "purposes.offers.categories"),
    (offers(categories=[1]), "bad_type", "purposes.offers.categories[0]"),
    (offers(retention_days=-1), "bad_declaration", "purposes.offers.retention_days"),
    (offers(retention_days=10**40), "bad_declaration", "purposes.offers.retention_days"),
    (offers(retention_days=1.5), "bad_type", "purposes.offers.retention_days"),
    (offers(retention_days=True), "bad_type", "purposes.offers.retention_days"),
    (offers(recipients=[" "]), "bad_declaration", "purposes.offers.recipients[0]"),
    (offers(recipients=[str(n) for n in range(101)]), "too_long", "purposes.offers.recipients"),
    (offers(onward="no"), "bad_type", "purposes.offers.onward"),
    (offers(place=["UK"]), "bad_declaration", "purposes.offers.place[0]"),
    (offers(place=[]), "bad_declaration", "purposes.offers.place"),
    (offers(basis="legal_obligation", categories=["name"]), "missing_field", "purposes.offers.law"),
    (offers(basis="legal_obligation", law="§ 1"), "missing_field", "purposes.offers.categories"),
    (
        offers(basis="legal_obligation", law="§ 1", categories=["everything"]),
        "bad_declaration",
        "purposes.offers.categories",
    ),
    (
        offers(basis="legal_obligation", law="§ 1", categories=["name"], alternative={"basis": "consent"}),
        "bad_declaration",
        "purposes.offers.alternative",
    ),
    (
        offers(alternative={"basis": "consent", "alternative": {"basis": "consent"}}),
        "bad_declaration",
        "purposes.offers.alternative.alternative",
    ),
    (
        offers(alternative={"basis": "legal_obligation", "law": "§ 1", "categories": ["name"]}),
        "bad_declaration",
        "purposes.offers.alternative.basis",
    ),
    (offers(benefits=[{"kind": "gift"}]), "bad_declaration", f"{BENEFIT}.kind"),
    (offers(benefits=[{"kind": "money", "amount": -1, "unit": "EUR"}]), "bad_declaration", f"{BENEFIT}.amount"),
    (offers(benefits=[{"kind": "money", "amount": 10**400, "unit": "EUR"}]), "bad_declaration", f"{BENEFIT}.amount"),
    (offers(benefits=[{"kind": "money", "amount": 0.00001, "unit": "EUR"}]), "bad_declaration", f"{BENEFIT}.amount"),
    (offers(benefits=[{"kind": "money", "amount": "5", "unit": "EUR"}]), "bad_type", f"{BENEFIT}.amount"),
    (offers(benefits=[{"kind": "money", "amount": 5, "unit": "euro"}]), "bad_declaration", f"{BENEFIT}.unit"),
    (offers(benefits=[{"kind": "discount", "amount": 5}]), "bad_declaration", f"{BENEFIT}.unit"),
    (offers(benefits=[{"kind": "discount", "amount": 101, "unit": "%"}]), "bad_declaration", f"{BENEFIT}.amount"),
    (offers(benefits=[{"kind": "time", "amount": 1, "unit": "hours"}]), "bad_declaration", f"{BENEFIT}.unit"),
    (offers(benefits=[{"kind": "service", "amount": 1, "text": "x"}]), "bad_declaration", f"{BENEFIT}.amount"),
    (offers(benefits=[{"kind": "service"}]), "missing_field", f"{BENEFIT}.text"),
    ({"consent": {"marketing": ["ofers"]}}, "unknown_purpose", "consent.marketing[0]"),
    ({"consent": {"marketing": ["offers:heath"]}}, "unknown_category", "consent.marketing[0]"),
    ({"consent": {"marketing": ["offers:pd:Income"]}}, "unknown_category", "consent.marketing[0]"),
    ({"consent": {"a.b": "offers"}}, "bad_type", "consent.'a.b'"),
    ({"values": [{"value": "Living wage"}]}, "bad_declaration", "values[0].value"),
    ({"values": [{"value": "a"}, {"value": "a"}]}, "bad_declaration", "values[1].value"),
    ({"values": [{"value": "a", "expires": "tomorrow"}]}, "bad_time", "values[0].expires"),
    ({"values": [{"value": "a", "expires": "2026-02-30"}]}, "bad_time", "values[0].expires"),
    ({"values": [{"value": "a", "expires": "2026-01-01T00:00:00"}]}, "bad_time", "values[0].expires"),
    ({"values": [{"value": "a", "issued": "2026-02", "expires": "2026-01-01"}]}, "bad_time", "values[0].issued"),
    (
        {"values": [{"value": "a", "issued": "2026-02-01", "expires": "2026-01-01"}]},
        "bad_declaration",
        "values[0].expires",
    ),
    ({"values": [{"value": "a", "signature": "AA"}]}, "missing_field", "values[0].attester"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "code", "field"), WRONG, ids=[f"{code}-{field}" for _, code, field in WRONG])
def test_an_error_says_what_is_wrong_and_where(document: Any, code: str, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(document)
    assert (caught.value.code, caught.value.field or "") == (code, field)
    assert not field or field in caught.value.message or code == "unknown_purpose"
    caught.value.message.encode()  # it can be answered, whatever was sent


@pytest.mark.parametrize(
    ("text", "format_", "code"),
    [
        (b"{", "json", "bad_json"),
        (b"\xff", "json", "bad_json"),
        (b'{"name":"a","name":"b"}', "json", "bad_json"),
        (b'{"purposes":{"offers":{"basis":"consent","benefits":[{"amount":NaN}]}}}', "json", "bad_json"),
        (b"[" * 50_000, "json", "bad_json"),
        (b'{"purposes":' + b"9" * 5_000 + b"}", "json", "bad_json"),
        (b"name = ", "toml", "bad_toml"),
        (b"a = 1\na = 2", "toml", "bad_toml"),
        (b"a = " + b"[" * 20_000, "toml", "bad_toml"),
        (b"[purposes.offers]\nbasis='consent'\nbenefits=[{kind='time', amount=inf}]", "toml", "bad_declaration"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(text: bytes, format_: Any, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        promises.parse(text, format_)
    assert caught.value.code == code


def test_sizes_are_limited() -> None:
    with pytest.raises(TooLarge):
        promises.parse(b" " * (promises.MAX_BYTES + 1), "toml")
    assert promises.parse(b" " * promises.MAX_BYTES, "toml") == Declaration()
    too_many = {"values": [{"value": f"v{n}"} for n in range(101)]}
    with pytest.raises(BadInput, match="at most 100"):
        read(too_many)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["consent"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["name", "purposes", "offers", "basis", "values", "value", "consent", "benefits", "kind"])
        | st.text(max_size=4),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_whatever_is_sent_is_read_or_refused(document: Any) -> None:
    try:
        declaration = read(document)
    except BadInput as error:
        msgspec.json.encode([error.message, error.field])
    else:
        assert promises.parse(promises.canonical(declaration), "json") == declaration


@given(st.binary(max_size=80))
def test_whatever_bytes_are_sent_are_read_or_refused(text: bytes) -> None:
    for form in ("json", "toml"):
        with contextlib.suppress(BadInput):
            promises.parse(text, form)  # type: ignore[arg-type]


def test_dates_need_no_quotes_in_toml() -> None:
    text = b"[[values]]\nvalue='a'\nissued=2026-01-02\nexpires=2026-01-03T04:05:06Z"
    claim = promises.parse(text, "toml").values[0]
    assert (claim.issued, claim.expires) == ("2026-01-02", "2026-01-03T04:05:06Z")
