"""A connection to a mail server that another thread can end at any moment, from looking for it to saying goodbye.

A server that hangs is let go by a timeout of its own; one that drips its greeting, or the handshake of TLS, byte by
byte passes any timeout there is for one byte. So a watch ends what takes too long as a whole. `smtplib` knows its
socket only once all that is over; here it is at hand from the first.
"""

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple, cast


class Server(NamedTuple):
    """An SMTP server. `secure`: TLS from the start, or by STARTTLS, without which nothing is sent."""

    host: str
    port: int
    user: str
    password: str
    secure: str


class Line(smtplib.SMTP):
    """Not connected until `open`. `timeout_s`: for each byte that is waited for."""

    def __init__(self, server: Server, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s)
        self._server = server
        self._cuttable: socket.socket | None = None
        self._over = False
        # Reading the machine's certificates takes milliseconds: where TLS is spoken alone.
        self._trust = None if server.secure == "smtp" else ssl.create_default_context()

    def open(self) -> None:
        """Connect, as the server is to be spoken to. Raises OSError, SMTPException; then it is closed."""
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        code, said = self.connect(self._server.host, self._server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        if self._server.secure == "smtp+starttls":
            self.starttls(context=cast("ssl.SSLContext", self))
        if self._server.user:
            self.login(self._server.user, self._server.password)

    def close(self) -> None:
        super().close()
        if self._cuttable is not None:
            self._cuttable.close()  # smtplib may not know of it yet

    def cut(self) -> None:
        """End it, from another thread; it cannot be opened any more."""
        self._over = True
        line = self._cuttable
        if line is not None:
            with contextlib.suppress(OSError):
                # A TLS socket's own `shutdown` is for its own thread alone; what is cut is the line below it.
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """How smtplib connects."""
        bare = self._watched(socket.create_connection((host, port), timeout))
        return self.wrap_socket(bare) if self._server.secure == "smtps" else bare

    def wrap_socket(self, sock: socket.socket, server_hostname: str = "") -> Any:
        """As the one of an SSLContext, which smtplib asks at STARTTLS; the handshake can be cut, too."""
        if self._trust is None:
            raise smtplib.SMTPNotSupportedError("this line is not to be secured")
        name = server_hostname or self._server.host  # smtplib knows it only if it connects by itself
        secure = self._trust.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
        self._watched(secure)
        secure.do_handshake()
        return secure

    def _watched(self, line: socket.socket) -> socket.socket:
        self._cuttable = line
        if self._over:
            line.close()
            raise TimeoutError("it took too long")
        return line


@contextlib.contextmanager
def within(line: Line, seconds: float) -> Iterator[None]:
    """End a line where what is done with it takes longer."""
    watch = threading.Timer(seconds, line.cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
