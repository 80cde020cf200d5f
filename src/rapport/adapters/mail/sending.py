"""Sending mail by SMTP (RFC 5321), in a thread of its own, so that no answer tells by its time whether one was sent.

What cannot be sent is tried a few times and let go: a code is of no use after ten minutes, and its person asks for
another. Letters are plain text; nothing of them is logged but that one was not sent.
"""

import logging
import queue
import threading
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from rapport.adapters.mail.lines import Line, Server, within
from rapport.kernel.errors import Misconfigured

log = logging.getLogger("rapport.mail")

MOST_WAITING = 1_000
_TRIES = 3
_TIMEOUT_S = 10.0
MOST_S = 30.0
"""For one mail, from connecting to the last answer."""
_PAUSE_S = 2.0


class Letter(NamedTuple):
    to: str
    subject: str
    text: str


def read_url(url: str) -> Server:
    """`smtps://user:password@host:465`, `smtp+starttls://host:587`, or `smtp://localhost:25` without TLS, which is for
    a server on the same machine alone. Raises Misconfigured."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    ports = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}
    if parts.scheme not in ports or not host or parts.path.strip("/") or parts.query or parts.fragment:
        message = "smtp: give smtps://USER:PASSWORD@HOST:PORT, smtp+starttls://… or, on this machine, smtp://localhost"
        raise Misconfigured(message, field="smtp")
    if parts.scheme == "smtp" and host not in {"localhost", "127.0.0.1", "::1"}:
        raise Misconfigured("smtp: without TLS mail goes to this machine alone: use smtps://", field="smtp")
    return Server(
        host, port or ports[parts.scheme], unquote(parts.username or ""), unquote(parts.password or ""), parts.scheme
    )


def read_sender(text: str) -> str:
    """Whom mail is from: `node@rapport.example`, or `Rapport <node@rapport.example>`. Raises Misconfigured."""
    message = EmailMessage()
    try:
        message["From"] = text
        header = message["From"]
        (address,) = header.addresses
    except (MessageError, ValueError, IndexError):  # what is no header, or not one address
        header = address = None
    if address is None or header.defects or not address.domain:
        raise Misconfigured("mail_from: give one address, such as node@rapport.example", field="mail_from")
    return text


class Mailer:
    """Letters on their way, one after another. `sender`: an address."""

    def __init__(self, server: Server, sender: str) -> None:
        self._server = server
        self._sender = sender
        self._waiting: queue.Queue[Letter | None] = queue.Queue(MOST_WAITING)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mail", daemon=True)
        self._thread.start()

    def send(self, letter: Letter) -> None:
        """Put a letter on its way; where too many wait it is let go."""
        try:
            self._waiting.put_nowait(letter)
        except queue.Full:
            log.error("a letter was not sent: too many are waiting")  # noqa: TRY400 (what it holds is nobody's to log)

    def close(self) -> None:
        """Send what waits, and end."""
        self._ended.set()
        self._waiting.put(None)
        self._thread.join(_TIMEOUT_S)

    def _run(self) -> None:
        while (letter := self._waiting.get()) is not None:
            for again in range(_TRIES):
                try:
                    deliver(self._server, self._sender, letter)
                    break
                except Exception as error:  # noqa: BLE001 (whatever it is, the next letter must not wait for ever)
                    # Without its message, which may hold the address.
                    log.warning("a letter was not sent (try %d of %d): %s", again + 1, _TRIES, type(error).__name__)
                    if self._ended.wait(_PAUSE_S):
                        break


def line_to(server: Server) -> Line:
    """A line to be opened."""
    return Line(server, _TIMEOUT_S)


def deliver(server: Server, sender: str, letter: Letter) -> None:
    """Hand one letter to the server. Raises OSError, SMTPException."""
    message = EmailMessage()
    message["From"] = Address(addr_spec=sender) if "<" not in sender else sender
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = letter.subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    line = line_to(server)
    with within(line, MOST_S):
        line.open()
        with line:
            line.send_message(message)
