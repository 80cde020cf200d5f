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
from scipy import stats

from bench import machine
from bench.bench import Bench
from bench.row import Row, against
from bench.town import peers, picture
from bench.town.living import THIRDS, Way, live
from bench.town.world import town
from rapport.decide.kinds import Worth
from rapport.learn.intervals import Floats, Interval

SEEDS: Final = 20
SOME: Final = 6
CUSTOMERS: Final = 80
DAYS: Final = 60
WORKERS = len(os.sched_getaffinity(0))
HARMS: Final = {0.0: "no harm", 1.0: "harm", 2.0: "strong harm"}
WEIGHTS: Final = (0.1, 0.3, 0.7, 0.9)
ENOUGH: Final = 0.95
PAIRED: Final = ("warranty", "premium-plan")
"""What greedy gains at the cost of those who take it up."""
PICTURE: Final = Path(__file__).parents[2] / "docs/images/two-sided-choice.svg"

OURS, NARROW = "Rapport", "Rapport, priors as wide as its catalogue"
PEERS: Final = ("segments", "greedy", "random")


class Life(NamedTuple):
    """One way, one seed. `sides` and, of those with the rare taste, `rare` (2): £ a customer; `thirds` (3, 2)."""

    sides: Floats
    thirds: Floats
    rare: Floats
    worse: float
    contacts: float
    left: float


class Task(NamedTuple):
    way: str
    seed: int
    harm: float
    customers: int
    days: int


def _way(task: Task, declared: Sequence[Worth]) -> Way:
    seed, harm = task.seed, task.harm
    narrow = peers.priors_of(declared)
    ways: Mapping[str, Callable[[], Way]] = {
        OURS: lambda: peers.Rapport(seed),
        "Rapport, two messages a week": lambda: peers.Rapport(seed, policy=peers.SENSIBLE),
        NARROW: lambda: peers.Rapport(seed, priors=narrow),
        "Rapport, nobody held out": lambda: peers.Rapport(seed, holdout=0.0),
        "greedy": lambda: peers.Greedy(seed),
        "greedy, two messages a week": lambda: peers.Greedy(seed, policy=peers.SENSIBLE),
        "segments": lambda: peers.Segments(peers.tuned(seed, harm, task.customers, task.days)),
        "segments, once a week": lambda: peers.Segments(
            peers.tuned(seed, harm, task.customers, task.days, weekly=True)
        ),
        "random": lambda: peers.Random(seed),
        "knowing all, the product": lambda: peers.Knowing(0.5),
        "knowing all, greedy": lambda: peers.Knowing(0.0),
    }
    if task.way.startswith("weight "):
        return peers.Rapport(seed, float(task.way.removeprefix("weight ")), priors=narrow)
    return ways[task.way.partition(" | ")[0]]()


UNTOLD, FAIR = " | annoyance goes unreported", " | no offer that customers regret"


def lived(task: Task) -> Life:
    """Run one task."""
    made = town(task.seed, task.harm, task.customers, task.days)
    without = frozenset(PAIRED) if task.way.endswith(FAIR) else frozenset()
    came = live(made, _way(task, made.declared), told=0.0 if task.way.endswith(UNTOLD) else 1.0, without=without)
    whole = came.given.sum(axis=1)
    return Life(
        came.sides,
        came.given.mean(axis=0),
        whole[made.rare].mean(axis=0) if made.rare.any() else np.full(2, np.nan),
        float((whole[:, 0] < 0).mean()),
        came.contacts / made.customers / made.days * 7,
        float(came.left.mean()),
    )


Lives = dict[tuple[str, float], list[Life]]

WAYS: Final = (OURS, NARROW, *PEERS, "knowing all, the product", "knowing all, greedy")
BESIDES: Final = (
    *((way, harm) for harm in (1.0, 2.0) for way in ("Rapport, two messages a week", "greedy, two messages a week")),
    *(("segments, once a week", harm) for harm in HARMS),
    *((way + FAIR, 0.0) for way in (OURS, NARROW, "greedy")),
    ("Rapport, nobody held out", 0.0),
    *((way + UNTOLD, 1.0) for way in (OURS, NARROW)),
    *((f"weight {weight}", harm) for harm in (1.0, 0.0) for weight in WEIGHTS),
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


def interval(values: Sequence[float]) -> Interval:
    """Of a mean, 95 %."""
    each = np.array(values)
    about = float(stats.t.ppf(0.975, len(each) - 1)) * float(each.std(ddof=1)) / len(each) ** 0.5
    return Interval(float(each.mean()) - about, float(each.mean()) + about)


def side(lives: Sequence[Life], which: int) -> Floats:
    return np.array([life.sides[which] for life in lives])


def measure(bench: Bench) -> Iterator[Row]:
    full = bench.scale.full
    machine.say("the town lives: some minutes …")
    seeds, customers, days = (SEEDS, CUSTOMERS, DAYS) if full else (2, 20, 15)
    lives = lives_of([(way, harm) for harm in HARMS for way in WAYS], seeds, customers, days)
    yield from claims(lives)
    for (way, harm), each in lives.items():
        yield _told(way, harm, each)
    for harm, name in HARMS.items():
        for way in (OURS, NARROW, "greedy", "segments"):
            yield from _over_time(way, name, lives[way, harm])
    if full:
        besides = lives_of(BESIDES, SOME, customers, days)
        for (way, harm), each in besides.items():
            yield _told(way, harm, each)
        PICTURE.write_text(picture.drawn(points(lives | besides)), "utf-8")


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
        theirs = lives["greedy", harm]
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
    shown = {
        OURS: "Rapport",
        NARROW: "narrower priors",
        "segments": "segments",
        "greedy": "greedy",
        "random": "random",
        "knowing all, the product": "knows all, product",
        "knowing all, greedy": "knows all, greedy",
    }
    return [
        picture.Point(
            HARMS[harm],
            shown.get(way, way),
            float(side(each, 1).mean()),
            float(side(each, 0).mean()),
            way.startswith("weight"),
        )
        for (way, harm), each in lives.items()
        if harm in (0.0, 1.0) and (way in shown or way.startswith("weight"))
    ]
