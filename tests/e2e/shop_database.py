"""A real PostgreSQL server for tests: a fresh cluster in a directory of its own, on loopback, with a password."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.e2e.running import free_port

PASSWORD = "s3cret-p@ss:word"


@dataclass
class Server:
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def address(self) -> str:
        """Without the password."""
        return f"postgresql://shop@127.0.0.1:{self.port}/postgres"

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self.address, password=PASSWORD, autocommit=True, connect_timeout=60)


@contextmanager
def shop_database(initdb: Path) -> Iterator[Server]:
    """Starts the server and ends it; it refuses to run as root, so another user's rights are taken where we are."""
    directory = Path(tempfile.mkdtemp(prefix="shop-db-"))
    user = _user()
    if user:
        shutil.chown(directory, user)
    (directory / "password").write_text(PASSWORD)
    (directory / "password").chmod(0o644)
    data, port = directory / "data", free_port()
    options: dict[str, Any] = {
        "user": user,
        "cwd": directory,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    words = [initdb, "-D", data, "-U", "shop", "--pwfile", directory / "password", "-A", "scram-sha-256"]
    subprocess.run([*words, "-E", "UTF8", "--no-sync"], check=True, timeout=60, **options)
    running = [initdb.with_name("postgres"), "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    process = subprocess.Popen([*running, "-c", f"unix_socket_directories={directory}", "-c", "fsync=off"], **options)
    try:
        server = Server(port, process)
        _wait(server)
        yield server
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(60)
        shutil.rmtree(directory, ignore_errors=True)


def _user() -> str | None:
    if os.getuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _wait(server: Server) -> None:
    for _ in range(600):
        try:
            server.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("PostgreSQL did not start")
