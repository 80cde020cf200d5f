"""Logs of decisions whose truth is known: a made-up world, a way to choose that it was logged under, and another one.

There are sixty kinds of moment, each with features of its own and with what each action gives there on average, so
that what a way to choose is worth can be added up exactly. Customers come with several moments each, some of them are
worth more than others throughout, and one in twenty is held out. Drawn anew for every log: how many customers and
actions there are, what is given (things that happen or not, money with a long tail, plain numbers), how sharply the
logging chose, and what the other way is.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from msgspec.structs import replace

from rapport.decide.kinds import SILENCE
from rapport.learn.intervals import Floats
from rapport.learn.logged import Candidate, Logged

Gift = Literal["happens", "money", "number"]
GIFTS: tuple[Gift, ...] = ("happens", "money", "number")
MOMENTS = 60
FEATURES = 4
DRAWS = 128
"""A chance by arbitration is a share of so many draws, so some are none at all."""
HOLDOUT = 0.05
_MOST_OF_ONE = 4
_ROUNDS = 8


class World(NamedTuple):
    """`odds` of each kind of moment, its `features`; by moment and action what is given on average (`worth`) and the
    chances `logged` and `other`."""

    gift: Gift
    actions: tuple[str, ...]
    odds: Floats
    features: Floats
    worth: Floats
    logged: Floats
    other: Floats

    @property
    def value(self) -> float:
        """Of a decision made the other way."""
        return float(self.odds @ (self.other * self.worth).sum(axis=1))

    @property
    def gain(self) -> float:
        """Of the other way, against the logged one."""
        return float(self.odds @ ((self.other - self.logged) * self.worth).sum(axis=1))


def world(chance: np.random.Generator, *, sharpness: float | None = None) -> World:
    """A world. `sharpness` of the logging: 0 draws evenly, 3 hardly ever does but one thing."""
    actions = (SILENCE, *(f"a{number}" for number in range(1, int(chance.integers(2, 7)))))
    gift = GIFTS[chance.integers(len(GIFTS))]
    features = chance.normal(size=(MOMENTS, FEATURES))
    # What an action gives is a line of the features, and something that no line can say.
    lines = chance.normal(size=(len(actions), FEATURES)) * 0.4
    score = (
        features @ lines.T + chance.normal(size=(MOMENTS, len(actions))) * 0.3 + chance.normal(size=len(actions)) * 0.3
    )
    sharp = float(chance.uniform(0, 2)) if sharpness is None else sharpness
    logged = _drawn(chance, score * sharp + chance.normal(size=score.shape) * sharp / 2)
    return World(
        gift,
        actions,
        chance.dirichlet(np.full(MOMENTS, 5.0)),
        features,
        _worth(chance, gift, score),
        logged,
        _other(chance, score, logged),
    )


def _worth(chance: np.random.Generator, gift: Gift, score: Floats) -> Floats:
    if gift == "number":
        return score
    often = 1 / (1 + np.exp(-(score + chance.uniform(-3.0, 0.0))))
    return np.asarray(often if gift == "happens" else often * 20, float)


def _softmax(score: Floats) -> Floats:
    odds = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), float)


def _drawn(chance: np.random.Generator, score: Floats) -> Floats:
    """The shares of draws that each action wins."""
    return np.array([chance.multinomial(DRAWS, odds) for odds in _softmax(score)]) / DRAWS


def _other(chance: np.random.Generator, score: Floats, logged: Floats) -> Floats:
    """Another way to choose, as far as the logging ever did what it does: at random, by a rough idea of what is best,
    always the best of it, much as it was, or without one action."""
    rough = score + chance.normal(size=score.shape) * 0.5
    ways = (
        lambda: np.ones_like(score),
        lambda: _softmax(2 * rough),
        lambda: (rough == np.where(logged > 0, rough, -np.inf).max(axis=1, keepdims=True)).astype(float),
        lambda: logged * np.exp(rough * 0.5),
        lambda: logged * (np.arange(score.shape[1]) != chance.integers(1, score.shape[1])),
    )
    wished = ways[chance.integers(len(ways))]() * (logged > 0)
    total = wished.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, wished / np.where(total > 0, total, 1), logged), float)


def log(of: World, chance: np.random.Generator, customers: int, *, holdout: float = HOLDOUT) -> list[Logged]:
    """Decisions about so many customers. They come to the same moments more than once."""
    times = chance.integers(1, _MOST_OF_ONE + 1, customers)
    whose = np.repeat(np.arange(customers), times)
    out = (chance.random(customers) < holdout)[whose]
    dear = chance.gamma(4.0, 0.25, customers)[whose]  # what this customer's gifts are worth, 1 on average
    moments = chance.choice(MOMENTS, len(whose), p=of.odds)
    sums = np.cumsum(of.logged, axis=1)[moments]
    done = np.where(out, 0, (chance.random((len(whose), 1)) * sums[:, -1:] >= sums).sum(axis=1))
    given = _given(of, chance, of.worth[moments, done], dear)
    candidates = [
        tuple(Candidate(action, action, float(odds)) for action, odds in zip(of.actions, row, strict=True) if odds)
        for row in of.logged
    ]
    features = [tuple(row) for row in of.features.tolist()]
    return [
        Logged(
            f"dec_{place:07d}",
            f"cus_{who:07d}",
            place,
            place,
            of.actions[did],
            candidates[moment],
            holdout,
            bool(held),
            True,
            features[moment],
            "",
            gave,
            gave,
        )
        for place, (who, did, moment, held, gave) in enumerate(
            zip(whose.tolist(), done.tolist(), moments.tolist(), out.tolist(), given.tolist(), strict=True)
        )
    ]


def _given(of: World, chance: np.random.Generator, worth: Floats, dear: Floats) -> Floats:
    """What each moment gave: `worth` on average."""
    if of.gift == "number":
        return np.asarray(worth + (dear - 1) + chance.normal(size=len(worth)), float)
    if of.gift == "happens":
        return np.asarray(chance.random(len(worth)) < worth, float)
    often = worth / 20
    # A long tail: log-normal with mean 20, whose spread is 1.3 times its mean.
    return np.asarray((chance.random(len(worth)) < often) * dear * 20 * chance.lognormal(-0.5, 1.0, len(worth)), float)


def learning(of: World, chance: np.random.Generator, customers: int) -> list[Logged]:
    """Decisions of a policy that learns as it goes: after each of eight rounds it draws an action as often as it is
    the best of what was given so far (Thompson), and one time in ten any."""
    odds = np.full(of.worth.shape, 1 / len(of.actions))
    found: list[Logged] = []
    for turn in range(_ROUNDS):
        part = log(of._replace(logged=odds), chance, customers // _ROUNDS)
        found += [replace(one, decision=f"{turn}{one.decision}", customer=f"{turn}{one.customer}") for one in part]
        given = np.array([one.given("customer") for one in found])
        done = np.array([of.actions.index(one.action) for one in found])
        times = np.bincount(done, minlength=len(of.actions))
        means = np.bincount(done, given, minlength=len(of.actions)) / np.maximum(times, 1)
        drawn = means + chance.normal(size=(DRAWS, len(means))) * given.std() / np.sqrt(np.maximum(times, 1))
        shares = np.bincount(drawn.argmax(axis=1), minlength=len(means)) / DRAWS
        odds = np.tile(0.9 * shares + 0.1 / len(means), (MOMENTS, 1))
    return found


def other_way(of: World, decisions: list[Logged]) -> Mapping[str, Mapping[str, float]]:
    """The chances of the other way to choose, by decision."""
    by_moment = {
        tuple(features): {action: float(odds) for action, odds in zip(of.actions, row, strict=True)}
        for features, row in zip(of.features.tolist(), of.other, strict=True)
    }
    return {one.decision: by_moment[one.features] for one in decisions}
