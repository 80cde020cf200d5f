"""Bound devices in ledger.db: pairings that wait, devices that were bound, taps that were answered, and the sessions
that presence continues.

Thumbprints of keys and hashes of codes alone are kept, so that whoever has the file is taken for nobody. What devices
call themselves is sealed: under the person's key once they are somebody's.
"""

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from rapport.adapters.embedded.accounts import ACTIVE, spend
from rapport.adapters.embedded.recovering import ripe_at
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Conflict, NotFound, TooMany, Unauthorized
from rapport.kernel.keys import SealKey
from rapport.kernel.times import MINUTE, now
from rapport.signin import devices
from rapport.signin.challenges import UNPROVED
from rapport.signin.devices import Device, Proof

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE device (id INTEGER PRIMARY KEY AUTOINCREMENT, thumbprint BLOB NOT NULL UNIQUE,
                         person INTEGER NOT NULL, kind TEXT NOT NULL, name BLOB NOT NULL,
                         created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, until INTEGER);
    CREATE INDEX device_of ON device (person);
    CREATE TABLE pairing (thumbprint BLOB PRIMARY KEY, code BLOB NOT NULL UNIQUE, person INTEGER, number TEXT,
                          about BLOB NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE tap (hash BLOB PRIMARY KEY, person INTEGER NOT NULL, level INTEGER NOT NULL,
                      expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX spent_until ON spent (expires_at);
    CREATE TABLE presence (person INTEGER, org TEXT, handle TEXT NOT NULL, began_at INTEGER NOT NULL,
                           seen_at INTEGER NOT NULL, devices BLOB NOT NULL, PRIMARY KEY (person, org)) WITHOUT ROWID
"""

MOST_DEVICES = 50
MOST_PAIRINGS = 10_000
GOES_ON = 30 * MINUTE
"""A session that nobody was present in for so long has ended."""
NO_SUCH_CODE = "There is no such code, or it has ended. Let the device show a new one."
_SEEN_EVERY = MINUTE
_PLACE = b"device"
_DEVICES = """
    SELECT person.id, device.id, handle, kind, name, device.created_at, seen_at, until
    FROM device JOIN person ON person.id = device.person
    WHERE status = 'active' AND (until IS NULL OR until > ?) AND
"""
_MOST_IN_SESSION = 16


class About(msgspec.Struct, frozen=True):
    """What a device says of itself before it is anybody's."""

    kind: str
    name: str


class Pairing(NamedTuple):
    """How a pairing is, for its device: `number` is what it is to show, once somebody typed its code."""

    device: Device | None
    number: str | None


class Stay(msgspec.Struct, frozen=True):
    """A session of presence at an organization, which goes on from device to device; the latest of these comes last."""

    org: str
    handle: str
    began_at: int
    seen_at: int
    devices: tuple[str, ...]


class DeviceFile:
    """Devices over one ledger connection; one instance per thread. `seal` seals what is nobody's yet."""

    def __init__(self, ledger: "LedgerFile", seal: SealKey) -> None:
        self._db = ledger.db
        self._keys = ledger.keys
        self._seal = seal

    # -- pairing

    def start(self, proof: Proof, about: About) -> str:
        """A code that pairs this key, once, within five minutes; an earlier one of the same key ends. Raises
        Unauthorized for a proof that was accepted before, Conflict for a key that is bound, TooMany."""
        code = devices.new_code()
        with transaction(self._db):
            spend(self._db, proof.number, proof.expires)
            self._db.execute("DELETE FROM pairing WHERE expires_at <= ? OR thumbprint = ?", (now(), proof.key))
            (waiting,) = self._db.execute("SELECT count(*) FROM pairing").fetchone()
            if waiting >= MOST_PAIRINGS:
                raise TooMany("Too many devices are being paired. Try it again in a few minutes.", retry_after=60)
            self._db.execute("DELETE FROM device WHERE thumbprint = ? AND until <= ?", (proof.key, now()))
            if self._db.execute("SELECT 1 FROM device WHERE thumbprint = ?", (proof.key,)).fetchone():
                raise Conflict("this key is bound already: make another", code="exists")
            sealed = self._seal.seal(msgspec.json.encode(about), proof.key)
            row = (proof.key, _hash(code), sealed, now() + devices.PAIRING_LIFE)
            self._db.execute("INSERT INTO pairing VALUES (?, ?, NULL, NULL, ?, ?)", row)
        return code

    def poll(self, proof: Proof) -> Pairing:
        """How the pairing of this key is. Raises Unauthorized where there is none, or its time is over."""
        with transaction(self._db):
            spend(self._db, proof.number, proof.expires)
        found = self._device("thumbprint = ?", proof.key)
        if found is not None:
            return Pairing(found, None)
        query = "SELECT number FROM pairing WHERE thumbprint = ? AND expires_at > ?"
        row = self._db.execute(query, (proof.key, now())).fetchone()
        if row is None:
            raise Unauthorized(UNPROVED, code="unproved")
        return Pairing(None, row[0])

    def enter(self, handle: str, code: str) -> About:
        """Somebody typed the code that their device shows: it shows a number now, and is theirs to approve. Raises
        NotFound alike for no code, an ended one and another's."""
        person = self._active(handle)
        query = """
            UPDATE pairing SET person = ?1, number = ?2
            WHERE code = ?3 AND expires_at > ?4 AND (person IS NULL OR person = ?1) RETURNING thumbprint, about
        """
        with transaction(self._db):
            row = self._db.execute(query, (person, devices.new_number(), _hash(code), now())).fetchone()
        if row is None:
            raise NotFound(NO_SUCH_CODE)
        return msgspec.json.decode(self._seal.open(row[1], row[0]), type=About)

    def approve(self, handle: str, code: str, number: str) -> Device:
        """Bind the device whose number that is; a wrong one ends the pairing. Raises NotFound as `enter` does, BadInput
        for a wrong number, Conflict where there are too many devices."""
        person = self._active(handle)
        query = (
            "DELETE FROM pairing WHERE code = ? AND person = ? AND expires_at > ? RETURNING thumbprint, number, about"
        )
        made = 0
        with transaction(self._db):
            row = self._db.execute(query, (_hash(code), person, now())).fetchone()
            if row is None:
                raise NotFound(NO_SUCH_CODE)
            if devices.same_number(number, row[1]):
                about = msgspec.json.decode(self._seal.open(row[2], row[0]), type=About)
                made = self._bind(person, row[0], about)
        found = self._device("device.id = ?", made)
        if found is None:  # what is spent stays spent, so this is said after it was committed
            message = "That is not the number that the device shows, so nothing was bound. Let it show a new code."
            raise BadInput(message, code="wrong_number", field="number")
        return found

    def _bind(self, person: int, thumbprint: bytes, about: About) -> int:
        key, at = self._keys.person(person), now()
        # What ended by itself is on no page, so nobody could make room by revoking it.
        self._db.execute("DELETE FROM device WHERE person = ? AND until <= ?", (person, at))
        (count,) = self._db.execute("SELECT count(*) FROM device WHERE person = ?", (person,)).fetchone()
        if key is None or count >= MOST_DEVICES:
            raise Conflict(f"{MOST_DEVICES} devices are all there may be: revoke one", code="too_many_devices")
        until = at + devices.SCREEN_LIFE if about.kind == "screen" else None
        row = (thumbprint, person, about.kind, key.seal(about.name.encode(), _PLACE), at, at, until)
        query = "INSERT INTO device (thumbprint, person, kind, name, created_at, seen_at, until) VALUES (?,?,?,?,?,?,?)"
        return self._db.execute(query, row).lastrowid or 0

    # -- devices

    def use(self, proof: Proof) -> Device:
        """The device that made a signed request. Raises Unauthorized where it is bound no longer, or the request was
        made before, in whichever process."""
        with transaction(self._db):
            found = self._device("thumbprint = ?", proof.key)
            if found is None:
                raise Unauthorized(UNPROVED, code="unproved")
            spend(self._db, proof.number, proof.expires)
            if now() - found.seen_at > _SEEN_EVERY:
                self._db.execute("UPDATE device SET seen_at = ? WHERE id = ?", (now(), found.id))
        return found

    def devices(self, handle: str) -> list[Device]:
        """A person's devices, the latest used first."""
        return self._devices("person.handle = ? ORDER BY seen_at DESC, device.id DESC", handle)

    def _device(self, where: str, value: object) -> Device | None:
        return next(iter(self._devices(where, value)), None)

    def _devices(self, where: str, value: object) -> list[Device]:
        found = []
        rows = self._db.execute(f"{_DEVICES} {where}", (now(), value)).fetchall()
        for person, number, handle, kind, name, created, seen, until in rows:
            key = self._keys.person(person)
            if key is not None:
                found.append(Device(number, handle, kind, key.open(name, _PLACE).decode(), created, seen, until))
        return found

    def recovering(self, handle: str) -> int:
        """When the recovery of a person's account that goes on can be finished, µs; 0: there is none."""
        return ripe_at(self._db, handle)

    def revoke(self, handle: str, device: int) -> None:
        """Let go of a device of a person's. Raises NotFound. (Of all at once: `Accounts.end_everything`.)"""
        person = self._active(handle)
        with transaction(self._db):
            query = "DELETE FROM device WHERE person = ? AND id = ?"
            if not self._db.execute(query, (person, device)).rowcount:
                raise NotFound("you have no such device")

    # -- taps

    def tapped(self, handle: str, org: str, challenge: bytes, expires: int, level: int) -> None:
        """Somebody answered an organization's tap, which nobody does again. Raises Unauthorized where somebody has."""
        person = self._active(handle)
        with transaction(self._db):
            spend(self._db, challenge, expires)
            self._db.execute("DELETE FROM tap WHERE expires_at <= ?", (now(),))
            row = (_tap(org, challenge), person, level, now() + devices.TAP_LIFE)
            self._db.execute("INSERT INTO tap VALUES (?, ?, ?, ?)", row)

    def take_tap(self, org: str, challenge: bytes) -> tuple[str, int] | None:
        """Who answered an organization's tap (`per_…`), and how sure that is; told once, and to that one alone: what a
        till shows is seen by everybody."""
        query = "DELETE FROM tap WHERE hash = ? AND expires_at > ? RETURNING person, level"
        with transaction(self._db):
            row = self._db.execute(query, (_tap(org, challenge), now())).fetchone()
        if row is None:
            return None
        who = self._db.execute("SELECT handle FROM person WHERE id = ? AND status = ?", (row[0], ACTIVE)).fetchone()
        return None if who is None else (str(who[0]), int(row[1]))

    # -- sessions of presence

    def present(self, handle: str, org: str, device: str) -> Stay:
        """Note that a person is present at an organization, by a device of a kind: the session that they are in, or a
        new one."""
        person, at = self._active(handle), now()
        with transaction(self._db):
            query = "SELECT handle, began_at, devices FROM presence WHERE person = ? AND org = ? AND seen_at > ?"
            row = self._db.execute(query, (person, org, at - GOES_ON)).fetchone()
            named, began = (row[0], row[1]) if row else (ids.fresh("pse"), at)
            before = tuple(msgspec.json.decode(row[2])) if row else ()
            last = (*(one for one in before if one != device), device)[-_MOST_IN_SESSION:]
            cells = (person, org, named, began, at, msgspec.json.encode(last))
            self._db.execute("INSERT OR REPLACE INTO presence VALUES (?, ?, ?, ?, ?, ?)", cells)
        return Stay(org, named, began, at, last)

    def stays(self, handle: str) -> list[Stay]:
        """The sessions that a person is in, the latest first."""
        query = """
            SELECT org, handle, began_at, seen_at, devices FROM presence
            WHERE person = ? AND seen_at > ? ORDER BY seen_at DESC, org
        """
        rows = self._db.execute(query, (self._active(handle), now() - GOES_ON)).fetchall()
        return [Stay(org, named, began, seen, tuple(msgspec.json.decode(by))) for org, named, began, seen, by in rows]

    def _active(self, handle: str) -> int:
        row = self._db.execute("SELECT id, status FROM person WHERE handle = ?", (handle,)).fetchone()
        if row is None or row[1] != ACTIVE:
            raise Unauthorized(UNPROVED, code="unproved")
        return int(row[0])


def _tap(org: str, challenge: bytes) -> bytes:
    return hashlib.sha256(org.encode("utf-8", "surrogatepass") + b"\0" + challenge).digest()


def _hash(code: str) -> bytes:
    return ids.hashed(devices.plain_code(code))
