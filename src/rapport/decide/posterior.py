"""A posterior: what is believed of one side, of the customer or of the company, after all outcomes so far.

The model is linear: what an action gives is its features (see `features`) times weights, and noise. What is believed
of each weight is a mean and a variance (a diagonal Gaussian), moved by each outcome as in assumed-density filtering
(Opper 1998; with clicks, Graepel et al. 2010, "Web-scale Bayesian click-through rate prediction"). Exact inference
would also keep how any two weights hang together, 2^36 numbers; without them a belief is rather too modest than too
sure.

Silence is learnt like an action, and teaches what comes by itself. What an action gives *against silence* is learnt
from the rest: what came, less what was expected without it. So an action that was never done starts at what it
declares, whatever comes by itself; and as long as silence is uncertain, outcomes of actions teach little, for they may
have come anyway.

What was learnt is forgotten day by day: means go towards nothing and variances back towards the prior, by the same
share a day. All weights do so alike, so it costs a multiplication when a model is asked, and one pass a day when it
learns. The result is a fold over outcomes: the same in the same order give the same bits, on any machine, since it
rests on sums in a set order and on what IEEE 754 sets exactly (+, −, ×, ÷) alone.
"""

import itertools
import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from rapport.decide import maths
from rapport.decide.features import PLACES, Crossed
from rapport.decide.kinds import MOST, Worth
from rapport.kernel.errors import BadInput, Corrupt, Misconfigured
from rapport.kernel.times import DAY
from rapport.terms.benefits import Side

VERSION: Final = 1
"""Of what `packed` writes, and of how features find their weights."""
_HEAD: Final = b"rapport posterior "
_DIGEST: Final = 16
_GUESS: Final = 20
"""The first guess at the noise counts like so many outcomes. A new outcome counts like one of _LATELY at least, so that
the noise can change."""
_LATELY: Final = 10_000
_LEAST_NOISE: Final = 1e-4
FARTHEST: Final = 30.0
"""No outcome is learnt as farther from what was expected than so many standard deviations. What happens once in a
thousand times (a rare, large sale) is within; a slip of the pen costs some weeks, not all that was learnt."""
_OLDEST: Final = 3_650
_LINE: Final = 8
"""Numbers of 8 bytes that a processor fetches from memory at once."""


class Prior(msgspec.Struct, frozen=True):
    """What is believed of a side before any outcome, in its unit. `scale`: by how much an action may well miss what it
    declares (see `priors`); `low` and `high`: an outcome, or what an action declares, beyond these bounds counts as the
    bound, so that no single one turns a model round; `keeps`: the share of what was learnt that is left after a day
    (.996: half after 173 days)."""

    side: Side
    scale: float = 10.0
    low: float = -10_000.0
    high: float = 10_000.0
    keeps: float = 0.996

    @property
    def variance(self) -> float:
        """Of each weight: an action and its kind miss together."""
        return self.scale * self.scale / 2

    @property
    def noise(self) -> float:
        """A first guess at the variance of an outcome by itself."""
        return self.scale * self.scale

    def bounded(self, outcome: float) -> float:
        """An outcome as it is learnt. Raises BadInput (`bad_outcome`) for what can be none."""
        if not -MOST <= outcome <= MOST:  # nor is NaN
            message = f"what a decision gave the {self.side} is a number from -{MOST:,} to {MOST:,}"
            raise BadInput(message, code="bad_outcome", field=self.side)
        return self.within(outcome)

    def within(self, amount: float) -> float:
        return max(self.low, min(float(amount), self.high))

    def all_within(self, amounts: Sequence[float]) -> Sequence[float]:
        if amounts and self.low <= min(amounts) and max(amounts) <= self.high:  # as nearly always, and fast
            return amounts
        return [self.within(amount) for amount in amounts]


class Estimates(msgspec.Struct, frozen=True):
    """Of candidates in their order, what each gives against silence, and how uncertain that is: the variance of each by
    itself, and of `silence`, which all share (a candidate's whole variance is the sum)."""

    means: tuple[float, ...]
    variances: tuple[float, ...]
    silence: float


class _Packed(msgspec.Struct, frozen=True):
    prior: Prior
    learnt: int
    noise: float
    day: int
    places: bytes
    weights: bytes


