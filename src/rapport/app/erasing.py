"""Erasing a person's data, from outside the worker: ask for it in the log, and wait until it is complete and durable.

It works beside a running node, whose worker does it, and without one, when this process is the worker.
"""

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import msgspec

from rapport.adapters.embedded.erasures import ErasureReader
from rapport.adapters.embedded.state_rows import MIGRATIONS
from rapport.adapters.embedded.touched import TouchProgress
from rapport.app.embedded import open_keys, open_log
from rapport.app.operator import Erasure, Lift, Settle, Shred, erasure_entry
from rapport.app.settings import Settings
from rapport.app.waiting import wait_for
from rapport.kernel import vocabulary
from rapport.kernel.errors import BadInput
from rapport.kernel.identifiers import normalise
from rapport.profile.erasure import Carved, Claim, Erased, Legal, Review

__all__ = [
    "Carved",
    "Claim",
    "Erased",
    "Legal",
    "Review",
    "carved",
    "keep",
    "lift",
    "review",
    "shred",
    "shred_reviewed",
]

EVALUATOR_PATIENCE_S = 2.0
"""How long an evaluator that makes no progress is waited for."""
_POLL_S = 0.02
Progress = Callable[[int], None]
Laws = Mapping[str, Sequence[Legal]]


def shred(
    settings: Settings,
    person: str,
    claims: Sequence[tuple[str, str, str]],
    legal: Laws | None = None,
    progress: Progress = lambda _: None,
) -> Erased:
    """Erase every record that holds a claimed identifier (organization, type, value), for good; return once that is
    complete and durable. `legal`, by organization, is what its declaration says that laws oblige it to keep.

    `progress` is told, now and then, which log entry the views have come to. What is returned lists all reviews of the
    person that wait. Raises BadInput for a claim that is no identifier, and for a category that is none.
    """
    asked = Shred(person, tuple(_claim(*claim) for claim in claims), _laws(legal))
    return _carried_out(settings, asked, progress)


def lift(settings: Settings, person: str, progress: Progress = lambda _: None) -> int:
    """Let what a person had erased come in again; return how many identifiers (or events known by their content alone)
    that concerns."""
    return _carried_out(settings, Lift(person), progress).identifiers


def review(settings: Settings, *, org: str | None = None, person: str | None = None) -> list[Review]:
    """Records that were only joined to erased ones and wait to be looked at, the most urgent first."""
    with _reader(settings) as reader:
        return reader.reviews(org=org, person=person)


def keep(settings: Settings, person: str, reviews: Collection[int], progress: Progress = lambda _: None) -> int:
    """Keep records (by the ids of their reviews) that are not the person's; return how many waited."""
    return _carried_out(settings, Settle(person, tuple(reviews), erase=False), progress).records


def shred_reviewed(
    settings: Settings,
    person: str,
    reviews: Collection[int],
    legal: Laws | None = None,
    progress: Progress = lambda _: None,
) -> Erased:
    """Erase records (by the ids of their reviews) that turned out to be the person's."""
    return _carried_out(settings, Settle(person, tuple(reviews), erase=True, legal=_laws(legal)), progress)


def carved(settings: Settings, *, org: str | None = None, person: str | None = None) -> list[Carved]:
    """What laws keep: which law, which categories, how many events, until when."""
    with _reader(settings) as reader:
        return reader.carved(org=org, person=person)


def _claim(org: str, kind: str, value: str) -> Claim:
    normal = normalise(kind, value)
    if normal is None:
        raise BadInput(f"a claim at {org} is no {kind[:60]}", code="bad_identifier", field="claim")
    return Claim(org, kind, normal)


def _laws(legal: Laws | None) -> tuple[Legal, ...]:
    """All of them; raises BadInput for a category that is none."""
    laws = tuple(law for some in (legal or {}).values() for law in some)
    for law in laws:
        for category in law.categories:
            vocabulary.category(category)
    return laws


def _carried_out(settings: Settings, erasure: Erasure, progress: Progress) -> Erased:
    log = open_log(settings)
    try:
        seq = log.append([erasure_entry(erasure)])
    finally:
        log.close()
    with _reader(settings) as reader:
        wait_for(settings, seq, progress, lambda: reader.outcome(seq) is not None)
        _until_evaluated(settings)
        done = reader.outcome(seq)
        assert done is not None, "the erasure was awaited"  # noqa: S101 (says what mypy cannot know)
        return msgspec.structs.replace(done, reviews=tuple(reader.reviews(person=erasure.person)))


def _until_evaluated(settings: Settings) -> None:
    """Until the evaluator has let go of who is no more, as long as it gets on with it: what it keeps are numbers of
    records, and where no node runs, it lets go of them as soon as one does."""
    with contextlib.closing(TouchProgress(settings.directory)) as progress:
        told, dealt, moved = progress.told(), -1, time.monotonic()
        while (upto := progress.dealt_with()) < told and time.monotonic() - moved < EVALUATOR_PATIENCE_S:
            if upto != dealt:
                dealt, moved = upto, time.monotonic()
            time.sleep(_POLL_S)


@contextlib.contextmanager
def _reader(settings: Settings) -> Iterator[ErasureReader]:
    reader = ErasureReader(settings.directory, open_keys(settings), MIGRATIONS)
    try:
        yield reader
    finally:
        reader.close()
