"""One request to a destination: to the address that was checked, within its time, without following where it points.

The standard library's client, with two things of its own. It connects to addresses that were resolved once and all
checked, so that a name that answers differently the second time leads nowhere else; TLS still asks for the certificate
of the name. And a watch ends a request whose time is over, however slowly its bytes drip.
"""

import functools
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rapport import __version__
from rapport.act.delivery import MAX_ANSWER, TIMEOUT_S, Answer
from rapport.act.destinations import PORTS, Destination, address_problem, destination
from rapport.adapters.http.resolving import resolved
from rapport.kernel.errors import BadInput

_USUAL = {
    "content-type": "application/json",
    "user-agent": f"Rapport/{__version__}",
    "accept": "application/json",
    "connection": "close",
}
RESOLVE_S = 5.0
"""How long looking up a name may take, of the time of the whole request."""
_NO_NAME = "its name cannot be resolved"
_NO_NAME_IN_TIME = "its name was not resolved in time"
_TOO_LONG = f"it did not answer within {TIMEOUT_S:g} seconds"


def send(
    url: str, body: bytes, headers: Mapping[str, str], *, private: bool = False, timeout_s: float = TIMEOUT_S
) -> Answer:
    """Post a body; whatever happens is an answer. `private`: destinations inside a network may be reached, too."""
    try:
        place = destination(url)
    except BadInput as error:
        return Answer(0, error=error.message)
    until = time.monotonic() + timeout_s
    try:
        addresses = resolved(place.host, place.port, min(RESOLVE_S, timeout_s))
    except TimeoutError:
        return Answer(0, error=_NO_NAME_IN_TIME)
    except (OSError, UnicodeError):
        return Answer(0, error=_NO_NAME)
    # One address inside makes the name suspicious as a whole.
    for _, address in addresses:
        problem = address_problem(str(address[0]), private=private, called=place.host)
        if problem:
            return Answer(0, error=problem)
    return _posted(place, addresses, body, {**_USUAL, **headers}, until)


def _posted(
    place: Destination, addresses: Sequence[tuple[int, Any]], body: bytes, headers: Mapping[str, str], until: float
) -> Answer:
    line = _Line(place, addresses, until)
    watch = threading.Timer(max(0.0, until - time.monotonic()), line.cut)
    watch.daemon = True
    watch.start()
    try:
        line.request("POST", place.path, body, dict(headers))
        with line.getresponse() as response:
            said = {name.lower(): value for name, value in response.getheaders()}
            read = response.read(MAX_ANSWER + 1)
            # What is cut off by the watch ends like an answer that has no more to say.
            if line.over:
                return Answer(0, error=_TOO_LONG)
            return Answer(response.status, read[:MAX_ANSWER], said, cut=len(read) > MAX_ANSWER)
    except ssl.SSLError as error:
        return Answer(0, error=_TOO_LONG if line.over else f"TLS failed: {_reason(error)}")
    except TimeoutError:
        return Answer(0, error=_TOO_LONG)
    except OSError as error:
        return Answer(0, error=_TOO_LONG if line.over else f"it cannot be reached: {error.strerror or 'no connection'}")
    except (http.client.HTTPException, ValueError):
        return Answer(0, error=_TOO_LONG if line.over else "it answered with what is no HTTP")
    finally:
        watch.cancel()
        line.close()


def _reason(error: ssl.SSLError) -> str:
    return (getattr(error, "verify_message", "") or error.reason or "no secure connection").lower().replace("_", " ")


@functools.cache
def _trust() -> ssl.SSLContext:
    """The machine's own authorities: reading them takes longer than a request."""
    return ssl.create_default_context()


class _Line(http.client.HTTPConnection):
    """A connection to one of the checked addresses; it is cut when its time is over."""

    def __init__(self, place: Destination, addresses: Sequence[tuple[int, Any]], until: float) -> None:
        super().__init__(place.host, place.port)
        self.default_port = PORTS[place.scheme]  # which is not named in the header
        self._place = place
        self._addresses = addresses
        self._until = until
        self._cuttable: socket.socket | None = None
        """The line itself: `sock` is gone once an answer says that nothing comes after it, though it still drips."""
        self.over = False

    def connect(self) -> None:
        last: OSError = OSError("no address")
        for tried, (family, address) in enumerate(self._addresses):
            bare = socket.socket(family, socket.SOCK_STREAM)
            try:
                bare.settimeout(self._left() / (len(self._addresses) - tried))  # one that is mute leaves others time
                bare.connect(address)
            except OSError as error:
                bare.close()
                last = error
                continue
            bare.settimeout(self._left())
            self.sock = self._cuttable = bare
            if self._place.scheme == "https":
                # The handshake comes after the line is what it is to be, so that it can be cut, too.
                self.sock = self._cuttable = secure = _trust().wrap_socket(
                    bare, server_hostname=self._place.host, do_handshake_on_connect=False
                )
                secure.do_handshake()
            return
        raise last

    def _left(self) -> float:
        return max(0.001, self._until - time.monotonic())

    def cut(self) -> None:
        """End it, from another thread."""
        self.over = True
        line = self._cuttable
        if line is not None:
            try:
                # A TLS socket's own `shutdown` is for its own thread alone; what is cut is the line below it.
                socket.socket.shutdown(line, socket.SHUT_RDWR)
            except OSError:
                return
