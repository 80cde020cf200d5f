"""The play itself: the history as fast or as slow as asked, then visits that happen now."""

import os
import time
from collections.abc import Callable, Iterator

import msgspec

from rapport.cli.demo.history import Call, story
from rapport.cli.demo.live import Street
from rapport.cli.demo.moments import Moments
from rapport.cli.demo.people import household
from rapport.cli.demo.premises import Note
from rapport.cli.demo.sending import Sender
from rapport.cli.demo.using import Company
from rapport.kernel.times import SECOND, now

WAVE = 40
"""Households whose 90 days are in memory at a time."""

TICK_SECONDS = 0.2

Tell = Callable[[float, int], None]
"""Told how much of the history is done (0 to 1) and how many events of it were sent."""


class Extent(msgspec.Struct, frozen=True):
    """How much history: this many customers, or this many events if that is set."""

    customers: int
    events: int | None = None


def history(
    sender: Sender, note: Note, extent: Extent, speed: float | None, keep: Callable[[], None], tell: Tell
) -> int:
    """Send what the note does not have yet, and `keep` the note as it grows; return how many customers there are now.

    `speed` is simulated seconds a second; None is as fast as the node takes it. With a speed, the whole history is held
    in memory, since it then goes in the order in which it happened.
    """
    people = events = number = 0
    wave: list[Call] = []

    def flush() -> None:
        for together in _paced(wave, speed):
            sender.send(together)
            tell(_share(extent, people, events), sender.sent)
        wave.clear()
        note.households = max(note.households, number)
        keep()

    while _share(extent, people, events) < 1:
        fresh = number >= note.households
        if fresh or extent.events is not None:
            told = story(note.seed, number, note.end)
            events += len(told)
            wave += told if fresh else []
        people += len(household(note.seed, number).people)
        number += 1
        # Alice goes first and alone, so that she is there at once.
        if wave and speed is None and (number == 1 or number % WAVE == 0):
            flush()
    if wave:
        flush()
    return people


def _share(extent: Extent, people: int, events: int) -> float:
    return people / extent.customers if extent.events is None else events / extent.events


def _paced(calls: list[Call], speed: float | None) -> Iterator[list[Call]]:
    """Calls in the order in which they leave: all at once, or by the simulated clock."""
    calls = sorted(calls, key=lambda call: call.leaves)
    if speed is None:
        yield calls
        return
    began, first, sent = time.monotonic(), calls[0].leaves, 0
    while sent < len(calls):
        clock = first + (time.monotonic() - began) * speed * SECOND
        upto = sent
        while upto < len(calls) and calls[upto].leaves <= clock:
            upto += 1
        if upto > sent:
            yield calls[sent:upto]
            sent = upto
        else:
            time.sleep(TICK_SECONDS / 2)


def live(
    sender: Sender,
    note: Note,
    rate: float,
    *,
    orphaned: Callable[[], bool] = lambda: False,
    company: Company | None = None,
) -> None:
    """Send visits as they happen, until interrupted or `orphaned`, and ask the `company`'s node at each what to do.
    `rate` is events a second, on average."""
    run = f"live-{now() // SECOND}"
    street = Street(note.seed, note.households, rate, run)
    moments = None if company is None else Moments(company, sender, note.seed, run)
    while not orphaned():
        together = street.due(now())
        if together:
            sender.send(together)
        if moments is not None:
            moments.pass_by(together, now())
        time.sleep(TICK_SECONDS)


def orphaned_from(parent: int) -> Callable[[], bool]:
    """Whether the process that started us is gone."""
    return lambda: os.getppid() != parent