class Posterior:
    """The model of one side. `learn` moves it; nothing else does. `learnt`: how many outcomes.

    `beside`: the other side's model, with which it shares `memory` and nothing else. Both are asked about the same
    weights, which lie all over a model; so the mean and the variance of one side have those of the other beside them,
    and what was fetched for the first is at hand for the second.
    """

    def __init__(self, prior: Prior, beside: "Posterior | None" = None) -> None:
        self.prior = prior
        self.learnt = 0
        self.noise = prior.noise
        self._day = 0
        self.memory: maths.Floats = _memory() if beside is None else beside.memory
        self._side = 0 if beside is None else 1
        self._weights = self.memory[:, self._side]
        self._weights[:] = 0.0, prior.variance

    def estimates(self, crossed: Crossed, declared: Sequence[float], at: int) -> Estimates:
        """Of all candidates at an instant (µs). `declared`: what each is worth before anything was learnt."""
        return self.told(_sums(crossed, self._gathered(crossed)), crossed, declared, at)

    def told(self, sums: maths.Floats, crossed: Crossed, declared: Sequence[float], at: int) -> Estimates:
        """What the sums of this side's weights (2, p) say of all candidates."""
        parts = self._aged(sums, crossed, at)
        own = parts.take(crossed.kinds, axis=1) + parts.take(crossed.actions, axis=1)
        own[0] += self.prior.all_within(declared)
        means, variances = own.tolist()
        return Estimates(tuple(means), tuple(variances), float(parts[1, 0] + parts[1, 1]))

    def learn(self, crossed: Crossed, declared: float, outcome: float, at: int) -> None:
        """Learn what came of one candidate; where there is none, of silence. `at`: when it is learnt (µs), be it long
        after it came. Raises BadInput (`bad_outcome`), and ValueError for more candidates than one."""
        if len(crossed.actions) > 1:
            raise ValueError("an outcome is that of one candidate")
        error = self.prior.bounded(outcome)
        self.age(at)
        weights = self._gathered(crossed)
        means, variances = _sums(crossed, weights).tolist()
        error -= means[0] + means[1]
        spread = variances[0] + variances[1] + self.noise
        learning = slice(0, 2)
        if len(crossed.actions):
            error -= self.prior.within(declared) + means[2] + means[3]
            spread += variances[2] + variances[3]
            learning = slice(2, 4)
        error = believed(error, spread)
        moved = weights[:, learning]
        pull = moved[:, :, 1] * crossed.values
        moved[:, :, 0] += pull * (error / spread)
        moved[:, :, 1] -= pull * pull / spread
        self._weights[crossed.places[:, learning]] = moved
        self.hear(error, spread)
        self.learnt += 1

    def contributions(self, crossed: Crossed, candidate: int, at: int) -> list[tuple[str, float]]:
        """By how much each feature moves a candidate's mean from what it declares, the largest first."""
        parts = [crossed.kinds[candidate], crossed.actions[candidate]]
        means = self.memory.take(crossed.places[:, parts], axis=0)[:, :, self._side, 0] * crossed.values
        moved = ((means[:, 0] + means[:, 1]) * self._kept(at)).tolist()
        named = ((name, by) for name, by in zip(crossed.names, moved, strict=True) if by)
        return sorted(named, key=lambda one: (-abs(one[1]), one[0]))

    def packed(self) -> bytes:
        """All that was learnt: the same bytes for the same outcomes in the same order."""
        np = maths.np
        places = np.flatnonzero((self._weights[:, 0] != 0) | (self._weights[:, 1] != self.prior.variance))
        weights = self._weights[places].astype("<f8").tobytes()
        packed = _Packed(self.prior, self.learnt, self.noise, self._day, places.astype("<u4").tobytes(), weights)
        body = msgspec.msgpack.encode(packed)
        return b"%s%d\n%s%s" % (_HEAD, VERSION, _digest(body), body)

    @classmethod
    def unpacked(cls, content: bytes, beside: "Posterior | None" = None) -> "Posterior":
        """The inverse of `packed`. Raises Misconfigured (`model_version`) for another version's, else Corrupt."""
        head, _, rest = content.partition(b"\n")
        version = head.removeprefix(_HEAD)
        if not head.startswith(_HEAD) or not version.isdigit():
            raise Corrupt("this is no model of what was learnt")
        if int(version[:9]) != VERSION:
            message = f"this model is of version {int(version[:9])}, and this Rapport reads {VERSION}: learn it anew"
            raise Misconfigured(message, code="model_version")
        body = rest[_DIGEST:]
        if _digest(body) != rest[:_DIGEST]:
            raise Corrupt("this model is not what was written")
        packed = msgspec.msgpack.decode(body, type=_Packed)
        found = cls(packed.prior, beside)
        found.learnt, found.noise, found._day = packed.learnt, packed.noise, packed.day
        places = maths.np.frombuffer(packed.places, "<u4")
        found._weights[places] = maths.np.frombuffer(packed.weights, "<f8").reshape(-1, 2)
        return found

    def _gathered(self, crossed: Crossed) -> maths.Floats:
        """Means and variances of all weights in question (n, p, 2), a copy."""
        return self.memory.take(crossed.places, axis=0)[:, :, self._side]

    def _kept(self, at: int) -> float:
        """The share of what was learnt that is left at an instant: a product, for powers differ between machines."""
        days = at // DAY - self._day if self.learnt else 0
        return math.prod(itertools.repeat(self.prior.keeps, max(0, min(days, _OLDEST))))

    def _aged(self, sums: maths.Floats, crossed: Crossed, at: int) -> maths.Floats:
        """Sums as they would be if all weights had aged until now."""
        kept = self._kept(at)
        if kept < 1:
            before = self.prior.variance * crossed.size
            sums[0] *= kept
            sums[1] = before - (before - sums[1]) * kept
        return sums

    def age(self, at: int) -> None:
        """Forget as much as is due by now."""
        kept = self._kept(at)
        if kept < 1:
            means, variances = self._weights.T
            means *= kept
            variances -= self.prior.variance  # which is nothing where nothing was learnt, and stays so to the bit
            variances *= kept
            variances += self.prior.variance
        self._day = max(self._day, at // DAY)

    def hear(self, error: float, spread: float) -> None:
        """Learn the noise: its square as it is to be expected, given what else may be behind an error."""
        share = self.noise / spread
        heard = share * share * error * error + self.noise * (1 - share)
        noise = self.noise + (heard - self.noise) / min(_GUESS + self.learnt, _LATELY)
        self.noise = max(noise, self.prior.noise * _LEAST_NOISE)


def estimate_both(
    sides: tuple[Posterior, Posterior], crossed: Crossed, declared: Sequence[Worth], at: int
) -> tuple[Estimates, Estimates]:
    """What two sides that share their memory estimate: as `estimates` of each, to the bit, in two thirds of the
    time."""
    customer, company = sides
    if customer.memory is not company.memory:
        raise ValueError("these are no two sides beside each other")
    sums = _sums(crossed, customer.memory.take(crossed.places, axis=0))
    return (
        customer.told(sums[:, :, 0], crossed, [worth.customer for worth in declared], at),
        company.told(sums[:, :, 1], crossed, [worth.company for worth in declared], at),
    )


def learn_both(sides: tuple[Posterior, Posterior], crossed: Crossed, declared: Worth, gave: Worth, at: int) -> None:
    """Teach two sides that share their memory what came of one candidate: as `learn` does one after the other, to the
    bit, in three quarters of the time. Raises likewise; then neither has learnt anything."""
    customer, company = sides
    if customer.memory is not company.memory or len(crossed.actions) > 1:
        raise ValueError("an outcome is that of one candidate, for two sides beside each other")
    np = maths.np
    errors = [customer.prior.bounded(gave.customer), company.prior.bounded(gave.company)]
    for side in sides:
        side.age(at)
    weights = customer.memory.take(crossed.places, axis=0)  # (n, p, sides, 2)
    means, variances = _sums(crossed, weights).tolist()
    spreads = []
    for n, (side, worth) in enumerate(zip(sides, (declared.customer, declared.company), strict=True)):
        errors[n] -= means[0][n] + means[1][n]
        spread = variances[0][n] + variances[1][n] + side.noise
        if len(crossed.actions):
            errors[n] -= side.prior.within(worth) + means[2][n] + means[3][n]
            spread += variances[2][n] + variances[3][n]
        errors[n] = believed(errors[n], spread)
        spreads.append(spread)
    learning = slice(2, 4) if len(crossed.actions) else slice(0, 2)
    moved = weights[:, learning]
    pull = moved[..., 1] * crossed.values[:, :, None]
    moved[..., 0] += pull * np.array([error / spread for error, spread in zip(errors, spreads, strict=True)])
    moved[..., 1] -= pull * pull / np.array(spreads)
    customer.memory[crossed.places[:, learning]] = moved
    for side, error, spread in zip(sides, errors, spreads, strict=True):
        side.hear(error, spread)
        side.learnt += 1


def believed(error: float, spread: float) -> float:
    """As much of a surprise as is learnt, of an outcome whose variance was thought to be `spread`."""
    farthest = FARTHEST * math.sqrt(spread)
    return max(-farthest, min(error, farthest))


def _sums(crossed: Crossed, weights: maths.Floats) -> maths.Floats:
    """Means and variances of parts, (2, p) or (2, p, sides), of weights (n, p, 2) or (n, p, sides, 2). Along the first
    axis NumPy adds row by row, on any machine."""
    np = maths.np
    values = crossed.values.reshape(-1, *(1,) * (weights.ndim - 2))
    sums = np.empty((2, *weights.shape[1:-1]))
    np.add.reduce(weights[..., 0] * values, axis=0, out=sums[0])
    np.add.reduce(weights[..., 1] * (values * values), axis=0, out=sums[1])
    return sums


def _memory() -> maths.Floats:
    """Room for the weights of two sides (PLACES, 2, 2), such that the four numbers of a place are fetched at once: they
    begin where a line of the processor's cache does, or in its middle."""
    np = maths.np
    room = np.empty(PLACES * 4 + _LINE)
    begins = -room.ctypes.data % (_LINE * room.itemsize) // room.itemsize
    return room[begins : begins + PLACES * 4].reshape(PLACES, 2, 2)


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST).digest()
