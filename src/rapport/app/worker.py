"""The worker process: log entries in, committed state out.

It loops plainly over events and commits by time and load: at once when nothing more is waiting, coalesced when busy, so
that repeated visits of a customer are written once.
"""

import contextlib
import gc
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from rapport.adapters.embedded.evidence_tables import EvidenceTables
from rapport.adapters.embedded.promises import PromiseBook
from rapport.adapters.embedded.rejoining import RejoiningTables
from rapport.adapters.embedded.retaining import RetentionTables
from rapport.adapters.embedded.sqlite import translating
from rapport.adapters.embedded.state import StateFile
from rapport.adapters.embedded.state_rows import KEEP_REJECTED
from rapport.adapters.embedded.touched import Consumed
from rapport.app.embedded import Sources, open_keys, open_ledger, open_log, rules_of
from rapport.app.erasures import Erasures
from rapport.app.following import Following
from rapport.app.forgetting import Forgetting
from rapport.app.operator import Operations, is_erasure
from rapport.app.rejoining import Rejoining
from rapport.app.retaining import Retention
from rapport.app.settings import Settings
from rapport.app.stumbling import Stumbling
from rapport.app.waking import woken
from rapport.collect import Event, decode, event_of, events_of, is_correction, is_presence
from rapport.collect.unsubscribed import event_of_unsubscribed, is_unsubscribed
from rapport.kernel.errors import Busy
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import HOUR, MINUTE, SECOND, now
from rapport.profile import Assembler, Links
from rapport.profile.erasure import Eraser
from rapport.profile.links import Regrouping
from rapport.profile.masking import mask
from rapport.profile.store import Rejected
from rapport.resolve import Resolver

READ_ENTRIES = 64
BUSY_EVENTS = 15_000
BUSY_SECONDS = 1.0
IDLE_SECONDS = 0.05
NEWS_PER_COMMIT = 40
LOG_GRACE_HOURS = 24
BEAT_SECONDS = 1.0


