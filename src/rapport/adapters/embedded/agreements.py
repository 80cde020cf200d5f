"""Agreements in the ledger: made and ended in the transaction that changes what they rest on, and shown to both sides.

An agreement is a row that names its content by hash; the document is made, signed and kept when it is first fetched.
Signing each at once would cost a second per ten thousand where a declaration lets many in, and give nothing: the row
already fixes all that the document says. What is signed is sealed under the person's key, and goes with it.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rapport.adapters.embedded import by_hand
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.promises import PromiseBook
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids
from rapport.kernel.errors import NotFound
from rapport.kernel.keys import BlindKey
from rapport.kernel.times import now, rfc3339
from rapport.terms import agreements
from rapport.terms.agreements import Agreed, Status
from rapport.terms.by_hand import Hand, vouched
from rapport.terms.clauses import Terms
from rapport.terms.consent_receipts import consent_receipt
from rapport.terms.declaration import Standing
from rapport.terms.notices import Notice
from rapport.terms.policy import Judge

AGREEMENT = b"agr"
PAGE = 50

_WANTED = """
    SELECT org, EXISTS (SELECT 1 FROM lock WHERE lock.person = ?1 AND lock.org = claimed.org)
    FROM (SELECT DISTINCT org FROM claim WHERE person = ?1) AS claimed
"""
_ACTIVE = "SELECT id, org, content FROM agreement WHERE person = ? AND status = 'active'"
_MAKE = """
    INSERT INTO agreement (person, org, status, terms, declaration, at, content, previous)
    VALUES (?, ?, 'active', ?, ?, ?, ?, ?)
