"""A real SMTP server on loopback, a process of its own: takes every letter (RFC 5321) and keeps it as a file.

Run by itself: `python -m tests.e2e.mailbox DIRECTORY` prints its port.
"""

import asyncio
import email
import email.policy
import itertools
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Received(NamedTuple):
    to: str
    subject: str
    text: str


class Mailbox:
    """A running server; `stop` ends it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.e2e.mailbox", str(directory)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        self.url = f"smtp://127.0.0.1:{int(self._process.stdout.readline())}"

    def letters(self, to: str) -> list[Received]:
        """What came for an address, the oldest first."""
        found = []
        for file in sorted(self.directory.glob("*.eml")):
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            if message["To"] == to:
                body = message.get_body(("plain",))
                assert body is not None
                found.append(Received(str(message["To"]), str(message["Subject"]), body.get_content()))
        return found

    def wait(self, to: str, count: int = 1, within_s: float = 60.0, *, subject: str | None = None) -> Received:
        """The letter of this number, once it came; of those with this subject, where one is given."""
        deadline = time.monotonic() + within_s
        while len(found := [one for one in self.letters(to) if subject in (None, one.subject)]) < count:
            assert time.monotonic() < deadline, f"no {count} letters to {to}: {self.letters(to)}"
            time.sleep(0.02)
        return found[count - 1]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        if self._process.stdout is not None:
            self._process.stdout.close()


async def serve(directory: Path) -> None:
    numbers = itertools.count(1)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 mailbox")
        while line := (await reader.readline()).decode("latin-1").strip():
            verb = line.split()[0].upper()
            if verb == "QUIT":
                say("221 bye")
                break
            if verb != "DATA":
                say("250 mailbox" if verb in {"EHLO", "HELO", "MAIL", "RCPT", "RSET", "NOOP"} else "502 no")
                continue
            say("354 go on")
            letter = b""
            while (part := await reader.readline()) not in {b".\r\n", b""}:
                letter += part.removeprefix(b".")
            name = directory / f"{next(numbers):06}"
            name.with_suffix(".part").write_bytes(letter)
            name.with_suffix(".part").rename(name.with_suffix(".eml"))
            say("250 kept")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 (how its starter learns of it)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
