"""Sending calls to a node as a shop's systems would: Segment's API, a write key for each source, a kept connection."""

import base64
import contextlib
import http.client
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from rapport.cli.demo.history import Call
from rapport.kernel.errors import RapportError, Unauthorized
from rapport.kernel.times import now, rfc3339

BATCH = 200
"""Calls a request: some 100 kB, well below what the node takes."""

PATIENCE_SECONDS = 30.0
_TIMEOUT_SECONDS = 20.0
_PAUSE_SECONDS = 0.25

_encode = msgspec.json.Encoder().encode


class NodeGone(RapportError):
    code = "node_gone"


class _Refusal(msgspec.Struct):
    code: str = ""
    message: str = ""
    rejected: list["_Refusal"] = []


class Sender:
    """Posts calls. `keys` gives a source's write key, looked up anew where the node no longer knows it.

    `rejected` counts what the node would not take. Raises NodeGone where nothing answers for `patience` seconds,
    or at once where the process that started this one is gone (`orphaned`).
    """

    def __init__(
        self,
        host: str,
        port: int,
        keys: Callable[[str], str],
        *,
        patience: float = PATIENCE_SECONDS,
        orphaned: Callable[[], bool] = lambda: False,
    ) -> None:
        self._where = (host, port)
        self._keys = keys
        self._patience = patience
        self._orphaned = orphaned
        self._known: dict[str, str] = {}
        self._connection: http.client.HTTPConnection | None = None
        self.sent = 0
        self.rejected = 0

    def await_node(self, seconds: float | None = None) -> None:
        """Return once the node is ready; raises NodeGone where it is not within `seconds` (default: patience)."""
        deadline = time.monotonic() + (self._patience if seconds is None else seconds)
        while not self._ready():
            if time.monotonic() > deadline or self._orphaned():
                where = f"http://{self._where[0]}:{self._where[1]}"
                raise NodeGone(f"no node answers at {where}: start one with `rapport up`, or name its port with --port")
            time.sleep(0.1)

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection(*self._where, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def send(self, calls: Sequence[Call]) -> None:
        """Send calls that leave together: per source and clock one request, in their order."""
        for (source, skew), together in _by_client(calls):
            for start in range(0, len(together), BATCH):
                self._deliver(source, skew, together[start : start + BATCH])

    def _deliver(self, source: str, skew: int, calls: Sequence[Call]) -> None:
        clock = {"sentAt": rfc3339(now() + skew)}
        bodies = [{**call.body, "timestamp": rfc3339(call.at + skew)} for call in calls]
        if len(bodies) == 1:
            path, body = f"/v1/{bodies[0]['type']}", {**bodies[0], **clock}
        else:
            path, body = "/v1/batch", {"batch": bodies, **clock}
        self._post(source, path, _encode(body))
        self.sent += len(calls)

    def _post(self, source: str, path: str, body: bytes) -> None:
        """Post until it is answered: a node that is busy or starts again is waited for, as long as patience lasts."""
        asked_again, deadline = False, time.monotonic() + self._patience
        while True:
            try:
                status, wait, said = self._once(source, path, body)
            except (OSError, http.client.HTTPException):
                self.close()
                status, wait, said = 0, _PAUSE_SECONDS, b""
            if status == 401 and not asked_again:
                asked_again = True
                self._known.clear()
            elif status == 401:
                raise Unauthorized(
                    "the node does not know the write keys of this data directory: name its own with --data"
                )
            elif status == 0 or status in (429, 503):
                if time.monotonic() > deadline or self._orphaned():
                    raise NodeGone(
                        f"no node has answered at {self._where[0]}:{self._where[1]} for {self._patience:.0f} s"
                    )
                time.sleep(wait)
            else:
                self._heed(status, said)
                return

    def _once(self, source: str, path: str, body: bytes) -> tuple[int, float, bytes]:
        """Status, how long to wait before another try in seconds, and the answer's body."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._where, timeout=_TIMEOUT_SECONDS)
        if source not in self._known:
            self._known[source] = self._keys(source)
        key = base64.b64encode(f"{self._known[source]}:".encode()).decode()
        headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
        self._connection.request("POST", path, body, headers)
        response = self._connection.getresponse()
        said = response.read()
        after = response.getheader("Retry-After", "")
        return response.status, float(after) if after.isdecimal() else _PAUSE_SECONDS, said

    def _heed(self, status: int, said: bytes) -> None:
        with contextlib.suppress(msgspec.DecodeError):
            answer = msgspec.json.decode(said, type=_Refusal)
            self.rejected += len(answer.rejected) or (status >= 400)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _by_client(calls: Sequence[Call]) -> Iterator[tuple[tuple[str, int], list[Call]]]:
    """Calls by source and by how wrong the clock is: one body has one `sentAt`. Skewed clients send apart."""
    together: dict[tuple[str, int], list[Call]] = {}
    for call in calls:
        together.setdefault((call.source, call.skew), []).append(call)
    yield from together.items()
