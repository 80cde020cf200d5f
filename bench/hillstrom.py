"""Hillstrom's e-mails, whose truth is known since a lot decided who got which: what is estimated from them, and from
logs made of them, holds it; and where nothing is proved, that is what is said.

64,000 customers who had bought before got, by lot, an e-mail with men's goods, one with women's goods, or none; who
visited the shop, bought and spent within two weeks is known (MineThatData E-Mail Analytics and Data Mining Challenge,
2008).

The lot gave all three the same chance. To make a log in which a policy chose, customers are drawn from the file so
that what they got has the chances of that policy, which depend on the customer; what is kept is a log with known
propensities. The truth of another policy is its mean over the other half of the file, in which nothing was chosen.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from bench import machine
from bench.bench import Bench
from bench.row import Row, against
from rapport.decide.kinds import SILENCE
from rapport.learn import off_policy, uplift
from rapport.learn.intervals import Floats, Interval
from rapport.learn.logged import Candidate, Logged
from rapport.learn.off_policy import Estimated
from rapport.learn.table import Table, Target, table
from rapport.learn.uplift import Arms
from rapport.learn.what_if import Gain, compared

REAL = Path(__file__).parents[2] / "shared/data/uplift/hillstrom.csv.gz"
ACTIONS: Final = (SILENCE, "mens", "womens")
OUTCOMES: Final = ("visit", "conversion", "spend")
SPLITS = 40
HALVES = 20
_AGREE = 93.0
_UNPROVED = 80.0
AFTER = 1 << 60
_SEGMENTS = {"No E-Mail": 0, "Mens E-Mail": 1, "Womens E-Mail": 2}


class Sent(NamedTuple):
    """The file as arrays: `got` is a place in ACTIONS, `given` by outcome, `features` of the customer before."""

    got: "np.ndarray[tuple[int], np.dtype[np.intp]]"
    given: dict[str, Floats]
    features: Floats

    def part(self, rows: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> "Sent":
        return Sent(self.got[rows], {name: column[rows] for name, column in self.given.items()}, self.features[rows])


def read(path: Path = REAL) -> Sent:
    """Raises Unmeasurable where the file is not there."""
    if not path.exists():
        raise machine.Unmeasurable(f"the real file is not on this machine ({path})")
    with gzip.open(path) as packed:
        rows = list(csv.DictReader(io.TextIOWrapper(packed, "utf-8")))
    features = [
        [
            float(row["recency"]) / 12,
            np.log(float(row["history"])) / 6,
            float(row["mens"]),
            float(row["womens"]),
            float(row["newbie"]),
            float(row["zip_code"] == "Urban"),
            float(row["zip_code"] == "Rural"),
            float(row["channel"] == "Web"),
            float(row["channel"] == "Phone"),
        ]
        for row in rows
    ]
    given = {name: np.array([float(row[name]) for row in rows]) for name in OUTCOMES}
    return Sent(np.array([_SEGMENTS[row["segment"]] for row in rows], np.intp), given, np.array(features))


# -- what a lot shows


def randomised(sent: Sent, action: int, outcome: str) -> Interval:
    """What an e-mail gave, as a statistician would say it: the difference of two means, and 1.96 standard errors."""
    treated, left_alone = (sent.given[outcome][sent.got == one] for one in (action, 0))
    value = treated.mean() - left_alone.mean()
    error = np.sqrt(treated.var(ddof=1) / len(treated) + left_alone.var(ddof=1) / len(left_alone))
    return Interval(float(value - 1.96 * error), float(value + 1.96 * error))


def two_arms(sent: Sent, action: int, outcome: str) -> tuple[Arms, Floats]:
    """Those who got one e-mail or none, as `uplift` compares them; and their features."""
    rows = np.flatnonzero((sent.got == action) | (sent.got == 0))
    odds = np.full(len(rows), 0.5)
    return Arms(sent.got[rows] == action, odds, sent.given[outcome][rows], np.arange(len(rows))), sent.features[rows]


# -- models, as anybody would make them: one line for each arm


def lines(sent: Sent, outcome: str) -> Floats:
    """A line of the features for each action."""
    found = []
    for action in range(len(ACTIONS)):
        of = sent.got == action
        flat = _flat(sent.features[of])
        found.append(np.linalg.solve(flat.T @ flat + np.eye(flat.shape[1]), flat.T @ sent.given[outcome][of]))
    return np.array(found)


def scores(lines: Floats, features: Floats) -> Floats:
    """What each action is expected to give each customer."""
    return np.asarray(_flat(features) @ lines.T, float)


def _flat(features: Floats) -> Floats:
    return np.hstack([np.ones((len(features), 1)), features])


# -- a log that a policy chose


def chances(features: Floats) -> Floats:
    """A policy to log under: it sends men's goods rather to who bought them, women's likewise, and leaves the others
    rather alone."""
    odds = np.stack([np.full(len(features), 1.0), 0.4 + 1.6 * features[:, 2], 0.4 + 1.6 * features[:, 3]], axis=1)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), float)


def chosen(sent: Sent, chance: np.random.Generator) -> tuple[Sent, Floats]:
    """Customers drawn so that what they got was chosen by `chances`, and those."""
    odds = chances(sent.features)
    kept = np.flatnonzero(chance.random(len(odds)) < odds[np.arange(len(odds)), sent.got])
    return sent.part(kept), odds[kept]


def log_of(sent: Sent, odds: Floats, outcome: str) -> list[Logged]:
    """As a node would have kept it: a decision for each customer."""
    given = sent.given[outcome].tolist()
    return [
        Logged(
            f"dec_{row:06d}",
            f"cus_{row:06d}",
            row,
            row,
            ACTIONS[got],
            tuple(Candidate(action, action, float(share)) for action, share in zip(ACTIONS, shares, strict=True)),
            features=tuple(features),
            customer_benefit=gave,
            company_value=gave,
        )
        for row, (got, shares, features, gave) in enumerate(
            zip(sent.got.tolist(), odds.tolist(), sent.features.tolist(), given, strict=True)
        )
    ]


def policies(lines: Floats, features: Floats) -> dict[str, Floats]:
    """Ways to choose that are worth asking of: everybody men's, everybody women's, nobody, and what a model says is
    best."""
    best = scores(lines, features).argmax(axis=1)
    whole = np.eye(len(ACTIONS))
    always = {f"always {name}": np.tile(whole[place], (len(features), 1)) for place, name in enumerate(ACTIONS)}
    return always | {"as a model says": whole[best]}


def truth(sent: Sent, wished: Floats, outcome: str) -> tuple[float, float]:
    """The mean under a policy where a lot of three equal chances decided, and its standard error."""
    each = wished[np.arange(len(wished)), sent.got]
    value = float((each * sent.given[outcome]).sum() / each.sum())
    off = each * (sent.given[outcome] - value) / each.mean()
    return value, float(off.std() / np.sqrt(len(off)))


def agrees(found: Estimated, truth: tuple[float, float]) -> bool | None:
    """Whether an estimate and a truth that is itself measured are as near as they claim; None where nothing is told."""
    if found.value is None or found.low is None or found.high is None:
        return None
    value, error = truth
    side = found.low if value < found.value else found.high
    return abs(value - found.value) <= float(np.hypot(found.value - side, 1.96 * error))


def split(sent: Sent, seed: int) -> tuple[Sent, Sent, np.random.Generator]:
    """Two halves by lot."""
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(sent.got))
    return sent.part(order[: len(order) // 2]), sent.part(order[len(order) // 2 :]), chance


def agreement(sent: Sent, outcome: str, seeds: range) -> dict[off_policy.Method, list[bool]]:
    """By estimator, whether what a log shows of each policy agrees with what the lot shows: the log is made of one
    half of the file, the truth is of the other."""
    found: dict[off_policy.Method, list[bool]] = {method: [] for method in off_policy.METHODS}
    for seed in seeds:
        asked, shown, chance = split(sent, seed)
        model = lines(shown.part(np.arange(0, len(shown.got), 2)), outcome)
        rest = shown.part(np.arange(1, len(shown.got), 2))
        kept, odds = chosen(asked, chance)
        over = table(log_of(kept, odds, outcome), AFTER)
        of_rest = policies(model, rest.features)
        for name, wished in policies(model, kept.features).items():
            for method in off_policy.METHODS:
                one = off_policy.estimate(over, laid(over, wished, name), "customer", method)
                agreed = agrees(one, truth(rest, of_rest[name], outcome))
                if agreed is not None:
                    found[method].append(agreed)
    return found


def laid(over: Table, wished: Floats, name: str) -> Target:
    """Chances in the file's order, as a table has its candidates."""
    places = np.array([ACTIONS.index(action) for action in over.actions])
    return Target(name, wished[over.row, places[over.what]], {})


