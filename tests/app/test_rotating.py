"""Keys rotated: everything opens afterwards, nothing of the old key is left, and a kill at any instant does no harm."""

import base64
import contextlib
import shutil
import sqlite3
from contextlib import closing

import msgspec
import pytest

from rapport.adapters.embedded import key_files, keyring, rewrapping
from rapport.app import embedded, rotating
from rapport.app.embedded import open_keys
from rapport.kernel.errors import BadInput, Misconfigured, NotFound, RapportError
from rapport.kernel.keys import fresh_key
from tests.profile.house import ORG, House, at, told


def tick(number):
    return told(at("10:00"), type="track", userId="ada", event="Ticked", messageId=f"m{number}")


@pytest.fixture
def house():
    house = House()
    house.send(tick(1), {"type": "track", "event": "No id"})
    house.settle().view("user_id:ada")
    with closing(open_keys(house.settings)) as keys:
        keys.make_person(1)
        keys.make_carve_key(1)
        keys.node("write-keys")
    house.send(tick(2))
    house.worker.close()
    yield house
    with contextlib.suppress(sqlite3.ProgrammingError):  # closed already
        house.worker.close()
    house.log.close()
    shutil.rmtree(house.directory)


def total(house):
    """What a view counts once another worker has taken in what waits; everything that is sealed is opened by it."""
    house.restart()
    house._reader = None
    assert len(house.settle().rejected()) == 1
    with closing(open_keys(house.settings)) as keys:
        assert keys.person(1) is not None
        assert keys.carve(1) is not None
    return house.view("user_id:ada")["events"]["total"]


def test_after_a_rotation_everything_opens_and_the_old_key_opens_nothing(house):
    old = (house.directory / "node.key").read_bytes()
    done = rotating.rotate_kek(house.settings)
    assert done.keys >= 8
    assert (house.directory / "node.key").read_bytes() != old
    assert not (house.directory / "node.key.next").exists()
    assert not rewrapping.opened_by(house.directory, old)
    assert total(house) == 2


def test_no_key_stays_wrapped_under_the_old_one_in_any_file(house):
    with closing(rewrapping.open_keys_file(house.directory)) as db:
        before = [row[0] for table in rewrapping.UNDER_KEK for row in db.execute(f"SELECT wrapped FROM {table}")]
    rotating.rotate_kek(house.settings)
    left = b"".join(path.read_bytes() for path in house.directory.glob("keys.db*"))
    assert len(before) >= 8
    assert not any(wrapped in left for wrapped in before)


class Killed(BaseException):
    pass


@pytest.mark.parametrize(
    ("where", "name"),
    [(key_files, "make_key"), (rewrapping, "rows_of"), (rewrapping, "_let_go"), (key_files, "adopt"),
     (key_files, "scrub"), (key_files, "sync_directory")],
)  # fmt: skip
@pytest.mark.parametrize("late", [False, True])
def test_a_kill_at_any_instant_leaves_keys_that_open(house, monkeypatch, where, name, late):
    real = getattr(where, name)

    def killed(*arguments, **options):
        if late:
            real(*arguments, **options)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(where, name, killed)
        with pytest.raises(Killed):
            rotating.rotate_kek(house.settings)
    assert total(house) == 2
    house.worker.close()
    rotating.finish(house.settings)
    assert not (house.directory / "node.key.next").exists()
    assert total(house) == 2
    house.worker.close()
    rotating.rotate_kek(house.settings)
    assert total(house) == 2


def test_a_process_that_knows_the_old_key_makes_no_key_under_it(house):
    with closing(open_keys(house.settings)) as keys:
        rotating.rotate_kek(house.settings)
        for make in (lambda: keys.make_log_key(7), lambda: keys.make_person(7), lambda: keys.node("fresh")):
            with pytest.raises(Misconfigured, match="another key-encryption key"):
                make()


def test_a_running_node_is_not_rotated(house):
    with embedded.lock(house.settings), pytest.raises(Misconfigured, match="another node runs"):
        rotating.rotate_kek(house.settings)


