"""Backup and restore: the same views from the archives, whatever lies between, and nothing from bad ones."""

import sqlite3
import stat
import tarfile
from contextlib import closing

import msgspec
import pytest

from rapport.adapters.embedded import backup, key_files
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.app import backing_up
from rapport.app.embedded import open_keys, open_ledger
from rapport.app.evaluating import Evaluator
from rapport.app.operator import Shred, erasure_entry
from rapport.kernel.errors import Misconfigured, RapportError
from rapport.profile.erasure import Claim
from tests.app.shelf import SECRET, house, impatient, shelf, tick
from tests.profile.house import at, told

__all__ = ["house", "impatient", "shelf"]


def test_a_restored_node_has_the_same_views_and_goes_on(shelf, house):
    shelf.back_up()
    before = house.customers()
    told_of = shelf.restore()
    assert (told_of.records_without_key, told_of.requests_lost, told_of.requests_waiting) == (0, 0, 0)
    with closing(shelf.reopened()) as again:
        assert again.customers() == before
        for one in (house, again):
            one.send(tick(7), tick(8, None, anonymousId="tab"), told(at("10:10"), **LATE))
            one.settle()
        assert again.customers() == house.customers()


LATE = {"type": "identify", "userId": "cy", "messageId": "k", "anonymousId": "tab"}


def test_what_waited_in_the_log_is_taken_in_after_a_restore(shelf, house):
    house.send(tick(5))
    shelf.back_up()
    assert shelf.restore().requests_waiting == 1
    with closing(shelf.reopened()) as again:
        assert again.settle().customers() == house.settle().customers()


