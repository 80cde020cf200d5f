"""Declarations as documents: read, written, signed and vouched for."""

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.errors import BadInput, TooLarge
from rapport.kernel.times import DAY, parse_rfc3339
from rapport.terms import promises
from rapport.terms.declaration import DEFAULT, Benefit, Declaration, Promise, ValueClaim
from tests.terms.declaring import DECLARATIONS, toml, turned

ROOT = Path(__file__).parents[2]
AT = parse_rfc3339("2026-11-21T12:00:00Z")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.generate()


def read(document: Any) -> Declaration:
    return promises.parse(json.dumps(document).encode(), "json")


def offers(**more: Any) -> dict[str, Any]:
    return {"purposes": {"offers": {"basis": "consent", **more}}}


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


# -- signatures


def document(declaration: Declaration = DEFAULT) -> dict[str, Any]:
    return promises.published("acme", 3, promises.plain(declaration), AT, "sha256:" + "0" * 64)


@given(DECLARATIONS, st.randoms())
def test_a_signed_document_verifies_until_anything_of_it_is_changed(
    declaration: Declaration, dice: random.Random
) -> None:
    signed = promises.sign(document(declaration), KEY)
    sent = json.loads(json.dumps(turned(signed)))
    assert promises.verify(sent)
    assert promises.verify(sent, PUBLIC)
    assert not promises.verify(sent, OTHER.public_key().public_bytes_raw())
    name = dice.choice(["organization", "version", "declaration", "hash", "since", "previous"])
    changed = {"organization": "rival", "version": 4, "declaration": {"name": "other than any "}, "since": "x"}
    assert not promises.verify({**sent, name: changed.get(name)})
    assert not promises.verify({name: value for name, value in sent.items() if name != "signature"})
    assert not promises.verify({**sent, "signature": {**sent["signature"], "value": "AA"}})
    forger = promises.sign(document(declaration), OTHER)
    assert not promises.verify({**forger, "signature": {**forger["signature"], "key": promises.jwk(PUBLIC)}})


def test_keys_are_taken_as_pem_jwk_or_base64url_and_private_ones_never() -> None:
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for text in (pem, json.dumps(promises.jwk(PUBLIC)).encode(), promises.base64url(PUBLIC).encode() + b"\n"):
        assert promises.public_key(text) == PUBLIC
    secret = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert promises.private_key(secret).private_bytes_raw() == KEY.private_bytes_raw()
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    wrong = curve.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    private_jwk = json.dumps({**promises.jwk(PUBLIC), "d": "x"}).encode()
    for text in (b"", b"{}", b"[]", b"{", b"\xff", secret, wrong, private_jwk, b"-----BEGIN PUBLIC KEY-----", pem[:60]):
        with pytest.raises(BadInput) as caught:
            promises.public_key(text)
        assert caught.value.code == "bad_key"
    for text in (b"", pem, b"-----BEGIN PRIVATE KEY-----"):
        with pytest.raises(BadInput):
            promises.private_key(text)


@given(st.binary(min_size=32, max_size=32))
def test_base64url_has_one_spelling(raw: bytes) -> None:
    text = promises.base64url(raw)
    assert promises.from_base64url(text, 32) == raw
    for other in (text + "=", text[:-1], f"{text} ", text + "A", "é" + text):
        assert promises.from_base64url(other, 32) is None


# -- values

WAGE = ValueClaim("living_wage", "We pay it", "Board", "https://example.com", "2026-01-01", "2026-12-31")
ATTESTERS = {"Board": PUBLIC}
END = parse_rfc3339("2027-01-01T00:00:00Z")


def stands(*claims: ValueClaim, org: str = "acme", attesters: promises.Attesters = ATTESTERS) -> Any:
    return promises.standing(org, Declaration(values=claims), 1, AT, attesters)


def test_a_value_is_attested_where_a_known_attester_signed_it() -> None:
    found = stands(promises.attest("acme", WAGE, KEY))
    assert found.claimed == found.attested == {"living_wage": END}


def test_without_a_signature_it_is_self_declared() -> None:
    found = stands(WAGE, ValueClaim("no_waste"))
    assert (found.claimed, found.attested) == ({"living_wage": END, "no_waste": None}, {})
    assert "has no signature" in promises.remarks("acme", Declaration(values=(WAGE,)), ATTESTERS, AT)[0]


def test_who_is_not_known_cannot_attest_and_that_is_said() -> None:
    signed = promises.attest("acme", WAGE, KEY)
    found = stands(signed, attesters={})
    assert (found.claimed, found.attested) == ({"living_wage": END}, {})
    promises.check_claims("acme", Declaration(values=(signed,)), {}, AT)
    [remark] = promises.remarks("acme", Declaration(values=(signed,)), {}, AT)
    assert "self-declared" in remark


