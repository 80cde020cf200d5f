"""What ways to choose give both sides of the town, over the same seeds.

Each figure is a mean over seeds with an interval of 95 % (of paired differences, where two are compared). A claim about
customers holds if the whole interval lies above nothing.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from bench import machine
from bench.bench import Bench
from bench.row import Row, against
from bench.town import peers, picture, telling
from bench.town.living import THIRDS, Way, live
from bench.town.telling import (
    GREEDY,
    HARMS,
    KNOWING,
    KNOWING_GREEDY,
    NOBODY_HELD,
    ONE_SCALE,
    OURS,
    PEERS,
    RANDOM,
    SEGMENTS,
    SHORT,
    TWO_A_WEEK,
    WAYS,
    WEIGHT,
    WEIGHTS,
    Life,
    Lives,
    interval,
    side,
)
from bench.town.world import ACTS, town
from rapport.decide.kinds import Units, Worth
from rapport.decide.priors import Scales, scales_of

SEEDS: Final = 20
SOME: Final = 20
CUSTOMERS: Final = 80
DAYS: Final = 60
WORKERS = len(os.sched_getaffinity(0))
ENOUGH: Final = 0.95
PAIRED: Final = ("warranty", "premium-plan")
"""What greedy gains at the cost of those who take it up."""
SLIP: Final = "thanks-voucher"
"""An action beside which somebody wrote that it brings the company a billion."""
DOCS: Final = Path(__file__).parents[2] / "docs"
PICTURE: Final = DOCS / "images/two-sided-choice.svg"
PAGE: Final = DOCS / "explanation/two-sided-choice.md"


class Task(NamedTuple):
    way: str
    seed: int
    harm: float
    customers: int
    days: int


def _way(task: Task, scales: Scales) -> Way:
    seed, harm = task.seed, task.harm
    ways: Mapping[str, Callable[[], Way]] = {
        OURS: lambda: peers.Rapport(seed, scales),
        TWO_A_WEEK: lambda: peers.Rapport(seed, scales, policy=peers.SENSIBLE),
        ONE_SCALE: lambda: peers.Rapport(seed, Scales()),
        NOBODY_HELD: lambda: peers.Rapport(seed, scales, holdout=0.0),
        GREEDY: lambda: peers.Greedy(seed, scales),
        "greedy, two messages a week": lambda: peers.Greedy(seed, scales, policy=peers.SENSIBLE),
        SEGMENTS: lambda: peers.Segments(peers.tuned(seed, harm, task.customers, task.days)),
        "segments, once a week": lambda: peers.Segments(
            peers.tuned(seed, harm, task.customers, task.days, weekly=True)
        ),
        RANDOM: lambda: peers.Random(seed),
        KNOWING: lambda: peers.Knowing(0.5),
        KNOWING_GREEDY: lambda: peers.Knowing(0.0),
    }
    if task.way.startswith(WEIGHT):
        return peers.Rapport(seed, scales, float(task.way.removeprefix(WEIGHT)))
    return ways[task.way.partition(" | ")[0]]()


UNTOLD, FAIR = " | annoyance goes unreported", " | no offer that customers regret"
MISTAKEN: Final = " | a billion beside one action"


def lived(task: Task) -> Life:
    """Run one task."""
    made = town(task.seed, task.harm, task.customers, task.days)
    if task.way.endswith(MISTAKEN):
        slipped = [
            Worth(worth.customer, 1e9) if act.id == SLIP else worth
            for act, worth in zip(ACTS, made.declared, strict=True)
        ]
        made = made._replace(declared=tuple(slipped))
    without = frozenset(PAIRED) if task.way.endswith(FAIR) else frozenset()
    way = _way(task, scales_of(made.declared, Units()))
    came = live(made, way, told=0.0 if task.way.endswith(UNTOLD) else 1.0, without=without)
    whole = came.given.sum(axis=1)
    return Life(
        came.sides,
        came.given.mean(axis=0),
        whole[made.rare].mean(axis=0) if made.rare.any() else np.full(2, np.nan),
        float((whole[:, 0] < 0).mean()),
        came.contacts / made.customers / made.days * 7,
        float(came.left.mean()),
    )


BESIDES: Final = (
    *((ONE_SCALE, harm) for harm in (0.0, 1.0, 2.0)),
    *((way, harm) for harm in (1.0, 2.0) for way in (TWO_A_WEEK, "greedy, two messages a week")),
    *(("segments, once a week", harm) for harm in (0.0, 1.0, 2.0)),
    *((way + FAIR, 0.0) for way in (OURS, GREEDY)),
    (OURS + MISTAKEN, 0.0),
    (NOBODY_HELD, 0.0),
    (OURS + UNTOLD, 1.0),
    *((f"{WEIGHT}{weight}", harm) for harm in (0.0, 1.0) for weight in WEIGHTS),
)
"""What is asked besides, at some seeds."""


def lives_of(wanted: Sequence[tuple[str, float]], seeds: int, customers: int, days: int) -> Lives:
    """Of each way, at a harm, one for each seed."""
    tasks = [Task(way, seed, harm, customers, days) for way, harm in wanted for seed in range(seeds)]
    found: Lives = {}
    with ProcessPoolExecutor(WORKERS) as pool:
        for task, life in zip(tasks, pool.map(lived, tasks, chunksize=2), strict=True):
            each = found.setdefault((task.way, task.harm), [])
            each.append(life)
            if len(each) == seeds:
                machine.say(_told(task.way, task.harm, each).name)
    return found


def measure(bench: Bench) -> Iterator[Row]:
    full = bench.scale.full
    machine.say("the town lives: some minutes …")
    seeds, customers, days = (SEEDS, CUSTOMERS, DAYS) if full else (2, 20, 15)
    lives = lives_of([(way, harm) for harm in HARMS for way in WAYS], seeds, customers, days)
    yield from claims(lives)
    for (way, harm), each in lives.items():
        yield _told(way, harm, each)
    for harm, name in HARMS.items():
        for way in (OURS, GREEDY, SEGMENTS):
            yield from _over_time(way, name, lives[way, harm])
    besides = lives_of(BESIDES if full else BESIDES[:1], SOME if full else seeds, customers, days)
    for (way, harm), each in besides.items():
        yield _told(way, harm, each)
    told = telling.told(lives, besides)
    machine.say(told)
    if full:
        PICTURE.write_text(picture.drawn(points(lives | besides)), "utf-8")
        PAGE.write_text(telling.filled(PAGE.read_text("utf-8"), told), "utf-8")


def claims(lives: Lives) -> Iterator[Row]:
    """What was promised of Rapport as it comes."""
    for harm, name in HARMS.items():
        ours = lives[OURS, harm]
        for peer in PEERS:
            theirs = lives[peer, harm]
            low, high = interval((side(ours, 0) - side(theirs, 0)).tolist())
            mean = float(side(theirs, 0).mean())
            yield Row(
                f"town, {name}: customers better off than under {peer} by {(low + high) / 2:.3g}"
                f" [{low:.3g}, {high:.3g}], at least",
                low,
                "£ a customer",
                0.0,
                floor=against(f"under {peer}", mean, "£"),
                ratio=float(side(ours, 0).mean()) / mean,
            )
        theirs = lives[GREEDY, harm]
        ratio = float(side(ours, 1).mean() / side(theirs, 1).mean())
        low, high = interval((side(ours, 1) / side(theirs, 1)).tolist())
        yield Row(
            f"town, {name}: the company's gain, of greedy's [{low:.2f}, {high:.2f}]",
            ratio,
            "",
            ENOUGH if harm == 0 else 1.0,
            floor=against("greedy", float(side(theirs, 1).mean()), "£ a customer"),
            ratio=ratio,
        )


def _told(way: str, harm: float, lives: Sequence[Life]) -> Row:
    """A way's figures, in one line."""
    texts = []
    for which in (0, 1):
        low, high = interval(side(lives, which).tolist())
        texts.append(f"{side(lives, which).mean():.1f} [{low:.1f}, {high:.1f}]")
    left, worse, contacts = (
        float(np.mean([getattr(life, name) for life in lives])) for name in ("left", "worse", "contacts")
    )
    known = [life.rare[0] for life in lives if not np.isnan(life.rare[0])]
    rare = float(np.mean(known)) if known else 0.0
    return Row(
        f"{HARMS[harm]}, {way}: customer {texts[0]}, company {texts[1]}",
        float(side(lives, 0).mean()),
        "£ to a customer",
        floor=f"{contacts:.1f} contacts a week, {left:.0%} left, {worse:.0%} worse off than in silence,"
        f" rare taste {rare:.1f} £",
    )


def _over_time(way: str, harm: str, lives: Sequence[Life]) -> Iterator[Row]:
    thirds = np.mean([life.thirds for life in lives], axis=0)
    for which, whose in enumerate(("customer", "company")):
        said = ", ".join(f"{value:.1f}" for value in thirds[:, which])
        yield Row(
            f"{harm}, {way}: {whose} by thirds of the time: {said}", float(thirds[THIRDS - 1, which]), "£ in the last"
        )


def points(lives: Lives) -> list[picture.Point]:
    """For the picture: each way, and each weight, with both sides' gains."""
    return [
        picture.Point(
            HARMS[harm],
            SHORT.get(way, way),
            float(side(each, 1).mean()),
            float(side(each, 0).mean()),
            way.startswith(WEIGHT),
        )
        for (way, harm), each in lives.items()
        if harm in (0.0, 1.0) and (way in SHORT or way.startswith(WEIGHT))
    ]
