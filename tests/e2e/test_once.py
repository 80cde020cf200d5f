"""What is good for one use is used once: fifty at a time over HTTP at a real node, of whom exactly one wins; and what
was signed once stays used after the node was killed."""

import http.client
import ipaddress
import itertools
import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.doors import Doors
from rapport.adapters.embedded.operators import Operators
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.tokens import TokenFile
from rapport.app.embedded import open_ledger, open_people
from rapport.app.proving import open_proofs
from rapport.app.settings import Settings
from tests.e2e.running import Node, Org
from tests.e2e.running import http as ask
from tests.signin.authenticator import Authenticator
from tests.signin.device import SoftDevice

MANY = 50
_clients = itertools.count(2)


class Answered:
    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """A browser or a program at an address of its own, since limits are by address."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.origin = f"http://localhost:{node.port}"
        self.address = str(ipaddress.IPv4Address("127.0.0.0") + next(_clients))
        self.cookies: dict[str, str] = {}
        self.csrf = ""

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answered:
        line = http.client.HTTPConnection("127.0.0.1", self.node.port, timeout=30, source_address=(self.address, 0))
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        line.request(method, path, body, {"Origin": self.origin, "Cookie": cookie, **headers})
        answer = line.getresponse()
        found = Answered(answer.status, answer.headers, answer.read())
        line.close()
        return found

    def form(self, path: str, **fields: str) -> Answered:
        body = urlencode({"csrf": self.csrf, **fields}).encode()
        return self.send("POST", path, body, **{"Content-Type": "application/x-www-form-urlencoded"})

    def script(self, path: str, body: Any = None) -> Answered:
        kind = {"Content-Type": "application/json", "Accept": "application/json"}
        return self.send("POST", path, json.dumps(body or {}).encode(), **kind)

    def keep(self, answer: Answered) -> None:
        for line in answer.headers.get_all("set-cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        self.csrf = (re.findall(rb'name="csrf" value="([0-9a-f]+)"', self.send("GET", "/me").body) or [b""])[0].decode()


class Hall:
    """The node's files, as another process has them."""

    def __init__(self, node: Node, org: Org) -> None:
        self.node, self.org = node, org
        settings = Settings(data=str(node.data))
        self.ledger = open_ledger(settings)
        self.people: PeopleFile = open_people(settings, self.ledger)
        proofs = open_proofs(settings, self.people)
        self.claims, self.contacts = proofs.claims, proofs.contacts

    def person(self, *claims: str) -> str:
        return self.people.add(claims).handle

    def device(self) -> Authenticator:
        return Authenticator(f"http://localhost:{self.node.port}", "localhost")

    def enrolled(self, person: str) -> Client:
        """A browser that just made a passkey for them."""
        client, device, code = Client(self.node), self.device(), Accounts(self.ledger).invite(person)
        options = client.script("/signin/invite/ask", {"code": code}).json
        answer = client.script("/signin/invite/make", {"code": code, "passkey": device.make(options)})
        assert answer.status == 200
        client.keep(answer)
        return client


@pytest.fixture(scope="module")
def org(node: Node) -> Org:
    made = node.org("once")
    made.send({"type": "identify", "userId": "ada", "messageId": "1", "traits": {"name": "Ada"}})
    made.view("user_id:ada", events=1)
    return made


@pytest.fixture(scope="module")
def hall(node: Node, org: Org) -> Iterator[Hall]:
    made = Hall(node, org)
    yield made
    made.ledger.close()


def at_once(uses: Sequence[Callable[[], Answered]]) -> list[Answered]:
    with ThreadPoolExecutor(len(uses)) as crowd:
        return [one.result() for one in [crowd.submit(use) for use in uses]]


def invitation(hall: Hall) -> list[Callable[[], Answered]]:
    client, code = Client(hall.node), Accounts(hall.ledger).invite(hall.person())
    answers = [
        {"code": code, "passkey": hall.device().make(client.script("/signin/invite/ask", {"code": code}).json)}
        for _ in range(MANY)
    ]
    return [lambda answer=answer: client.script("/signin/invite/make", answer) for answer in answers]  # type: ignore[misc]


def operators_invitation(hall: Hall) -> list[Callable[[], Answered]]:
    operators = Operators(hall.ledger)
    made = operators.add("Eve", hall.org.name, "agent", "test")
    client, code = Client(hall.node), operators.invite(made.handle, hall.org.name, "test")
    answers = [
        {"code": code, "passkey": hall.device().make(client.script("/console/signin/invite/ask", {"code": code}).json)}
        for _ in range(MANY)
    ]
    return [lambda answer=answer: client.script("/console/signin/invite/make", answer) for answer in answers]  # type: ignore[misc]


