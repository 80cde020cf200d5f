"""What it takes to believe a bound device: its signature, that it is bound still, and that it said this once."""

import asyncio
import time
from collections.abc import Iterator, Sequence

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from bench import machine
from bench.bench import Bench
from bench.row import Row, against
from rapport.adapters.embedded.devices import About, DeviceFile
from rapport.app import embedded
from rapport.app.presence import HousePresence
from rapport.app.settings import Settings
from rapport.kernel.keys import SealKey, keyed_hash
from rapport.kernel.times import now
from rapport.signin import devices
from rapport.web.api.presence import Signed

ORIGIN = "https://rapport.example"
PATH = "/presence/session"
REQUESTS = 3_000
WARM = 300
SECRET = bytes(32)


def measure(bench: Bench) -> Iterator[Row]:
    machine.say("believing a bound device …")
    settings = Settings(data=str(bench.place("presence")))
    ledger = embedded.open_ledger(settings)
    person = embedded.open_people(settings, ledger).add([]).handle
    key = ECKey.generate_key("P-256")
    file = DeviceFile(ledger, SealKey(keyed_hash(SECRET, b"pairing")))
    code = file.start(devices.proved(_proof(key, 0), "GET", ORIGIN + PATH, b"", now()), About("watch", "Mine"))
    file.enter(person, code)
    (number,) = ledger.db.execute("SELECT number FROM pairing").fetchone()
    file.approve(person, code, number)
    # What a proof needs of the rest of the house is nothing.
    desk = HousePresence(lambda: embedded.open_ledger(settings), SECRET, ORIGIN, *[None] * 4)  # type: ignore[arg-type]  # unasked
    asked = [Signed(_proof(key, number), "GET", PATH, b"", str(number)) for number in range(1, WARM + REQUESTS + 1)]
    took, waited = asyncio.run(_believed(desk, asked))
    desk.close()
    ledger.close()
    bare = _bare()
    floor = against("verifying a P-256 signature alone", bare * 1000, "ms")
    yield Row("signed device request: CPU", took * 1000, "ms", 0.4, "at most", floor=floor, ratio=took / bare)
    yield Row("its time, one after the other", waited * 1000, "ms")


async def _believed(desk: HousePresence, asked: Sequence[Signed]) -> tuple[float, float]:
    """Seconds of CPU and of the clock for each."""
    for one in asked[:WARM]:
        await desk.stays(one)
    began, clock = time.process_time(), time.perf_counter()
    for one in asked[WARM:]:
        await desk.stays(one)
    count = len(asked) - WARM
    return (time.process_time() - began) / count, (time.perf_counter() - clock) / count


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


def _bare() -> float:
    key, message = ec.generate_private_key(ec.SECP256R1()), b"x" * 400
    signature, public = key.sign(message, ec.ECDSA(hashes.SHA256())), key.public_key()
    began = time.process_time()
    for _ in range(REQUESTS):
        public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    return (time.process_time() - began) / REQUESTS