"""
_END = "UPDATE agreement SET status = 'ended', ended_at = ? WHERE id = ?"
_LISTED = "SELECT id, org, status, declaration, at, ended_at, content, previous FROM agreement WHERE"

_decode = msgspec.json.Decoder(tuple[Agreed, ...]).decode


class Agreement(msgspec.Struct, frozen=True):
    """An agreement in a list. `since` and `ended_at` are in µs: exact for the person, cut to the day for organizations;
    `previous` is the handle of the one that it follows; `by_hand`: the person signed it themselves."""

    handle: str
    org: str
    status: Status
    version: int
    since: int
    ended_at: int | None
    agreed: tuple[Agreed, ...]
    previous: str | None
    by_hand: bool = False


class Draft(NamedTuple):
    """An agreement that is not recorded yet; `previous` is the number of the one that it would follow."""

    org: str
    agreed: tuple[Agreed, ...]
    version: int
    previous: int | None


class Told(msgspec.Struct, frozen=True):
    """A notice to a person, and when (µs)."""

    number: int
    at: int
    notice: Notice


class Contents:
    """What agreements and notices say, each once, by its keyed hash; sealed by the node."""

    def __init__(self, db: sqlite3.Connection, keys: Keyring) -> None:
        self._db = db
        self._seal = keys.node("contents")
        self._secret = keys.secret("contents")

    def row(self, body: bytes) -> tuple[bytes, bytes]:
        """(hash, sealed body), to be put."""
        key = self.row_key(body)
        return key, self._seal.seal(body, key)

    def row_key(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, key=self._secret, digest_size=16).digest()

    def put(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        """Within a transaction."""
        self._db.executemany("INSERT OR IGNORE INTO content VALUES (?, ?)", rows)

    def get(self, key: bytes) -> bytes:
        (sealed,) = self._db.execute("SELECT body FROM content WHERE hash = ?", (key,)).fetchone()
        return self._seal.open(sealed, key)

    def agreed(self, key: bytes) -> tuple[Agreed, ...]:
        return _decode(self.get(key))

    def opened(self, key: bytes, sealed: bytes) -> tuple[Agreed, ...]:
        """Of what is not put yet."""
        return _decode(self._seal.open(sealed, key))


@lru_cache(maxsize=100_000)
def handle_of(key: BlindKey, number: int) -> str:
    """The handle of an agreement: nothing of its number, and so of when it was made, is to be seen from it."""
    return ids.handle(key, AGREEMENT, number)


class Settling:
    """What becomes of a person's agreements when they change something: part of that transaction.

    `standing_of` tells what an organization promises, `terms_of` terms by their hash.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        keys: Keyring,
        standing_of: Callable[[str], Standing],
        terms_of: Callable[[bytes], Terms],
    ) -> None:
        self._db = db
        self._contents = Contents(db, keys)
        self._standing_of = standing_of
        self._terms_of = terms_of
        self._judge = Judge()

    def settle(self, person: int) -> list[int]:
        """Begin and end agreements so that they are those which terms, locks and promises make now. An agreement that
        means the same goes on. Returns the numbers of those that began."""
        at = now()
        (key,) = self._db.execute("SELECT terms FROM person WHERE id = ?", (person,)).fetchone()
        ended, begun = self.drafts(person, key, self._terms_of(key), at)
        for number in ended:
            self._db.execute(_END, (at, number))
        numbers = []
        for draft in begun:
            row = self._contents.row(agreements.content(draft.agreed))
            self._contents.put([row])
            made = (person, draft.org, key, draft.version, at, row[0], draft.previous)
            numbers.append(self._db.execute(_MAKE, made).lastrowid or 0)
        return numbers

    def drafts(self, person: int, key: bytes, terms: Terms, at: int) -> tuple[list[int], list[Draft]]:
        """Which agreements would end (by number), and which begin, were these a person's terms (`key`: their content
        hash). Changes nothing."""
        (is_open,) = self._db.execute(
            "SELECT status = 'active' AND NOT locked FROM person WHERE id = ?", (person,)
        ).fetchone()
        rows = self._db.execute(_ACTIVE, (person,)).fetchall()
        active = {org: (number, content) for number, org, content in rows}
        wanted: dict[str, tuple[Agreed, ...]] = {}
        if is_open and agreements.has_own(terms):
            for org, locked in self._db.execute(_WANTED, (person,)).fetchall():
                agreed = () if locked else agreements.meet(self._judge, terms, key, self._standing_of(org), at)
                if agreed:
                    wanted[org] = agreed
        ended = []
        for org, (number, content) in active.items():
            if org in wanted and self._contents.row_key(agreements.content(wanted[org])) == content:
                del wanted[org]
            else:
                ended.append(number)
        begun = [
            Draft(org, agreed, self._standing_of(org).version, active.get(org, (None,))[0])
            for org, agreed in wanted.items()
        ]
        return ended, begun

    def forget(self, person: int) -> None:
        """Leave nothing of what an erased person agreed on or was told."""
        by_hand.forget(self._db, person)
        self._db.execute("DELETE FROM agreement WHERE person = ?", (person,))
        self._db.execute("DELETE FROM notice WHERE person = ?", (person,))


