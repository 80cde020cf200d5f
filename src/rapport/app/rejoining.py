"""Joining all records anew once a node was started with other rules, a slice at a time, so that what comes in never
waits long.

The three passes of `resolve/anew` go over all records in the order of their numbers. A slice is committed with how far
it came, so a node that is killed goes on there, and one that is started with yet other rules begins anew. Until the
last pass is done, some customers are as by the rules before and some as by these. Whose a device was is not asked anew.
"""

import time
from collections.abc import Callable
from hashlib import blake2b

import msgspec

from rapport.adapters.embedded.rejoining import Progress, RejoiningTables
from rapport.profile.links import Links
from rapport.resolve import Rules, default_rules

TOGETHER = 100
"""Records that are joined anew together: what hangs together is looked at once then."""
SLICE_SECONDS = 0.05


class Rejoining:
    """One worker's passes over all records. `commit` commits what was joined, with how far it came."""

    def __init__(self, tables: RejoiningTables, links: Links, rules: Rules, commit: Callable[[], None]) -> None:
        self._tables = tables
        self._commit = commit
        self._passes = (links.say_anew, links.count_users, links.join_anew)
        known, now = tables.progress(), fingerprint(rules)
        # What was joined before anybody noted by which rules was joined by those that Rapport brings along.
        self._at = known or Progress(fingerprint(default_rules()))
        if self._at.rules != now:
            self._at = Progress(now, 1 if tables.records(0, 1) else 0)
        if self._at != known:
            tables.put(self._at)

    @property
    def under_way(self) -> bool:
        return self._at.number > 0

    def slice(self) -> bool:
        """Go on for a while where records are still to be joined anew, and commit; return whether there are more.
        Everything taken in must be committed."""
        if not self.under_way:
            return False
        until = time.monotonic() + SLICE_SECONDS
        self._go_on()
        while self._at.number and time.monotonic() < until:
            self._go_on()
        self._tables.put(self._at)
        self._commit()
        return self.under_way

    def _go_on(self) -> None:
        rules, number, place = self._at
        several = self._tables.records(place, TOGETHER)
        self._passes[number - 1]([held for _, held in several if held is not None])
        if len(several) == TOGETHER:
            self._at = Progress(rules, number, several[-1][0])
        else:
            self._at = Progress(rules, (number + 1) % (len(self._passes) + 1))


def fingerprint(rules: Rules) -> int:
    """A number of 63 bits that other rules do not have."""
    content = msgspec.json.encode(rules, order="sorted")  # a set has another order in every process
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big") >> 1
