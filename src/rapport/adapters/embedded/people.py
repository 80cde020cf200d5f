"""Persons in the ledger: their claims, terms and locks; and what a decision about a customer rests on.

Every change moves the ledger's epoch and the person's version in its own transaction, so that a receipt which rests on
what was before cannot be committed after it.
"""

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import msgspec

from rapport.adapters.embedded import (
    accounts,
    agent_requests,
    claims,
    contacts,
    goals,
    goals_told,
    let_go,
    purchases,
    reminding,
    rights,
    tongues,
    wishes,
    withheld,
)
from rapport.adapters.embedded.agreements import Draft, Settling, handle_of
from rapport.adapters.embedded.holding import uses_since
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.sqlite import rows_in, snapshot, transaction
from rapport.adapters.embedded.terms_file import TermsFile
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.identifiers import normalise, type_name
from rapport.kernel.keys import digests_in
from rapport.kernel.times import now
from rapport.resolve import identifier_node
from rapport.terms import Ground, Holder, Standing, Terms
from rapport.terms.called import told_apart

ACTIVE, ERASING, ERASED = accounts.ACTIVE, "erasing", "erased"

_TOKEN = 16
_NEVER = -1
"""The epoch of no snapshot."""
_HOLDERS = """
    SELECT claim.token, person.id, person.handle, person.version, person.status, person.locked, person.terms,
           EXISTS (SELECT 1 FROM lock WHERE lock.person = person.id AND lock.org = ?),
           (SELECT id FROM agreement
            WHERE agreement.person = person.id AND agreement.org = ? AND agreement.status = 'active')
    FROM claim JOIN person ON person.id = claim.person WHERE claim.token IN ({})
"""


class Person(msgspec.Struct, frozen=True):
    """A person's account. `locked_for` names the organizations that are locked out one by one."""

    id: int
    handle: str
    created_at: int
    status: str
    locked: bool
    locked_for: tuple[str, ...]
    terms: Terms
    claims: tuple[tuple[str, str, str], ...]
    """(organization, type, value)"""

    @property
    def orgs(self) -> list[str]:
        """The organizations at which they claim something, in the order in which they came to."""
        return list(dict.fromkeys(org for org, _, _ in self.claims))

    def claims_at(self, org: str) -> tuple[tuple[str, str], ...]:
        """(type, value) of what they claim at an organization."""
        return tuple((kind, value) for company, kind, value in self.claims if company == org)


