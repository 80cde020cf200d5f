"""The catalogue in ledger.db: actions, version by version, and the units in which an organization counts.

    ActionBook(ledger)                          one instance per thread, as the ledger
      .put(action, who, expected)               → Action; the same version where nothing changes
      .put_all(org, actions, units, who)        all of a file, or nothing of it
      .action(org, id) .actions(org) .page(org, after, limit)       those in force
      .versions(org, id, limit) .kept(org, id, version)     all that there were, deleted ones too: decisions name them
      .delete(org, id, who)
      .units(org) .put_units(org, units, who, expected) .kept_units(org, version)
      .version()                                moves with every change: whoever keeps a catalogue then loads it anew

An action that was deleted keeps its versions; when its id is put again, the next version follows. Nothing here is of
any person.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.audiences import unused, using
from rapport.adapters.embedded.sqlite import transaction
from rapport.decide.actions import Action, Trigger, next_version
from rapport.decide.kinds import Units, checked_units
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE action (org TEXT, id TEXT, version INTEGER, at INTEGER NOT NULL, body BLOB NOT NULL,
                         ended_at INTEGER, PRIMARY KEY (org, id, version)) WITHOUT ROWID;
    CREATE UNIQUE INDEX action_in_force ON action (org, id) WHERE ended_at IS NULL;
    CREATE TABLE units (org TEXT, version INTEGER, at INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (org, version))
        WITHOUT ROWID;
    CREATE TABLE catalogue (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
    INSERT INTO catalogue VALUES (1, 1)
"""

MOST: Final = 2_000
"""Actions of one organization."""
TRIGGERS: Final = "triggers"
"""Under which it is `in_use` (see `audiences`) that an organization's actions wait for anything."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Action).decode
_decode_units = msgspec.msgpack.Decoder(Units).decode
_CURRENT = """
    SELECT body FROM action WHERE org = ? AND id > ? AND ended_at IS NULL ORDER BY id LIMIT ?
