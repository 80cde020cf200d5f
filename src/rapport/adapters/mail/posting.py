"""Handing messages to a mail server (RFC 5321), one after another over one connection, and telling what it said.

The connection is kept while there is more to send. What the server says of one address or one mail is about that
message; all else (it cannot be reached, hangs, refuses us) is about the server. A watch ends what takes too long,
however slowly the server drips.
"""

import contextlib
import smtplib
from collections.abc import Callable
from email.errors import MessageError
from typing import Final

from rapport.act.mail import Sender, address_of, mail_of
from rapport.act.messages import Came, Message
from rapport.adapters.mail.lines import Line, Server, within
from rapport.adapters.mail.sending import MOST_S, line_to
from rapport.kernel.errors import BadInput

GOODBYE_S: Final = 5.0
_NOT_READ: Final = "this node cannot write it as a mail"


class MailWay:
    """The Way of e-mail, for one organization; used by one thread at a time. `most_s`: for one mail, as a whole."""

    def __init__(self, server: Server, sender: Sender, origin: str, most_s: float = MOST_S) -> None:
        self._server = server
        self._sender = sender
        self._origin = origin
        self._most = most_s
        self._line: Line | None = None

    def send(self, message: Message) -> Came:
        try:
            mail = mail_of(message, self._sender, self._origin)
            sender = address_of(self._sender.sender, "from").addr_spec
        except (BadInput, MessageError, ValueError, LookupError):
            return Came("refused", _NOT_READ)
        line = self._ready()
        with within(line, self._most):
            return self._handed(line, sender, message.to, mail)

    def _handed(self, line: Line, sender: str, to: str, mail: bytes) -> Came:
        try:
            if line.sock is None:
                line.open()
            line.sendmail(sender, [to], mail)
        except smtplib.SMTPRecipientsRefused as error:
            return _about_it(error.recipients[to][0], self._again)
        except smtplib.SMTPDataError as error:
            return _about_it(error.smtp_code, self._again)
        except smtplib.SMTPResponseException as error:
            self._end()
            return Came("later", f"the mail server said {error.smtp_code}", ill=True)
        except (smtplib.SMTPException, OSError) as error:
            self._end()
            return Came("later", f"the mail server cannot be reached: {type(error).__name__}", ill=True)
        return Came("taken")

    def _ready(self) -> Line:
        """The line that is open, if it still is; else one to be opened."""
        if self._line is not None:
            with within(self._line, self._most), contextlib.suppress(smtplib.SMTPException, OSError):
                if self._line.noop()[0] == 250:
                    return self._line
            self._end()
        self._line = line_to(self._server)
        return self._line

    def _again(self) -> None:
        """Begin anew after a refusal: where that fails, over another connection."""
        if self._line is not None:
            try:
                self._line.rset()
            except (smtplib.SMTPException, OSError):
                self._end()

    def _end(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def close(self) -> None:
        if self._line is not None:
            with within(self._line, GOODBYE_S), contextlib.suppress(smtplib.SMTPException, OSError):
                self._line.quit()
            self._end()


def _about_it(code: int, again: Callable[[], None]) -> Came:
    """What a server's word about one message means (RFC 5321 §4.2.1). It closes the line after 421."""
    again()
    said = f"the mail server said {code}"
    if code == 421:
        return Came("later", said, ill=True)
    return Came("refused" if code >= 500 else "later", said)
