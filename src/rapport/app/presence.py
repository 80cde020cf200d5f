"""The desk for presence: bound devices prove themselves by what they sign, and where the person's terms allow, the
organization that they are at sees that they are there.

Signed requests are looked at in a thread of their own, over a ledger connection that does not wait for the disk for
each number that it remembers; so nothing is accepted that was signed before this process began. Everything else that is
written is synced. Who is refused is told a nonce (RFC 9449, 8): what is signed over one was signed after it was made.
"""

import asyncio
import base64
import binascii
import secrets
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from rapport.adapters.embedded.devices import About, DeviceFile, Stay
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile
from rapport.collect import Presence, presence_entry
from rapport.kernel import ids
from rapport.kernel.errors import Conflict, NotFound, Unauthorized
from rapport.kernel.keys import SealKey, keyed_hash
from rapport.kernel.ports import PRESENCE, Log
from rapport.kernel.times import MINUTE, SECOND, now, rfc3339
from rapport.profile.store import ProfileReader
from rapport.signin import devices
from rapport.signin.challenges import UNPROVED, Challenges
from rapport.signin.devices import Device, Proof
from rapport.signin.limits import Limit
from rapport.terms import Gate, Request, promises
from rapport.terms.quiet import quiet
from rapport.web.api.presence import Here, Signed
from rapport.web.portal import presence_desk as ask
from rapport.web.portal.told import Session

TAP, PROOF = "tap", "proof"
CALLER, PURPOSE, ACTION = "node", "service", "recognising your presence"
TILL = "answering a till that you tapped"
PHONE = "browser"
NO_RECOVERY = "nobody is recovering your account"
NOBODY = "there is nobody here whom you may know"
PAIRINGS_A_MINUTE, CODES_A_MINUTE, REQUESTS_A_MINUTE, TAPS_A_MINUTE = 20, 10, 3_000, 600
EVENTS_A_MINUTE = 30
"""Of one device: each is a receipt and an event."""
_QUIET_S = 0.1
"""A till is told nothing at a multiple of this, so that the time tells it no more: deciding takes less."""
_Result = TypeVar("_Result")