def personalised(sent: Sent, outcome: str, seed: int) -> Gain:
    """What a model's choice for each customer gave more than the men's e-mail for all. The model is of one half of the
    file, the answer from the other."""
    learnt, asked, _ = split(sent, seed)
    wished = policies(lines(learnt, outcome), asked.features)
    odds = np.full((len(asked.got), len(ACTIONS)), 1 / len(ACTIONS))
    over = table(log_of(asked, odds, outcome), AFTER)
    model, always = (laid(over, wished[name], name) for name in ("as a model says", "always mens"))
    return compared(over, model, always, "customer")


def measure(bench: Bench) -> Iterator[Row]:
    sent, splits = read(), SPLITS if bench.scale.full else 2
    machine.say("Hillstrom's e-mails: what a log shows, against what the lot shows …")
    yield from _policies(sent, splits)
    yield from _uplifts(sent)
    yield from _personalised(sent)


def _policies(sent: Sent, splits: int) -> Iterator[Row]:
    agreed: dict[off_policy.Method, list[bool]] = {method: [] for method in off_policy.METHODS}
    for outcome in OUTCOMES:
        for method, each in agreement(sent, outcome, range(splits)).items():
            agreed[method] += each
    for method, each in agreed.items():
        share = 100 * sum(each) / len(each)
        yield Row(
            f"Hillstrom, {method}: policies on which log and lot agree",
            share,
            "%",
            _AGREE,
            floor=against("what intervals of 95 % claim", 95, "%"),
            ratio=share / 95,
        )


