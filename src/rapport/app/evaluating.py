"""The evaluator: keeps who is in which audience, in a process of its own, so that judging never delays the worker.

What it answers: records that the worker touched, of which events settle outcomes and start decisions besides; timers
that have come; persons, claims and promises that changed in the ledger; definitions that are new, for which everybody
is asked, in slices, between the others. All that came of one round is one transaction of decide.db, with the cursors
of both feeds: it happens once, whatever is killed when.

A verdict is a pure function of the definition, what the gate lets through, and the moment; so asking too often changes
nothing, and whatever a feed repeats is harmless.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

import msgspec

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_file import Along, Batch, DecideFile, Wanted
from rapport.adapters.embedded.destination_feed import Feeding
from rapport.adapters.embedded.sqlite import connect, translating
from rapport.adapters.embedded.state_rows import MIGRATIONS
from rapport.adapters.embedded.touched import TouchReader
from rapport.app import embedded
from rapport.app.activating import Activator
from rapport.app.asking import Ask, Asker, Outcome, Use
from rapport.app.event_outcomes import EventOutcomes
from rapport.app.guarding import Guard
from rapport.app.learning import Learner
from rapport.app.noticing import Noticing
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.app.starting import Starter
from rapport.app.stumbling import Stumbling
from rapport.decide import Cause, Change, Member, Rulebook, Verdict
from rapport.kernel import cycles
from rapport.kernel.errors import Busy
from rapport.kernel.times import DAY, SECOND, now
from rapport.profile.store import Found, Touch
from rapport.profile.touching import Interest
from rapport.terms import Gate

LOOK_SECONDS = 0.1
"""How long it takes at most until a change of the ledger, which wakes nobody, is seen."""
TOGETHER = 250
"""Customers in one round: whoever writes a receipt meanwhile waits for so many."""
_ROUND = "round "
_DAY, _PERSON = "terms day", "terms person"
_encode = msgspec.json.Encoder(order="deterministic").encode

Wake = Callable[[float], None]


class Slice(NamedTuple):
    """What a round is about: numbers of records of one organization, why they are asked, and whose members are to be
    looked at beside them."""

    org: str
    asks: dict[int, Ask]
    cause: Cause
    between: tuple[int, int] | None = None


class Evaluator:
    """One evaluator over one data directory. `along`: what rides in its transactions."""

    def __init__(self, settings: Settings, clock: Callable[[], int] = now, along: Along | None = None) -> None:
        self._ends = ExitStack()
        self._clock = clock
        self._along = along
        self.file = DecideFile(settings.directory)
        self._ends.callback(self.file.close)
        ledger, receipts = embedded.open_ledger(settings), embedded.open_ledger(settings)
        for opened in (ledger, receipts):
            self._ends.callback(opened.close)
        self._definitions = Definitions(ledger)
        self._sources = embedded.Sources(ledger)
        self._reader = embedded.open_reader(settings, self._sources.by_name)
        self._ends.callback(self._reader.close)
        people = embedded.open_people(settings, ledger)
        self._plain = people.plain_terms()
        secret = ledger.keys.secret("asked")
        self._gate = Gate(self._reader, people, DirectReceipts(receipts), secret=secret, quiet_s=0)
        state = connect(settings.directory / "state.db", MIGRATIONS, durable=False, cache_mb=4)
        self._ends.callback(state.close)
        self._feed = TouchReader(state, ledger.keys)
        self._feeding = Feeding(ledger, self._reader)
        # (A runner would look after Ctrl-C at each call, by way of the text of all that the last one gave.)
        self._loop = asyncio.new_event_loop()
        self._ends.callback(self._loop.close)
        self._outcomes = EventOutcomes(ledger, self._reader, self._gate, self._loop)
        self._noticing = Noticing(ledger, self._reader)
        self._askers: dict[str, Asker] = {}
        self._uses: dict[str, Use] = {}
        self._purposes: dict[tuple[str, str], str] = {}
        self._version = -1

    # -- one round

    def step(self) -> bool:
        """Deal with some of what there is; return whether there may be more."""
        with cycles.not_searched():
            return self._step()

    def _step(self) -> bool:
        self._know()
        at = self._clock()
        batch = Batch(at)
        self._feeding.begin()
        self._outcomes.begin()
        self._noticing.begin()
        slices: dict[str, Slice] = {}
        more = self._touched(slices, batch)
        self._noticing.put(at)
        self._outcomes.settle(self._clock())
        more = self._stirred(slices, batch) or more
        more = self._passed(slices, batch) or more
        more = self._due(slices, at) or more
        for one in slices.values():
            self._ask(one, batch)
        self._write(batch)
        more = self._noticing.moved(self.file, self._purposes, at) or more
        told = self._feeding.tell_members(self.file.db)
        if not more:
            more = self._fill() or self.file.drop_some()
        return more or told

    def settle(self) -> None:
        """Until nothing is left that can be dealt with now."""
        while self.step():
            pass

    def has_fed(self) -> bool:
        """Whether anything was put into a destination's queue since this was asked last."""
        return self._feeding.has_fed()

    def has_noticed(self) -> bool:
        """Whether anything began to wait for a decision since this was asked last."""
        return self._noticing.has_noticed()

    def next_due(self) -> int | None:
        return self.file.next_due()

    def _know(self) -> None:
        """Follow the definitions."""
        version = self._definitions.version()
        if version != self._version:
            wanted = set(self._definitions.orgs())
            for org in wanted | self.file.orgs():
                rulebook = self._definitions.rulebook(org)
                known = self._askers.get(org)
                if known is None or known.rulebook is not rulebook:
                    use = self._uses.setdefault(org, Use())
                    self._askers[org] = Asker(org, rulebook, self._reader.block_of, self._gate, self._loop, use)
                self.file.sync(
                    org,
                    {
                        name: Wanted(rule.audience.version, _basis(rulebook, name))
                        for name, rule in rulebook.rules.items()
                    },
                )
            for org in self._askers.keys() - wanted:
                del self._askers[org]
            self._purposes = {
                (org, name): rule.audience.purpose
                for org, asker in self._askers.items()
                for name, rule in asker.rulebook.rules.items()
            }
            asked = {org: asker.rulebook.needs(asker.rulebook.rules) for org, asker in self._askers.items()}
            interests = {org: Interest(frozenset(needs.events), needs.traits) for org, needs in asked.items()}
            self.file.put_interests({**dict.fromkeys(self._definitions.in_use(), Interest()), **interests}, version)
            self._version = version

    # -- what there is to be asked

    def _touched(self, slices: dict[str, Slice], batch: Batch) -> bool:
        rows = self._feed.after(self.file.meta("touched"), TOGETHER)
        for row in rows:
            batch.cursors["touched"] = row.seq
            self._feeding.touched(row.org, row.touches)
            self._outcomes.touched(row.org, row.touches)
            self._noticing.touched(row.org, row.touches, batch.at)
            asker = self._askers.get(row.org)
            for touch in row.touches:
                ask = None if asker is None else self._asked_by(asker, touch)
                if ask is not None:
                    _put(slices, row.org, touch.record, ask)
        return bool(rows)

    def _asked_by(self, asker: Asker, touch: Touch) -> Ask | None:
        if touch.all:
            asker.histories.forget(touch.record)
            return Ask(all=True)
        change = Change(frozenset(touch.traits), frozenset(touch.events), frozenset(touch.identifiers))
        names = asker.rulebook.touched(change)
        # A record that got another identifier may be the one by which its customer is shown now.
        return Ask(set(names)) if names or touch.identifiers else None

    def _stirred(self, slices: dict[str, Slice], batch: Batch) -> bool:
        rows = self._definitions.stirred(self.file.meta("stir"), TOGETHER)
        for row in rows:
            batch.cursors["stir"] = row.seq
            if row.token is None:
                self._sources.forget()
                self._feeding.stirred(row.org, None)
                for org in [*self._askers] if row.org is None else [row.org]:
                    self.file.refill(org)
                continue
            self._stir(slices, row.token)
        return bool(rows)

    def _stir(self, slices: dict[str, Slice], token: bytes) -> None:
        """Ask the customers who hold an identifier anew."""
        for org, number in self._feed.records_of(token):
            self._feeding.stirred(org, number)
            if org in self._askers:
                _put(slices, org, number, Ask(all=True))

    def _passed(self, slices: dict[str, Slice], batch: Batch) -> bool:
        """Once a day, whoever has terms of their own is asked again: what these let through may be another by the mere
        passing of time (so many uses a week, a proof that ends), and nothing else would tell."""
        if self.file.meta(_DAY) == batch.at // DAY:
            return False
        last, claims = self._definitions.with_own_terms(self._plain, self.file.meta(_PERSON), TOGETHER)
        for token in {token for _, token in claims}:
            self._stir(slices, token)
        batch.cursors |= {_PERSON: last} if last else {_PERSON: 0, _DAY: batch.at // DAY}
        return bool(last)

    def _due(self, slices: dict[str, Slice], at: int) -> bool:
        due = self.file.due(at, TOGETHER)
        for org, audience, customer in due:
            _put(slices, org, customer, Ask(timed={audience}))
        return len(due) == TOGETHER

    def _fill(self) -> bool:
        """A slice of what everybody is asked; return whether there is more of it."""
        if self._feed.defined() < self._version:
            return False  # what happens meanwhile may not be told of
        self._begin_rounds()
        fill = self.file.filling(self._rounds)
        if fill is None:
            return False
        batch = Batch(self._clock())
        with self._reader.snapshot():
            numbers = self._reader.newest_records(fill.org, fill.before, TOGETHER)
        rest = [number for number in numbers if number >= fill.until]
        before = fill.until if len(rest) < TOGETHER else rest[-1]
        asks = {number: Ask(set(fill.names)) for number in rest}
        self._ask(Slice(fill.org, asks, fill.cause, (before, fill.before)), batch, filling=True)
        batch.filled.append((fill, before))
        self._write(batch)
        self._noticing.pass_over(self.file, batch.at)
        return True

    def _begin_rounds(self) -> None:
        """Where an organization was not followed for a while, nobody knows what happened: everybody is asked."""
        self._rounds = self._feed.rounds()
        for org in self._askers:
            number = self._rounds.get(org)
            if number is not None and self.file.meta(_ROUND + org) != number:
                self.file.refill(org)
                self.file.write(Batch(self._clock(), cursors={_ROUND + org: number}))

    # -- asking

    def _ask(self, one: Slice, batch: Batch, *, filling: bool = False) -> None:
        """Ask customers behind some records, and note what came of it."""
        asker = self._askers[one.org]
        kept = self.file.between(*one.between) if one.between is not None else {}
        asks = dict(one.asks)
        for number, known in kept.items():
            if any(org == one.org for org, _ in known):
                asks.setdefault(number, Ask())
        with self._reader.snapshot():
            customers, gone = self._behind(one.org, asks)
        others = {part.number for found, _ in customers.values() for part in found.parts} | gone
        kept |= self.file.members(sorted((others | customers.keys()) - kept.keys()))
        before = {
            number: {name: member for (org, name), member in known.items() if org == one.org}
            for number, known in kept.items()
        }
        outcomes: list[Outcome] = []
        for number in others - customers.keys():
            if before.get(number):
                outcomes += asker.gone(number, before[number], batch.at)
        for found, ask in customers.values():
            # Whose number another customer had until now is asked everything: they were never asked under this one.
            if any(before.get(part.number) for part in found.parts if part.number != found.number):
                ask.all = True
        wanted = {number: ask for number, (_, ask) in customers.items() if ask.all or ask.names or ask.timed}
        if filling:
            wanted = {number: ask for number, ask in wanted.items() if number in one.asks or ask.all}
        version = self._reader.version()

        def again() -> Sequence[Found]:
            if self._reader.version() == version:
                return [found for found, _ in customers.values()]
            found = self._reader.found_many(one.org, list(wanted))
            return list({each.number: each for each in found if each is not None}.values())

        outcomes += asker.asked(again, wanted, before, batch.at, one.cause)
        self._note(one.org, outcomes, before, batch)
        with self._reader.snapshot():
            batch.erased |= {number for number in gone if self._reader.part(one.org, number) is None}

    def _behind(self, org: str, asks: dict[int, Ask]) -> tuple[dict[int, tuple[Found, Ask]], set[int]]:
        """Customers by number, each with what is asked of it; and the records that are shown of no customer."""
        customers: dict[int, tuple[Found, Ask]] = {}
        gone: set[int] = set()
        for (number, ask), found in zip(asks.items(), self._reader.found_many(org, list(asks)), strict=True):
            if found is None or found.number != number:
                gone.add(number)
            if found is not None:
                known = customers.setdefault(found.number, (found, Ask()))
                known[1].join(ask)
        return customers, gone

    def _note(self, org: str, outcomes: Iterable[Outcome], before: dict[int, dict[str, Member]], batch: Batch) -> None:
        for one in outcomes:
            if before.get(one.customer, {}).get(one.audience) != one.member:
                batch.members[org, one.audience, one.customer] = one.member
            if one.moved is not None:
                batch.moves.append((org, one.audience, one.customer, one.moved))

    def _write(self, batch: Batch) -> None:
        if batch.members or batch.moves or batch.cursors or batch.filled or batch.erased:
            self.file.write(batch, self._along or self._feeding.along)
            if "stir" in batch.cursors:
                self._definitions.settled(batch.cursors["stir"])

    # -- from scratch

    def recomputed(self, org: str, name: str) -> dict[int, Verdict]:
        """Number → verdict of every customer who may be read for the audience's purpose, worked out anew."""
        self._know()
        asker = self._askers[org]
        fresh = Asker(org, asker.rulebook, self._reader.block_of, self._gate, self._loop)
        at, before = self._clock(), 1 << 62
        verdicts: dict[int, Verdict] = {}
        while True:
            with self._reader.snapshot():
                numbers = self._reader.newest_records(org, before, TOGETHER)
            if not numbers:
                return verdicts
            before = numbers[-1]

            def customers(numbers: Sequence[int] = tuple(numbers)) -> list[Found]:
                found = zip(numbers, self._reader.found_many(org, numbers), strict=True)
                return [one for number, one in found if one is not None and one.number == number]

            verdicts |= fresh.verdicts(name, customers, at)

    def close(self) -> None:
        self._ends.close()


def _put(slices: dict[str, Slice], org: str, number: int, ask: Ask) -> None:
    one = slices.get(org)
    if one is None:
        one = slices[org] = Slice(org, {}, "event")
    one.asks.setdefault(number, Ask()).join(ask)


def _basis(rulebook: Rulebook, name: str) -> str:
    """What an audience and all that it rests on are made of: where it is another, everybody is asked."""
    rule = rulebook.rules[name]
    own = rule.expression.dependencies.computed if rule.expression is not None else frozenset()
    needed = rulebook.computation.needed(own)
    behind = [(trait, rulebook.traits[trait].version, rulebook.fitted_at(trait)) for trait in needed]
    return hashlib.sha256(_encode([rule.audience.purpose, behind])).hexdigest()[:24]


def run(
    settings: Settings, wake: Wake, stopped: Callable[[], bool], on_message: Callable[[], None] = lambda: None
) -> None:
    """Evaluate until stopped. `wake` waits, for so many seconds at most, for whoever has something new; `on_message` is
    called once a message waits to be sent."""
    stumbling = Stumbling("evaluator")
    activator, learner, guard = Activator(settings), Learner(settings), Guard(settings)
    starter = Starter(settings, on_message)
    while not stopped():
        try:
            with contextlib.closing(Evaluator(settings)) as evaluator:
                while not stopped():
                    with translating(evaluator.file.path):
                        more = evaluator.step()
                    stumbling.went_well()
                    if evaluator.has_fed():
                        activator.wake()
                    if evaluator.has_noticed():
                        starter.wake()
                    if not more:
                        due = evaluator.next_due()
                        wake(LOOK_SECONDS if due is None else min(LOOK_SECONDS, max(0.0, (due - now()) / SECOND)))
        except Busy as error:
            # No place, or no turn: nothing was written, and it is asked again when there is.
            stumbling.wait(error)
    for thread in (activator, learner, guard, starter):
        thread.close()
