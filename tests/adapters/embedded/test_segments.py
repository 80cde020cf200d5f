"""Segments of the log: what was consumed becomes unreadable at once, and what waits never does, whoever appends and
whoever is killed."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rapport.adapters.embedded import log as log_file
from rapport.adapters.embedded.log import LogFile
from rapport.app.embedded import open_keys, open_log
from rapport.app.settings import Settings
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import fresh_key
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import HOUR, now

APPENDING = """
import sys
from rapport.app.embedded import open_log
from rapport.app.settings import Settings
from rapport.kernel.ports import LogEntry
log = open_log(Settings(data=sys.argv[1]))
for number in range(100_000):
    last = log.append([LogEntry("shop", sys.argv[2], "segment", "batch", 0, b"%d" % number)] * (number % 3 + 1))
    print(last, flush=True)
"""

LETTING_GO = """
import sys
from rapport.app.embedded import open_log
from rapport.app.settings import Settings
log = open_log(Settings(data=sys.argv[1]))
print("ready", flush=True)
while True:
    log.let_go(int(sys.argv[2]))
"""


def entry(body: bytes = b"x") -> LogEntry:
    return LogEntry("shop", "web", "segment", "batch", 0, body)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path))


@pytest.fixture
def log(settings: Settings) -> Iterator[LogFile]:
    log = open_log(settings)
    yield log
    log.close()


def readable(settings: Settings, after: int = 0) -> list[int]:
    log = open_log(settings)
    try:
        return [seq for seq, _ in log.read(after, 1 << 30)]
    finally:
        log.close()


def test_what_was_consumed_is_unreadable_and_what_waits_is_not(settings: Settings, log: LogFile) -> None:
    log.append([entry(b"1"), entry(b"2"), entry(b"3")])
    log.let_go(2)
    assert [(seq, e.body) for seq, e in log.read(2, 9)] == [(3, b"3")]
    with pytest.raises(Corrupt, match="segment"):
        open_log(settings).read(0, 1)


def test_who_sealed_for_the_segment_before_seals_once_more(settings: Settings, log: LogFile) -> None:
    other = open_log(settings)
    log.append([entry(b"1")])
    other.append([entry(b"2")])
    other.let_go(0)
    log.append([entry(b"3")])
    assert readable(settings) == [1, 2, 3]
    other.close()


def test_a_new_hour_begins_a_segment_and_numbers_never_go_back(
    settings: Settings, log: LogFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for moment in (now(), now() + HOUR, now() - 5 * HOUR, now() + HOUR, now() + 2 * HOUR):
        monkeypatch.setattr(log_file, "now", lambda moment=moment: moment)
        log.append([entry()])
    db = sqlite3.connect(log.path)
    numbers = [number for (number,) in db.execute("SELECT segment FROM log ORDER BY seq")]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 1, numbers[0] + 1, numbers[0] + 2]
    assert readable(settings) == [1, 2, 3, 4, 5]


def test_a_log_from_before_there_were_segments_reads_on(settings: Settings) -> None:
    """Rows were sealed under the key of their hour."""
    hour = now() // HOUR
    key = open_keys(settings).make_log_key(hour)
    db = sqlite3.connect(Path(settings.data) / "log.db")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(log_file.MIGRATIONS[0])
    db.execute("PRAGMA user_version = 1")
    db.execute("INSERT INTO log (hour, body) VALUES (?, ?)", (hour, key.seal(log_file._encode(entry(b"1")), b"log")))
    db.commit()
    db.close()
    log = open_log(settings)
    log.append([entry(b"2")])
    assert [e.body for _, e in log.read(0, 9)] == [b"1", b"2"]
    log.let_go(1)
    assert [e.body for _, e in log.read(1, 9)] == [b"2"]
    log.close()


@pytest.mark.parametrize("step", ["make_log_key", "destroy_log_keys"])
def test_an_interruption_between_its_steps_leaves_all_that_waits_readable(
    settings: Settings, log: LogFile, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append([entry(b"1"), entry(b"2")])
    with monkeypatch.context() as patched:
        patched.setattr(log._keys, step, lambda *_: (_ for _ in ()).throw(Corrupt("interrupted")))
        with pytest.raises(Corrupt, match="interrupted"):
            log.let_go(1)
    assert readable(settings, 1) == [2]
    log.append([entry(b"3")])
    log.let_go(1)
    assert readable(settings, 1) == [2, 3]


def test_an_append_that_found_no_place_in_a_new_hour_costs_nothing(
    settings: Settings, log: LogFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append([entry(b"1")])
    later = now() + HOUR
    monkeypatch.setattr(log_file, "now", lambda: later)
    with monkeypatch.context() as patched:
        patched.setattr(log._keys, "make_log_key", lambda *_: (_ for _ in ()).throw(Corrupt("no place")))
        with pytest.raises(Corrupt, match="no place"):
            log.append([entry(b"2")])
    log.append([entry(b"3")])
    assert readable(settings) == [1, 2]


def program(text: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", text, *arguments], stdout=subprocess.PIPE, text=True)


def acknowledged(process: subprocess.Popen[str]) -> int:
    """The last position that a process was told is synced."""
    assert process.stdout is not None
    lines = process.stdout.read().split()
    return int(lines[-1]) if lines else 0


def test_two_processes_append_while_a_third_lets_go_and_is_killed(
    settings: Settings, log: LogFile, proof_size: Callable[[int, int], int]
) -> None:
    log.append([entry()] * 300)
    dice = random.Random(7)
    appending = [program(APPENDING, settings.data, name) for name in ("web", "import")]
    for _ in range(proof_size(4, 200)):
        going = program(LETTING_GO, settings.data, "100")
        assert going.stdout is not None
        going.stdout.readline()
        time.sleep(dice.uniform(0.0, 0.15))
        os.kill(going.pid, signal.SIGKILL)
        going.wait()
        going.stdout.close()
    for process in appending:
        os.kill(process.pid, signal.SIGKILL)
    last = max(acknowledged(process) for process in appending)
    for process in appending:
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert last > 300
    assert readable(settings, 100)[: last - 100] == list(range(101, last + 1))


def test_nothing_of_a_destroyed_segment_s_key_is_left_in_the_file(settings: Settings, log: LogFile) -> None:
    log.append([entry(fresh_key())])
    keys = Path(settings.data) / "keys.db"
    wrapped = sqlite3.connect(keys).execute("SELECT wrapped FROM log_key").fetchone()[0]
    log.let_go(1)
    left = keys.read_bytes() + keys.with_name("keys.db-wal").read_bytes()
    assert wrapped[12:] not in left
