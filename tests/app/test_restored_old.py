"""An older backup revives nothing that was let go of since: not by what it holds, whoever lets go and however."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded import backup, devices, let_go
from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.contacts import Contact
from rapport.adapters.embedded.devices import About, DeviceFile
from rapport.adapters.embedded.goals import GoalFile
from rapport.adapters.embedded.goals_told import GoalsTold
from rapport.adapters.embedded.let_go import ENDED
from rapport.adapters.embedded.tokens import TokenFile
from rapport.adapters.embedded.wishes import WishBook
from rapport.app import backing_up
from rapport.app.embedded import open_ledger, open_people
from rapport.app.proving import Proofs, open_proofs
from rapport.app.restoring import Restored, restore
from rapport.kernel.errors import RapportError
from rapport.kernel.keys import SealKey
from rapport.kernel.times import HOUR, now
from rapport.signin import codes
from rapport.signin.devices import Proof
from rapport.signin.passkeys import Made, Proved
from rapport.terms.goals import Goal
from rapport.terms.presets import PRESETS
from tests.profile.house import IN_MEMORY, ORG, House


class Vault(House):
    """A house whose people have passkeys, devices, claims and addresses; and its backups."""

    def __init__(self, shelf: Path) -> None:
        super().__init__()
        self.shelf, self.made = shelf, 0
        self.proofs: Proofs = open_proofs(self.settings, open_people(self.settings, open_ledger(self.settings)))
        self.accounts = Accounts(self.proofs.people.ledger)
        self.devices = DeviceFile(self.proofs.people.ledger, SealKey(bytes(32)))
        self.tokens = TokenFile(self.proofs.people.ledger)

    def number(self, size: int = 32) -> bytes:
        self.made += 1
        return self.made.to_bytes(size, "big")

    def passkey(self, person: str) -> tuple[str, int]:
        made = Made(self.number(), bytes(77), 0, synced=True)
        spent = (self.number(), 1 << 62)
        token, session = self.accounts.accept(self.accounts.invite(person), made, "a key", "a browser", spent)
        assert session.passkey is not None
        return token, session.passkey

    def bind(self, person: str) -> int:
        key = self.number()

        def proof() -> Proof:
            return Proof(key, self.number(), 1 << 62)

        code = self.devices.start(proof(), About("watch", "Mine"))
        self.devices.enter(person, code)
        number = self.devices.poll(proof()).number
        assert number is not None
        return self.devices.approve(person, code, number).id

    def show(self, person: str, address: str, passkey: int, session: str) -> Contact:
        waiting = self.proofs.contacts.start(person, "email", address)
        assert waiting.code is not None
        mine = self.accounts.session(session)
        assert mine is not None
        return self.proofs.contacts.verify(person, waiting.handle, waiting.code, mine.id, passkey)

    def back_up(self) -> None:
        backing_up.back_up(self.settings, self.shelf / "a.tar")
        self.back_up_keys("a.keys")

    def back_up_keys(self, name: str) -> None:
        backing_up.back_up_keys(self.settings, self.shelf / name)
        self.key = self.shelf / "backup.key"
        self.key.write_bytes((self.directory / "backup.key").read_bytes())

    def restored(self, keys: str) -> tuple[Restored, Proofs]:
        target = self.shelf / f"from-{keys}"
        settings = msgspec.structs.replace(self.settings, data=str(target))
        told = restore(settings, self.shelf / "a.tar", self.shelf / keys, self.key)
        return told, open_proofs(settings, open_people(settings, open_ledger(settings)))


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    monkeypatch.setattr(backup, "PATIENCE_S", 0.1)
    with Vault(tmp_path) as vault:
        yield vault


def test_what_was_let_go_of_after_a_backup_is_not_in_what_is_restored(vault: Vault) -> None:
    people, proofs = vault.proofs.people, vault.proofs
    ada, bo = people.add([]).handle, people.add([f"{ORG}:user_id:bo"]).handle
    token, first = vault.passkey(ada)
    contact = vault.show(ada, "ada@example.com", first, token)
    proofs.claims.claim_by_contact(ada, ORG, contact.id)
    people.set_terms(ada, PRESETS["balanced"])
    second, stays = vault.passkey(ada)[1], vault.passkey(bo)[1]
    watch, tv, theirs = vault.bind(ada), vault.bind(ada), vault.bind(bo)
    papers = proofs.contacts.new_recovery_codes(ada)
    old, kept = (vault.tokens.mint(ORG, ("read",), name=name) for name in ("old", "kept"))
    vault.back_up()

    vault.accounts.revoke(ada, second)
    vault.devices.revoke(ada, watch)
    (claim,) = proofs.claims.claims(ada)
    proofs.claims.unclaim(ada, claim.id)
    vault.tokens.revoke(ORG, old[1])
    waiting = proofs.contacts.start_recovery("email", "ada@example.com")
    assert waiting.code is not None
    proofs.recovering.begin(waiting.handle, waiting.code, papers[0])
    people.lock(ada)
    vault.back_up_keys("b.keys")

    told, again = vault.restored("b.keys")
    accounts, devices = Accounts(again.people.ledger), DeviceFile(again.people.ledger, SealKey(bytes(32)))
    assert told.taken_away > 0
    assert [one.id for one in accounts.passkeys(ada)] == [first]
    assert [one.id for one in devices.devices(ada)] == [tv]
    assert again.claims.claims(ada) == []
    assert again.people.person(ada).claims == ()
    assert again.people.person(ada).locked
    assert "older than your last change of terms" in again.claims.news(ada)[0].said
    assert again.people.ledger.db.execute("SELECT count(*) FROM recovery_code").fetchone() == (
        codes.RECOVERY_CODES - 1,
    )
    hashes = {handle for (handle,) in again.people.db.execute("SELECT handle FROM token")}
    assert (old[1] in hashes, kept[1] in hashes) == (False, True)
    # Whoever let go of nothing has all that they had, but has to come in anew.
    assert [one.id for one in accounts.passkeys(bo)] == [stays]
    assert [one.id for one in devices.devices(bo)] == [theirs]
    assert again.people.person(bo).claims == ((ORG, "user_id", "bo"),)
    assert not again.people.person(bo).locked
    for table in ENDED:
        assert again.people.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    assert accounts.session(token) is None


def test_what_was_made_anew_since_it_was_let_go_of_stays(vault: Vault) -> None:
    ada = vault.proofs.people.add([f"{ORG}:user_id:ada"]).handle
    (claim,) = vault.proofs.claims.claims(ada)
    vault.proofs.claims.unclaim(ada, claim.id)
    vault.proofs.people.claim(ada, [f"{ORG}:user_id:ada"])
    vault.proofs.people.set_terms(ada, PRESETS["balanced"])
    vault.back_up()
    told, again = vault.restored("a.keys")
    assert told.taken_away == 0
    assert again.people.person(ada).claims == ((ORG, "user_id", "ada"),)
    assert not again.people.person(ada).locked
    assert len(again.people.person(ada).terms.clauses) > 0


def test_who_locks_one_company_out_is_locked_where_a_backup_from_between_two_changes_is_restored(vault: Vault) -> None:
    people = vault.proofs.people
    ada = people.add([f"{ORG}:user_id:ada"]).handle
    people.set_terms(ada, PRESETS["balanced"])
    vault.back_up()
    people.lock(ada, ORG)
    vault.back_up_keys("b.keys")
    _, again = vault.restored("b.keys")
    assert again.people.person(ada).locked


def test_what_is_let_go_of_in_the_moment_in_which_it_is_made_is_on_the_list_all_the_same(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "now", lambda: now() + HOUR)  # this clock was right, and was set back since
    ada = vault.proofs.people.add([]).handle
    watch = vault.bind(ada)
    vault.back_up()
    vault.devices.revoke(ada, watch)
    vault.back_up_keys("b.keys")
    _, again = vault.restored("b.keys")
    assert DeviceFile(again.people.ledger, SealKey(bytes(32))).devices(ada) == []


def test_what_went_to_another_account_and_came_back_is_there_where_a_younger_backup_is_restored(vault: Vault) -> None:
    people, proofs = vault.proofs.people, vault.proofs
    ada, bo = (people.add(claims).handle for claims in ([f"{ORG}:user_id:ada"], []))
    vault.passkey(ada)
    (own,) = vault.accounts.passkeys(ada)
    assert proofs.joining.join(bo, own, Proved(1, synced=True), (vault.number(), 1 << 62)) == 1
    assert proofs.joining.part(bo) == 1
    vault.back_up()
    told, again = vault.restored("a.keys")
    assert told.taken_away == 0
    assert again.people.person(ada).claims == ((ORG, "user_id", "ada"),)


def test_whoever_comes_after_a_restore_is_not_called_what_somebody_was_who_is_lost(vault: Vault) -> None:
    people = vault.proofs.people
    people.add([])
    vault.back_up()
    lost = people.person(people.add([f"{ORG}:user_id:ada"]).handle)
    people.set_terms(lost.handle, PRESETS["balanced"])
    erased = people.person(people.add([]).handle)
    people.set_status(erased.handle, "erasing")
    people.forget_claims(erased.handle)
    agreements = "SELECT max(id) FROM agreement"
    (agreed,) = people.db.execute(agreements).fetchone()
    vault.back_up_keys("b.keys")
    _, again = vault.restored("b.keys")
    fresh = again.people.add([f"{ORG}:user_id:ada"])
    again.people.set_terms(fresh.handle, PRESETS["balanced"])
    assert fresh.id > erased.id > lost.id
    assert again.people.db.execute(agreements).fetchone() > (agreed,)


def test_the_erased_leave_nothing_on_the_list(vault: Vault) -> None:
    people = vault.proofs.people
    ada = people.add([f"{ORG}:user_id:ada"]).handle
    number = people.person(ada).id
    second = (vault.passkey(ada), vault.passkey(ada))[1][1]
    vault.accounts.revoke(ada, second)
    people.lock(ada)
    assert people.db.execute("SELECT count(*) FROM let_go WHERE person = ?", (number,)).fetchone()[0] >= 2
    people.set_status(ada, "erasing")
    people.forget_claims(ada)
    assert people.db.execute("SELECT count(*) FROM let_go WHERE person = ?", (number,)).fetchone() == (0,)


def test_a_goal_that_nobody_may_know_any_more_is_known_to_nobody_in_what_is_restored(vault: Vault) -> None:
    people = vault.proofs.people
    ada = people.add([f"{ORG}:user_id:ada"]).handle
    file, told = GoalFile(people.ledger), GoalsTold(people)
    back, paused, gone, kept = (file.say(ada, Goal(words)).handle for words in ("a", "b", "c", "d"))
    for goal in (back, paused, gone, kept):
        told.tell(ada, goal, ORG, told=True)
    vault.back_up()
    told.tell(ada, back, ORG, told=False)
    file.pause(ada, paused, paused=True)
    file.drop(ada, gone)
    vault.back_up_keys("b.keys")
    assert set(GoalsTold(vault.restored("a.keys")[1].people).of(ada)) == {back, paused, gone, kept}
    again = vault.restored("b.keys")[1].people
    assert GoalsTold(again).of(ada) == {kept: (ORG,)}
    assert not WishBook(again).said(ada).alone


def test_whoever_said_how_to_be_reached_after_a_backup_is_left_alone_in_what_is_restored(vault: Vault) -> None:
    people = vault.proofs.people
    ada, bo = (people.add([f"{ORG}:user_id:{name}"]).handle for name in ("ada", "bo"))
    for who in (ada, bo):
        WishBook(people).say(who, ORG, lambda says: msgspec.structs.replace(says, quiet="22:00-08:00"))
    vault.back_up()
    WishBook(people).say(ada, ORG, lambda says: msgspec.structs.replace(says, stopped_kinds=frozenset({"offer"})))
    vault.back_up_keys("b.keys")
    _, again = vault.restored("b.keys")
    assert [WishBook(again.people).said(who).alone for who in (ada, bo)] == [True, False]
    assert "older than what you last said about being reached" in again.claims.news(ada)[0].said
    assert again.claims.news(bo) == []


def test_times_on_the_list_are_the_house_s(vault: Vault) -> None:
    before = now()
    vault.proofs.people.lock(vault.proofs.people.add([]).handle)
    with closing(open_ledger(vault.settings)) as ledger:
        (at,) = ledger.db.execute("SELECT at FROM let_go").fetchone()
    assert before - 1_000 <= at <= now()  # in milliseconds, cut


OPENS = {
    "passkey": "SELECT hex(credential) || person FROM passkey",
    "device": "SELECT hex(thumbprint) || person FROM device",
    "token": "SELECT hex(hash) FROM token",
    "claim": "SELECT hex(token) || '-' || person FROM claim",
    "contact": "SELECT hex(token) || '-' || person FROM contact",
    "paper": "SELECT hex(hash) || person FROM recovery_code",
    "session": "SELECT hex(hash) FROM own_session",
}


def opening(db: sqlite3.Connection) -> dict[str, set[str]]:
    """All that opens something."""
    return {name: {row for (row,) in db.execute(query)} for name, query in OPENS.items()}


class Walk:
    """Two people who make and let go of things, in any order."""

    def __init__(self, vault: Vault) -> None:
        self.vault, self.proofs = vault, vault.proofs
        self.people = [self.proofs.people.add([f"{ORG}:user_id:{name}"]).handle for name in ("ada", "bo")]
        self.entered = {who: vault.passkey(who) for who in self.people}

    def step(self, what: str, who: int) -> None:
        with contextlib.suppress(RapportError, IndexError):  # there is nothing to let go of
            getattr(self, what)(self.people[who])

    def enrol(self, who: str) -> None:
        self.entered[who] = self.vault.passkey(who)

    def revoke(self, who: str) -> None:
        self.vault.accounts.revoke(who, self.vault.accounts.passkeys(who)[0].id)

    def bind(self, who: str) -> None:
        self.vault.bind(who)

    def unbind(self, who: str) -> None:
        self.vault.accounts.end_everything(who)

    def show(self, who: str) -> None:
        """The same address, whoever shows it: who had it before has it no longer."""
        token, passkey = self.entered[who]
        if self.vault.accounts.session(token) is None:
            self.entered[who] = token, passkey = self.vault.passkey(who)
        contact = self.vault.show(who, "box@example.com", passkey, token)
        self.proofs.claims.claim_by_contact(who, ORG, contact.id)

    def drop(self, who: str) -> None:
        self.proofs.contacts.let_go(who, self.proofs.contacts.contacts(who)[0].id)

    def unclaim(self, who: str) -> None:
        self.proofs.claims.unclaim(who, self.proofs.claims.claims(who)[0].id)

    def claim(self, who: str) -> None:
        self.proofs.people.claim(who, [f"{ORG}:user_id:shared"])

    def papers(self, who: str) -> None:
        self.proofs.contacts.new_recovery_codes(who)

    def mint(self, who: str) -> None:
        del who
        self.vault.tokens.mint(ORG, ("read",))

    def end_token(self, who: str) -> None:
        del who
        self.vault.tokens.revoke(ORG, self.vault.tokens.of(ORG)[0].handle)

    def end(self, who: str) -> None:
        self.vault.accounts.end_sessions(who)


STEPS = sorted(name for name in vars(Walk) if not name.startswith("_") and name != "step")


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_is_restored_opens_nothing_that_is_not_open_now(data: st.DataObject) -> None:
    steps = st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from((0, 1))), min_size=1, max_size=12)
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as shelf, Vault(Path(shelf)) as vault:
        walk = Walk(vault)
        for what, who in data.draw(steps):
            walk.step(what, who)
        copy = msgspec.structs.replace(vault.settings, data=f"{shelf}/copy")
        shutil.copytree(vault.directory, copy.directory)
        for what, who in data.draw(steps):
            walk.step(what, who)
        present = opening(vault.proofs.people.db)
        with closing(open_ledger(copy)) as ledger:
            let_go.take_away(open_people(copy, ledger), let_go.rows_of(vault.directory))
            restored = opening(ledger.db)
    for name, open_then in restored.items():
        assert open_then <= present[name], name


def test_what_moved_to_another_account_or_was_an_operator_s_comes_back_to_nobody(vault: Vault) -> None:
    people = vault.proofs.people
    ada, bo = (people.add(claims) for claims in ([f"{ORG}:user_id:ada"], []))
    row = (b"key", 1, b"", 0, True, b"", now())
    made = "INSERT INTO operator_passkey (credential, operator, public, counter, synced, name, created_at) VALUES "
    people.db.execute(f"{made} (?, ?, ?, ?, ?, ?, ?)", row)
    copy = msgspec.structs.replace(vault.settings, data=str(vault.shelf / "copy"))
    shutil.copytree(vault.directory, copy.directory)
    people.db.execute("UPDATE claim SET person = ? WHERE person = ?", (bo.id, ada.id))  # as joining does
    people.db.execute("DELETE FROM operator_passkey")
    with closing(open_ledger(copy)) as ledger:
        again = open_people(copy, ledger)
        before = again.person(ada.handle).claims
        assert let_go.take_away(again, let_go.rows_of(vault.directory)) == 2
        assert (len(before), again.person(ada.handle).claims) == (1, ())
        assert ledger.db.execute("SELECT count(*) FROM operator_passkey").fetchone() == (0,)