def assertion(hall: Hall) -> list[Callable[[], Answered]]:
    client, device, code = Client(hall.node), hall.device(), Accounts(hall.ledger).invite(hall.person())
    made = device.make(client.script("/signin/invite/ask", {"code": code}).json)
    assert client.script("/signin/invite/make", {"code": code, "passkey": made}).status == 200
    answer = device.prove(client.script("/signin/ask").json)
    return [lambda: client.script("/signin/prove", answer)] * MANY


def persons_link(hall: Hall) -> list[Callable[[], Answered]]:
    """Also the demo's, and the support desk's."""
    client, code = Client(hall.node), Doors(hall.ledger).mint(hall.person())
    return [lambda: client.form("/me/open", code=code)] * MANY


def operators_link(hall: Hall) -> list[Callable[[], Answered]]:
    client, code = Client(hall.node), hall.ledger.mint_link(hall.org.name)
    return [lambda: client.form("/console/start", code=code)] * MANY


def companys_link(hall: Hall) -> list[Callable[[], Answered]]:
    """By two people in turn."""
    clients = [hall.enrolled(hall.person()) for _ in range(4)]  # one may try twenty a minute
    code, _ = hall.claims.mint(hall.org.name, "user_id", "claimed")
    return [lambda client=clients[turn % 4]: client.form("/me/claim", code=code) for turn in range(MANY)]  # type: ignore[misc]


def sent_code(hall: Hall) -> list[Callable[[], Answered]]:
    person = hall.person()
    client = hall.enrolled(person)
    waiting = hall.contacts.start(person, "email", "ada@example.com")
    form = {"made": waiting.handle, "code": waiting.code or ""}
    hall.ledger.db.execute("UPDATE sent_code SET tries = 100")
    return [lambda: Client.form(client, "/me/contacts/verify", **form)] * 20  # by one, as often as one may try


def pairing(hall: Hall) -> list[Callable[[], Answered]]:
    client, watch = hall.enrolled(hall.person()), SoftDevice(f"http://localhost:{hall.node.port}")
    code = signed(client, watch, "/presence/pair", {"kind": "watch", "name": "Mine"}).json["code"]
    assert client.script("/me/devices", {"code": code}).status == 200
    number = signed(client, watch, "/presence/pair/poll").json["number"]
    return [lambda: client.script("/me/devices", {"code": code, "number": number})] * 9  # ten codes a minute


def tapped(hall: Hall) -> list[Callable[[], Answered]]:
    clients = [hall.enrolled(hall.person()) for _ in range(2)]
    tap = hall.org.operate("/presence/taps", {}).json["tap"]
    return [lambda client=clients[turn % 2]: client.form("/me/tap", code=tap) for turn in range(MANY)]  # type: ignore[misc]


def both_codes(hall: Hall) -> list[Callable[[], Answered]]:
    """Fifty who begin the same recovery, each with another code on paper."""
    person = hall.person()
    hall.enrolled(person)
    shown = hall.contacts.start(person, "email", "bo@example.com")
    key = Accounts(hall.ledger).passkeys(person)[0].id
    hall.contacts.verify(person, shown.handle, shown.code or "", 0, key)
    papers = hall.contacts.new_recovery_codes(person)
    waiting = hall.contacts.start_recovery("email", "bo@example.com")
    hall.ledger.db.execute("UPDATE sent_code SET tries = 100")
    clients = [Client(hall.node) for _ in range(5)]
    forms = [{"made": waiting.handle, "code": waiting.code or "", "paper": papers[turn % 10]} for turn in range(MANY)]
    return [
        lambda client=clients[turn % 5], form=form: client.form("/signin/recover/begin", **form)  # type: ignore[misc]
        for turn, form in enumerate(forms)
    ]


