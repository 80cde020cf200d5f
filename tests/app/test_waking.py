"""Processes of a node wake each other by datagrams, and nobody waits for one that is gone."""

import asyncio
import contextlib
import fcntl
import resource
import socket
import threading

import pytest

from rapport.app.node import _woken_by
from rapport.app.waking import awaken, woken


def test_the_web_process_is_woken_by_another_at_once_and_once_for_all_that_waits() -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    woken = []

    async def main() -> None:
        came = asyncio.Event()

        def wake() -> None:
            woken.append(threading.current_thread())
            came.set()

        for _ in range(10):
            awaken(one)
        with _woken_by(other, wake):
            await asyncio.wait_for(came.wait(), 30)
        awaken(one)
        await asyncio.sleep(0)

    with one, other:
        asyncio.run(main())
    assert len(woken) == 1


def test_whoever_reads_no_more_holds_nobody_up() -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one:
        for _ in range(10_000):
            awaken(one)
        other.close()
        awaken(one)


def test_it_wakes_whoever_has_a_thousand_files_open() -> None:
    with contextlib.ExitStack() as opened:
        one, other = (opened.enter_context(end) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        if before[0] < 4096:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, before[1]), before[1]))
            opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        far = socket.socket(fileno=fcntl.fcntl(other, fcntl.F_DUPFD, 2000))
        opened.enter_context(far)
        awaken(one)
        woken(far, 30)
        with pytest.raises(BlockingIOError):
            far.recv(1, socket.MSG_DONTWAIT)  # it was read