"""


class ActionBook:
    """Actions over one ledger connection. `who`: as in the audit log; `expected`: the version that is to be followed, 0
    for none."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self.ledger = ledger
        self._db = ledger.db

    # -- actions

    def put(self, action: Action, who: str, expected: int | None = None) -> Action:
        """Keep a checked action, whatever version it says. Raises Conflict (`too_many`; `outdated` where another
        version is in force), BadInput (`other_currency`)."""
        with transaction(self._db):
            waits = self._waits(action.org, (action.id,))
            saved = self._put(action, who, expected)
            self._follow(action.org, waits, (action.id,))
            return saved

    def put_all(self, org: str, actions: Sequence[Action], units: Units | None, who: str) -> list[Action]:
        """All of them, or none. Raises as `put` and `put_units` do."""
        with transaction(self._db):
            if units is not None:
                self._put_units(org, units, who, None, renewed={one.id for one in actions})
            ids = [one.id for one in actions]
            waits = self._waits(org, ids)
            saved = [self._put(one, who, None) for one in actions]
            self._follow(org, waits, ids)
            return saved

    def action(self, org: str, name: str) -> Action:
        """Raises NotFound."""
        found = self._last(org, name)
        if found is None or found[1]:
            raise _absent()
        return found[0]

    def actions(self, org: str) -> list[Action]:
        """Those in force, by id."""
        return self.page(org, "", MOST)

    def page(self, org: str, after: str, limit: int) -> list[Action]:
        """Those in force, by id, that come after one."""
        return [_decode(body) for (body,) in self._db.execute(_CURRENT, (org, after, limit)).fetchall()]

    def versions(self, org: str, name: str, limit: int = -1) -> list[Action]:
        """Newest first, deleted ones among them; so many at most. Raises NotFound."""
        query = "SELECT body FROM action WHERE org = ? AND id = ? ORDER BY version DESC LIMIT ?"
        rows = self._db.execute(query, (org, name, limit)).fetchall()
        if not rows:
            raise _absent()
        return [_decode(body) for (body,) in rows]

    def kept(self, org: str, name: str, version: int) -> Action:
        """One version, in force or not. Raises NotFound."""
        query = "SELECT body FROM action WHERE org = ? AND id = ? AND version = ?"
        row = self._db.execute(query, (org, name, version)).fetchone()
        if row is None:
            raise _absent()
        return _decode(row[0])

    def delete(self, org: str, name: str, who: str) -> None:
        """Raises NotFound."""
        query = "UPDATE action SET ended_at = ? WHERE org = ? AND id = ? AND ended_at IS NULL"
        with transaction(self._db):
            waits = self._waits(org, (name,))
            if not self._db.execute(query, (now(), org, name)).rowcount:
                raise _absent()
            audit.note(self._db, org, who, "deleted an action", name)
            self.moved()
            self._follow(org, waits, (name,))

    # -- units

    def units(self, org: str) -> Units:
        """Those in force; the defaults where none were set."""
        row = self._db.execute("SELECT body FROM units WHERE org = ? ORDER BY version DESC LIMIT 1", (org,)).fetchone()
        return Units() if row is None else _decode_units(row[0])

    def kept_units(self, org: str, version: int) -> Units:
        """One version; 0: the defaults. Raises NotFound."""
        row = self._db.execute("SELECT body FROM units WHERE org = ? AND version = ?", (org, version)).fetchone()
        if row is None and version:
            raise NotFound("there is no such version of the units", field="version")
        return Units() if row is None else _decode_units(row[0])

    def put_units(self, org: str, units: Units, who: str, expected: int | None = None) -> Units:
        """Raises BadInput (`bad_units`, `bad_currency`), Conflict (`outdated`; `other_currency` where an action counts
        in another)."""
        with transaction(self._db):
            return self._put_units(org, units, who, expected)

    def version(self) -> int:
        """Moves with every change of any organization's actions and units."""
        version: int = self._db.execute("SELECT version FROM catalogue").fetchone()[0]
        return version

    # -- rows

    def _last(self, org: str, name: str) -> tuple[Action, bool] | None:
        """The last version, and whether it was deleted."""
        query = "SELECT body, ended_at FROM action WHERE org = ? AND id = ? ORDER BY version DESC LIMIT 1"
        row = self._db.execute(query, (org, name)).fetchone()
        return None if row is None else (_decode(row[0]), row[1] is not None)

    def _put(self, action: Action, who: str, expected: int | None) -> Action:
        org = action.org
        before = self._last(org, action.id)
        _check_expected(0 if before is None or before[1] else before[0].version, expected)
        self._count_in(org, action.currency, who)
        at = now()
        if before is None:
            made = msgspec.structs.replace(action, version=1, at=at)
        elif before[1]:
            made = msgspec.structs.replace(action, version=before[0].version + 1, at=at)
        else:
            made = next_version(before[0], action, at)
            if made is before[0]:
                return made
        if before is None or before[1]:
            query = "SELECT count(*) FROM action WHERE org = ? AND ended_at IS NULL"
            if self._db.execute(query, (org,)).fetchone()[0] >= MOST:
                raise Conflict(f"there are {MOST:,} actions already: delete some first", code="too_many")
        # What is replaced ends here, so that one version alone is ever in force.
        query = "UPDATE action SET ended_at = ? WHERE org = ? AND id = ? AND ended_at IS NULL"
        self._db.execute(query, (at, org, made.id))
        query = "INSERT INTO action VALUES (?, ?, ?, ?, ?, NULL)"
        self._db.execute(query, (org, made.id, made.version, made.at, _encode(made)))
        audit.note(self._db, org, who, "put an action", made.id)
        self.moved()
        return made

    def _count_in(self, org: str, currency: str, who: str) -> None:
        """The first currency that is said is the organization's; another is no unit to compare by."""
        units = self.units(org)
        if currency and not units.currency:
            self._put_units(org, msgspec.structs.replace(units, currency=currency), who, None)
        elif currency and currency != units.currency:
            message = f"you count in {units.currency}, and both sides are compared in one currency: not in {currency}"
            raise BadInput(message, code="other_currency", field="currency")

    def _put_units(
        self, org: str, units: Units, who: str, expected: int | None, renewed: set[str] | None = None
    ) -> Units:
        """`renewed`: actions that are put in the same transaction, whatever they said before."""
        checked_units(units)
        before = self.units(org)
        _check_expected(before.version, expected)
        made = msgspec.structs.replace(units, version=before.version + 1)
        if msgspec.structs.replace(made, version=before.version) == before:
            return before
        for one in self.actions(org):
            if one.currency and one.currency != made.currency and one.id not in (renewed or ()):
                message = f"the action {one.id} counts in {one.currency}: change it first"
                raise Conflict(message, code="other_currency", field="currency")
        self._db.execute("INSERT INTO units VALUES (?, ?, ?, ?)", (org, made.version, now(), _encode(made)))
        audit.note(self._db, org, who, "set the units")
        self.moved()
        return made

    def _waits(self, org: str, names: Iterable[str]) -> list[tuple[Trigger, ...]]:
        """What some actions wait for, as far as they are in force."""
        found = [self._last(org, name) for name in names]
        return [() if one is None or one[1] else one[0].triggers for one in found]

    def _follow(self, org: str, before: list[tuple[Trigger, ...]], names: Iterable[str]) -> None:
        """Where what actions wait for is another than before, whoever notices it is to know."""
        if self._waits(org, names) != before:
            waits = any(one.triggers for one in self.actions(org))
            (using if waits else unused)(self._db, org, TRIGGERS, "actions")

    def moved(self) -> None:
        """Whoever keeps a catalogue loads it anew; in the transaction that its caller holds."""
        self._db.execute("UPDATE catalogue SET version = version + 1")


def _check_expected(standing: int, expected: int | None) -> None:
    if expected is not None and expected != standing:
        there = f"version {standing} is in force" if standing else "there is none"
        raise Conflict(f"{there}, another than you had: look at what changed", code="outdated")


def _absent() -> NotFound:
    return NotFound("there is no such action", field="id")