def signed(client: Client, device: SoftDevice, path: str, body: Any = None, proof: str = "") -> Answered:
    raw = b"" if body is None else json.dumps(body).encode()
    proof = proof or device.proof("POST", path, raw)
    return client.send("POST", path, raw, DPoP=proof, **{"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("kind", "won"),
    [
        (invitation, lambda one: one.status == 200),
        (operators_invitation, lambda one: one.status == 200),
        (assertion, lambda one: one.status == 200),
        (persons_link, lambda one: one.status == 303),
        (operators_link, lambda one: one.status == 303),
        (companys_link, lambda one: one.headers.get("location") == "/me/claim?done=claimed"),
        (sent_code, lambda one: one.headers.get("location") == "/me/contacts?done=verified"),
        (pairing, lambda one: one.status == 200),
        (tapped, lambda one: one.status == 200),
        (both_codes, lambda one: one.headers.get("location") == "/signin/recover"),
    ],
    ids=lambda value: getattr(value, "__name__", "").strip("<>"),
)
def test_of_all_who_bring_one_code_at_once_exactly_one_wins(
    hall: Hall, kind: Callable[[Hall], list[Callable[[], Answered]]], won: Callable[[Answered], bool]
) -> None:
    answers = at_once(kind(hall))
    assert [won(one) for one in answers].count(True) == 1, [one.status for one in answers]
    lost = [one for one in answers if not won(one)]
    assert all(400 <= one.status < 500 and one.status != 429 for one in lost), [one.status for one in lost]
    assert not any("set-cookie" in one.headers for one in lost)
    assert len({(one.status, re.sub(rb"[0-9a-f]{32}", b"", one.body)) for one in lost}) == 1


def test_of_fifty_questions_who_tapped_one_is_told(hall: Hall) -> None:
    client = hall.enrolled(hall.person(f"{hall.org.name}:user_id:ada"))
    tap = hall.org.operate("/presence/taps", {}).json["tap"]
    assert client.form("/me/tap", code=tap).status == 200
    till = Client(hall.node)
    headers = {"Authorization": f"Bearer {hall.org.api_token}", "Content-Type": "application/json"}
    body = json.dumps({"tap": tap}).encode()
    answers = at_once([lambda: till.send("POST", "/presence/taps/result", body, **headers)] * MANY)
    assert sorted(one.status for one in answers) == [200, *[404] * (MANY - 1)]


def test_a_signed_request_with_anything_beside_its_one_proof_is_refused(hall: Hall, org: Org) -> None:
    client, watch = (
        hall.enrolled(hall.person(f"{org.name}:user_id:ada")),
        SoftDevice(f"http://localhost:{hall.node.port}"),
    )
    code = signed(client, watch, "/presence/pair", {"kind": "watch", "name": "Mine"}).json["code"]
    client.script("/me/devices", {"code": code})
    number = signed(client, watch, "/presence/pair/poll").json["number"]
    assert client.script("/me/devices", {"code": code, "number": number}).status == 200
    path, raw = "/presence/here", json.dumps({"organization": org.name}).encode()

    def sent(*headers: tuple[str, str], to: str = path, host: str = "") -> int:
        line = http.client.HTTPConnection("127.0.0.1", hall.node.port, timeout=30)
        line.putrequest("POST", to, skip_host=bool(host))
        for name, value in (("Content-Length", str(len(raw))), *headers, *((("Host", host),) if host else ())):
            line.putheader(name, value)
        line.endheaders(raw)
        status = line.getresponse().status
        line.close()
        return status

    def proof(**wrong: Any) -> str:
        return watch.proof("POST", path, raw, **wrong)

    assert sent(("dPoP", proof())) == 200  # a header's name is the same in any case
    assert sent(("DPoP", proof()), ("DPoP", proof())) == 401
    assert sent(("DPoP", f"{proof()}, {proof()}")) == 401
    assert sent(("DPoP", f"DPoP {proof()}")) == 401
    assert sent(("Authorization", f"DPoP {proof()}")) == 401
    assert sent(("DPoP", proof()), to=f"{path}?x=1") == 401
    assert sent(("DPoP", proof()), to=f"{path}?x=1", host="x#") == 401
    assert sent(("DPoP", proof()), to=f"{path}?") in {200, 401}  # an empty query says nothing
    assert sent(("DPoP", proof()), to=f"http://evil.test{path}") in {200, 400, 401, 404}
    for wrong in (
        {"htu": f"http://evil.test{path}"},
        {"htm": "post"},
        {"htu": f"{watch.origin}{path}/"},
        {"sha256": ""},
    ):
        assert sent(("DPoP", proof(**wrong))) == 401
    for header in ({"alg": "none"}, {"alg": "HS256"}, {"typ": "JWT"}, {"crit": ["x"]}, {"jku": "http://evil.test"}):
        assert sent(("DPoP", proof(header=header))) == 401
    # Neither what a proxy would say nor another name for the node counts.
    lies = (("X-Forwarded-Host", "evil.test"), ("X-Forwarded-Proto", "https"), ("X-Original-URL", "/presence/tap"))
    assert sent(("DPoP", proof()), *lies, host="evil.test") == 200
    assert sent(("DPoP", proof(htu=f"https://evil.test{path}")), *lies, host="evil.test") == 401


def test_what_was_used_once_stays_used_when_the_node_is_killed(node: Node, hall: Hall, org: Org) -> None:
    """The web process starts anew, and nothing is lost by it."""
    person = hall.person(f"{org.name}:user_id:ada")
    client, watch, device = hall.enrolled(person), SoftDevice(f"http://localhost:{node.port}"), hall.device()
    code = signed(client, watch, "/presence/pair", {"kind": "watch", "name": "Mine"}).json["code"]
    client.script("/me/devices", {"code": code})
    number = signed(client, watch, "/presence/pair/poll").json["number"]
    assert client.script("/me/devices", {"code": code, "number": number}).status == 200
    invite = Accounts(hall.ledger).invite(person)
    made = device.make(client.script("/signin/invite/ask", {"code": invite}).json)
    assert client.script("/signin/invite/make", {"code": invite, "passkey": made}).status == 200
    assertion = device.prove(client.script("/signin/ask").json)
    client.keep(client.script("/signin/prove", assertion))
    link = Doors(hall.ledger).mint(person)
    assert Client(node).form("/me/open", code=link).status == 303
    tap = org.operate("/presence/taps", {}).json["tap"]
    assert client.form("/me/tap", code=tap).status == 200
    body = {"organization": org.name}
    proof = watch.proof("POST", "/presence/here", json.dumps(body).encode())
    assert signed(client, watch, "/presence/here", body, proof).status == 200
    os.kill(node.children()["web"], signal.SIGKILL)
    wait_until(lambda: alive(node))
    replays = [
        signed(client, watch, "/presence/here", body, proof),
        client.script("/signin/prove", assertion),
        client.script("/signin/invite/make", {"code": invite, "passkey": made}),
        client.form("/me/open", code=link),
        client.form("/me/tap", code=tap),
    ]
    assert [one.status for one in replays] == [401, 401, 401, 403, 404]
    assert client.send("GET", "/me").status == 200  # who was in is in


def alive(node: Node) -> bool:
    try:
        return ask("GET", f"{node.url}/readyz").status == 200
    except OSError:
        return False


def wait_until(found: Callable[[], bool], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_stolen_copy_of_the_files_opens_nothing(hall: Hall, node: Node) -> None:
    """No value of any table, however it is spelled, is a session, a code, a token or a key."""
    person = hall.person(f"{hall.org.name}:user_id:ada")
    hall.enrolled(person)
    Doors(hall.ledger).mint(person)
    Accounts(hall.ledger).invite(person)
    hall.claims.mint(hall.org.name, "user_id", "stolen")
    hall.contacts.start(person, "email", "cy@example.com")
    hall.contacts.new_recovery_codes(person)
    values = set(stored(hall))
    assert len(values) > 100
    accounts, doors, operators = Accounts(hall.ledger), Doors(hall.ledger), Operators(hall.ledger)
    for value in values:
        assert accounts.session(value) is None
        assert accounts.invited(value) is None
        assert doors.person(value) is None
        assert doors.redeem(value) is None
        assert operators.session(value) is None
        assert operators.invited(value) is None
        assert hall.claims.linked(value) is None
        assert TokenFile(hall.ledger).find(value) is None
        assert hall.ledger.by_write_key(value) is None
    thief = Client(node)
    tokens = [value for value in values if value.isascii() and value.isprintable() and ";" not in value][:150]
    for value in tokens:
        for name in ("me", "console"):
            thief.cookies = {f"rapport_{name}_{node.port}": value}
            assert thief.send("GET", "/me" if name == "me" else "/console/live").status == 303


def stored(hall: Hall) -> Iterator[str]:
    for name in ("ledger.db", "state.db"):
        with sqlite3.connect(f"file:{hall.node.data / name}?mode=ro", uri=True) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in db.execute(f'SELECT * FROM "{table}" LIMIT 300'):
                    for value in row:
                        if isinstance(value, bytes):
                            yield value.hex()
                            yield value.decode("latin-1")
                        elif isinstance(value, str):
                            yield value
