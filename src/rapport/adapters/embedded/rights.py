"""Requests by people who use their rights, in ledger.db: sealed under the person's key, which an erasure destroys.

What is left of an erased person's requests is which right it was, where, and how long it took.
"""

import sqlite3
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.times import DAY, now
from rapport.terms.rights import ADDRESSED, MAX_A_DAY, MAX_OPEN, Answered, Asked, Case, Right, Status

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE rights (id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER NOT NULL, org TEXT NOT NULL,
                         kind TEXT NOT NULL, addressed INTEGER NOT NULL, at INTEGER NOT NULL, status TEXT NOT NULL,
                         ended_at INTEGER, body BLOB NOT NULL);
    CREATE INDEX rights_of ON rights (person);
    CREATE INDEX rights_at ON rights (org, status) WHERE addressed
"""

_NOBODYS, _HEARD, _UNDECIDED = 0, 1, 2
"""Whether a company hears of a request: not, or it does; or, of a correction under way, that is not decided yet."""
_HEARS = "addressed AND addressed = 1"  # the first for the index
_KIND = b"rrq"
_PLACE = b"rights"
_LISTED = "SELECT id, person, at, status, ended_at, body FROM rights WHERE"
_COUNTED = 10_000
PAGE = 50
LAST = 1 << 62


class _Body(msgspec.Struct, frozen=True):
    asked: Asked
    answer: str = ""
    receipts: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


_decode = msgspec.msgpack.Decoder(_Body).decode


class RightsBook:
    """Requests over one ledger connection; one instance per thread."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._keys = ledger.keys

    # -- writing

    def put(self, person: int, asked: Asked, at: int) -> Case:
        """Keep a request that waits. The same, while it waits, is the one there is. Raises BadInput, Conflict where the
        person is erased, or has too many requests that wait."""
        asked.checked()
        with transaction(self._db):
            waiting = self._cases(f"{_LISTED} person = ? AND status = 'open' ORDER BY id", (person,))
            for case in waiting:
                if case.asked == asked:
                    return case
            if len(waiting) >= MAX_OPEN:
                message = f"{MAX_OPEN} of your requests wait to be answered, which is all there may be"
                raise Conflict(message, code="too_many_requests")
            if asked.right == "rectification":
                self._check_pace(person, at)
            return self._insert(person, asked, at)

    def _check_pace(self, person: int, at: int) -> None:
        query = "SELECT count(*) FROM rights WHERE person = ? AND kind = 'rectification' AND at > ?"
        (lately,) = self._db.execute(query, (person, at - DAY)).fetchone()
        if lately >= MAX_A_DAY:
            raise Conflict(f"{MAX_A_DAY} corrections are all there may be in a day", code="too_many_requests")

    def put_done(self, person: int, asked: Asked, at: int, receipts: Sequence[str], answer: str = "") -> Case:
        """Keep a request that was carried out at once; asked for at `at` (µs), done now."""
        asked.checked()
        with transaction(self._db):
            case = self._insert(person, asked, at)
            return self._end(case, "done", answer, receipts)

    def end(
        self,
        handle: str,
        status: Status,
        answer: str,
        receipts: Sequence[str],
        tell: Callable[[], Sequence[str]] = tuple,
        *,
        heard: bool | None = None,
    ) -> Case:
        """End a request that waits. Raises NotFound, Conflict where it has ended. `tell` puts deliveries about it into
        the outbox, in the same transaction, and returns their ids; `heard` says whether the company hears of it, where
        that was not decided yet."""
        with transaction(self._db):
            case = self.case(handle)
            if case.status != "open":
                raise Conflict("this request has ended already", code="ended")
            if heard is not None:
                row = (_HEARD if heard else _NOBODYS, self._number(handle))
                self._db.execute("UPDATE rights SET addressed = ? WHERE id = ?", row)
            return self._end(case, status, answer, receipts, tell())

    def _insert(self, person: int, asked: Asked, at: int) -> Case:
        key = self._keys.person(person)
        if key is None:
            raise Conflict("this person is erased", code="erased")
        body = key.seal(msgspec.msgpack.encode(_Body(asked)), _PLACE)
        heard = _UNDECIDED if asked.right == "rectification" else _HEARD if asked.right in ADDRESSED else _NOBODYS
        row = (person, asked.org, asked.right, heard, at, "open", body)
        query = "INSERT INTO rights (person, org, kind, addressed, at, status, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        number = self._db.execute(query, row).lastrowid or 0
        return Case(self._handle(number), person, asked, at)

    def _end(self, case: Case, status: Status, answer: str, receipts: Sequence[str], told: Sequence[str] = ()) -> Case:
        key = self._keys.person(case.person)
        if key is None:
            raise Conflict("this person is erased", code="erased")
        every = (*case.receipts, *receipts)
        ended_at = max(now(), case.at)
        body = _Body(case.asked, answer, every, tuple(told))
        ended = msgspec.structs.replace(
            case, status=status, ended_at=ended_at, answer=answer, receipts=every, told=body.told
        )
        query = "UPDATE rights SET status = ?, ended_at = ?, body = ? WHERE id = ?"
        sealed = key.seal(msgspec.msgpack.encode(body), _PLACE)
        self._db.execute(query, (status, ended_at, sealed, self._number(case.id)))
        return ended

    def add_receipt(self, handle: str, receipt: str) -> None:
        """Note one more receipt that tells of a request."""
        with transaction(self._db):
            case = self.case(handle)
            key = self._keys.person(case.person)
            if key is not None:
                body = msgspec.msgpack.encode(_Body(case.asked, case.answer, (*case.receipts, receipt), case.told))
                query = "UPDATE rights SET body = ? WHERE id = ?"
                self._db.execute(query, (key.seal(body, _PLACE), self._number(handle)))

    def forget(self, person: int) -> None:
        """Leave of an erased person's requests what they were and how long they took. Within a transaction."""
        forget(self._db, person)

    # -- reading

    def case(self, handle: str, *, person: int | None = None, org: str | None = None) -> Case:
        """A request, of this person, or addressed to this organization. Raises NotFound."""
        number = ids.record_of(self._keys.blind, _KIND, handle)
        query = f"{_LISTED} id = ? AND (?2 IS NULL OR person = ?2) AND (?3 IS NULL OR org = ?3 AND {_HEARS})"
        cases = [] if number is None else self._cases(query.replace("id = ?", "id = ?1"), (number, person, org))
        if not cases:
            raise NotFound(f"there is no request {handle[:60]!r}")
        return cases[0] if org is None else _veiled(cases[0])

    def of_person(self, person: int, before: int = LAST, limit: int = PAGE) -> tuple[list[Case], int | None]:
        """A person's requests, the newest first, and what to ask with as `before` for those after them."""
        return self._page(f"{_LISTED} person = ? AND id < ? ORDER BY id DESC LIMIT ?", (person, before), limit)

    def of_org(self, org: str, before: int = LAST, limit: int = PAGE) -> tuple[list[Case], int | None]:
        """Requests addressed to an organization, the newest first, likewise; but for those of people who were erased.
        None that it is not to hear of."""
        query = f"{_LISTED} org = ? AND {_HEARS} AND person > 0 AND id < ? ORDER BY id DESC LIMIT ?"
        cases, following = self._page(query, (org, before), limit)
        return [_veiled(case) for case in cases], following

    def waiting(self, org: str) -> list[Case]:
        """Requests that wait for an organization's answer, the oldest first."""
        query = f"{_LISTED} org = ? AND {_HEARS} AND status = 'open' ORDER BY id LIMIT ?"
        return [_veiled(case) for case in self._cases(query, (org, _COUNTED))]

    def corrections(self, before: int, person: int | None = None) -> list[Case]:
        """Corrections asked for before a time (µs) that are not carried out yet, the oldest first."""
        query = f"""
            {_LISTED} status = 'open' AND addressed AND kind = 'rectification' AND at < ?1
            AND (?2 IS NULL OR person = ?2) ORDER BY id
        """
        return self._cases(query, (before, person))

    def times(self, org: str | None = None) -> list[Answered]:
        """How long requests of each kind took, at one organization (those addressed to it) or on the node."""
        query = """
            SELECT kind, ended_at - at FROM rights
            WHERE status != 'withdrawn' AND (?1 IS NULL OR org = ?1 AND addressed AND addressed = 1)
            ORDER BY id DESC LIMIT ?2
        """
        took: dict[str, list[int | None]] = defaultdict(list)
        for kind, time in self._db.execute(query, (org, _COUNTED)):
            took[kind].append(time)
        return [_answered(kind, took[kind]) for kind in get_args(Right) if kind in took]

    def _page(self, query: str, parameters: tuple[Any, ...], limit: int) -> tuple[list[Case], int | None]:
        cases = self._cases(query, (*parameters, limit + 1))
        following = self._number(cases[limit - 1].id) if len(cases) > limit else None
        return cases[:limit], following

    def _cases(self, query: str, parameters: tuple[Any, ...]) -> list[Case]:
        cases = []
        for number, person, at, status, ended_at, body in self._db.execute(query, parameters).fetchall():
            key = self._keys.person(person)
            if key is not None:
                said = _decode(key.open(body, _PLACE))
                row = (person, said.asked, at, status, ended_at, said.answer, said.receipts, said.told)
                cases.append(Case(self._handle(number), *row))
        return cases

    def _handle(self, number: int) -> str:
        return ids.handle(self._keys.blind, _KIND, number)

    def _number(self, handle: str) -> int:
        return ids.record_of(self._keys.blind, _KIND, handle) or 0


def _veiled(case: Case) -> Case:
    """A request as its company may see it: a corrected value leaves by the gate alone, and what came of a correction
    may tell that the person shut the company out."""
    if case.asked.right != "rectification":
        return case
    return msgspec.structs.replace(case, asked=msgspec.structs.replace(case.asked, value=None), answer="", told=())


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave of an erased person's requests what they were and how long they took: nobody's, and of no content."""
    query = """
        UPDATE rights SET person = 0, body = x'', status = CASE status WHEN 'open' THEN 'withdrawn' ELSE status END
        WHERE person = ?
    """
    db.execute(query, (person,))


def _answered(kind: Right, took: Sequence[int | None]) -> Answered:
    ended = [time for time in took if time is not None]
    median = int(statistics.median(ended)) if ended else None
    return Answered(kind, len(ended), len(took) - len(ended), median, max(ended, default=None))
