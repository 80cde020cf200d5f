"""Promises are signed, and the values in them are vouched for."""

import json
import random
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, parse_rfc3339
from rapport.terms import promises
from rapport.terms.declaration import DEFAULT, Declaration, ValueClaim
from tests.terms.declaring import DECLARATIONS, turned

AT = parse_rfc3339("2026-11-21T12:00:00Z")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.generate()


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
