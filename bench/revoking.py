"""Revoking everything, at a node of two web processes: how long it takes until nothing of a person's is accepted any
more, by either.

Browsers and bound devices go on asking, each at both processes; then the person revokes everything on their page. It
counts from when that was sent until the last of them was refused for the first time, and nobody may be let in after
that. An organization's token, which each process remembers for a moment, is revoked likewise by the command line's way.
"""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import msgspec

from bench import machine
from bench.bench import Bench
from bench.row import Row, against
from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.devices import About, DeviceFile
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.tokens import SCOPES, TokenFile
from rapport.app import embedded
from rapport.app.process import Orders
from rapport.app.settings import Settings
from rapport.kernel.keys import SealKey
from rapport.kernel.times import MINUTE, now
from rapport.signin import devices
from rapport.signin.passkeys import Made, Proved
from rapport.web import cookies
from rapport.web.forms import csrf_token
from rapport.web.portal.visit import Portal
from tests.e2e.running import Node
from tests.signin.device import SoftDevice

ORG = "shop"
ROUNDS = 5
SESSIONS, DEVICES = 2, 2
BEFORE_S, AFTER_S = 0.4, 2.0
PAUSE_S = 0.02
START_S = 60.0
SIGNED = "/presence/session"

Headers = dict[str, str]
Says = Callable[[], Headers]
"""What a request carries; a signed one is signed each time anew."""


class Asking(threading.Thread):
    """Somebody who asks one process again and again, from an address of their own."""

    def __init__(self, port: int, address: str, path: str, says: Says, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._at = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(address, 0))
        self._path, self._says, self._stop_it = path, says, stop
        self.answers: list[tuple[float, float, int]] = []
        """When each was asked and answered, and the status."""

    def run(self) -> None:
        while not self._stop_it.is_set():
            asked = time.perf_counter()
            self._at.request("GET", self._path, headers=self._says())
            answer = self._at.getresponse()
            answer.read()
            self.answers.append((asked, time.perf_counter(), answer.status))
            time.sleep(PAUSE_S)
        self._at.close()

    def shut_out(self, since: float) -> float:
        """Seconds until it was refused, after it was let in. Raises Unmeasurable where it never was, or was let in
        afterwards."""
        refused = [asked for asked, _, status in self.answers if status == 401]
        let_in = [asked for asked, _, status in self.answers if status == 200]
        if len(refused) + len(let_in) != len(self.answers) or not refused or not let_in:
            raise machine.Unmeasurable(f"{self._path} answered {sorted({one for _, _, one in self.answers})}")
        if max(let_in) > min(refused):
            raise machine.Unmeasurable(f"{self._path} let in who had been refused")
        return next(answered for _, answered, status in self.answers if status == 401) - since


def measure(bench: Bench) -> Iterator[Row]:
    place = bench.place("revoking")
    ledger = embedded.open_ledger(Settings(data=str(place)))
    people = embedded.open_people(Settings(data=str(place)), ledger)
    ledger.add_org(ORG)
    ledger.add_source(ORG, "till")
    node = Node(place, fresh=True)
    try:
        settings = Settings(data=str(place), port=node.port)
        with _another(settings) as port:
            ports = (node.port, port)
            machine.say(f"{SESSIONS} browsers and {DEVICES} devices ask two processes; then everything is revoked …")
            rounds = [_everything(settings, ledger, people, ports, number) for number in range(ROUNDS)]
            tokens = [_token(ledger, ports, number) for number in range(ROUNDS)]
    finally:
        node.stop()
        ledger.close()
    one = median(took for _, took in (*rounds, *tokens))
    floor = against("one such request, median", one * 1e3, "ms")
    for name, measured in (("everything revoked: refused everywhere", rounds), ("an organization's token", tokens)):
        slow = max(seconds for seconds, _ in measured)
        yield Row(f"{name}, slowest of {ROUNDS}", slow, "s", 1, "at most", floor=floor, ratio=slow / one)


