"""Crowds of people in the ledger: by the terms they share, and by what their refusals wanted."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable

import msgspec

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import snapshot
from rapport.kernel import ids
from rapport.kernel.times import DAY, now
from rapport.terms.aggregates import Guard
from rapport.terms.clauses import Terms
from rapport.terms.simulator import Group

REFUSALS_DAYS = 30
MOST_REFUSALS = 1_000_000
MOST_TOLD = 200
_TOGETHER = 20_000

_OPEN = """
    SELECT person.id, person.terms
    FROM (SELECT DISTINCT person FROM claim WHERE org = ?1) AS claimed JOIN person ON person.id = claimed.person
    WHERE person.status = 'active' AND NOT person.locked
      AND NOT EXISTS (SELECT 1 FROM lock WHERE lock.person = person.id AND lock.org = ?1)
"""
_REFUSED = """
    SELECT receipt.person, receipt.unmet, person.terms
    FROM receipt LEFT JOIN person ON person.id = receipt.person
    WHERE receipt.org = ? AND receipt.person IS NOT NULL AND receipt.decision = 'refused' AND receipt.at >= ?
    ORDER BY receipt.seq DESC LIMIT ?
"""
_TELLING = """
    SELECT tree.customer, receipt.purpose, receipt.unmet, receipt.at, person.terms
    FROM receipt JOIN person ON person.id = receipt.person JOIN tree ON tree.id = receipt.tree
    WHERE receipt.org = ?1 AND receipt.decision = 'refused' AND receipt.at >= ?2 AND receipt.unmet IS NOT NULL
      AND person.status = 'active' AND NOT person.locked
      AND NOT EXISTS (SELECT 1 FROM lock WHERE lock.person = person.id AND lock.org = ?1)
    ORDER BY receipt.seq DESC LIMIT ?3
"""


class Refusal(msgspec.Struct, frozen=True):
    """A criterion that people's terms wanted met, in words, and about how many were refused by it."""

    criterion: str
    people: int


class Told(msgspec.Struct, frozen=True):
    """What the terms of one customer wanted, who chose to tell it: when they were refused last, µs, and what for."""

    customer: str
    purpose: str
    unmet: tuple[str, ...]
    at: int


class Refusals(msgspec.Struct, frozen=True):
    """Refused reads of the last `days`. `people`: about how many with an account were refused, for whatever reason
    (None: fewer than twenty); criteria of fewer are left out. Who tells why themselves is not counted, so that nothing
    about the others follows from what they tell."""

    days: int
    people: int | None
    criteria: tuple[Refusal, ...]


class Populations:
    """Crowds over one ledger connection."""

    def __init__(self, db: sqlite3.Connection, keys: Keyring, terms_of: Callable[[bytes], Terms]) -> None:
        self._db = db
        self._keys = keys
        self._terms_of = terms_of
        self._key = keys.blind.derived("crowds")
        self.guard = Guard(keys.secret("aggregates"))

    def groups(self, org: str) -> list[Group]:
        """The people who claim to be an organization's customers and have not locked it out, by their terms."""
        from rapport.adapters.embedded.crowds import crowds_of  # noqa: PLC0415 (it loads NumPy)

        sharing: dict[bytes, list[int]] = defaultdict(list)
        with snapshot(self._db):
            cursor = self._db.execute(_OPEN, (org,))
            while rows := cursor.fetchmany(_TOGETHER):
                for person, terms in rows:
                    sharing[terms].append(person)
        return [
            Group(self._terms_of(key), key, crowd)
            for key, crowd in zip(sharing, crowds_of(self._key, sharing.values()), strict=True)
        ]

    def refusals(self, org: str) -> Refusals:
        """What kept an organization out lately, as far as it is many people's."""
        from rapport.adapters.embedded.crowds import crowd_of  # noqa: PLC0415 (it loads NumPy)

        refused: set[int] = set()
        wanting: dict[str, set[int]] = defaultdict(set)
        since = now() - REFUSALS_DAYS * DAY
        for person, unmet, terms in self._db.execute(_REFUSED, (org, since, MOST_REFUSALS)):
            if terms is not None and self._terms_of(terms).tell_why:
                continue
            refused.add(person)
            for criterion in unmet.split("; ") if unmet else ():
                wanting[criterion].add(person)
        told = [
            Refusal(criterion, people)
            for criterion, persons in wanting.items()
            if (people := self.guard.told(crowd_of(self._key, persons))) is not None
        ]
        told.sort(key=lambda one: (-one.people, one.criterion))
        return Refusals(REFUSALS_DAYS, self.guard.told(crowd_of(self._key, refused)), tuple(told))

    def told_why(self, org: str, limit: int = MOST_TOLD) -> list[Told]:
        """What kept the organization out of single customers who chose to tell it, the latest first; each customer and
        purpose once. Of who has locked it out, nothing."""
        found: dict[tuple[int, str], Told] = {}
        since = now() - REFUSALS_DAYS * DAY
        for customer, purpose, unmet, at, terms in self._db.execute(_TELLING, (org, since, MOST_REFUSALS)):
            if (customer, purpose) in found or not self._terms_of(terms).tell_why:
                continue
            handle = ids.handle(self._keys.handles(org), ids.CUSTOMER, customer)
            found[customer, purpose] = Told(handle, purpose, tuple(unmet.split("; ")), at)
            if len(found) == limit:
                break
        return list(found.values())