def _uplifts(sent: Sent) -> Iterator[Row]:
    same = 0
    for action in (1, 2):
        for outcome in OUTCOMES:
            compared_ones, features = two_arms(sent, action, outcome)
            found = uplift.effect(compared_ones, ACTIONS[action], "customer")
            low, high = randomised(sent, action, outcome)
            assert found.value is not None
            assert found.low is not None
            assert found.high is not None
            same += bool(abs(found.value - (low + high) / 2) < 1e-9 and (found.low > 0) == (low > 0))
            name = f"Hillstrom, {outcome} by {ACTIONS[action]} e-mail: {found.said}; the lot:"
            yield Row(f"{name} [{low:+.4g}, {high:+.4g}]", found.value, "a customer")
            half = np.arange(len(features)) % 2 == 0
            yield _qini(compared_ones, features, half, f"{outcome} by {ACTIONS[action]} e-mail")
    yield Row(
        "Hillstrom: effects of e-mails that are as the lot shows, of 6",
        same,
        "effects",
        6,
        floor=against("differences of means", 6, "effects"),
        ratio=same / 6,
    )


def _qini(of: Arms, features: Floats, half: "np.ndarray[tuple[int], np.dtype[np.bool_]]", name: str) -> Row:
    """Whether a model of one half of the customers finds those of the other whom an e-mail moves."""
    found = []
    for arm in (True, False):
        there = half & (of.treated == arm)
        flat = _flat(features[there])
        found.append(np.linalg.solve(flat.T @ flat + np.eye(flat.shape[1]), flat.T @ of.given[there]))
    expected = _flat(features[~half]) @ (found[0] - found[1])
    asked = Arms(of.treated[~half], of.odds[~half], of.given[~half], of.customer[~half])
    curve = uplift.qini(asked, expected, "customer")
    return Row(f"Hillstrom, {name}: Qini coefficient {curve.said}", curve.coefficient or 0.0, "a customer")


def _personalised(sent: Sent) -> Iterator[Row]:
    gains = [personalised(sent, "visit", seed) for seed in range(HALVES)]
    unproved = 100 * sum(gain.verdict == "no_proven_gain" for gain in gains) / len(gains)
    yield Row(
        f"Hillstrom, visits, a model's choice against men's for all: {gains[0].said}",
        gains[0].estimated.value or 0.0,
        "",
    )
    yield Row(
        "Hillstrom: halves of the file on which it says no proven gain",
        unproved,
        "%",
        _UNPROVED,
        floor=against("intervals of 95 % about a gain of nothing", 95, "%"),
        ratio=unproved / 95,
    )
