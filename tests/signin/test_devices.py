"""What a device signs is believed for exactly the request that it signed, and for nothing that differs from it."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.errors import BadInput, Unauthorized
from rapport.kernel.times import SECOND
from rapport.signin import devices
from rapport.signin.devices import AHEAD, LIFE, checked, level, new_code, new_number, plain_code, proved, same_number
from tests.signin.device import SoftDevice, b64, der, turned, unb64

ORIGIN = "https://rapport.example"
PATH = "/presence/here"
BODY = b'{"organization": "shop"}'
DEVICE = SoftDevice(ORIGIN)


def at() -> int:
    return int(time.time()) * SECOND


def check(proof: str, method: str = "POST", path: str = PATH, body: bytes = BODY, when: int = 0) -> devices.Proof:
    return proved(proof, method, ORIGIN + path, body, when or at())


def refused(proof: str, **how: object) -> bool:
    try:
        check(proof, **how)  # type: ignore[arg-type]  # whatever differs from what was signed
    except Unauthorized as error:
        return error.code == "unproved"
    return False


def test_what_was_signed_is_believed_and_names_the_key() -> None:
    first, second = (check(DEVICE.proof("POST", PATH, BODY)) for _ in range(2))
    assert first.key == second.key
    assert first.number != second.number
    other = check(SoftDevice(ORIGIN).proof("POST", PATH, BODY))
    assert other.key != first.key


def test_nobody_uses_up_the_numbers_of_anothers_device() -> None:
    """Whoever guessed them would keep it out."""
    same = {"jti": "a number that both take"}
    mine = check(DEVICE.proof("POST", PATH, BODY, **same))
    theirs = check(SoftDevice(ORIGIN).proof("POST", PATH, BODY, **same))
    assert mine.number != theirs.number
    assert mine.number == check(DEVICE.proof("POST", PATH, BODY, **same)).number


def test_a_number_is_the_same_however_the_signature_is_written() -> None:
    """Both signatures of ES256 verify, so that what is remembered must not follow from the text."""
    proof = DEVICE.proof("POST", PATH, BODY)
    assert turned(proof) != proof
    assert check(turned(proof)).number == check(proof).number


@given(st.text(max_size=10), st.binary(max_size=40))
def test_another_method_address_or_body_is_refused(text: str, body: bytes) -> None:
    proof = DEVICE.proof("POST", PATH, BODY)
    assert refused(proof, method=f"POST{text or 'S'}")
    assert refused(proof, method="GET")
    assert refused(proof, path=f"{PATH}{text or '/'}")
    assert body == BODY or refused(proof, body=body)
    assert refused(proof, body=BODY + b" ")


@given(st.integers(0, 10_000), st.sampled_from(range(1, 256)))
def test_no_proof_of_which_a_byte_was_changed_is_believed_of_something_else(where: int, by: int) -> None:
    """Every changed byte is refused, but where the text says the same as before (base 64 has bits to spare)."""
    proof = DEVICE.proof("POST", PATH, BODY)
    said = check(proof)
    raw = bytearray(proof.encode())
    raw[where % len(raw)] ^= by
    changed = raw.decode("latin-1")
    assert refused(changed) or check(changed) == said


@given(st.integers(0, 63), st.integers(1, 255))
def test_no_signature_of_which_a_bit_was_changed_is_believed(where: int, by: int) -> None:
    signed, _, signature = DEVICE.proof("POST", PATH, BODY).rpartition(".")
    raw = bytearray(unb64(signature))
    raw[where] ^= by
    assert refused(f"{signed}.{b64(bytes(raw))}")


def test_a_proof_is_good_for_a_minute() -> None:
    issued = 1_790_000_000
    proof = DEVICE.proof("POST", PATH, BODY, iat=issued)
    for moment in (issued * SECOND, issued * SECOND + LIFE, issued * SECOND - AHEAD):
        assert check(proof, when=moment).expires >= moment
    for moment in (issued * SECOND + LIFE + 1, issued * SECOND - AHEAD - 1):
        assert refused(proof, when=moment)


WRONG: dict[str, dict[str, object]] = {
    "no method": {"htm": None},
    "no address": {"htu": None},
    "no body": {"sha256": None},
    "no time": {"iat": None},
    "no number": {"jti": None},
    "a short number": {"jti": "x"},
    "a long number": {"jti": "x" * 129},
    "a time that is text": {"iat": "1790000000"},
    "a time beyond numbers": {"iat": 10**40},
    "another origin": {"htu": f"https://rapport.example.evil{PATH}"},
    "a query": {"htu": f"{ORIGIN}{PATH}?x=1"},
    "another kind": {"header": {"typ": "JWT"}},
    "no signature": {"header": {"alg": "none"}},
    "a shared secret": {"header": {"alg": "HS256"}},
    "another curve": {"header": {"alg": "ES384"}},
    "something critical": {"header": {"crit": ["exp"], "exp": 1}},
    "a key elsewhere": {"header": {"jku": "https://evil.example/key"}},
    "another's key": {"header": {"jwk": SoftDevice(ORIGIN).jwk()}},
    "no key": {"header": {"jwk": None}},
    "a private key": {"header": {"jwk": {**DEVICE.jwk(), "d": b64(bytes(32))}}},
    "a point that is none": {"header": {"jwk": {**DEVICE.jwk(), "x": b64(b"\1" * 32)}}},
    "a short point": {"header": {"jwk": {**DEVICE.jwk(), "x": "AQ"}}},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_not_a_devices_proof_of_this_request_is_refused(wrong: dict[str, object]) -> None:
    assert refused(DEVICE.proof("POST", PATH, BODY, **wrong))


@given(st.text(max_size=60))
def test_no_text_is_a_proof(text: str) -> None:
    for tried in (text, f"{text}.{text}.{text}", DEVICE.proof("POST", PATH, BODY) + text + "x"):
        assert refused(tried)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_no_header_and_no_claims_of_another_shape_are_a_proof(shape: object) -> None:
    first, second, third = DEVICE.proof("POST", PATH, BODY).split(".")
    odd = base64.urlsafe_b64encode(json.dumps(shape).encode()).decode().rstrip("=")
    assert refused(f"{odd}.{second}.{third}")
    assert refused(f"{first}.{odd}.{third}")
    assert refused(f"{odd}.{odd}.{odd}")


def test_a_signature_in_another_form_is_refused() -> None:
    assert refused(der(DEVICE.proof("POST", PATH, BODY)))
    assert refused(DEVICE.proof("POST", PATH, BODY, padding="x" * 4_000))


def test_a_code_is_the_same_however_it_is_typed() -> None:
    code = new_code()
    assert plain_code(code) == plain_code(f" {code.lower().replace('-', ' ')} ") == code.replace("-", "")
    assert not set(code) & set("AEIOU")
    assert len({new_code() for _ in range(1000)}) == 1000


def test_a_number_has_two_digits_and_is_compared_whole() -> None:
    for number in (new_number() for _ in range(200)):
        assert len(number) == 2
        assert same_number(f" {number} ", number)
        assert not same_number("", number)
        assert not same_number(number[0], number)
        assert not same_number(f"{number}\ud800", number)


@given(st.booleans(), st.booleans())
def test_a_geofence_lowers_trust_and_never_raises_it(proximity: bool, verified: bool) -> None:
    without = level(proximity=proximity, verified=verified)
    assert level(proximity=proximity, verified=verified, near=True) == without
    assert level(proximity=proximity, verified=verified, near=False) is None


@pytest.mark.parametrize(
    ("kind", "name"), [("drone", "x"), ("watch", ""), ("watch", "  "), ("tv", "x" * 61), ("tv", "\0")]
)
def test_what_a_device_says_of_itself_makes_sense(kind: str, name: str) -> None:
    with pytest.raises(BadInput):
        checked(kind, name)
    assert checked("tv", "  The big\n one ") == ("tv", "The big one")
