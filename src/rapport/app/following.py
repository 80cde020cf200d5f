"""The worker's part of deciding: whose records are followed, and which names were seen.

It is told by the ledger which organizations have anything in use, and by the evaluator what that asks of customers.
Nothing is noted of others, and of nothing else. Where a definition changed since, it may ask anything; and nobody is
asked about it before this worker knows: else an event in between would be noted by neither.
"""

import time

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.noticed import triggers_of
from rapport.adapters.embedded.outcome_rules import OutcomeRules
from rapport.adapters.embedded.touched import Consumed, TouchTables
from rapport.collect import Event
from rapport.profile.sightings import Sightings
from rapport.profile.touching import Touches

LOOK_SECONDS = 0.2
LET_GO_SECONDS = 1.0


class Following:
    """One worker's. `consumed`: how far what it told was dealt with, and what is asked."""

    def __init__(self, tables: TouchTables, touches: Touches, ledger: LedgerFile, consumed: Consumed) -> None:
        self._tables = tables
        self._touches = touches
        self._ledger = ledger
        self._definitions = Definitions(ledger)
        self._consumed = consumed
        self._version = self._asked = -1
        self._looked = self._dropped = 0.0
        self._seen: dict[str, Sightings] = {}
        self._news: set[str] = set()
        self._uncommitted = False
        touches.orgs = frozenset(tables.followed())
        # Whatever was dealt with beyond what is here now was taken back by a power cut.
        self.look(anew=consumed.upto() > tables.last)

    def look(self, *, anew: bool = False) -> bool:
        """Now and then, see who is to be followed; return whether it is to be committed."""
        present = time.monotonic()
        if not anew and self._version >= 0 and present - self._looked < LOOK_SECONDS:
            return self._uncommitted
        self._looked = present
        version = self._definitions.version()
        asked = self._consumed.defined()
        if asked != self._asked or version != self._version:
            self._asked = asked
            self._touches.interests = self._consumed.interests() if asked == version else {}
        if version == self._version and not anew:
            return self._uncommitted
        self._version = version
        self._tables.defined(version)
        self._uncommitted = True
        self._touches.wanted = wanted_events(self._ledger)
        orgs = frozenset(self._definitions.in_use())
        if orgs != self._touches.orgs or anew:
            self._tables.follow(orgs, anew=anew)
            self._touches.orgs = orgs
            self._uncommitted = True
        return self._uncommitted

    def note(self, org: str, event: Event) -> None:
        seen = self._seen.get(org)
        if seen is None:
            seen = self._seen[org] = self._tables.sightings(org)
        if seen.note(event):
            self._news.add(org)

    def before_commit(self) -> None:
        for org in self._news:
            self._tables.put_sightings(org, self._seen[org])
        self._news.clear()
        self._uncommitted = False
        present = time.monotonic()
        if self._touches.orgs and present - self._dropped >= LET_GO_SECONDS:
            self._dropped = present
            self._tables.let_go(self._consumed.upto())


def wanted_events(ledger: LedgerFile) -> dict[str, set[str]]:
    """Organization → names of events that any of its destinations is to be told of, that settle outcomes, or that start
    decisions."""
    wanted: dict[str, set[str]] = {}
    for one in DestinationBook(ledger).every():
        if one.events:
            wanted.setdefault(one.org, set()).update(one.events)
    for org, rules in OutcomeRules(ledger).every().items():
        wanted.setdefault(org, set()).update(rule.event for rule in rules)
    for org, triggers in triggers_of(ledger).items():
        wanted.setdefault(org, set()).update(triggers.events)
    return wanted
