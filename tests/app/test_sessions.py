"""Sessions: when they begin and end, and whose word ends them."""

import asyncio
import json

import pytest

from rapport.adapters.embedded.doors import Doors
from rapport.kernel.errors import Conflict, Unauthorized
from rapport.kernel.times import DAY, MINUTE, now
from rapport.signin import sessions
from tests.app.doorway import Hall, encoded, hall
from tests.e2e.running import run
from tests.signin.authenticator import Authenticator

__all__ = ["hall"]


def test_a_revoked_passkey_and_its_sessions_are_refused_at_once(hall: Hall) -> None:
    first, second = hall.enrolled(), hall.enrolled()
    token, other = hall.sign_in(first), hall.sign_in(second)
    kept = {one.credential: one.id for one in hall.accounts.passkeys(hall.person)}
    hall.accounts.revoke(hall.person, kept[first.credential])
    assert hall.accounts.session(token) is None
    assert hall.accounts.session(other) is not None
    with pytest.raises(Unauthorized):
        hall.sign_in(first)
    with pytest.raises(Conflict):
        hall.accounts.revoke(hall.person, kept[second.credential])


def test_sessions_end_one_by_one_all_at_once_and_of_themselves(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    device = hall.enrolled()
    tokens = [hall.sign_in(device) for _ in range(4)]
    mine, other = hall.accounts.session(tokens[0]), hall.accounts.session(tokens[2])
    assert mine is not None
    assert other is not None
    hall.accounts.end(tokens[1])
    assert hall.accounts.session(tokens[1]) is None
    stranger = hall.sign_in(hall.enrolled(hall.people.add([]).handle))
    assert hall.accounts.end_sessions(hall.person, only=other.id) == 1
    assert [hall.accounts.session(token) is not None for token in tokens] == [True, False, False, True]
    assert hall.accounts.end_sessions(hall.person, keep=tokens[0]) == 2
    assert hall.accounts.session(stranger) is not None
    assert [hall.accounts.session(token) is not None for token in tokens] == [True, False, False, False]
    monkeypatch.setattr("rapport.adapters.embedded.accounts.now", lambda: mine.seen_at + sessions.IDLE + 1)
    assert hall.accounts.session(tokens[0]) is None


def test_a_full_disk_keeps_nobody_out_who_is_signed_in(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    token = hall.sign_in(hall.enrolled())
    mine = hall.accounts.session(token)
    assert mine is not None
    db = hall.ledger.db
    later = mine.seen_at + 2 * MINUTE
    monkeypatch.setattr("rapport.adapters.embedded.accounts.now", lambda: later)
    db.execute("PRAGMA query_only = ON")  # whatever is written fails
    assert hall.accounts.session(token) is not None
    db.execute("PRAGMA query_only = OFF")
    assert not db.in_transaction
    found = hall.accounts.session(token)
    assert found is not None
    assert found.seen_at == mine.seen_at  # it was not noted before


def test_a_session_ends_thirty_days_after_it_began_however_often_it_is_used(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, began = hall.sign_in(hall.enrolled()), now()
    for day in range(1, 30):
        monkeypatch.setattr("rapport.adapters.embedded.accounts.now", lambda day=day: began + day * DAY)
        assert hall.accounts.session(token) is not None
    monkeypatch.setattr("rapport.adapters.embedded.accounts.now", lambda: began + 30 * DAY + MINUTE)
    assert hall.accounts.session(token) is None


def test_of_a_hundred_sessions_and_one_the_oldest_ends(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rapport.adapters.embedded.accounts.MOST_SESSIONS", 3)
    device = hall.enrolled()
    other = hall.sign_in(hall.enrolled(hall.people.add([]).handle))
    tokens = [hall.sign_in(device) for _ in range(5)]
    assert [hall.accounts.session(token) is not None for token in tokens] == [False, False, True, True, True]
    assert hall.accounts.session(other) is not None


def test_ending_all_ends_what_began_by_a_link_and_what_would_begin(hall: Hall) -> None:
    doors, mine = Doors(hall.ledger), hall.sign_in(hall.enrolled())
    by_link, kept = (doors.redeem(doors.mint(hall.person)) or "" for _ in range(2))
    code, waiting = hall.accounts.invite(hall.person), doors.mint(hall.person)
    assert hall.accounts.end_sessions(hall.person, keep=kept) == 3  # the one that making the passkey began, too
    assert [doors.person(by_link), doors.person(kept)] == [None, hall.person]
    assert hall.accounts.session(mine) is None
    assert hall.accounts.invited(code) is None
    assert doors.redeem(waiting) is None


def test_who_signs_in_leaves_the_session_that_the_browser_had(hall: Hall) -> None:
    device, doors = hall.enrolled(), Doors(hall.ledger)
    before, elsewhere = hall.sign_in(device), hall.sign_in(device)
    by_link = doors.redeem(doors.mint(hall.person)) or ""
    for had in (before, by_link):
        answer = encoded(device.prove(hall.options()))
        assert asyncio.run(hall.signin.prove(answer, "here", "Chrome/1 Linux", had)) not in {before, by_link, elsewhere}
    assert hall.accounts.session(before) is None
    assert doors.person(by_link) is None
    assert hall.accounts.session(elsewhere) is not None
    with pytest.raises(Unauthorized):  # who proves nothing ends nothing
        asyncio.run(hall.signin.prove(answer, "here", "Chrome/1 Linux", elsewhere))
    assert hall.accounts.session(elsewhere) is not None


def test_a_new_proof_gives_the_session_another_token(hall: Hall) -> None:
    device, challenges = hall.enrolled(), hall.signin.challenges
    token = hall.sign_in(device)
    stranger = hall.enrolled(hall.people.add([]).handle)

    def again(key: Authenticator) -> str:
        challenge = challenges.make("again", hall.person)
        answer = key.prove(hall.signin.party.asking(challenge))
        known = hall.accounts.passkey(key.credential)
        assert known is not None
        proved = hall.signin.party.proved(challenge, answer, known)
        return hall.accounts.step_up(
            token, known, proved, "", (challenge, challenges.check(challenge, "again", hall.person))
        )[0]

    with pytest.raises(Unauthorized):  # another's passkey freshens no session of theirs
        again(stranger)
    assert hall.accounts.session(token) is not None
    fresh = again(device)
    assert fresh != token
    assert hall.accounts.session(token) is None
    assert hall.accounts.session(fresh) is not None


def test_the_support_desk_signs_somebody_out(hall: Hall) -> None:
    device = hall.enrolled()
    token, by_link = hall.sign_in(device), Doors(hall.ledger).redeem(Doors(hall.ledger).mint(hall.person)) or ""
    stranger = hall.sign_in(hall.enrolled(hall.people.add([]).handle))
    told = run("person", "sign-out", hall.person, "--data", str(hall.directory), "--json")
    assert (told.returncode, json.loads(told.stdout)) == (0, {"person": hall.person, "ended": 3, "devices": 0})
    assert hall.accounts.session(token) is None
    assert Doors(hall.ledger).person(by_link) is None
    assert hall.accounts.session(stranger) is not None
    assert hall.sign_in(device)  # what they have stays theirs
    assert run("person", "sign-out", "per_nobody", "--data", str(hall.directory)).returncode != 0
