"""A person's passkeys: each once, by a name that its person gives, and told of to those who keep them."""

import asyncio

import pytest

from rapport.app.signing_in import name_of
from rapport.kernel.errors import BadInput, Conflict, NotFound, Unauthorized
from rapport.signin import passkeys
from tests.app.doorway import Hall, hall
from tests.profile.house import ORG
from tests.signin.authenticator import PRESENT, b64

__all__ = ["hall"]


def test_the_same_passkey_is_not_made_twice(hall: Hall) -> None:
    device = hall.enrolled()
    with pytest.raises(Conflict):
        hall.enrol(device, hall.accounts.invite(hall.person))


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (iPhone; CPU) AppleWebKit Safari/605", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("curl/8", "A browser"),
    ],
)
def test_a_passkey_is_called_by_what_made_it(agent: str, name: str) -> None:
    assert name_of(agent) == name


def test_a_passkey_is_renamed_by_its_person_alone(hall: Hall) -> None:
    hall.enrolled()
    (key,) = hall.accounts.passkeys(hall.person)
    bo = hall.people.add([f"{ORG}:user_id:bo"]).handle
    with pytest.raises(NotFound):
        hall.accounts.rename(bo, key.id, "Mine now")
    hall.accounts.rename(hall.person, key.id, passkeys.checked_name("  My   phone "))
    assert [one.name for one in hall.accounts.passkeys(hall.person)] == ["My phone"]
    for wrong in ("", " ", "x" * 61, "a\x00b", "a\u202eb"):
        with pytest.raises(BadInput):
            passkeys.checked_name(wrong)


def test_whether_a_passkey_is_on_several_devices_is_told_and_whether_it_may_be_never_changes(hall: Hall) -> None:
    alone, synced = hall.enrolled(), hall.enrolled(synced=True)
    may_be = {one.credential: (one.synced, one.backed_up) for one in hall.accounts.passkeys(hall.person)}
    assert may_be == {alone.credential: (False, False), synced.credential: (True, True)}
    eligible = PRESENT | 0x04 | 0x08
    synced.synced, synced.counter = False, 0
    hall.sign_in(synced, flags=eligible, counter=0)  # it may be on several, and is on none but this one now
    (kept,) = [one for one in hall.accounts.passkeys(hall.person) if one.credential == synced.credential]
    assert (kept.synced, kept.backed_up) == (True, False)
    for device, flags in ((alone, eligible), (synced, PRESENT | 0x04)):
        with pytest.raises(Unauthorized):
            hall.sign_in(device, flags=flags)


def test_password_managers_are_told_what_still_counts_by_who_is_signed_in_alone(hall: Hall) -> None:
    first, second = hall.enrolled(), hall.enrolled()
    token = hall.sign_in(second)
    told = asyncio.run(hall.signin.accepted(token))
    assert told is not None
    assert (told["rpId"], told["userId"]) == ("rapport.example", b64(hall.person.encode()))
    assert set(told["allAcceptedCredentialIds"]) == {b64(first.credential), b64(second.credential)}
    kept = {one.credential: one.id for one in hall.accounts.passkeys(hall.person)}
    hall.accounts.revoke(hall.person, kept[first.credential])
    after = asyncio.run(hall.signin.accepted(token))
    assert after is not None
    assert after["allAcceptedCredentialIds"] == [b64(second.credential)]
    assert asyncio.run(hall.signin.accepted("own_nobody")) is None
