"""Deciding: the core of a decision and of learning from it, beside Vowpal Wabbit in the same process.

Both choose among the same 50 actions of 8 kinds for the same people, of whom 100 things are known, and both start from
the names of those things, crossed with actions and kinds. Vowpal Wabbit predicts one side, and explores by a share of
chance; here are two sides with their uncertainty, in 128 draws. What each takes of hashed names is told, too.
"""

import importlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench import machine
from bench.bench import Bench
from bench.row import Row, against
from rapport.decide.arbitration import Case, Ruling, arbitrate
from rapport.decide.features import Features, Named, crossed, hashed
from rapport.decide.kinds import KINDS, Worth
from rapport.decide.posterior import Posterior, Prior, estimate_both, learn_both
from rapport.kernel.times import DAY

ACTIONS = 50
FEATURES = 100
VALUES = 9
PEOPLE = 64
OUTCOMES = 2_000
ROUNDS = 50
AT = 20_000 * DAY
CANDIDATES = tuple((f"action-{number}", list(KINDS)[number % len(KINDS)]) for number in range(ACTIONS))
NAMES, OF_KIND = zip(*CANDIDATES, strict=True)
PEER = "--cb_explore_adf -b 18 -q ca --quiet"
"""Hashed into as many places as here, the context (c) crossed with actions (a)."""


def measure(bench: Bench) -> Iterator[Row]:
    machine.pin(machine.MEASURED)
    rng = random.Random(bench.seed())
    people = [_person(rng) for _ in range(PEOPLE)]
    ours, peer = _Ours(rng, people), _Peer(PEER, rng, people)
    drawn = _Peer(f"{PEER} --bag 8", rng, people)
    known = [hashed(person) for person in people]
    taken = _taken(
        people,
        {
            "ours": lambda place: ours.decide(f"dec_{place}", hashed(people[place])),
            "ours, hashed": lambda place: ours.decide(f"dec_{place}", known[place]),
            "peer": peer.predict,
            "peer, hashed": peer.predict_parsed,
            "peer, drawn": drawn.predict,
            "learn": lambda place: ours.learn(known[place], place),
        },
    )
    what = f"decide among {ACTIONS} actions × {FEATURES} features"
    yield Row(
        f"{what}, for both sides",
        taken["ours"],
        "µs",
        taken["peer"],
        "at most",
        against("Vowpal Wabbit cb_explore_adf predict", taken["peer"], "µs"),
        taken["ours"] / taken["peer"],
    )
    yield Row(
        "the same, beside its bootstrap of 8",
        taken["ours"],
        "µs",
        floor=against("Vowpal Wabbit --bag 8", taken["peer, drawn"], "µs"),
        ratio=taken["ours"] / taken["peer, drawn"],
    )
    yield Row(
        "the same, of names that are hashed already",
        taken["ours, hashed"],
        "µs",
        floor=against("Vowpal Wabbit, one side, parsed", taken["peer, hashed"], "µs"),
        ratio=taken["ours, hashed"] / taken["peer, hashed"],
    )
    yield Row("learn an outcome, of both sides", taken["learn"], "µs", 50, "at most")


def _person(rng: random.Random) -> Named:
    return tuple((f"traits.t{number} is {rng.randrange(VALUES)}", 1.0) for number in range(FEATURES))


def _taken(people: Sequence[Named], tasks: dict[str, Callable[[int], object]]) -> dict[str, float]:
    """µs of CPU that each task takes for a person: all in turns, so that what disturbs one disturbs all; the least."""
    least = dict.fromkeys(tasks, float("inf"))
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            began = time.process_time()
            for place in range(len(people)):
                task(place)
            least[name] = min(least[name], (time.process_time() - began) / len(people) * 1e6)
    return least


class _Ours:
    """Two models that learnt, and what is declared of each action."""

    def __init__(self, rng: random.Random, people: Sequence[Named]) -> None:
        customer = Posterior(Prior("customer"))
        self._sides = (customer, Posterior(Prior("company"), beside=customer))
        self._declared = [Worth(rng.uniform(0, 8), rng.uniform(0, 8)) for _ in CANDIDATES]
        for _ in range(OUTCOMES):
            self.learn(hashed(rng.choice(people)), rng.randrange(1 << 30))

    def decide(self, seed: str, features: Features) -> Ruling:
        both = crossed(features, CANDIDATES)
        customer, company = estimate_both(self._sides, both, self._declared, AT)
        return arbitrate(Case(seed, NAMES, OF_KIND, customer, company))

    def learn(self, features: Features, number: int) -> None:
        """One outcome of both sides; one in five of silence."""
        place = number % ACTIONS
        one = crossed(features, () if number % 5 == 0 else CANDIDATES[place : place + 1])
        declared = self._declared[place]
        gave = Worth(declared.customer + number % 7 - 3, declared.company + number % 7 - 3)
        learn_both(self._sides, one, declared, gave, AT)


class _Peer:
    """Vowpal Wabbit, taught as much."""

    def __init__(self, arguments: str, rng: random.Random, people: Sequence[Named]) -> None:
        try:
            self._workspace: Any = importlib.import_module("vowpalwabbit").Workspace(arguments)
        except ImportError as error:
            raise machine.Unmeasurable("vowpalwabbit is not installed: `make test` installs it") from error
        for _ in range(OUTCOMES):
            self._workspace.learn(_lines(rng.choice(people), rng.randrange(ACTIONS), -rng.random()))
        self._written = [_lines(person) for person in people]
        self._parsed = [[self._workspace.example(line) for line in lines] for lines in self._written]

    def predict(self, place: int) -> Sequence[float]:
        chances: Sequence[float] = self._workspace.predict(self._written[place])
        return chances

    def predict_parsed(self, place: int) -> Sequence[float]:
        chances: Sequence[float] = self._workspace.predict(self._parsed[place])
        return chances


def _lines(person: Named, done: int | None = None, cost: float = 0.0) -> list[str]:
    shared = "shared |c " + " ".join([name.replace(" is ", "=") for name, _ in person])
    lines = [f"|a {action} {kind}" for action, kind in CANDIDATES]
    if done is not None:
        lines[done] = f"0:{cost:.3f}:{1 / ACTIONS} {lines[done]}"
    return [shared, *lines]
