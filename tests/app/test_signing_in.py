"""Signing in by passkeys: a proof is believed once, by this node, of whom it proves, and of nobody else."""

import asyncio
import base64
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from rapport.app.ceremonies import DECOY, TRIES_A_MINUTE
from rapport.app.signing_in import HouseSignin
from rapport.kernel.errors import BadInput, RapportError, TooMany, Unauthorized
from rapport.signin import sessions
from rapport.signin.passkeys import Passkey, Proved, RelyingParty
from tests.app.doorway import Hall, encoded, hall
from tests.profile.house import ORG
from tests.signin.authenticator import PRESENT, Authenticator, b64

__all__ = ["hall"]


@pytest.mark.parametrize("synced", [False, True])
def test_who_made_a_passkey_signs_in_with_it_again_and_again(hall: Hall, synced: bool) -> None:
    device = hall.enrolled(synced=synced)
    for _ in range(3):
        session = hall.accounts.session(hall.sign_in(device))
        assert session is not None
        assert session.person == hall.person
    (kept,) = hall.accounts.passkeys(hall.person)
    assert (kept.synced, kept.name) == (synced, "Chrome on Linux")
    assert len({token for token, _ in hall.accounts.sessions(hall.person)}) == 4


WRONG: dict[str, dict[str, Any]] = {
    "nobody was verified": {"flags": PRESENT},
    "nobody was present": {"flags": 0x04},
    "another origin": {"origin": "https://rapport.example.evil"},
    "a plain origin": {"origin": "http://rapport.example"},
    "a port": {"origin": "https://rapport.example:444"},
    "another party": {"rp": "evil.example"},
    "another kind": {"kind": "payment.get"},
    "another challenge": {"challenge": b64(bytes(40))},
    "no challenge": {"challenge": ""},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_not_for_this_node_or_of_nobody_verified_is_refused(hall: Hall, wrong: dict[str, Any]) -> None:
    device = hall.enrolled()
    with pytest.raises(Unauthorized):
        hall.sign_in(device, **wrong)
    with pytest.raises(Unauthorized):
        hall.enrol(hall.device(), hall.accounts.invite(hall.person), **wrong)
    hall.sign_in(device)
    assert len(hall.accounts.passkeys(hall.person)) == 1


UNUSABLE: dict[str, object] = {
    "a list": [],
    "a point beside the curve": {1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)},
    "no curve": {1: 2, 3: -7, -1: 9999, -2: bytes(32), -3: bytes(32)},
    "no modulus": {1: 3, 3: -257, -1: b"", -2: b""},
    "half of it": {1: 2, 3: -7, -1: 1, -2: bytes(32)},
}