class AgreementBook:
    """Agreements and notices for those who ask, over one ledger connection; one instance per thread."""

    def __init__(
        self, db: sqlite3.Connection, keys: Keyring, book: PromiseBook, terms_of: Callable[[bytes], Terms]
    ) -> None:
        self._db = db
        self._keys = keys
        self._book = book
        self._terms_of = terms_of
        self._contents = Contents(db, keys)
        self._secret = keys.secret("agreements")

    def of_org(
        self, org: str, before: int = 1 << 62, limit: int = PAGE, *, active: bool = True
    ) -> tuple[list[Agreement], int | None]:
        """An organization's agreements, the newest first, and what to ask with as `before` for those after them. Each
        is known by its handle alone: to which customer it belongs is not told."""
        only = " AND status = 'active'" if active else ""
        query = f"{_LISTED} org = ? AND id < ?{only} ORDER BY id DESC LIMIT ?"
        rows = self._db.execute(query, (org, before, limit + 1)).fetchall()
        listed = [_cut(self._listed(row)) for row in rows[:limit]]
        return listed, rows[limit - 1][0] if len(rows) > limit else None

    def of_person(self, person: int) -> list[Agreement]:
        """All of a person's agreements, the newest first."""
        rows = self._db.execute(f"{_LISTED} person = ? ORDER BY id DESC", (person,)).fetchall()
        return [self._listed(row) for row in rows]

    def notices(self, person: int, before: int = 1 << 62, limit: int = PAGE) -> list[Told]:
        """What a person was told, the newest first."""
        query = "SELECT id, at, body FROM notice WHERE person = ? AND id < ? ORDER BY id DESC LIMIT ?"
        rows = self._db.execute(query, (person, before, limit)).fetchall()
        return [
            Told(number, at, msgspec.json.decode(self._contents.get(body), type=Notice)) for number, at, body in rows
        ]

    def _listed(self, row: Sequence[Any]) -> Agreement:
        number, org, status, version, at, ended_at, content, previous = row
        return Agreement(
            self._handle(number),
            org,
            status,
            version,
            at,
            ended_at,
            self._contents.agreed(content),
            None if previous is None else self._handle(previous),
            by_hand.is_signed(self._db, number),
        )

    def _handle(self, number: int) -> str:
        return handle_of(self._keys.blind, number)

    # -- the document

    def document(self, handle: str, *, org: str | None = None, person: int | None = None) -> dict[str, Any]:
        """The signed document, byte for byte the same for both sides. `org` or `person`: only where it is theirs.
        Raises NotFound."""
        number, whose, signed = self._row(handle, org, person)
        key = self._keys.person(whose)
        if key is None:
            raise NotFound("there is no such agreement")
        if signed is None:
            document = self._made(number)
            place = f"agreement:{number}".encode()
            sealed = key.seal(json.dumps(document).encode(), place)
            with transaction(self._db):
                # Of two that come at once the first counts: an organization's key may have changed between them.
                query = "UPDATE agreement SET signed = ? WHERE id = ? AND signed IS NULL"
                self._db.execute(query, (sealed, number))
            signed = self._row(handle, org, person)[2]
        found: dict[str, Any] = json.loads(key.open(signed or b"", f"agreement:{number}".encode()))
        return found

    def show(self, handle: str, *, org: str | None = None, person: int | None = None) -> dict[str, Any]:
        """`{"agreement": the document, "status", "ended": a day or None, "by_hand": whether the person signed it
        themselves}`, and `"hand"`, that signature, where there is one: it is not an organization's to see. Raises
        NotFound."""
        number, whose, _ = self._row(handle, org, person)
        document = self.document(handle, org=org, person=person)
        status, ended_at = self._db.execute("SELECT status, ended_at FROM agreement WHERE id = ?", (number,)).fetchone()
        hand = by_hand.of(self._db, self._keys, number)
        shown = {"agreement": document, "status": status, "ended": rfc3339(ended_at)[:10] if ended_at else None}
        shown["by_hand"] = hand is not None
        if hand is not None and org is None:
            shown["hand"] = vouched(hand, self._person_key(whose, str(document["second_party"]["organization"])))
        return shown

    # -- to be signed by the person's own hand

    def unsigned(self, person: int) -> list[tuple[int, dict[str, Any]]]:
        """A person's agreements in force that they did not sign themselves, by number; documents without handle and
        signatures."""
        query = "SELECT id FROM agreement WHERE person = ? AND status = 'active' ORDER BY id"
        numbers = [number for (number,) in self._db.execute(query, (person,)).fetchall()]
        return [(number, self.to_sign(number)) for number in numbers if not by_hand.is_signed(self._db, number)]

    def to_sign(self, number: int) -> dict[str, Any]:
        """What a person signs of a recorded agreement: its document, without handle and signatures."""
        person, org, terms, version, at, content, previous = self._recorded(number)
        draft = Draft(org, self._contents.agreed(content), version, previous)
        return self.drafted(person, draft, self._terms_of(terms), at)

    def drafted(self, person: int, draft: Draft, terms: Terms, at: int) -> dict[str, Any]:
        """The document of an agreement that would begin at a time, without handle and signatures."""
        document = self._unsigned("", person, draft, terms, at)
        del document["agreement"]
        return document

    def sign(self, person: int, numbers: Sequence[int], hand: Hand) -> None:
        """Keep a person's own signature with agreements of theirs. Within a transaction."""
        by_hand.keep(self._db, self._keys, person, numbers, hand)

    def receipt(
        self, handle: str, *, org: str | None = None, person: int | None = None, origin: str = ""
    ) -> dict[str, Any]:
        """The consent receipt (ISO/IEC TS 27560). Raises NotFound."""
        document = self.document(handle, org=org, person=person)
        number = self._row(handle, org, person)[0]
        (ended_at,) = self._db.execute("SELECT ended_at FROM agreement WHERE id = ?", (number,)).fetchone()
        return consent_receipt(document, ended_at, origin)

    def _row(self, handle: str, org: str | None, person: int | None) -> tuple[int, int, bytes | None]:
        number = ids.record_of(self._keys.blind, AGREEMENT, handle)
        row = None
        if number is not None and number < 1 << 62:
            query = "SELECT id, person, signed, org FROM agreement WHERE id = ?"
            row = self._db.execute(query, (number,)).fetchone()
        if row is None or (org is not None and row[3] != org) or (person is not None and row[1] != person):
            raise NotFound("there is no such agreement")
        return row[0], row[1], row[2]

    def _recorded(self, number: int) -> Any:
        query = "SELECT person, org, terms, declaration, at, content, previous FROM agreement WHERE id = ?"
        return self._db.execute(query, (number,)).fetchone()

    def _made(self, number: int) -> dict[str, Any]:
        person, org, terms, version, at, content, previous = self._recorded(number)
        draft = Draft(org, self._contents.agreed(content), version, previous)
        unsigned = self._unsigned(self._handle(number), person, draft, self._terms_of(terms), at)
        for_org = self._for_org(org, unsigned, self._book.document(org, version))
        return {**unsigned, "signatures": [for_org, self._for_person(person, org, unsigned)]}

    def _unsigned(self, handle: str, person: int, draft: Draft, terms: Terms, at: int) -> dict[str, Any]:
        org, declared = draft.org, self._book.document(draft.org, draft.version)
        parties = agreements.Parties(
            org,
            declared["declaration"].get("name", ""),
            agreements.pseudonym(self._secret, person, org),
            agreements.commitment(self._secret, person, org, terms),
        )
        previous = None if draft.previous is None else self._handle(draft.previous)
        return agreements.document(handle, parties, draft.agreed, (draft.version, declared["hash"]), at, previous)

    def _for_person(self, person: int, org: str, unsigned: dict[str, Any]) -> dict[str, Any]:
        private = self._person_key(person, org)
        return agreements.signature(private, unsigned, "person", agreements.HELD_FOR_THE_PERSON)

    def _person_key(self, person: int, org: str) -> Ed25519PrivateKey:
        key = self._keys.person(person)
        if key is None:
            raise NotFound("there is no such agreement")
        return agreements.person_key(key.raw, org)

    def _for_org(self, org: str, unsigned: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
        private = self._book.held_key(org)
        if private is not None:
            return agreements.signature(private, unsigned, "organization", agreements.HELD_FOR_THE_ORGANIZATION)
        signature = declared["signature"]
        if signature is None:
            raise NotFound(f"{org} signs for itself, and has declared nothing yet")
        return agreements.standing_offer(signature["key"], signature["value"])


def _cut(agreement: Agreement) -> Agreement:
    """As organizations see it: moments that would tell whose it is are cut to the day."""
    day = 86_400_000_000
    ended = None if agreement.ended_at is None else agreement.ended_at // day * day
    return msgspec.structs.replace(agreement, since=agreement.since // day * day, ended_at=ended)
