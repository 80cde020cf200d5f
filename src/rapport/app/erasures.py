"""Erasures on the worker's side: applied between two commits, then made true on the disk, in an order that survives a
kill at any instant.

1. One transaction of state.db: the rows go, the tombstones come, and the numbers of the records are noted as doomed.
2. It is synced, and the write-ahead log of state.db is emptied: nothing brings the rows back.
3. The keys of the doomed are destroyed in keys.db, once what was learnt of them is kept (see `forgetting`): every copy
   of the rows is noise now, wherever it lies.
4. The log begins a new segment, and the keys of all segments before it are destroyed.
5. The doomed are forgotten, and the erasure is done. Whoever waits for it sees it only now.

After a kill before 1 the log still asks for the erasure; after it, a worker begins with whatever of 2 to 5 is not done.
"""

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.log import LogFile
from rapport.adapters.embedded.state import StateFile
from rapport.app.forgetting import Forgetting
from rapport.app.operator import Erasure, Lift, Settle, erasure_of
from rapport.kernel.ports import LogEntry
from rapport.profile.erasure import Erased, Eraser


class Erasures:
    """One worker's erasures."""

    def __init__(self, state: StateFile, eraser: Eraser, keys: Keyring, forgetting: Forgetting, log: LogFile) -> None:
        self._state = state
        self._eraser = eraser
        self._keys = keys
        self._forgetting = forgetting
        self._log = log

    def apply(self, seq: int, entry: LogEntry) -> None:
        """Carry out what a log entry asks for, in the open transaction."""
        erased = self._applied(erasure_of(entry), entry.received_at)
        self._state.erasures.begin(seq, entry.received_at, erased)

    def _applied(self, erasure: Erasure, at: int) -> Erased:
        tables = self._state.erasures
        if isinstance(erasure, Lift):
            return Erased(identifiers=tables.lift(erasure.person))
        if isinstance(erasure, Settle):
            waiting = tables.under_review(erasure.person, erasure.reviews)
            tables.settle_reviews(erasure.person, waiting.keys())
            if not erasure.erase:
                return Erased(records=len(waiting))
            return self._eraser.erase_reviewed(erasure.person, waiting, erasure.legal, at)
        return self._eraser.shred(erasure.person, erasure.claims, erasure.legal, at)

    def finish(self, cursor: int) -> None:
        """Destroy what committed erasures have doomed. Raises Busy where another would not let go of a file; it is to
        be called again then."""
        if not self._state.erasures.unfinished():
            return
        self._state.make_gone()
        self._forgetting.destroy(self._state.erasures.doomed())
        self._log.let_go(cursor)
        self._state.erasures.finish()
        self._state.commit(cursor)

    def let_go(self, cursor: int) -> None:
        """Destroy what the log still tells of events that were barred."""
        self._state.make_durable()
        self._log.let_go(cursor)

    def destroy_carved(self, cursor: int) -> None:
        """Destroy the keys of what no law keeps any longer, if there is any; its rows are deleted and committed."""
        tables = self._state.erasures
        if tables.dropped():
            self._state.make_gone()
            self._keys.destroy_carve_keys(tables.kept_carves())
            tables.forget_dropped()
            self._state.commit(cursor)
