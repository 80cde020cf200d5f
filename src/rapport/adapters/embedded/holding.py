"""Whether what a receipt rests on still holds: asked within the transaction that is about to commit it."""

import sqlite3

from rapport.adapters.embedded.sqlite import rows_in
from rapport.kernel.keys import digests_in
from rapport.terms import Pending

_VERSIONS = (
    "SELECT DISTINCT person.id, person.version FROM claim JOIN person ON person.id = claim.person WHERE token IN ({})"
)


def uses_since(db: sqlite3.Connection, person: int, org: str, purpose: str, since: int) -> int:
    """How often an organization has used a person's data for a purpose since a day."""
    query = "SELECT total(count) FROM uses WHERE person = ? AND org = ? AND purpose = ? AND day >= ?"
    return int(db.execute(query, (person, org, purpose, since)).fetchone()[0])


def still_holds(db: sqlite3.Connection, pending: Pending) -> bool:
    """Whether all of it is as it was."""
    ground = pending.ground
    for limit in pending.limits:
        if uses_since(db, limit.person, ground.org, limit.purpose, limit.since) >= limit.most:
            return False
    (epoch,) = db.execute("SELECT value FROM epoch").fetchone()
    if epoch == ground.epoch:
        return True
    query = "SELECT coalesce(max(version), 0) FROM declaration WHERE org = ?"
    if db.execute(query, (ground.org,)).fetchone()[0] != ground.standing.version:
        return False
    if any(claim.attester for claim in ground.standing.declaration.values):
        return False  # attesters come and go between two versions: it is decided again
    rows = rows_in(db, _VERSIONS, digests_in(ground.tokens))
    return set(rows) == {(holder.id, holder.version) for holder in ground.holders}
