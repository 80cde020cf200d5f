"""What it takes to believe a bound device: its signature, that it is bound still, and that it said this once; beside
the same question, asked by a browser with its session's cookie."""

import os
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

import msgspec
import uvloop
from jinja2 import Environment
from joserfc import jws
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from bench import machine
from bench.asking import Asked, ask
from bench.bench import Bench
from bench.row import Row, against
from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.devices import About, DeviceFile
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.log import GroupCommitLog
from rapport.adapters.embedded.people import PeopleFile
from rapport.app import embedded
from rapport.app.callers import LedgerTokens
from rapport.app.presence import HousePresence
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.kernel.keys import SealKey, keyed_hash
from rapport.kernel.times import MINUTE, now
from rapport.signin import devices
from rapport.signin.passkeys import Made
from rapport.signin.sessions import Session
from rapport.terms import Gate
from rapport.web.api.presence import presence_routes
from rapport.web.api.problems import json_answer
from rapport.web.visit import Area, Visit, guarded

ORIGIN = "https://rapport.example"
PATH, BESIDE = "/presence/session", "/beside"
REQUESTS = 2_500
"""Fewer than one device may make in a minute."""
WARM = 300
SECRET = bytes(32)


def measure(bench: Bench) -> Iterator[Row]:
    machine.say("believing a bound device …")
    settings = Settings(data=str(bench.place("presence")))
    ledger = embedded.open_ledger(settings)
    people = embedded.open_people(settings, ledger)
    person = people.add([]).handle
    key = ECKey.generate_key("P-256")
    file = DeviceFile(ledger, SealKey(keyed_hash(SECRET, b"pairing")))
    _bind(ledger, file, person, key)
    made = Made(os.urandom(32), os.urandom(77), 1, synced=False)
    accounts = Accounts(ledger)
    token, _ = accounts.accept(accounts.invite(person), made, "Mine", "Chrome", (SECRET, now() + MINUTE))
    area, beside = _beside(accounts, file)
    signed, by_cookie = uvloop.run(_in_turns(settings, people, beside, key, f"{area.cookie}={token}"))
    ledger.close()
    cost, peer = (_mean([one.cpu for one in asked]) for asked in (signed, by_cookie))
    floor = against("the same by a session's cookie", peer * 1e3, "ms")
    yield Row("signed device request, more than by cookie: CPU", (cost - peer) * 1e3, "ms", 0.4, "at most",
              floor=floor, ratio=cost / peer)  # fmt: skip
    bare = machine.verifying(400, REQUESTS)
    floor = against("verifying a P-256 signature alone", bare * 1e3, "ms")
    yield Row("signed device request, whole: CPU", cost * 1e3, "ms", floor=floor, ratio=cost / bare)
    yield Row("its time by the clock, median", median(one.clock for one in signed) * 1e3, "ms")


async def _in_turns(
    settings: Settings, people: PeopleFile, beside: Route, key: ECKey, cookie: str
) -> tuple[list[Asked], list[Asked]]:
    """What each request took: signed, and by cookie."""
    reader = embedded.open_reader(settings, embedded.Sources(people.ledger).by_name)
    gate = Gate(reader, people, DirectReceipts(people.ledger), quiet_s=0)
    log = GroupCommitLog(lambda: embedded.open_log(settings), lambda: None)
    desk = HousePresence(lambda: embedded.open_ledger(settings), SECRET, ORIGIN, people, reader, gate, log)
    app = Starlette(routes=[*presence_routes(desk, LedgerTokens(people.ledger)), beside])
    proofs = [_proof(key, number) for number in range(1, WARM + REQUESTS + 1)]
    signed, by_cookie = [], []
    for proof in proofs:
        signed.append(await ask(app, PATH, dpop=proof))
        by_cookie.append(await ask(app, BESIDE, cookie=cookie))
    desk.close()
    log.close()
    reader.close()
    for one in (*signed, *by_cookie):
        if one.status != 200:
            raise machine.Unmeasurable(f"answered {one.status}: {one.body!r}")
    return signed[WARM:], by_cookie[WARM:]


class Browsers(NamedTuple):
    """Knows the sessions of people's browsers."""

    accounts: Accounts

    async def session(self, token: str) -> Session | None:
        return self.accounts.session(token)


class Beside(Area[Browsers], frozen=True):
    name = "me"
    path = start = door = BESIDE


def _beside(accounts: Accounts, file: DeviceFile) -> tuple[Beside, Route]:
    """The same question, asked by a browser: who it is, what is bound, and which sessions they are in."""
    area = Beside(Browsers(accounts), Environment(autoescape=True), ORIGIN)

    async def answer(visit: Visit[Browsers, Session]) -> Response:
        (device,) = file.devices(visit.session.person)
        found = file.stays(visit.session.person)
        return json_answer({"device": msgspec.to_builtins(device), "sessions": msgspec.to_builtins(found)})

    return area, Route(BESIDE, guarded(area, Visit, answer))


def _bind(ledger: LedgerFile, file: DeviceFile, person: str, key: ECKey) -> None:
    code = file.start(devices.proved(_proof(key, 0), "GET", ORIGIN + PATH, b"", now()), About("watch", "Mine"))
    file.enter(person, code)
    (number,) = ledger.db.execute("SELECT number FROM pairing").fetchone()
    file.approve(person, code, number)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _proof(key: ECKey, number: int) -> str:
    public = {name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
    claims = {
        "htm": "GET",
        "htu": ORIGIN + PATH,
        "iat": now() // 1_000_000,
        "jti": f"{number:032}",
        "sha256": devices.digest(b""),
    }
    return jws.serialize_compact({"typ": "dpop+jwt", "alg": "ES256", "jwk": public}, msgspec.json.encode(claims), key)