@pytest.mark.parametrize("public", UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_could_prove_nothing_is_refused_and_spends_no_invitation(hall: Hall, public: object) -> None:
    code, device = hall.accounts.invite(hall.person), hall.device()
    with pytest.raises(Unauthorized):
        hall.enrol(Told(device, device.credential, public), code)
    hall.enrol(device, code)
    hall.sign_in(device)


@pytest.mark.parametrize("size", [0, 1024])
def test_a_passkey_is_named_by_some_bytes_and_not_by_too_many(hall: Hall, size: int) -> None:
    device = hall.device()
    with pytest.raises(Unauthorized):
        hall.enrol(Told(device, bytes(size), None), hall.accounts.invite(hall.person))
    assert hall.accounts.passkeys(hall.person) == []


class Told(Authenticator):
    """A device that tells of another key, or another name of it, than it has."""

    def __init__(self, device: Authenticator, credential: bytes, public: object) -> None:
        super().__init__(device.origin, device.rp)
        self.key, self.credential, self.public = device.key, credential, public

    def make(self, options: dict[str, Any], **wrong: Any) -> dict[str, Any]:
        answer = super().make(options, **wrong)
        if self.public is not None:
            padded = f"{answer['response']['attestationObject']}==="
            attestation = cbor2.loads(base64.urlsafe_b64decode(padded))
            attestation["authData"] = attestation["authData"][: 55 + len(self.credential)] + cbor2.dumps(self.public)
            answer["response"]["attestationObject"] = b64(cbor2.dumps(attestation))
        return answer


def test_a_proof_is_believed_once_in_every_process(hall: Hall) -> None:
    device = hall.enrolled(synced=True)
    answer = device.prove(hall.options())
    hall.prove(answer)
    other = hall.desk()
    for desk in (hall.signin, other):
        with pytest.raises(Unauthorized):
            asyncio.run(desk.prove(encoded(answer), "here", ""))
    other.close()


def test_of_fifty_who_bring_one_proof_at_once_one_wins(hall: Hall) -> None:
    device = hall.enrolled(synced=True)
    answer = device.prove(hall.options())
    assert _winners(hall, lambda desk: asyncio.run(desk.prove(encoded(answer), "x", ""))) == 1


def test_of_fifty_who_bring_one_invitation_at_once_one_wins(hall: Hall) -> None:
    code = hall.accounts.invite(hall.person)
    options = [asyncio.run(hall.signin.enrolling(code, str(number))) for number in range(50)]
    answers = iter([encoded(hall.device().make(one)) for one in options])
    assert _winners(hall, lambda desk: asyncio.run(desk.enrol(code, next(answers), "x", ""))) == 1
    assert len(hall.accounts.passkeys(hall.person)) == 1


def _winners(hall: Hall, use: Callable[[HouseSignin], str]) -> int:
    desks = [hall.desk() for _ in range(4)]

    def tried(number: int) -> bool:
        try:
            use(desks[number % 4])
        except RapportError as refused:
            assert isinstance(refused, Unauthorized)  # noqa: PT017 (any other error is a defect)
            return False
        return True

    with ThreadPoolExecutor(16) as crowd:
        won = sum(crowd.map(tried, range(50)))
    for desk in desks:
        desk.close()
    return won


def test_a_counter_that_goes_back_is_a_clone(hall: Hall) -> None:
    device = hall.enrolled()
    hall.sign_in(device)
    for counter in (device.counter, device.counter - 1):
        with pytest.raises(Unauthorized):
            hall.sign_in(device, counter=counter)
    hall.sign_in(device)


def test_an_unknown_passkey_is_refused_like_a_wrong_signature(hall: Hall) -> None:
    known, stranger = hall.enrolled(), hall.device()
    stranger.user = known.user
    said = set()
    for device in (stranger, known):
        answer = device.prove(hall.options())
        if device is known:
            answer["response"]["signature"] = stranger.prove(hall.options())["response"]["signature"]
        with pytest.raises(Unauthorized) as refused:
            hall.prove(answer)
        said.add((refused.value.message, refused.value.code))
    assert len(said) == 1


def test_an_unknown_passkey_takes_the_same_work_to_refuse(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    hall.enrolled()
    stranger, checked = hall.device(), list[bytes]()
    proved = RelyingParty.proved

    def noting(party: RelyingParty, challenge: bytes, response: dict[str, Any], passkey: Passkey) -> Proved:
        checked.append(passkey.public)
        return proved(party, challenge, response, passkey)

    monkeypatch.setattr(RelyingParty, "proved", noting)
    with pytest.raises(Unauthorized):
        hall.sign_in(stranger)
    assert checked == [DECOY]
    # A key like any other: checking a signature by it goes all the way.
    numbers = stranger.key.public_key().public_numbers()
    own = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
    assert cbor2.loads(DECOY).keys() == cbor2.loads(own).keys()
    ec.EllipticCurvePublicNumbers(
        *(int.from_bytes(cbor2.loads(DECOY)[part], "big") for part in (-2, -3)), ec.SECP256R1()
    ).public_key()


def test_a_passkey_proves_its_own_person_whatever_it_says(hall: Hall) -> None:
    another = hall.people.add([f"{ORG}:user_id:bo"]).handle
    device = hall.enrolled(another)
    device.user = hall.person.encode()
    session = hall.accounts.session(hall.sign_in(device))
    assert session is not None
    assert session.person == another


def test_an_invitation_is_for_one_person_once_and_for_ten_minutes(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    code = hall.accounts.invite(hall.person)
    device = hall.device()
    other = hall.accounts.invite(hall.people.add([f"{ORG}:user_id:bo"]).handle)
    options = asyncio.run(hall.signin.enrolling(other, "here"))
    with pytest.raises(Unauthorized):  # a challenge for another person's invitation
        asyncio.run(hall.signin.enrol(code, encoded(device.make(options)), "here", ""))
    hall.enrol(device, code)
    for again in (code, "inv_made-up", ""):
        with pytest.raises(Unauthorized):
            hall.enrol(hall.device(), again)
    late = hall.accounts.invite(hall.person)
    present = sessions.DAY
    monkeypatch.setattr("rapport.adapters.embedded.accounts.now", lambda: 4_000_000_000_000_000 + present)
    with pytest.raises(Unauthorized):
        hall.enrol(hall.device(), late)


def test_one_challenge_makes_one_passkey_however_many_invitations_there_are(hall: Hall) -> None:
    first, second = (hall.accounts.invite(hall.person) for _ in range(2))
    options = asyncio.run(hall.signin.enrolling(first, "here"))
    asyncio.run(hall.signin.enrol(first, encoded(hall.device().make(options)), "here", ""))
    with pytest.raises(Unauthorized):
        asyncio.run(hall.signin.enrol(second, encoded(hall.device().make(options)), "here", ""))
    assert hall.accounts.invited(second) == hall.person  # and it is not spent by that
    assert len(hall.accounts.passkeys(hall.person)) == 1


def test_who_was_erased_or_is_being_erased_does_not_come_in(hall: Hall) -> None:
    device = hall.enrolled()
    token = hall.sign_in(device)
    hall.people.set_status(hall.person, "erasing")
    assert hall.accounts.session(token) is None
    with pytest.raises(Unauthorized):
        hall.sign_in(device)
    hall.people.forget_claims(hall.person)
    for table in ("passkey", "own_session", "invite"):
        assert hall.ledger.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_stolen_ledger_signs_nobody_in(hall: Hall) -> None:
    device = hall.enrolled()
    token = hall.sign_in(device)
    code = hall.accounts.invite(hall.person)
    files = [path.read_bytes() for path in hall.directory.glob("ledger.db*")]
    for secret in (token, code):
        assert not any(secret.encode() in content for content in files)


@pytest.mark.parametrize("what", ["prove", "enrolling", "enrol"])
def test_whatever_is_tried_is_tried_so_often_from_one_place_and_goes_on_elsewhere(hall: Hall, what: str) -> None:
    def tried(client: str) -> None:
        if what == "prove":
            asyncio.run(hall.signin.prove(b"{}", client, ""))
        elif what == "enrol":
            asyncio.run(hall.signin.enrol("inv_x", b"{}", client, ""))
        else:
            asyncio.run(hall.signin.enrolling("inv_x", client))

    for _ in range(TRIES_A_MINUTE - 1):
        with pytest.raises(Unauthorized):
            tried("here")

    def many() -> None:
        for _ in range(20 * TRIES_A_MINUTE):  # a few more are let in while a loaded machine gets through these
            with contextlib.suppress(Unauthorized):
                tried("here")

    with pytest.raises(TooMany):
        many()
    with pytest.raises(Unauthorized):
        tried("elsewhere")


def test_too_many_tries_are_slowed_down(hall: Hall) -> None:
    def ask() -> None:
        for _ in range(200):
            hall.options()

    with pytest.raises(TooMany):
        ask()
    asyncio.run(hall.signin.ask("elsewhere"))


@pytest.mark.parametrize(
    "raw", [b"", b"x", b"[]", b"null", b'{"id": 1}', b'{"rawId": "%%%", "response": {}}', b"{" * 70_000, b"[" * 60_000]
)
def test_what_no_browser_makes_is_refused(hall: Hall, raw: bytes) -> None:
    with pytest.raises((BadInput, Unauthorized)):
        asyncio.run(hall.signin.prove(raw, "here", ""))
