"""Resolution as evidence comes and goes.

Nothing is written by planning: a plan compares the stored state with the same under an overlay, and says what to write.
Most new records meet nobody, and are dealt with at once; what the others touch is found by `regrouping`.
"""

from collections.abc import Iterable

from rapport.resolve.admission import Outcome, admit
from rapport.resolve.anew import evidence_of, users_of
from rapport.resolve.evidence import Edge
from rapport.resolve.graph import Change, EvidenceStore, Move
from rapport.resolve.guards import Main
from rapport.resolve.learned import Learned, Recent
from rapport.resolve.regrouping import Regrouping
from rapport.resolve.rules import Rules
from rapport.resolve.view import A_FEW, Overlay, Reads


class Resolver:
    """Keeps the groups of one store in step with its evidence. There must be one at a time for a store.

    It remembers what is slow to learn of `remembered_users`; if what it wrote is rolled back, `forget` must be called.
    """

    def __init__(self, store: EvidenceStore, rules: Rules, *, remembered_users: int = 4096) -> None:
        self._store = store
        self._rules = rules
        self._remembered = remembered_users
        self.forget()

    def forget(self) -> None:
        """Let go of all that was learned from the store."""
        self._popularity = Recent[int](self._remembered)
        self._mains = Recent[Main](self._remembered)

    def apply(
        self, asserted: Iterable[Edge] = (), *, retracted: Iterable[bytes] = (), withdrawn: Iterable[bytes] = ()
    ) -> Change:
        """Take in a batch of evidence and write what it changes; the change is returned.

        `retracted` ids are ended for good, even those never seen; `withdrawn` ones until they are asserted again, be it
        in this batch.
        """
        change, learned = self._plan(asserted, retracted, withdrawn)
        if change:
            self._store.write(change)
        for user, records in learned.popularity.items():
            self._popularity.put(user, records)
        for user, main in learned.mains.items():
            self._mains.put(user, main)
        return change

    # -- by other rules: see `anew`

    def say_anew(self, record: bytes, said: Iterable[Edge]) -> None:
        """Have a record name just this from now on; its group stays, until `join_anew`."""
        self._write_anew(evidence_of(self._store, self._rules, record, said))

    def count_users(self, records: Iterable[bytes]) -> None:
        """Count anew which users of these records are on too many to be users."""
        self._write_anew(users_of(self._store, self._rules, records))

    def join_anew(self, records: Iterable[bytes]) -> Change:
        """Join anew what hangs together with these records; the change is returned."""
        change = Change()
        outcome = Outcome([], [], [], [], Overlay())
        reads = Reads(self._store)
        Regrouping(reads, self._rules, outcome, self._popularity, self._mains, Learned()).run_anew(records, change)
        self._write_anew(change)
        return change

    def _write_anew(self, change: Change) -> None:
        if change:
            self._store.write(change)
            self.forget()

    def plan(
        self, asserted: Iterable[Edge] = (), *, retracted: Iterable[bytes] = (), withdrawn: Iterable[bytes] = ()
    ) -> Change:
        """What `apply` would write."""
        return self._plan(asserted, retracted, withdrawn)[0]

    def _plan(
        self, asserted: Iterable[Edge], retracted: Iterable[bytes], withdrawn: Iterable[bytes]
    ) -> tuple[Change, Learned]:
        reads = Reads(self._store)
        learned = Learned()
        outcome, tombs = admit(reads, self._rules, asserted, retracted, withdrawn)
        change = Change(outcome.gained, outcome.set_aside, outcome.dropped, tombs)
        rest = self._set_apart_newcomers(reads, outcome, change)
        if rest.gained or rest.lost:
            Regrouping(reads, self._rules, rest, self._popularity, self._mains, learned).run(change)
        return change, learned

    def _set_apart_newcomers(self, reads: Reads, outcome: Outcome, change: Change) -> Outcome:
        """Deal with new records whose identifiers nobody else names: each is alone, or its user's only record."""
        overlay = outcome.overlay
        alone: dict[bytes, bytes] = {}
        for record, edges in overlay.records.items():
            if not reads.record(record):
                handle = self._newcomer(reads, outcome, record, edges)
                if handle is not None:
                    alone[record] = handle
        if not alone:
            return outcome
        change.moves.extend(Move(record, record, handle) for record, handle in alone.items() if handle != record)
        gained = [edge for edge in outcome.gained if edge.record not in alone]
        return Outcome(gained, outcome.lost, outcome.set_aside, outcome.dropped, overlay)

    def _newcomer(self, reads: Reads, outcome: Outcome, record: bytes, edges: Iterable[Edge]) -> bytes | None:
        """The handle of the group that a new record is alone in, or None where it may meet somebody."""
        handle = record
        named: dict[str, int] = {}
        for edge in edges:
            if edge.kind != "identifies" or len(outcome.overlay.gained[edge.other]) > 1:
                return None
            if edge.level == 0:
                if handle != record:
                    return None
                handle = edge.other
            named[edge.type] = named.get(edge.type, 0) + 1
            if reads.identifier(edge.other, A_FEW)[0]:
                return None
        over = any(n > 1 and 0 < self._rules.of(name).per_customer < n for name, n in named.items())
        return None if over else handle
