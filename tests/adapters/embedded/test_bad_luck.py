"""What the adapters do when a disk, a file or another process will not have it: a clear error, and nothing half."""

import asyncio
import contextlib
import resource
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rapport.adapters.embedded import keyring
from rapport.adapters.embedded.group_commit import GroupCommit
from rapport.adapters.embedded.log import GroupCommitLog, LogFile
from rapport.adapters.embedded.sqlite import connect, transaction
from rapport.app.embedded import open_keys, open_log
from rapport.app.settings import Settings
from rapport.kernel.errors import Busy, Corrupt, Full, Misconfigured
from rapport.kernel.ports import LogEntry
from tests.profile.house import House, at, told


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """As on a full disk: no file of this process may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path))


def entry(size: int) -> LogEntry:
    return LogEntry("shop", "web", "segment", "batch", 0, b"x" * size)


# -- a full disk


def test_a_log_that_cannot_grow_keeps_nothing_and_goes_on_when_it_can(settings: Settings) -> None:
    log = open_log(settings)
    log.append([entry(10)])
    with no_file_larger_than(200_000):
        for _ in range(2):
            with pytest.raises(Full):
                log.append([entry(10), entry(300_000)])
        assert log.last() == 1
    assert log.append([entry(20)]) == 2
    assert [len(kept.body) for _, kept in log.read(0, 10)] == [10, 20]
    log.close()


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path: Path) -> None:
    db = connect(tmp_path / "a.db", ["CREATE TABLE t (x BLOB)"], durable=True)
    db.execute("PRAGMA cache_size = 10000")
    with no_file_larger_than(100_000):
        with pytest.raises(sqlite3.Error), transaction(db):
            db.execute("INSERT INTO t VALUES (zeroblob(500000))")
        assert not db.in_transaction
    with transaction(db):
        db.execute("INSERT INTO t VALUES (x'01')")
    assert db.execute("SELECT count(*) FROM t").fetchone() == (1,)
    db.close()


def test_a_worker_without_space_commits_nothing_and_takes_it_all_in_later() -> None:
    with House() as house:
        events = [
            told(
                at("10:00"),
                type="track",
                userId=f"u{n % 50}",
                event="Ticked",
                messageId=f"m{n}",
                properties={"p": "x" * 900},
            )
            for n in range(1_000)
        ]
        house.send(*events[:100])
        house.settle()
        for start in range(100, 1_000, 100):
            house.send(*events[start : start + 100])
        with no_file_larger_than(600_000), pytest.raises(Full):
            house.settle()
        assert sum(house.view(f"user_id:u{n}")["events"]["total"] for n in range(50)) == 100
        house.restart().settle()
        assert sum(house.view(f"user_id:u{n}")["events"]["total"] for n in range(50)) == 1_000


# -- group commit


def test_senders_learn_that_the_log_is_full_and_later_ones_are_served(settings: Settings) -> None:
    async def story() -> None:
        log = GroupCommitLog(lambda: open_log(settings), lambda: None)
        assert await log.append(entry(10)) == 1
        with no_file_larger_than(200_000):
            answers = await asyncio.gather(*(log.append(entry(300_000)) for _ in range(3)), return_exceptions=True)
            assert [type(answer) for answer in answers] == [Full] * 3
        assert await log.append(entry(10)) == 2
        log.close()

    asyncio.run(story())


def test_every_sender_gets_the_number_of_its_own_entry(settings: Settings) -> None:
    async def story() -> list[int]:
        log = GroupCommitLog(lambda: open_log(settings), lambda: None)
        numbers = await asyncio.gather(*(log.append(entry(size)) for size in range(1, 200)))
        log.close()
        return numbers

    numbers = asyncio.run(story())
    kept = {seq: len(kept.body) for seq, kept in open_log(settings).read(0, 1_000)}
    assert kept == {number: size for size, number in enumerate(numbers, 1)}


def test_senders_do_not_wait_for_a_file_that_cannot_be_opened() -> None:
    def broken() -> LogFile:
        raise Corrupt("log.db is damaged")

    async def story() -> None:
        log = GroupCommitLog(broken, lambda: None)
        for _ in range(2):
            with pytest.raises(Corrupt):
                await asyncio.wait_for(log.append(entry(10)), 5)
        log.close()

    asyncio.run(story())


def test_more_waiting_bytes_than_there_is_room_for_are_refused_at_once(settings: Settings) -> None:
    async def story() -> None:
        stuck = threading.Event()

        def write(_file: LogFile, _entries: object) -> int:
            stuck.wait(60)
            return 1

        commit = GroupCommit("log", lambda: open_log(settings), write, LogFile.close)
        first = asyncio.create_task(commit.submit(entry(1), 200 << 20))
        await asyncio.sleep(0.05)
        with pytest.raises(Busy) as refused:
            await commit.submit(entry(1), 100 << 20)
        assert refused.value.retry_after > 0
        stuck.set()
        assert await first == 1
        commit.close()

    asyncio.run(story())


def test_what_nobody_thought_of_is_told_whoever_waits_and_ends_no_writing(settings: Settings) -> None:
    async def story() -> None:
        tries: list[object] = []

        def write(_file: LogFile, entries: object) -> int:
            tries.append(entries)
            return 7 // (len(tries) - 1)

        commit = GroupCommit("log", lambda: open_log(settings), write, LogFile.close)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(commit.submit(entry(1), 1), 10)
        assert await asyncio.wait_for(commit.submit(entry(1), 1), 10) == 7
        commit.close()

    asyncio.run(story())


# -- keys


def test_a_key_file_is_made_once_by_whoever_comes_first(tmp_path: Path) -> None:
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(keyring.key_encryption_key(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["node.key"]
    assert (tmp_path / "node.key").stat().st_mode & 0o077 == 0


def test_a_key_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with no_file_larger_than(4), pytest.raises(Misconfigured, match=r"node\.key"):
        keyring.key_encryption_key(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_log_whose_segment_s_key_is_gone_says_so(settings: Settings) -> None:
    log = open_log(settings)
    log.append([entry(10)])
    open_keys(settings).destroy_log_keys(1 << 40)
    with pytest.raises(Corrupt, match="key of log segment"):
        open_log(settings).read(0, 10)
    log.close()