def test_where_a_setting_gives_the_key_a_file_for_the_new_one_must_be_named(house, tmp_path):
    given = base64.b64encode((house.directory / "node.key").read_bytes()).decode()
    settings = msgspec.structs.replace(house.settings, kek=given)
    with pytest.raises(Misconfigured, match="--new-kek-file"):
        rotating.rotate_kek(settings)
    done = rotating.rotate_kek(settings, tmp_path / "new.key")
    assert (done.setting, done.key_file) == ("RAPPORT_KEK", str(tmp_path / "new.key"))
    with pytest.raises(Misconfigured):
        open_keys(settings)
    fresh = base64.b64encode((tmp_path / "new.key").read_bytes()).decode()
    house.settings = msgspec.structs.replace(house.settings, kek=fresh)
    assert total(house) == 2


def test_a_file_for_the_new_key_may_be_one_that_is_there(house, tmp_path):
    (tmp_path / "new.key").write_bytes(fresh_key())
    done = rotating.rotate_kek(house.settings, tmp_path / "new.key")
    assert done.setting == "RAPPORT_KEK_FILE"
    house.settings = msgspec.structs.replace(house.settings, kek_file=str(tmp_path / "new.key"))
    assert total(house) == 2
    house.worker.close()
    with pytest.raises(Misconfigured, match="in use"):
        rotating.rotate_kek(house.settings, tmp_path / "new.key")


# -- an organization's


def test_an_organizations_key_is_rotated_and_what_the_old_one_sealed_still_opens(house):
    with closing(open_keys(house.settings)) as keys:
        old = keys.org(ORG).raw
        receipt = keys.org(ORG).seal(b"a receipt", b"receipt")
    for version in (2, 3):
        done = rotating.rotate_organization(house.settings, ORG)
        assert (done.organization, done.version) == (ORG, version)
        assert done.keys == 1
    with closing(open_keys(house.settings)) as keys:
        assert keys.org(ORG).raw != old
        assert keys.org(ORG).open(receipt, b"receipt") == b"a receipt"
    assert total(house) == 2


def test_a_record_key_wrapped_by_the_new_key_is_not_opened_by_the_old(house):
    with closing(open_keys(house.settings)) as keys:
        old = keys.org(ORG)
        rotating.rotate_organization(house.settings, ORG)
        row = keys._db.execute("SELECT record, wrapped FROM record_key").fetchone()
        with pytest.raises(RapportError):
            old.open(row[1], keyring.number_place(row[0]))


def test_other_organizations_keep_their_keys(house):
    with closing(open_keys(house.settings)) as keys:
        keys.put_records([("other", 99, keys.org("other"))])
        other = keys.org("other").raw
        done = rotating.rotate_organization(house.settings, ORG)
        assert done.keys == 1
    with closing(open_keys(house.settings)) as keys:
        assert keys.record("other", 99).raw == other


def test_an_unknown_organization_is_named(house):
    for name in ("nobody", "*", f"{ORG}#1"):
        with pytest.raises(NotFound, match="no organization"):
            rotating.rotate_organization(house.settings, name)


# -- which keys there are


def test_keys_are_counted_and_never_shown(house):
    counts = rotating.counts(house.settings)
    assert counts["record_key"] == counts["person_key"] == counts["carve_key"] == 1
    assert all(isinstance(count, int) for count in counts.values())


def test_every_kind_of_key_is_known_to_rotation(house):
    with closing(rewrapping.open_keys_file(house.directory)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        keyed = [t for t in tables if "wrapped" in {row[1] for row in db.execute(f"PRAGMA table_info({t})")}]
        assert sorted(keyed) == sorted([*rewrapping.UNDER_KEK, *rewrapping.UNDER_ORG])
        db.execute("CREATE TABLE another_key (id INTEGER PRIMARY KEY, wrapped BLOB)")
    with pytest.raises(RapportError, match="another_key"):
        rotating.rotate_kek(house.settings)


def test_one_rotation_at_a_time():
    from typer.testing import CliRunner

    from rapport.cli import command_line

    done = CliRunner().invoke(command_line(), ["keys", "rotate", "--organization", "a", "--new-kek-file", "b"])
    assert isinstance(done.exception, BadInput)
