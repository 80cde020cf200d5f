"""Where actions stand by the guard-rails, in ledger.db, beside the catalogue; and how far an organization's decisions
were looked at.

    RailBook(ledger)                              one instance per thread, as the ledger
      .standing(org)                → id → Rail, of the versions in force about which anything was found or said
      .found(org, rails)            keep what a look found; → those that were kept
      .switch_on(org, id, who, reason)
      .looked(org) .note(org, look)

What was found is of one version: another one of an action stands for itself. Nothing here is of any person.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel.errors import Conflict
from rapport.kernel.times import now
from rapport.learn.verdicts import Rail, checked_reason

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE rail (id INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT NOT NULL, action TEXT NOT NULL,
                       version INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX rail_of ON rail (org, action, version);
    CREATE TABLE looked (org TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID
"""
_SAID: Final = {"off": "switched an action off: it harms", "harm": "found that an action harms, and left it on"}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Rail).decode


class Look(msgspec.Struct, frozen=True):
    """The last look at an organization's decisions. `known`: the last decision (its number) whose window had passed;
    `lesson`: the last lesson then; `epoch` and the decision `since` which it goes (see `learn.guard_rails`); `told`:
    the day on which estimates were put into their book, "" for never."""

    known: int = 0
    lesson: int = 0
    epoch: int = 0
    since: int = 0
    told: str = ""


_decode_look = msgspec.msgpack.Decoder(Look).decode


class RailBook:
    """Over one ledger connection."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._actions = ActionBook(ledger)

    def standing(self, org: str) -> dict[str, Rail]:
        """Of each action the last that was found or said, if it is of the version in force."""
        query = """
            SELECT r.body FROM rail r
            JOIN action a ON a.org = r.org AND a.id = r.action AND a.version = r.version AND a.ended_at IS NULL
            WHERE r.org = ? ORDER BY r.id
        """
        found = [_decode(body) for (body,) in self._db.execute(query, (org,)).fetchall()]
        return {one.action: one for one in found}

    def found(self, org: str, rails: Sequence[Rail]) -> list[Rail]:
        """Keep what a look found, but for what is of a version no longer in force, or stands so already."""
        kept: list[Rail] = []
        with transaction(self._db):
            standing = self.standing(org)
            in_force = {one.id: one.version for one in self._actions.actions(org)}
            for rail in rails:
                before = standing.get(rail.action)
                if in_force.get(rail.action) == rail.version and (before is None or before.state != rail.state):
                    self._put(org, rail)
                    audit.note(self._db, org, audit.GUARD_RAILS, _SAID[rail.state], rail.action)
                    kept.append(rail)
            if kept:
                self._actions.moved()
        return kept

    def switch_on(self, org: str, name: str, who: str, reason: str) -> Rail:
        """Let it be chosen again; it is judged by what is decided from now on. Raises NotFound, BadInput
        (`bad_reason`), Conflict (`not_switched_off`)."""
        said = checked_reason(reason)
        with transaction(self._db):
            version = self._actions.action(org, name).version
            before = self.standing(org).get(name)
            if before is None or before.state == "on":
                raise Conflict(f"{name} is not switched off", code="not_switched_off", field="id")
            made = Rail(name, version, "on", now(), before.verdicts, who, said)
            self._put(org, made)
            audit.note(self._db, org, who, f"switched an action on again: {said}", name)
            self._actions.moved()
        return made

    def _put(self, org: str, rail: Rail) -> None:
        query = "INSERT INTO rail (org, action, version, at, body) VALUES (?, ?, ?, ?, ?)"
        self._db.execute(query, (org, rail.action, rail.version, rail.at, _encode(rail)))

    # -- looks

    def looked(self, org: str) -> Look:
        row = self._db.execute("SELECT body FROM looked WHERE org = ?", (org,)).fetchone()
        return Look() if row is None else _decode_look(row[0])

    def note(self, org: str, look: Look) -> None:
        with transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO looked VALUES (?, ?)", (org, _encode(look)))


def switched_off(standing: Mapping[str, Rail]) -> dict[str, str]:
    """Those that are not to be chosen, each with why."""
    off = {name: rail.said for name, rail in standing.items() if rail.state == "off"}
    return {name: f"it was switched off, for it {said or 'harms'}" for name, said in off.items()}