class Worker:
    """One worker over one data directory. `publish` takes one datagram of news for the web process."""

    def __init__(self, settings: Settings, publish: Callable[[bytes], None] = lambda _: None) -> None:
        keys = open_keys(settings)
        self._publish = publish
        self._log = open_log(settings)
        self._ledger = ledger = open_ledger(settings)
        self.sources = Sources(ledger)
        self.state = StateFile(settings.directory, keys)
        rules = rules_of(settings)
        tables = EvidenceTables(self.state.db, keys.blind)
        self.links = Links(tables, Resolver(tables, rules), rules, self.sources.by_name)
        self.assembler = Assembler(self.state, self.links, keys.secret("seen"))
        self._operations = Operations(self.assembler, self.links, tables)
        forgetting = Forgetting(ledger, keys)
        eraser = Eraser(self.state, self.assembler, self.links, tables)
        self._erasures = Erasures(self.state, eraser, keys, forgetting, self._log)
        promises = PromiseBook(ledger, keys)
        self.retention = Retention(
            RetentionTables(self.state, forgetting.destroy),
            self.assembler,
            self.links,
            tables,
            lambda org: promises.standing(org).declaration,
        )
        self.rejoining = Rejoining(RejoiningTables(self.state), self.links, rules, self.commit)
        self._consumed = Consumed(settings.directory)
        self._following = Following(self.state.touched, self.assembler.touches, ledger, self._consumed)
        self._tell_of_moves()
        self._keys = keys
        self.cursor = self.committed = self.state.cursor()
        self._since_commit = 0
        self._first_uncommitted = 0.0
        self._oldest_waiting = 0
        self._news: list[dict[str, Any]] = []
        self._volumes: dict[tuple[str, str], int] = {}
        self._housekept = 0
        self._retain_next = 0
        # What a barred person's events said waits in the log until it is destroyed, and nobody told how long already.
        self._barred = bool(self.state.erasures.tombstones)
        self._erasures.finish(self.cursor)
        self._erasures.destroy_carved(self.cursor)

    def step(self) -> bool:
        """Take in what is waiting, commit if it is time; return whether there may be more."""
        if not self._first_uncommitted and self._following.look():
            self._tell_of_moves()
            self.commit()
        entries = self._log.read(self.cursor, READ_ENTRIES)
        for seq, entry in entries:
            if is_erasure(entry):
                self._erase(seq, entry)
            else:
                self._take(entry)
            self.cursor = seq
        if entries and not self._first_uncommitted:
            self._first_uncommitted = time.monotonic()
        more = len(entries) == READ_ENTRIES
        if self._first_uncommitted:
            waited = time.monotonic() - self._first_uncommitted
            if not more or self._since_commit >= BUSY_EVENTS or waited >= BUSY_SECONDS:
                self.commit()
        elif not entries:
            self._keep_house()
            self._keep_promises()
        return more

    def rejoin(self) -> bool:
        """Where the node was started with other rules than before: join some records anew, and commit; return whether
        there are more. Only what is taken in and committed is joined anew."""
        return not self._first_uncommitted and self.rejoining.slice()

    def _tell_of_moves(self) -> None:
        """Where nobody follows anybody's records, nobody looks which of them moved."""
        touches = self.assembler.touches
        self.links.moved = touches.moved if touches.orgs else None

    def _take(self, entry: LogEntry) -> None:
        """One log entry: its events, and the parts that were refused."""
        if not self._oldest_waiting:
            self._oldest_waiting = entry.received_at
        if entry.wire == "operator":
            self._operations.apply(entry)
            self._since_commit += 1
            return
        own = _own_events(entry)
        if own is not None:
            self._say(entry, own)
            return
        source = self.sources.by_name(entry.org, entry.source)
        decoded = decode(entry)
        outcome = self.assembler.outcome
        before = (outcome.accepted, outcome.rejected, outcome.duplicates)
        take, note = self.assembler.take, self._note
        if len(decoded.events) > 1:
            self.assembler.expect(source, decoded.events)
        for event in decoded.events:
            held = take(source, event)
            if held is not None:
                note(entry, event, held.number)
        if decoded.rejected:
            kept = [
                Rejected(entry.org, entry.source, entry.received_at, r.code, r.message, r.raw) for r in decoded.rejected
            ]
            self.state.reject(kept)
            for item in kept[:5]:
                self._news.append({"kind": "rejected", "org": item.org, "source": item.source, "name": item.code})
        self.state.count(
            entry.org,
            entry.source,
            entry.received_at // MINUTE,
            outcome.accepted - before[0],
            outcome.rejected - before[1] + len(decoded.rejected),
            outcome.duplicates - before[2],
        )
        taken = outcome.accepted - before[0]
        self._volumes[entry.org, entry.source] = self._volumes.get((entry.org, entry.source), 0) + taken
        self._since_commit += len(decoded.events) + 1

    def _say(self, entry: LogEntry, events: Iterable[Event]) -> None:
        """What a person says themselves, for each record that it is said in, or what their own devices do."""
        source = self.sources.by_name(entry.org, entry.source)
        for event in events:
            held = self.assembler.take(source, event)
            if held is not None:
                self._note(entry, event, held.number)
            self._since_commit += 1

    def _note(self, entry: LogEntry, event: Event, record: int) -> None:
        """What others are told of an event that was taken in."""
        self._following.note(entry.org, event)
        if len(self._news) < NEWS_PER_COMMIT:
            self._news.append(_news_of(entry, event, record))

    def _erase(self, seq: int, entry: LogEntry) -> None:
        """An erasure is wholly after the entries before it, and complete before those after it."""
        self.commit()
        self._erasures.apply(seq, entry)
        self.cursor = seq
        self.commit()
        self._erasures.finish(seq)

    def commit(self) -> None:
        self._following.before_commit()
        outcome = self.assembler.commit(self.cursor)
        self._barred = self._barred or outcome.barred > 0
        self.committed = self.cursor
        lag = now() - self._oldest_waiting if self._oldest_waiting else 0
        pulse = {"kind": "pulse", "at": now(), "cursor": self.cursor, "lag": lag, "events": outcome.accepted}
        pulse["volumes"] = [(org, source, events) for (org, source), events in self._volumes.items()]
        self._volumes = {}
        regroupings = [_news_of_regrouping(item) for item in self.links.news[:NEWS_PER_COMMIT]]
        self.links.news.clear()
        self._publish(msgspec.msgpack.encode([pulse, *self._news, *regroupings]))
        self._since_commit = 0
        self._first_uncommitted = 0.0
        self._oldest_waiting = 0
        self._news = []

    def _keep_house(self) -> None:
        """When idle, once a minute: destroy what is past its time."""
        present = now()
        if present - self._housekept < MINUTE:
            return
        self._housekept = present
        gc.collect()
        self.state.forget_rejected(present - KEEP_REJECTED)
        self.state.erasures.drop_carved(present)
        self.state.commit(self.cursor)
        self._erasures.destroy_carved(self.cursor)
        if self._barred:
            self._erasures.let_go(self.cursor)
            self._barred = False
        hour = present // HOUR - LOG_GRACE_HOURS
        oldest = self._log.oldest_hour()
        if oldest is not None and oldest < hour:
            # What the log would repeat after a power cut must be on the disk before the log lets go of it.
            self.state.make_durable()
            self._log.drop(self.cursor, hour)
            self._keys.destroy_log_keys(self._log.oldest_segment())

    def _keep_promises(self) -> None:
        """When idle, once a minute, or each second of a round: delete some of what is past its promised time."""
        present = now()
        if present >= self._retain_next:
            more = self.retention.slice(self.cursor, present)
            self._retain_next = present + (SECOND if more else MINUTE)

    def close(self) -> None:
        self._consumed.close()
        self.state.close()
        self._log.close()
        self._ledger.close()
        self._keys.close()


