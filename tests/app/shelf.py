"""A house that is backed up, and the shelf where its backups go."""

import msgspec
import pytest

from rapport.adapters.embedded import backup
from rapport.app import backing_up
from rapport.app.embedded import open_log
from rapport.app.restoring import restore
from rapport.app.worker import Worker
from tests.profile.house import House, at, told

SECRET = "canary-3f1c"


def tick(number, user="ada", **more):
    fields = {"type": "track", "userId": user, "event": "Ticked", "messageId": f"{user}-m{number}"}
    return told(at(f"1{number % 10}:00"), **fields, **more)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(backup, "PATIENCE_S", 0.1)


@pytest.fixture
def house():
    with House() as house:
        house.send(
            told(at("10:00"), type="identify", userId="ada", messageId="i", traits={"name": SECRET}, anonymousId="tab"),
            told(at("15:00"), type="identify", userId="bo", messageId="j", anonymousId="tab"),
            *(tick(number, None, anonymousId="tab") for number in range(3)),
        )
        yield house.settle()


class Shelf:
    """Where backups go."""

    def __init__(self, directory, house):
        self.directory, self.house = directory, house
        self.archive, self.keys, self.backup_key = (directory / name for name in ("a.tar", "a.keys", "backup.key"))

    def back_up(self):
        backing_up.back_up(self.house.settings, self.archive)
        self.back_up_keys()

    def back_up_keys(self, name="a.keys"):
        self.keys = self.directory / name
        backing_up.back_up_keys(self.house.settings, self.keys)
        self.backup_key.write_bytes((self.house.directory / "backup.key").read_bytes())

    def listed(self):
        return sorted(path.name for path in self.directory.iterdir())

    def restore(self, name="restored", **settings):
        target = self.directory / name
        return restore(
            msgspec.structs.replace(self.house.settings, data=str(target), **settings),
            self.archive,
            self.keys,
            self.backup_key,
        )

    def reopened(self, name="restored"):
        """A house over what was restored."""
        again = House.__new__(House)
        again.__dict__.update(self.house.__dict__)
        again.directory = self.directory / name
        again.settings = msgspec.structs.replace(self.house.settings, data=str(again.directory))
        again.log, again.worker, again._reader = open_log(again.settings), Worker(again.settings), None
        return again


@pytest.fixture
def shelf(tmp_path, house):
    return Shelf(tmp_path, house)