class PeopleFile:
    """Persons over one ledger connection; one instance per thread. `standing_of` tells an organization's promises."""

    def __init__(self, ledger: LedgerFile, keys: Keyring, standing_of: Callable[[str], Standing]) -> None:
        self.db = ledger.db
        self.ledger = ledger
        self.keys = keys
        self._standing_of = standing_of
        self._standings: dict[str, Standing] = {}
        self._standing_at = _NEVER
        self._called: dict[str, str] = {}
        self._called_at: tuple[int, list[str]] = _NEVER, []
        self._snapshot_at = _NEVER
        self._held: dict[tuple[str, bytes], tuple[Holder, ...]] = {}
        """Whom a snapshot was asked about."""
        self._terms = TermsFile(self.db, keys)
        self._agreements = Settling(self.db, keys, standing_of, self._terms.of)

    def name_of(self, org: str) -> str:
        """What an organization calls itself, told apart from others that are called alike."""
        with self.snapshot():
            at, orgs = self._snapshot_at, self.ledger.orgs()
            if at == _NEVER:  # as in `ground`
                return told_apart({one: self._standing_of(one).declaration.name for one in orgs}).get(org, org)
            if (at, orgs) != self._called_at:
                self._called = told_apart({one: self._standing(one, at).declaration.name for one in orgs})
                self._called_at = at, orgs
        return self._called.get(org, org)

    # -- what a decision rests on

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        if self.db.in_transaction:  # a wider one
            yield
            return
        with snapshot(self.db):
            self._snapshot_at = self._epoch()
            try:
                yield
            finally:
                self._snapshot_at = _NEVER
                self._held = {}

    def ground(self, org: str, links: Collection[str]) -> Ground:
        tokens = self._tokens((org, *link.split(":", 1)) for link in links)
        with self.snapshot():
            epoch, standing = self._promised(org)
            holders = self._held.get((org, tokens))
            if holders is None:
                holders = self._holders(org, links, tokens) if tokens else ()
                if self._snapshot_at != _NEVER:
                    self._held[org, tokens] = holders
        return Ground(epoch, org, standing, holders, tokens)

    def grounds(self, org: str, links: Sequence[Collection[str]]) -> list[Ground]:
        nodes = b"".join([identifier_node(org, *link.split(":", 1)) for several in links for link in several])
        tokens = self.keys.blind.blind(nodes)
        with self.snapshot():
            epoch, standing = self._promised(org)
            query = "SELECT token FROM claim WHERE token IN ({})"
            claimed = {token for (token,) in rows_in(self.db, query, digests_in(tokens))}
            grounds, at = [], 0
            for several in links:
                until = at + len(several) * _TOKEN
                own = tokens[at:until]
                is_claimed = bool(claimed) and not claimed.isdisjoint(digests_in(own))
                holders = self._holders(org, several, own) if is_claimed else ()
                grounds.append(Ground(epoch, org, standing, holders, own))
                at = until
        return grounds

    def _promised(self, org: str) -> tuple[int, Standing]:
        """The epoch, and what an organization promises in it."""
        if self._snapshot_at == _NEVER:  # within a transaction of the caller's, which may have changed either
            return self._epoch(), self._standing_of(org)
        return self._snapshot_at, self._standing(org, self._snapshot_at)

    def _standing(self, org: str, epoch: int) -> Standing:
        """What an organization promises, from memory as long as the epoch is the same."""
        if epoch != self._standing_at:
            self._standings.clear()
            self._standing_at = epoch
        found = self._standings.get(org)
        if found is None:
            found = self._standings[org] = self._standing_of(org)
        return found

    def _epoch(self) -> int:
        epoch: int = self.db.execute("SELECT value FROM epoch").fetchone()[0]
        return epoch

    def _tokens(self, claims: Iterable[Sequence[str]]) -> bytes:
        return self.keys.blind.blind(b"".join([_node(*claim) for claim in claims]))

    def _holders(self, org: str, links: Collection[str], tokens: bytes) -> tuple[Holder, ...]:
        parts = digests_in(tokens)
        rows = list(rows_in(self.db, _HOLDERS, parts, org, org))
        if not rows:
            return ()
        link_of = dict(zip(parts, links, strict=True))
        claimed: dict[int, set[str]] = {}
        found: dict[int, tuple[str, int, bool, bytes, str]] = {}
        for token, number, handle, version, status, locked, terms, locked_here, agreement in rows:
            claimed.setdefault(number, set()).add(link_of[token])
            shut = bool(locked or locked_here or status != ACTIVE)
            agreed = "" if agreement is None else handle_of(self.keys.blind, agreement)
            found[number] = (handle, version, shut, terms, agreed)
        return tuple(
            Holder(number, handle, version, shut, self._terms.of(key), key, frozenset(claimed[number]), agreement)
            for number, (handle, version, shut, key, agreement) in sorted(found.items())
        )

    def plain_terms(self) -> bytes:
        """The hash of the node's default terms."""
        return self._terms.key(Terms())

    def terms_of(self, key: bytes) -> Terms:
        """Terms by the hash of their content."""
        return self._terms.of(key)

    def claims(self, person: int) -> list[tuple[str, str, str]]:
        key = self.keys.person(person)
        if key is None:
            return []
        rows = self.db.execute("SELECT token, org, sealed FROM claim WHERE person = ? ORDER BY at, token", (person,))
        return [
            (org, *msgspec.msgpack.decode(key.open(sealed, token), type=tuple[str, str]))
            for token, org, sealed in rows.fetchall()
        ]

    def uses(self, person: int, org: str, purpose: str, since: int) -> int:
        return uses_since(self.db, person, org, purpose, since)

    # -- persons

    def add(self, claims: Iterable[str]) -> Person:
        """Make a person who claims `ORG:TYPE:VALUE` each. They start on the node's default terms.

        Raises BadInput for an unusable claim, NotFound for an organization that does not exist.
        """
        parsed = [self.parsed(claim) for claim in claims]
        key = self._terms.keep(Terms())
        with transaction(self.db):
            row = (ids.fresh("per"), now(), 1, ACTIVE, False, key)
            (number,) = self.db.execute(
                "INSERT INTO person (handle, created_at, version, status, locked, terms) VALUES (?, ?, ?, ?, ?, ?) "
                "RETURNING id",
                row,
            ).fetchone()
            self.keys.make_person(number)
            self.put_claims(number, parsed)
            self._moved()
        return self.person(row[0])

    def claim(self, handle: str, claims: Iterable[str]) -> Person:
        """Claim more identifiers for a person."""
        parsed = [self.parsed(claim) for claim in claims]
        with self.changing(handle) as person:
            self.put_claims(person, parsed)
        return self.person(handle)

    def parsed(self, claim: str) -> tuple[str, str, str]:
        """A claim `ORG:TYPE:VALUE` in its one spelling. Raises BadInput, NotFound."""
        org, _, rest = claim.partition(":")
        kind, _, raw = rest.partition(":")
        name = type_name(kind)
        value = normalise(name, raw) if name else None
        if not org or name is None or value is None:
            message = f"{claim[:100]!r} is no claim: ORG:TYPE:VALUE is needed, such as shop:email:ada@example.com"
            raise BadInput(message, code="bad_claim", field="claim")
        if not self.ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="claim")
        return org, name, value

    # -- for claims that were proved (`claims.Claims`), within a transaction of theirs

    def tokens_of(self, claims: Sequence[tuple[str, str, str]]) -> list[bytes]:
        return digests_in(self._tokens(claims))

    def put_claims(self, person: int, claims: Sequence[tuple[str, str, str]]) -> None:
        key = self.keys.person(person)
        if key is None:
            raise Conflict("this person is erased", code="erased")
        for (org, kind, value), token in zip(claims, digests_in(self._tokens(claims)), strict=True):
            sealed = key.seal(msgspec.msgpack.encode((kind, value)), token)
            self.db.execute("INSERT OR IGNORE INTO claim VALUES (?, ?, ?, ?, ?)", (token, person, org, sealed, now()))

    def moved(self, person: int) -> None:
        """Say that what a person claims was changed, with what follows for their agreements."""
        self.db.execute("UPDATE person SET version = version + 1 WHERE id = ?", (person,))
        self._agreements.settle(person)
        self._moved()

    def person(self, handle: str) -> Person:
        """Raises NotFound."""
        query = "SELECT id, created_at, status, locked, terms FROM person WHERE handle = ?"
        row = self.db.execute(query, (handle,)).fetchone()
        if row is None:
            raise NotFound(f"there is no person {handle[:60]!r}")
        number, created, status, locked, key = row
        orgs = self.db.execute("SELECT org FROM lock WHERE person = ? ORDER BY org", (number,)).fetchall()
        return Person(
            number,
            handle,
            created,
            status,
            bool(locked),
            tuple(org for (org,) in orgs),
            self.terms_of(key),
            tuple(self.claims(number)),
        )

    def handle_of(self, number: int) -> str | None:
        """The handle of a person's number; None where that is nobody's."""
        row = self.db.execute("SELECT handle FROM person WHERE id = ?", (number,)).fetchone()
        return None if row is None else row[0]

    def persons(self, after: int = 0, limit: int = 50) -> list[tuple[int, str, str]]:
        """(number, handle, status) of persons, oldest first."""
        query = "SELECT id, handle, status FROM person WHERE id > ? ORDER BY id LIMIT ?"
        return self.db.execute(query, (after, limit)).fetchall()

    # -- changes of mind

    def lock(self, handle: str, org: str | None = None) -> None:
        """Shut everyone out, or one organization; from the next read on, in every process."""
        self.known_org(org)
        with self.changing(handle) as person:
            if org is None:
                self.db.execute("UPDATE person SET locked = 1 WHERE id = ?", (person,))
            else:
                self.db.execute("INSERT OR IGNORE INTO lock VALUES (?, ?)", (person, org))

    def unlock(self, handle: str, org: str | None = None) -> None:
        """Undo a lock of the same reach: what was readable before it is again."""
        self.known_org(org)
        with self.changing(handle) as person:
            if org is None:
                self.db.execute("UPDATE person SET locked = 0 WHERE id = ?", (person,))
            else:
                self.db.execute("DELETE FROM lock WHERE person = ? AND org = ?", (person, org))

    def known_org(self, org: str | None) -> None:
        """Raises NotFound."""
        if org is not None and not self.ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")

    def set_terms(self, handle: str, terms: Terms, then: Callable[[int, list[int]], None] | None = None) -> None:
        """`then` is told, within the transaction, the person's number and those of the agreements that begin by it;
        where it raises, nothing is changed."""
        key = self._terms.keep(terms)
        with self.changing(handle, then=then) as person:
            self.db.execute("UPDATE person SET terms = ? WHERE id = ?", (key, person))

    def drafts(self, person: int, terms: Terms, at: int) -> list[Draft]:
        """The agreements that would begin at a time, were these a person's terms. Changes nothing."""
        with self.snapshot():
            return self._agreements.drafts(person, self._terms.key(terms), terms, at)[1]

    def set_status(self, handle: str, status: str) -> None:
        """`erasing` shuts everyone out for good; `erased` when nothing is left."""
        with self.changing(handle, even_erased=True) as person:
            self.db.execute("UPDATE person SET status = ? WHERE id = ?", (status, person))

    def forget_claims(self, handle: str) -> None:
        """Let go of a person's claims, and of the key they are sealed under."""
        with self.changing(handle, even_erased=True) as person:
            self.db.execute("DELETE FROM claim WHERE person = ?", (person,))
            self._agreements.forget(person)
            rights.forget(self.db, person)
            accounts.forget(self.db, person)
            contacts.forget(self.db, person)
            claims.forget(self.db, person)
            purchases.forget(self.db, person)
            reminding.forget(self.db, person)
            tongues.forget(self.db, person)
            wishes.forget(self.db, person)
            agent_requests.forget(self.db, self.keys, person)
            goals_told.forget(self.db, person)
            goals.forget(self.db, person)
            let_go.forget(self.db, person)
            withheld.forget(self.db, person)
            self.keys.destroy_person(person)

    @contextlib.contextmanager
    def changing(
        self, handle: str, *, even_erased: bool = False, then: Callable[[int, list[int]], None] | None = None
    ) -> Iterator[int]:
        """One transaction that changes a person, with what follows for their agreements, and says so."""
        with transaction(self.db):
            row = self.db.execute("SELECT id, status FROM person WHERE handle = ?", (handle,)).fetchone()
            if row is None:
                raise NotFound(f"there is no person {handle[:60]!r}")
            if row[1] != ACTIVE and not even_erased:
                raise Conflict("this person is erased, or about to be", code="erased")
            self.db.execute("UPDATE person SET version = version + 1 WHERE id = ?", (row[0],))
            yield row[0]
            begun = self._agreements.settle(row[0])
            if then is not None:
                then(row[0], begun)
            # Last, since what is remembered of promises goes by the epoch, and this one may yet be rolled back.
            self._moved()

    def _moved(self) -> None:
        self.db.execute("UPDATE epoch SET value = value + 1")


@lru_cache(65_536)
def _node(org: str, kind: str, value: str) -> bytes:
    """An identifier's node: a customer's page and all its parts ask for the same ones."""
    return identifier_node(org, kind, value)