def _own_events(entry: LogEntry) -> Iterable[Event] | None:
    """Those that the node itself tells of; None for what a source sent."""
    if is_correction(entry):
        return events_of(entry)
    if is_presence(entry):
        return (event_of(entry),)
    return (event_of_unsubscribed(entry),) if is_unsubscribed(entry) else None


def _news_of(entry: LogEntry, event: Event, record: int) -> dict[str, Any]:
    """A line for the live page; `record` tells those who show it whose terms to ask."""
    who = next(((k, v) for k, v in event.identifiers if k in ("email", "phone")), None)
    if who is None:
        who = ("user_id", event.user_id) if event.user_id is not None else ("anonymous_id", event.anonymous_id or "")
    return {
        "kind": "event",
        "org": entry.org,
        "source": entry.source,
        "name": event.name,
        "who": f"{who[0]} {mask(*who)}",
        "at": event.received_at,
        "record": record,
    }


def _news_of_regrouping(item: Regrouping) -> dict[str, Any]:
    why = f"they share one {item.thing}" if item.merged else f"evidence of one {item.thing} was taken back"
    kind = "merged" if item.merged else "split"
    told = {"kind": kind, "org": item.org, "source": item.source, "count": item.count, "why": why}
    return {**told, "record": item.record}


def without_collections() -> None:
    """Nothing on the busy path makes cycles, and a collection over the working set would stop it for long: collect when
    idle only."""
    gc.collect()
    gc.freeze()
    gc.disable()


def run(
    settings: Settings,
    feed: socket.socket | None,
    wake: socket.socket | None,
    stopped: Callable[[], bool],
    onward: socket.socket | None = None,
) -> None:
    """Work until stopped. `wake` gets a datagram whenever the web process has appended to the log; `onward` is sent one
    after each commit."""

    def publish(datagram: bytes) -> None:
        with contextlib.suppress(OSError):  # news may be dropped, never waited for
            if onward is not None:
                onward.send(b"!", socket.MSG_DONTWAIT)
        with contextlib.suppress(OSError):
            if feed is not None:
                feed.send(datagram, socket.MSG_DONTWAIT)

    stumbling = Stumbling("worker")
    while not stopped():
        try:
            _work(settings, publish, wake, stopped, stumbling.went_well)
        except Busy as error:
            # No place, or no turn: nothing was committed, the log still holds it, and it is taken in when there is.
            stumbling.wait(error)
            gc.unfreeze()
            gc.collect()


def _work(
    settings: Settings,
    publish: Callable[[bytes], None],
    wake: socket.socket | None,
    stopped: Callable[[], bool],
    went_well: Callable[[], None],
) -> None:
    """Work with one Worker until stopped. Raises Busy where it must begin anew from what is committed."""
    worker = Worker(settings, publish)
    if worker.rejoining.under_way:
        said = "the rules of joining are others than before: what is here is joined anew, beside all else"
        print(f"rapport worker: {said}", file=sys.stderr, flush=True)  # noqa: T201 (the node's)
    without_collections()
    told = 0.0
    try:
        with worker.state.checkpointed_aside():
            while not stopped():
                # News may get lost, and the web process may be younger than this one.
                if time.monotonic() - told > BEAT_SECONDS:
                    told = time.monotonic()
                    publish(msgspec.msgpack.encode([{"kind": "ready", "cursor": worker.committed}]))
                with translating(worker.state.path):
                    more = worker.step() or worker.rejoin()
                went_well()
                if not more:
                    _wait(wake)
    finally:
        worker.close()


def _wait(wake: socket.socket | None) -> None:
    if wake is None:
        time.sleep(IDLE_SECONDS)
        return
    woken(wake, IDLE_SECONDS)