def _everything(
    settings: Settings, ledger: LedgerFile, people: PeopleFile, ports: Sequence[int], number: int
) -> tuple[float, float]:
    """Seconds until nobody was let in any more, and those that one request takes."""
    person = people.add([]).handle
    cookie = cookies.named(Portal.name, settings.url)
    tokens = _sessions(ledger, person)
    bound = [_bound(ledger, person, settings.url) for _ in range(DEVICES)]

    def by_cookie(token: str) -> Headers:
        return {"Cookie": f"{cookie}={token}", "Accept": "application/json"}

    asking = [("/me/sessions", partial(by_cookie, token)) for token in tokens]
    asking += [(SIGNED, partial(_signs, device)) for device in bound]

    def revoke() -> None:
        at = http.client.HTTPConnection("127.0.0.1", ports[0], timeout=30)
        headers = {"Cookie": f"{cookie}={tokens[0]}", "Origin": settings.url}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        at.request("POST", "/me/devices/everything", urlencode({"csrf": csrf_token(tokens[0])}), headers)
        answer = at.getresponse()
        if answer.status != 303:
            raise machine.Unmeasurable(f"revoking everything answered {answer.status}")
        at.close()

    return _until_refused(asking, ports, number, revoke)


def _token(ledger: LedgerFile, ports: Sequence[int], number: int) -> tuple[float, float]:
    file = TokenFile(ledger)
    token, handle = file.mint(ORG, SCOPES)

    def says() -> Headers:
        return {"Authorization": f"Bearer {token}"}

    return _until_refused([("/v1/declaration", says)], ports, number, lambda: file.revoke(ORG, handle))


def _until_refused(
    asking: Sequence[tuple[str, Says]], ports: Sequence[int], number: int, revoke: Callable[[], None]
) -> tuple[float, float]:
    stop = threading.Event()
    everyone = [
        Asking(port, f"127.0.{10 + number}.{1 + place}", path, says, stop)
        for place, (port, (path, says)) in enumerate((port, one) for port in ports for one in asking)
    ]
    for one in everyone:
        one.start()
    time.sleep(BEFORE_S)
    since = time.perf_counter()
    revoke()
    time.sleep(AFTER_S)
    stop.set()
    for one in everyone:
        one.join()
    took = [answered - asked for one in everyone for asked, answered, _ in one.answers]
    return max(one.shut_out(since) for one in everyone), median(took)


# -- who asks


def _sessions(ledger: LedgerFile, person: str) -> list[str]:
    accounts = Accounts(ledger)
    made = Made(os.urandom(32), os.urandom(77), 1, synced=False)
    spent = [(os.urandom(32), now() + MINUTE) for _ in range(SESSIONS)]
    first, _ = accounts.accept(accounts.invite(person), made, "Mine", "Chrome", spent[0])
    tokens = [first]
    for one in spent[1:]:
        (passkey,) = accounts.passkeys(person)
        tokens.append(accounts.sign_in(passkey, Proved(passkey.counter + 1, synced=False), "Chrome", one)[0])
    return tokens


def _bound(ledger: LedgerFile, person: str, origin: str) -> SoftDevice:
    device, file = SoftDevice(origin), DeviceFile(ledger, SealKey(bytes(32)))
    proof = devices.proved(device.proof("GET", SIGNED), "GET", origin + SIGNED, b"", now())
    code = file.start(proof, About("watch", "Mine"))
    file.enter(person, code)
    (number,) = ledger.db.execute("SELECT number FROM pairing WHERE number IS NOT NULL").fetchone()
    file.approve(person, code, number)
    return device


def _signs(device: SoftDevice) -> Headers:
    return {"DPoP": device.proof("GET", SIGNED)}


# -- the second process


@contextlib.contextmanager
def _another(settings: Settings) -> Iterator[int]:
    """A second web process over the same directory, at a port of its own, as if it were the same address."""
    with contextlib.ExitStack() as ends:
        listener = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
        feed, wake = (socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
        for one in (*feed, *wake):
            ends.enter_context(one)
        reads, writes = os.pipe()
        ends.callback(os.close, reads)
        orders = Orders(settings, reads, feed[0].fileno(), wake[0].fileno(), [listener.fileno()])
        with (Path(settings.data).parent / "another.out").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "rapport.app.process", "web"],
                pass_fds=[orders.lifeline, orders.feed, orders.wake, *orders.listeners],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
            )
        try:
            assert process.stdin is not None
            with process.stdin as orders_in:
                orders_in.write(msgspec.json.encode(orders))
            port = int(listener.getsockname()[1])
            _wait(port)
            yield port
        finally:
            os.close(writes)
            process.terminate()
            process.wait(30)


def _wait(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        at = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError):
            at.request("GET", "/healthz")
            if at.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise machine.Unmeasurable("a second web process did not start")