FORGERIES = {
    "another key": promises.attest("acme", WAGE, OTHER),
    "another organization": promises.attest("rival", WAGE, KEY),
    "another day": msgspec.structs.replace(promises.attest("acme", WAGE, KEY), expires="2036-12-31"),
    "another value": msgspec.structs.replace(promises.attest("acme", WAGE, KEY), value="no_waste"),
    "no signature at all": msgspec.structs.replace(WAGE, signature="AAAA"),
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_claim_is_refused_and_would_count_for_nothing(forged: ValueClaim) -> None:
    with pytest.raises(BadInput) as caught:
        promises.check_claims("acme", Declaration(values=(ValueClaim("a"), forged)), ATTESTERS, AT)
    assert (caught.value.code, caught.value.field) == ("forged_claim", "values[1].signature")
    assert stands(forged).claimed == stands(forged).attested == {}


def test_what_has_expired_counts_as_neither() -> None:
    found = stands(promises.attest("acme", WAGE, KEY))
    assert found.attested["living_wage"] == END
    [remark] = promises.remarks("acme", found.declaration, ATTESTERS, END)
    assert "expired" in remark
    assert promises.remarks("acme", found.declaration, ATTESTERS, END - 1) == []


def test_the_claim_that_holds_longest_counts() -> None:
    short = promises.attest("acme", WAGE, KEY)
    own = ValueClaim("living_wage", expires="2030-01-01T00:00:00Z")
    found = stands(short, own)
    assert found.attested == {"living_wage": END}
    assert found.claimed == {"living_wage": parse_rfc3339("2030-01-01T00:00:00Z")}
    assert stands(own, ValueClaim("living_wage", attester="Other"), short).claimed == {"living_wage": None}


def test_a_claim_from_the_future_is_refused_but_for_what_clocks_may_be_off() -> None:
    claim = ValueClaim("a", issued="2026-11-22")
    issued = parse_rfc3339("2026-11-22T00:00:00Z")
    promises.check_claims("acme", Declaration(values=(claim,)), {}, issued - DAY)
    with pytest.raises(BadInput) as caught:
        promises.check_claims("acme", Declaration(values=(claim,)), {}, issued - DAY - 1)
    assert (caught.value.code, caught.value.field) == ("bad_time", "values[0].issued")


# -- what changed


@given(DECLARATIONS, DECLARATIONS)
def test_what_changed_is_told_and_nothing_where_nothing_did(one: Declaration, other: Declaration) -> None:
    assert promises.changes(one, one) == []
    told = promises.changes(one, other)
    assert all(told)
    if one.name != other.name or one.purposes.keys() != other.purposes.keys():
        assert told


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return promises.changes(read(offers(**old)), read(offers(**new)))


def test_changes_read_as_sentences() -> None:
    money = {"kind": "money", "amount": 5, "unit": "EUR", "per": "month"}
    assert changed({"retention_days": 90}, {"retention_days": 365}) == [
        "keeps your data for 365 days instead of 90 for offers"
    ]
    assert changed({"categories": ["email"]}, {"categories": ["purchases"]}) == [
        "also uses what you bought for offers",
        "no longer uses your e-mail address for offers",
    ]
    assert changed({"onward": False}, {"onward": True}) == ["lets those who receive your data for offers pass it on"]
    assert changed({"onward": False}, {}) == ["no longer says whether your data for offers is passed on"]
    assert changed({"recipients": []}, {"recipients": ["Bo & Co"]}) == ["also gives your data for offers to Bo & Co"]
    assert changed({"place": ["EEA"]}, {"place": ["US"]}) == ["processes your data for offers in US instead of EEA"]
    assert changed({}, {"benefits": [money]}) == ["offers you 5 EUR per month for offers"]
    assert changed({}, {"alternative": {"basis": "consent"}}) == [
        "makes another offer for offers to those whom the first does not suit"
    ]
    assert promises.changes(read(offers()), Declaration()) == ["no longer uses your data for offers"]
    more = {"consent": {"m": ["offers"]}, "values": [{"value": "living_wage"}]}
    assert promises.changes(Declaration(), read(more)) == [
        "takes your consent to 'm' to mean offers",
        "says that it stands for living wage",
    ]  # fmt: skip


@given(
    DECLARATIONS, st.sampled_from(["retention_days", "onward", "recipients", "place", "categories", "law", "benefits"])
)
def test_no_change_of_a_promise_goes_untold(declaration: Declaration, field: str) -> None:
    other = {
        "retention_days": 12_345,
        "recipients": ("Somebody new!",),
        "place": ("NZ",),
        "categories": ("pd:Dislike",),
    }
    more = {"onward": True, "law": "Another law!", "benefits": (Benefit("money", 0.5, "NZD"),)}
    for purpose, promise in declaration.purposes.items():
        value = {**other, **more}[field]
        if getattr(promise, field) == value:
            value = None
        new = msgspec.structs.replace(promise, **{field: value})
        after = msgspec.structs.replace(declaration, purposes={**declaration.purposes, purpose: new})
        assert promises.changes(declaration, after)
