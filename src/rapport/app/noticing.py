"""Noticing, on the evaluator's side, what starts a decision: events, and audiences that customers enter or leave.

Of an event it is told its name, its message id and when it happened, of a move who it was: nothing of a customer is
read for it. Whether it may be seen is asked of the gate as the decision is made, in the same read.

Both are noticed once, whatever is killed when. An event is by its source and message id, in one transaction of the
ledger, before the evaluator's cursor moves on. A move is by its number in decide.db, which is kept in the transaction
of the ledger that notices it.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.audiences import version_of
from rapport.adapters.embedded.decide_file import DecideFile, Move
from rapport.adapters.embedded.noticed import NoticedBook, Row, that_wait
from rapport.decide.actions import Action
from rapport.decide.triggers import STALE, Start, Triggers
from rapport.profile.store import ProfileReader, Touch

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

MOVES_AT_ONCE: Final = 1_000
_BY_THEMSELVES: Final = ("event", "time")
"""Causes of moves that start anything: not that a definition is another, nor that somebody may not be read any more."""


class Noticing:
    """One evaluator's; `ledger` and `reader` are of its thread."""

    def __init__(self, ledger: "LedgerFile", reader: ProfileReader) -> None:
        self._ledger = ledger
        self._reader = reader
        self._book = NoticedBook(ledger)
        self._version: tuple[int, int] | None = None
        self._triggers: Mapping[str, Triggers] = {}
        self._actions: Mapping[str, Mapping[str, Action]] = {}
        self._waiting: list[Row] = []
        self._news = False

    def begin(self) -> None:
        """Forget what was gathered and not put: it is told again."""
        self._waiting.clear()

    def has_noticed(self) -> bool:
        """Whether anything began to wait since this was asked last."""
        news, self._news = self._news, False
        return news

    def touched(self, org: str, touches: Iterable[Touch], at: int) -> None:
        """Gather the events that actions wait for. The triggers are looked at after these were read, so that none is
        newer."""
        self._follow()
        triggers = self._triggers.get(org)
        if triggers is None or not triggers.events:
            return
        for touch in touches:
            fresh = [(name, message, touch.fresh.get(message, 0)) for name, message in touch.happened]
            wanted = [one for one in fresh if one[0] in triggers.events and at - one[2] <= STALE]
            source = self._source(org, touch.record) if wanted else None
            for name, message, happened in wanted if source is not None else ():
                start = Start("event", name, happened)
                for purpose, actions in self._by_purpose(org, triggers.events[name]).items():
                    self._waiting.append(Row(org, touch.record, purpose, actions, start, source or "", message, at))

    def put(self, at: int) -> None:
        """Notice what was gathered."""
        if self._waiting:
            self._news = self._book.put(self._waiting, at) > 0 or self._news
            self._waiting.clear()

    def moved(self, file: DecideFile, purposes: Mapping[tuple[str, str], str], at: int) -> bool:
        """Notice who entered or left an audience; return whether there may be more. `purposes`: for what each audience
        is, by organization and name. What one purpose lets see starts nothing for another."""
        self._follow()
        upto = self._book.upto()
        if not any(one.entered or one.left for one in self._triggers.values()):
            if upto is not None:
                self._book.forget_moves()
            return False
        last = file.last_move()
        if upto is None or upto > last:  # from now on; and a file that was made anew counts from the start
            self._book.put((), at, last)
            return False
        if upto == last:
            return False
        moves = file.moves(upto, MOVES_AT_ONCE)
        rows = [row for move in moves for row in self._of_move(move, purposes, at)]
        self._news = self._book.put(rows, at, moves[-1].seq if moves else last) > 0 or self._news
        return len(moves) == MOVES_AT_ONCE

    def pass_over(self, file: DecideFile, at: int) -> None:
        """Moves up to here start nothing: everybody was asked, and who is found to be in an audience, since it is new
        or a promise is, did nothing new."""
        if self._book.upto() is not None:
            self._book.put((), at, file.last_move())

    def _of_move(self, move: Move, purposes: Mapping[tuple[str, str], str], at: int) -> list[Row]:
        kind, happened = move.moved.kind, move.moved.at
        triggers = self._triggers.get(move.org)
        if triggers is None or move.moved.cause not in _BY_THEMSELVES or at - happened > STALE:
            return []
        names = (triggers.entered if kind == "entered" else triggers.left).get(move.audience, ())
        purpose = purposes.get((move.org, move.audience), "")
        actions = self._by_purpose(move.org, names).get(purpose, ())
        start = Start(kind, move.audience, happened)
        return [Row(move.org, move.customer, purpose, actions, start, due=at)] if actions else []

    def _by_purpose(self, org: str, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name in names:
            purpose = self._actions[org][name].purpose
            found[purpose] = (*found.get(purpose, ()), name)
        return found

    def _source(self, org: str, record: int) -> str | None:
        """Of a record; None where it is not there any more."""
        with self._reader.snapshot():
            part = self._reader.part(org, record)
        return None if part is None else part.record.source

    def _follow(self) -> None:
        version = (version_of(self._ledger.db), ActionBook(self._ledger).version())
        if version != self._version:
            actions = that_wait(self._ledger)
            self._triggers = {org: Triggers(some) for org, some in actions.items()}
            self._actions = {org: {one.id: one for one in some} for org, some in actions.items()}
            self._version = version