class HousePresence:
    """The PresenceDesk of the API and the portal's, over an embedded node. `open_ledger` opens a connection for its
    thread."""

    def __init__(
        self,
        open_ledger: Callable[[], LedgerFile],
        secret: bytes,
        origin: str,
        people: PeopleFile,
        reader: ProfileReader,
        gate: Gate,
        log: Log,
        clock: Callable[[], int] = now,
        stop_recovery: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._open = open_ledger
        self._secret = secret
        self._origin = origin.rstrip("/")
        self._people = people
        self._reader = reader
        self._gate = gate
        self._log = log
        self._now = clock
        self._stop_recovery = stop_recovery
        self._began = clock() // SECOND * SECOND
        self._challenges = Challenges(secret, clock)
        self._thread = ThreadPoolExecutor(1, "presence")
        self._files: tuple[DeviceFile, DeviceFile] | None = None
        self._pairings = Limit(PAIRINGS_A_MINUTE, MINUTE)
        self._codes = Limit(CODES_A_MINUTE, MINUTE)
        self._requests = Limit(REQUESTS_A_MINUTE, MINUTE)
        self._taps = Limit(TAPS_A_MINUTE, MINUTE)
        self._events = Limit(EVENTS_A_MINUTE, MINUTE)

    # -- what devices ask, signed

    async def pair(self, signed: Signed, kind: str, name: str) -> dict[str, Any]:
        self._pairings.count(signed.client)
        about = About(*devices.checked(kind, name))
        code = await self._firmly(lambda file: file.start(self._proof(signed), about))
        return {
            "code": code,
            "at": f"{self._origin}/me/devices/pair",
            "expires_in": devices.PAIRING_LIFE // SECOND,
            "interval": devices.POLL_S,
        }

    async def poll(self, signed: Signed) -> dict[str, Any]:
        self._requests.count(signed.client)
        found = await self._quickly(lambda file: file.poll(self._proof(signed)))
        if found.device is not None:
            return {"status": "paired", "device": _told(found.device)}
        if found.number is not None:
            return {"status": "confirm", "number": found.number}
        return {"status": "waiting"}

    async def here(self, signed: Signed, here: Here) -> dict[str, Any]:
        device = await self._device(signed)
        self._events.count(str(device.id))
        level = devices.level(near=here.near)
        stay = None
        if level is not None:
            stay = await self._tell(device.person, here.organization, device.kind, level, here.place)
        told = {"level": level, "told": stay is not None, "session": stay.handle if stay is not None else None}
        return {**told, "recovering": await self._quickly(lambda file: _recovering(file, device))}

    async def tap(self, signed: Signed, tap: str) -> dict[str, Any]:
        device = await self._device(signed)
        self._events.count(str(device.id))
        return {"level": await self._tapped(device.person, tap, device.kind, devices.level(proximity=True) or 0)}

    async def stays(self, signed: Signed) -> dict[str, Any]:
        self._requests.count(signed.client)

        def look(file: DeviceFile) -> tuple[Device, list[Stay], str | None]:
            device = file.use(self._proof(signed))
            return device, file.stays(device.person), _recovering(file, device)

        device, found, recovering = await self._quickly(look)
        return {"device": _told(device), "sessions": [_stay(one) for one in found], "recovering": recovering}

    async def stop(self, signed: Signed) -> dict[str, Any]:
        device = await self._device(signed)
        if device.kind in devices.OF_OTHERS or self._stop_recovery is None:
            raise NotFound(NO_RECOVERY)
        await self._stop_recovery(device.person)
        return {"stopped": True}

    async def _device(self, signed: Signed) -> Device:
        self._requests.count(signed.client)
        return await self._quickly(lambda file: file.use(self._proof(signed)))

    def _proof(self, signed: Signed) -> Proof:
        present = self._now()
        proof = devices.proved(signed.proof, signed.method, self._origin + signed.path, signed.body, present)
        # A clock that is behind would keep a device out for a while after each start, if it could not show otherwise
        # that it signed after that.
        if proof.expires - devices.LIFE - devices.AHEAD < self._began and not self._after_start(proof.nonce):
            raise Unauthorized(UNPROVED, code="unproved")
        return proof

    def nonce(self) -> str:
        made = self._challenges.make(PROOF, life=devices.NONCE_LIFE)
        return promises.base64url(made)

    def _after_start(self, nonce: str) -> bool:
        """Whether a nonce was made since this process began."""
        try:
            expires = self._challenges.check(_raw(nonce), PROOF)
        except Unauthorized:
            return False
        return expires - devices.NONCE_LIFE >= self._began

    # -- tills and doors, by an organization's token

    def new_tap(self, org: str) -> dict[str, Any]:
        """A nonce to show, for thirty seconds. `qr` is what to draw for phones, where a phone can get to this node."""
        self._taps.count(org)
        challenge = self._challenges.make(TAP, org, devices.TAP_LIFE)
        tap = f"{promises.base64url(challenge)}.{org}"
        link = f"{self._origin}/me/tap?code={quote(tap)}"
        told = {"tap": tap, "link": link, "expires_in": devices.TAP_LIFE // SECOND}
        return {**told, "qr": link if reachable(self._origin) else None}

    async def who_tapped(self, org: str, tap: str) -> dict[str, Any]:
        """Whom of the organization's customers a tap is of. Raises NotFound alike where nobody tapped, they are no
        customer there, or their terms shut it out."""
        self._taps.count(org)
        started = time.monotonic()
        try:
            return await self._who_tapped(org, tap)
        except NotFound:
            await quiet(started, _QUIET_S)
            raise NotFound(NOBODY) from None

    async def _who_tapped(self, org: str, tap: str) -> dict[str, Any]:
        challenge, of = _read(tap)
        taken = await self._firmly(lambda file: file.take_tap(org, challenge)) if of == org else None
        if taken is None:
            raise NotFound(NOBODY)
        person, level = taken
        request = Request(org, self._customer(person, org), PURPOSE, "api token", TILL)
        found, _, receipt = await self._gate.read(request, lambda _: True, lambda _: ("customer",))
        stays = await self._quickly(lambda file: file.stays(person))
        session = next((one.handle for one in stays if one.org == org), None)
        told = {"customer": found.customer, "level": level, "session": session}
        return {**told, "receipt": receipt.id, "as_of": rfc3339(receipt.at)}

    # -- what the person's own pages ask

    async def enter(self, session: Session, code: str) -> ask.Asked:
        self._codes.count(session.person)
        _known(session)
        about = await self._firmly(lambda file: file.enter(session.person, code))
        return ask.Asked(code, about.kind, about.name)

    async def approve(self, session: Session, code: str, number: str) -> None:
        self._codes.count(session.person)
        _known(session)
        await self._firmly(lambda file: file.approve(session.person, code, number))

    async def bound(self, session: Session) -> tuple[ask.Bound, ...]:
        found = await self._quickly(lambda file: file.devices(session.person))
        return tuple(ask.Bound(one.id, one.kind, one.name, one.created_at, one.seen_at, one.until) for one in found)

    async def unbind(self, session: Session, device: int) -> None:
        await self._firmly(lambda file: file.revoke(session.person, device))

    async def tap_of(self, session: Session, tap: str) -> str | None:
        """The organization that a tap is of, while it can be answered."""
        del session
        challenge, org = _read(tap)
        try:
            self._challenges.check(challenge, TAP, org)
        except Unauthorized:
            return None
        return org

    async def answer_tap(self, session: Session, tap: str) -> None:
        verified = session.bound and session.fresh(self._now())
        level = devices.level(proximity=True, verified=verified)
        await self._tapped(session.person, tap, PHONE, level or 0)

    # -- what comes of it

    async def _tapped(self, person: str, tap: str, device: str, level: int) -> int:
        challenge, org = _read(tap)
        expires = self._challenges.check(challenge, TAP, org)
        await self._firmly(lambda file: file.tapped(person, org, challenge, expires, level))
        await self._tell(person, org, device, level, "")
        return level

    async def _tell(self, person: str, org: str, device: str, level: int, place: str) -> Stay | None:
        """Let an organization see that a person is there, if their terms do; None where it does not come to see it."""
        customer = self._customer(person, org)
        request = Request(org, customer, PURPOSE, CALLER, ACTION)
        try:
            await self._gate.read(request, lambda _: True, lambda _: (PRESENCE,))
        except (NotFound, Conflict):
            return None
        stay = await self._firmly(lambda file: file.present(person, org, device))
        kind, _, value = customer.partition(":")
        said = Presence(ids.fresh("prs"), (kind, value), self._now(), stay.handle, level, device, place)
        await self._log.append(presence_entry(org, said, self._now()))
        return stay

    def _customer(self, person: str, org: str) -> str:
        """By what a person is known at an organization: the best that they have shown to be theirs and that leads to
        one customer. Where there is none, something that nobody is known by, so that it is refused likewise."""
        claims = self._people.person(person).claims_at(org)
        with self._reader.snapshot():
            for kind, value in sorted(claims, key=lambda claim: (claim[0] != "user_id", claim)):
                if len(self._reader.by_identifier(org, kind, value)) == 1:
                    return f"{kind}:{value}"
        return f"user_id:{secrets.token_hex(16)}"

    # -- its thread

    async def _quickly(self, work: Callable[[DeviceFile], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._own_files()[0]))

    async def _firmly(self, work: Callable[[DeviceFile], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._own_files()[1]))

    def _own_files(self) -> tuple[DeviceFile, DeviceFile]:
        if self._files is None:
            quick, firm = self._open(), self._open()
            quick.db.execute("PRAGMA synchronous = NORMAL")
            seal = SealKey(keyed_hash(self._secret, b"pairing"))
            self._files = (DeviceFile(quick, seal), DeviceFile(firm, seal))
        return self._files

    def close(self) -> None:
        self._thread.shutdown()


def _recovering(file: DeviceFile, device: Device) -> str | None:
    """When a recovery of the person's account can be finished, for a device that is theirs."""
    at = 0 if device.kind in devices.OF_OTHERS else file.recovering(device.person)
    return rfc3339(at) if at else None


def _known(session: Session) -> None:
    """Who came by a link has shown nothing that a device could stand for. Raises Conflict."""
    if not session.bound:
        message = "make a passkey first: only who can show that it is they has a device stand for them"
        raise Conflict(message, code="no_passkey")


def reachable(origin: str) -> bool:
    """Whether a phone can get to this node: over TLS, or at an address that is not this machine's own name for
    itself."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    own = host in {"localhost", "::1"} or host.endswith(".localhost") or host.startswith("127.")
    return parts.scheme == "https" or not own


def _read(tap: str) -> tuple[bytes, str]:
    """The challenge in a tap's code, and the organization that it says it is of."""
    text, _, org = tap.partition(".")
    return _raw(text), org


def _raw(text: str) -> bytes:
    """What base64url stands for; nothing, where it is none."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _told(device: Device) -> dict[str, Any]:
    until = None if device.until is None else rfc3339(device.until)
    return {"id": device.id, "kind": device.kind, "name": device.name, "until": until}


def _stay(stay: Stay) -> dict[str, Any]:
    return {
        "organization": stay.org,
        "session": stay.handle,
        "began_at": rfc3339(stay.began_at),
        "seen_at": rfc3339(stay.seen_at),
        "devices": list(stay.devices),
    }
