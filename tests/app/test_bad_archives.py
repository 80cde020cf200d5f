"""Archives that are damaged, hostile, of another node, or in a place where they would be lost: nothing is restored."""

import io
import tarfile

import pytest

from rapport.app import backing_up
from rapport.kernel.errors import Conflict, Corrupt, Misconfigured
from tests.app.shelf import Shelf, house, impatient, shelf
from tests.profile.house import House

__all__ = ["house", "impatient", "shelf"]


def damaged(kind, raw):
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        members = tar.getmembers()
    middle = members[2].offset_data + 5000
    return {
        "cut short": raw[: len(raw) // 2],
        "cut to nothing": b"",
        "last file missing": raw[: members[-1].offset] + bytes(1024),
        "one bit": raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :],
        "manifest": raw.replace(b'"cursor":1', b'"cursor":0'),
        "not an archive": b"hello" * 1000,
    }[kind]


@pytest.mark.parametrize(
    "kind", ["cut short", "cut to nothing", "last file missing", "one bit", "manifest", "not an archive"]
)
def test_a_damaged_archive_is_refused_and_leaves_nothing(shelf, kind):
    shelf.back_up()
    shelf.archive.write_bytes(damaged(kind, shelf.archive.read_bytes()))
    before = shelf.listed()
    with pytest.raises(Corrupt, match="nothing was restored"):
        shelf.restore()
    assert shelf.listed() == before


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.99])
def test_a_damaged_backup_of_keys_is_refused_and_leaves_nothing(shelf, cut):
    shelf.back_up()
    raw = shelf.keys.read_bytes()
    shelf.keys.write_bytes(raw[: int(len(raw) * cut)])
    before = shelf.listed()
    with pytest.raises(Corrupt):
        shelf.restore()
    assert shelf.listed() == before


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil-rapport", "state.db"])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE])
def test_no_member_of_an_archive_is_ever_a_path(shelf, name, kind):
    shelf.back_up()
    with tarfile.open(shelf.archive, "w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(Corrupt, match="no backup of Rapport"):
        shelf.restore()
    assert not (shelf.directory.parent / "evil").exists()


def test_archives_of_two_nodes_do_not_go_together(shelf, tmp_path):
    shelf.back_up()
    with House() as other:
        elsewhere = Shelf(tmp_path / "other", other)
        elsewhere.directory.mkdir()
        elsewhere.back_up()
        shelf.keys, shelf.backup_key = elsewhere.keys, elsewhere.backup_key
        with pytest.raises(Misconfigured, match="two different nodes"):
            shelf.restore()


def test_a_directory_that_holds_anything_is_not_restored_into(shelf):
    shelf.back_up()
    (shelf.directory / "restored").mkdir()
    (shelf.directory / "restored" / "mine").touch()
    with pytest.raises(Conflict, match="not empty"):
        shelf.restore()


def test_a_backup_is_never_written_over_nor_into_the_data_directory(shelf, house):
    shelf.back_up()
    with pytest.raises(Conflict, match="never written over"):
        shelf.back_up()
    with pytest.raises(Misconfigured, match="lost with it"):
        backing_up.back_up(house.settings, house.directory / "a.tar")
