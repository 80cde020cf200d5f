"""The book of declarations in ledger.db: what each organization promises, version by version, and who may vouch.

A declaration is signed when it is put: by a key that the node holds for the organization (made at first use, its
private half sealed), or, once the organization has registered a key of its own, by the organization itself. Then the
node cannot promise anything in its name. Every change advances the ledger's epoch in its own transaction.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.keys import SealKey
from rapport.kernel.times import MINUTE, now, rfc3339
from rapport.terms import promises
from rapport.terms.declaration import DEFAULT, Declaration, Standing
from rapport.terms.promises import UNSIGNED, Attester, OrgKey, OwnSignature

SKEW = 10 * MINUTE
"""By how much the `since` that an organization signs may differ from the node's clock."""

MAX_ATTESTER = 100

OnChange = Callable[[str, Standing, Standing], None]

_decode = msgspec.json.Decoder(Declaration).decode


class _Row(msgspec.Struct, frozen=True):
    """A declaration as it is kept. Version 0 is what holds before anything was declared; nobody signed it."""

    version: int
    at: int
    hash: str
    body: bytes
    signature: bytes = b""
    public: bytes = b""


class PromiseBook:
    """Declarations over one ledger; like it, one instance per thread. `on_change` is called after a change has been
    committed by this instance, with what stood before and what stands now."""

    def __init__(self, ledger: LedgerFile, keys: Keyring, on_change: OnChange | None = None) -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._keys = keys
        self._standing: dict[str, Standing] = {}
        self._epoch = -1
        self.on_change = on_change

    # -- what stands

    def standing(self, org: str) -> Standing:
        """The declaration in force, from memory as long as the ledger's epoch is the same. Where nothing was declared
        it is DEFAULT, as version 0."""
        epoch: int = self._db.execute("SELECT value FROM epoch").fetchone()[0]
        if epoch != self._epoch:
            self._standing.clear()
            self._epoch = epoch
        found = self._standing.get(org)
        if found is None:
            found = self._standing[org] = self._stands(org, self._row(org))
        return found

    def version(self, org: str, number: int) -> Standing:
        """A version, in force or not, with who vouches for its values today. Raises NotFound."""
        return self._stands(org, self._version(org, number))

    def history(self, org: str) -> list[Standing]:
        """All versions, the newest first. Raises NotFound where there is no such organization."""
        self._created(org)
        query = "SELECT version, at, hash, body, signature, public FROM declaration WHERE org = ? ORDER BY version DESC"
        rows = [_Row(*row) for row in self._db.execute(query, (org,)).fetchall()]
        return [self._stands(org, row) for row in rows] or [self._stands(org, self._row(org))]

    def document(self, org: str, number: int | None = None) -> dict[str, Any]:
        """The published document, of the version in force or of another. The one of version 0 has `null` in place of a
        signature: nobody has promised it. Raises NotFound."""
        self._created(org)
        row = self._row(org) if number is None else self._version(org, number)
        previous = self._version(org, row.version - 1).hash if row.version > 1 else None
        document = promises.published(org, row.version, json.loads(row.body), row.at, previous)
        return promises.signed(document, row.public, row.signature) if row.version else {**document, "signature": None}

    def remarks(self, org: str) -> list[str]:
        """A sentence for each claim in force that counts for less than its writer may think."""
        return promises.remarks(org, self.standing(org).declaration, self._attester_keys(), now())

    def _stands(self, org: str, row: _Row) -> Standing:
        return promises.standing(org, _decode(row.body), row.version, row.at, self._attester_keys())

    def _row(self, org: str) -> _Row:
        query = (
            "SELECT version, at, hash, body, signature, public FROM declaration WHERE org = ? "
            "ORDER BY version DESC LIMIT 1"
        )
        row = self._db.execute(query, (org,)).fetchone()
        return _Row(*row) if row is not None else self._default(org)

    def _version(self, org: str, number: int) -> _Row:
        if number == 0:
            self._created(org)
            return self._default(org)
        query = "SELECT version, at, hash, body, signature, public FROM declaration WHERE org = ? AND version = ?"
        row = self._db.execute(query, (org, number)).fetchone() if 0 < number < 1 << 62 else None
        if row is None:
            raise NotFound("there is no such declaration")
        return _Row(*row)

    def _default(self, org: str) -> _Row:
        row = self._db.execute("SELECT created_at FROM org WHERE name = ?", (org,)).fetchone()
        return _Row(0, row[0] if row else 0, promises.hash_of(DEFAULT), promises.canonical(DEFAULT))

    def _created(self, org: str) -> int:
        """When the organization was made. Raises NotFound."""
        row = self._db.execute("SELECT created_at FROM org WHERE name = ?", (org,)).fetchone()
        if row is None:
            raise NotFound(f"there is no organization {org[:63]!r}", field="org")
        return int(row[0])

    # -- declaring

    def put(
        self,
        org: str,
        body: bytes,
        form: promises.Format = "json",
        own: OwnSignature = UNSIGNED,
        expected: int | None = None,
    ) -> Standing:
        """Declare; what stands already is left as it is, and makes no new version.

        An organization with a key of its own signs the canonical document that will be published (`draft`). `expected`
        is the version that this is to replace.

        Raises BadInput: of `parse`, `forged_claim`, `missing_signature`, `wrong_key`, `bad_time`; NotFound where there
        is no such organization; Conflict `outdated` where another version than the expected one is in force; Full.
        """
        declaration = promises.parse(body, form)
        attesters = self._attester_keys()
        promises.check_claims(org, declaration, attesters, now())
        self._created(org)
        seal = self._seal()
        with translating(self._ledger.path), transaction(self._db):
            row = self._row(org)
            if expected is not None and expected != row.version:
                message = f"version {row.version} is in force, not {expected}: look at what changed, and try again"
                raise Conflict(message, code="outdated")
            key, private = self._signing(org, seal)
            if row.version and row.public == key and row.hash == promises.hash_of(declaration):
                return self._stands(org, row)
            fresh = max(now(), row.at + 1)  # a clock that was set back must not turn the versions' order around
            if private is not None:
                _check_none(org, own)
                at, document = fresh, self.draft(org, declaration, fresh, row)
                signature = private.sign(promises.canonical_json(document))
            else:
                at = fresh if own.since is None else own.since
                document = self.draft(org, declaration, at, row)
                signature = _check_own(org, key, own, document)
                if at <= row.at or abs(at - fresh) > SKEW:
                    message = f"since must be within ten minutes of {rfc3339(fresh)}, and after the version before"
                    raise BadInput(message, code="bad_time", field="since")
            values = (org, row.version + 1, at, document["hash"], promises.canonical(declaration), signature, key)
            self._db.execute("INSERT INTO declaration VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            self._advance()
        old, new = self._stands(org, row), self.standing(org)
        self._changed(org, old, new)
        return new

    def draft(self, org: str, declaration: Declaration, since: int, row: _Row | None = None) -> dict[str, Any]:
        """The document that `put` would publish next, unsigned: what an organization with its own key signs."""
        row = row or self._row(org)
        previous = row.hash if row.version else None
        return promises.published(org, row.version + 1, promises.plain(declaration), since, previous)

    def _advance(self) -> None:
        self._db.execute("UPDATE epoch SET value = value + 1")

    # -- keys

    def key(self, org: str) -> OrgKey:
        """The key that the organization signs with, made if there is none yet. Raises NotFound, Full."""
        self._created(org)
        if self.known_key(org) is None:
            seal = self._seal()
            with translating(self._ledger.path), transaction(self._db):
                self._signing(org, seal)
        found = self.known_key(org)
        assert found is not None  # noqa: S101 (just made)
        return found

    def known_key(self, org: str) -> OrgKey | None:
        """The same, or None where it has signed nothing yet."""
        row = self._db.execute("SELECT public, sealed IS NULL FROM signing WHERE org = ?", (org,)).fetchone()
        if row is None:
            return None
        query = "SELECT public FROM declaration WHERE org = ? GROUP BY public ORDER BY max(version) DESC"
        earlier = tuple(public for (public,) in self._db.execute(query, (org,)).fetchall() if public != row[0])
        return OrgKey(row[0], bool(row[1]), earlier)

    def held_key(self, org: str) -> Ed25519PrivateKey | None:
        """The private key that the node holds for the organization, made if there is none; None where the organization
        signs for itself. Raises NotFound, Full."""
        self.key(org)
        return self._signing(org, self._seal())[1]

    def sending_key(self, org: str) -> Ed25519PrivateKey:
        """The key by which the node signs what it sends in the organization's name: the one that it holds for it, or,
        where the organization signs for itself, one for such letters alone. Raises NotFound, Full."""
        held = self.held_key(org)
        return held or Ed25519PrivateKey.from_private_bytes(self._keys.secret(f"sending:{org}"))

    def sending_public(self, org: str) -> bytes:
        """Its public half (32 bytes)."""
        return self.sending_key(org).public_key().public_bytes_raw()

    def candidate(self, org: str, declaration: Declaration) -> Standing:
        """How a declaration would stand if it were put now, without putting it; its version is -1. Raises BadInput as
        `put` does, NotFound."""
        self._created(org)
        attesters = self._attester_keys()
        promises.check_claims(org, declaration, attesters, now())
        return promises.standing(org, declaration, -1, now(), attesters)

    def set_key(self, org: str, public: bytes) -> OrgKey:
        """Register the organization's own public key (32 bytes): from now on nothing is declared without its signature,
        and the node drops the key that it held. What was declared stays. Raises NotFound, Full."""
        self._created(org)
        with translating(self._ledger.path), transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO signing VALUES (?, ?, NULL)", (org, public))
        return self.key(org)

    def _seal(self) -> SealKey:
        return self._keys.node("signing")

    def _signing(self, org: str, seal: SealKey) -> tuple[bytes, Ed25519PrivateKey | None]:
        """The public key, and the private one where the node holds it; made within the transaction that needs it."""
        row = self._db.execute("SELECT public, sealed FROM signing WHERE org = ?", (org,)).fetchone()
        place = f"signing:{org}".encode()
        if row is None:
            key = Ed25519PrivateKey.generate()
            public = key.public_key().public_bytes_raw()
            self._db.execute(
                "INSERT INTO signing VALUES (?, ?, ?)", (org, public, seal.seal(key.private_bytes_raw(), place))
            )
            return public, key
        return row[0], None if row[1] is None else Ed25519PrivateKey.from_private_bytes(seal.open(row[1], place))

    # -- attesters

    def attesters(self) -> list[Attester]:
        """Those whose word counts at this node, by name."""
        rows = self._db.execute("SELECT name, public, added_at FROM attester ORDER BY name").fetchall()
        return [Attester(*row) for row in rows]

    def add_attester(self, name: str, public: bytes) -> Attester:
        """Let an attester's word count. Raises BadInput `bad_name`, Conflict `exists`."""
        if not (name.strip() == name and name.isprintable() and 0 < len(name) <= MAX_ATTESTER):
            raise BadInput(f"{name[:70]!r} cannot name an attester", code="bad_name", field="name")
        attester = Attester(name, public, now())
        before = self._all()
        with translating(self._ledger.path), transaction(self._db):
            if self._db.execute("SELECT 1 FROM attester WHERE name = ?", (name,)).fetchone() is not None:
                raise Conflict(f"there is an attester {name!r} already", code="exists", field="name")
            self._db.execute("INSERT INTO attester VALUES (?, ?, ?)", (name, public, attester.added_at))
            self._advance()
        self._tell(before)
        return attester

    def remove_attester(self, name: str) -> None:
        """Let an attester's word count no longer: what it vouched for is self-declared from now on. Raises NotFound."""
        before = self._all()
        with translating(self._ledger.path), transaction(self._db):
            if not self._db.execute("DELETE FROM attester WHERE name = ?", (name,)).rowcount:
                raise NotFound(f"there is no attester {name!r}", field="name")
            self._advance()
        self._tell(before)

    def _attester_keys(self) -> dict[str, bytes]:
        return dict(self._db.execute("SELECT name, public FROM attester").fetchall())

    def _all(self) -> dict[str, Standing]:
        orgs = self._db.execute("SELECT DISTINCT org FROM declaration").fetchall()
        return {org: self.standing(org) for (org,) in orgs}

    def _tell(self, before: dict[str, Standing]) -> None:
        for org, old in before.items():
            new = self.standing(org)
            if new != old:
                self._changed(org, old, new)

    def _changed(self, org: str, old: Standing, new: Standing) -> None:
        if self.on_change is not None:
            self.on_change(org, old, new)


def _check_none(org: str, own: OwnSignature) -> None:
    if own.signature is not None or own.public is not None:
        message = f"{org} has registered no key of its own: nothing is signed but by the node"
        raise BadInput(message, code="wrong_key", field="signature")


def _check_own(org: str, key: bytes, own: OwnSignature, document: dict[str, Any]) -> bytes:
    """The signature. Raises BadInput where it is not the organization's own over the document."""
    if own.signature is None:
        message = f"{org} signs with a key of its own: a signature is needed"
        raise BadInput(message, code="missing_signature", field="signature")
    if own.public is not None and own.public != key:
        raise BadInput(f"this is not the key that {org} registered", code="wrong_key", field="key")
    if not promises.signed_by(key, own.signature, promises.canonical_json(document)):
        message = f"the signature is not by {org}'s own key over version {document['version']} of {document['since']}"
        raise BadInput(message, code="wrong_key", field="signature")
    return own.signature