def test_no_archive_holds_a_key_or_content(shelf, house):
    shelf.back_up()
    secrets = [(house.directory / name).read_bytes() for name in ("node.key", "backup.key")]
    with closing(open_keys(house.settings)) as keys:
        secrets += [keys.record("shop", 1).raw, keys.org("shop").raw, keys.blind.raw, SECRET.encode()]
        wrapped = [row[0] for row in keys._db.execute("SELECT wrapped FROM record_key")]
    archive = shelf.archive.read_bytes()
    for secret in secrets:
        assert secret not in archive
        assert secret not in shelf.keys.read_bytes()
    assert not any(item in archive for item in wrapped)
    for file in (shelf.archive, shelf.keys, house.directory / "backup.key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert shelf.listed() == ["a.keys", "a.tar", "backup.key"]


def test_a_restored_node_has_a_key_encryption_key_of_its_own(shelf, house):
    shelf.back_up()
    shelf.restore()
    restored = shelf.directory / "restored"
    assert (restored / "node.key").read_bytes() != (house.directory / "node.key").read_bytes()
    assert (restored / "backup.key").read_bytes() == shelf.backup_key.read_bytes()


def test_records_younger_than_the_backup_of_keys_are_absent_and_counted(shelf, house):
    shelf.back_up_keys()
    before = house.customers()
    house.send(tick(1, "dee-1"), told(at("12:05"), type="identify", userId="eve-1", messageId="e", anonymousId="tab"))
    house.settle()
    backing_up.back_up(house.settings, shelf.archive)
    told_of = shelf.restore()
    assert told_of.records_without_key >= 2
    with closing(shelf.reopened()) as again:
        found = again.customers()
        # Events of the tablet that had come to be Eve's are gone with her slice; all else is as before.
        assert {view["traits"]["name"]["value"] for view in found.values() if "name" in view["traits"]} == {SECRET}
        assert not any(name in str(view) for name in ("dee-1", "eve-1") for view in found.values())
        assert len(found) <= len(before)
        again.send(tick(2, "dee-1"))
        assert again.settle().view("user_id:dee-1")["events"]["total"] == 1


def test_requests_whose_key_is_gone_are_lost_and_counted(shelf, house):
    house.send(tick(5))
    backing_up.back_up(house.settings, shelf.archive)
    house.settle()
    with closing(open_keys(house.settings)) as keys:
        keys.destroy_log_keys(1 << 40)
    shelf.back_up_keys()
    assert shelf.restore().requests_lost == 1
    with closing(shelf.reopened()) as again:
        again.send(tick(6))
        assert again.settle().view("user_id:ada")["events"]["total"] == house.view("user_id:ada")["events"]["total"]


def test_a_number_of_a_record_is_never_given_again(shelf, house):
    backing_up.back_up(house.settings, shelf.archive)
    house.send(tick(1, "dee-1"))
    house.settle()
    gone = house.view("user_id:dee-1")["customer"]
    shelf.back_up_keys()
    shelf.restore()
    with closing(shelf.reopened()) as again:
        again.send(tick(1, "flo"))
        assert again.settle().view("user_id:flo")["customer"] != gone


# -- an erasure between


def test_a_renewed_backup_key_makes_older_key_backups_useless(shelf, house):
    shelf.back_up()
    backing_up.renew_backup_key(house.settings)
    shelf.backup_key.write_bytes((house.directory / "backup.key").read_bytes())
    with pytest.raises(Misconfigured, match=r"another backup key.*newer backup of keys"):
        shelf.restore()
    shelf.back_up_keys("b.keys")
    assert shelf.restore().records_without_key == 0


def test_a_renewal_writes_the_keys_where_the_setting_says(shelf, house):
    shelf.back_up()
    kept = shelf.directory / "always.keys"
    house.settings = msgspec.structs.replace(house.settings, key_backup=str(kept))
    for _ in range(2):
        backing_up.renew_backup_key(house.settings)
        shelf.keys = kept
        shelf.backup_key.write_bytes((house.directory / "backup.key").read_bytes())
    assert shelf.restore().records > 0


@pytest.mark.parametrize("step", ["scrub", "sync_directory"])
def test_a_renewal_that_is_killed_leaves_a_key_that_a_later_one_ends(shelf, house, monkeypatch, step):
    shelf.back_up()
    old = (house.directory / "backup.key").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(key_files, step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            backing_up.renew_backup_key(house.settings)
    backing_up.renew_backup_key(house.settings)
    assert (house.directory / "backup.key").read_bytes() != old
    assert not (house.directory / "backup.key.next").exists()
    shelf.back_up_keys("b.keys")
    assert shelf.restore().records > 0


def test_a_renewal_destroys_the_old_key_even_where_the_fresh_backup_cannot_be_written(shelf, house):
    shelf.back_up()
    old = (house.directory / "backup.key").read_bytes()
    settings = msgspec.structs.replace(house.settings, key_backup="/nowhere/at/all.keys")
    with pytest.raises(RapportError):
        backing_up.renew_backup_key(settings)
    assert (house.directory / "backup.key").read_bytes() != old


def test_what_never_had_a_backup_needs_no_renewal(house):
    backing_up.renew_backup_key(house.settings)
    assert not (house.directory / "backup.key").exists()


def test_what_was_erased_after_a_backup_is_gone_from_it_and_stays_gone(shelf, house):
    house.send(told(at("15:05"), type="identify", userId="bo", messageId="b", traits={"name": "Bo"}))
    house.settle()
    backing_up.back_up(house.settings, shelf.archive)
    house.append(erasure_entry(Shred("per_x", (Claim("shop", "user_id", "ada"),), ())))
    house.settle()
    shelf.back_up_keys()
    before = house.customers()
    assert shelf.restore().records_without_key >= 1
    with closing(shelf.reopened()) as again:
        assert again.customers() == before
        for one in (house, again):  # the files of the source are imported again, under new ids
            one.send(told(at("10:00"), type="identify", userId="ada", messageId="new", traits={"name": SECRET}))
            one.settle()
        assert again.customers() == house.customers() == before
        assert not any(SECRET in str(view) for view in again.customers().values())


def test_who_is_in_an_audience_and_how_it_came_to_that_is_restored_but_for_who_was_erased(shelf, house):
    def moves(read):
        return {(one.customer, one.kind) for one in read.history("shop", "tickers")}

    with closing(open_ledger(house.settings)) as ledger:
        Definitions(ledger).put_audience("shop", "tickers", 'count("Ticked") >= 1', "service", "test")
    house.send(tick(1), tick(2, "bo"))
    settle_audiences(house)
    backing_up.back_up(house.settings, shelf.archive)
    with closing(DecideReader(house.directory)) as read:
        before = moves(read)
        assert read.state("shop", "tickers").inside == len(before) >= 2
    house.append(erasure_entry(Shred("per_x", (Claim("shop", "user_id", "ada"),), ())))
    settle_audiences(house)
    with closing(DecideReader(house.directory)) as read:
        after, members = moves(read), read.members("shop", "tickers")
    shelf.back_up_keys()
    shelf.restore()
    with closing(shelf.reopened()) as again, closing(DecideReader(again.directory)) as read:
        settle_audiences(again)
        state = read.state("shop", "tickers")
        assert (state.inside, state.filling) == (len(members), False)
        assert read.members("shop", "tickers") == members
        assert moves(read) == after != before
        again.send(tick(3, "cy"))
        settle_audiences(again)
        assert len(read.members("shop", "tickers")) == len(members) + 1


def settle_audiences(house):
    house.worker._following._looked = 0.0
    house.worker.step()
    house.settle()
    with closing(Evaluator(house.settings)) as evaluator:
        evaluator.settle()


def test_neither_refused_parts_nor_marks_are_in_an_archive(shelf, house):
    house.send({"type": "track", "event": "No id"})
    house.settle()
    shelf.back_up()
    with tarfile.open(shelf.archive) as tar:
        tar.extract("state.db", shelf.directory / "out", filter="data")
    with closing(sqlite3.connect(shelf.directory / "out" / "state.db")) as db:
        assert db.execute("SELECT (SELECT count(*) FROM rejected), (SELECT count(*) FROM mark)").fetchone() == (0, 0)
    assert house.worker.state.db.execute("SELECT count(*) > 0 FROM mark").fetchone() == (1,)


def test_a_backup_waits_until_the_worker_has_taken_in_what_was_acknowledged(shelf, house, monkeypatch):
    house.send(tick(5))
    monkeypatch.setattr(backup.time, "sleep", lambda _: house.settle())
    manifest = backing_up.back_up(house.settings, shelf.archive)
    assert manifest.cursor == manifest.last == house.worker.committed


# -- while the log is being cleared


def test_entries_that_the_log_lets_go_of_while_it_is_copied_are_copied_again(shelf, house, monkeypatch):
    house.send(tick(5))
    copied = backup._copy
    names = []

    def copy(source, target, tell):
        names.append(source.name)
        if names == ["state.db", "log.db"]:  # the worker takes in what waited, and the log lets go of it
            house.settle()
            house.log.drop(house.worker.committed, 1 << 40)
        copied(source, target, tell)

    monkeypatch.setattr(backup, "_copy", copy)
    shelf.back_up()
    assert names == ["state.db", "log.db", "state.db", "log.db", "decide.db", "ledger.db"]
    shelf.restore()
    with closing(shelf.reopened()) as again:
        assert again.customers() == house.customers()


def test_a_gzipped_archive_is_restored_alike(shelf, house):
    shelf.archive = shelf.directory / "a.tar.gz"
    shelf.back_up()
    assert shelf.archive.read_bytes()[:2] == b"\x1f\x8b"
    shelf.restore()
    with closing(shelf.reopened()) as again:
        assert again.customers() == house.customers()
