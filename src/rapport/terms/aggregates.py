"""Counts of people that tell an organization about many, and nothing about one (design, rule 8).

Who asks can choose the question: compare two answers whose crowds differ by one person, vary a threshold until
somebody falls out, ask again and again. So a count is told only over at least `FLOOR` people, with noise, rounded; and
the noise hangs on *who* is counted, by a secret of the node, and on nothing else:

* The same people give the same number, however often and by whatever question they are asked for: there is nothing to
  average over.
* People who differ by one, or change places, give independent noise. It is two-sided geometric with scale `SCALE`
  (Ghosh, Roughgarden, Sundararajan 2009): any number that can be told of a crowd can be told of the same crowd with one
  person more, at odds of at most e^(1/SCALE) to one. A difference of one is a 28 % shift of the odds, not a fact.
* The floor itself is fuzzy upwards (`n` plus noise must reach it too), so that falling below it cannot be provoked at
  will. That a number is told does say for certain that it is over at least `FLOOR` people; that is the rule.

The price: small counts are off by some four people. Two things noise cannot hide. Numbers that differ say that somebody
came or went, though not who or how many: so where a few more or less are the only difference between two numbers of one
answer, the same number is told for both (`simulator`), and parameters from a person's terms are never shown (`doors`).
And an average over many crowds that all hold one person and otherwise differ would find them in the end: so questions
are limited in number where organizations ask (`web.api.simulate`).
"""

import hashlib
import math
from collections.abc import Iterable
from typing import NamedTuple

FLOOR = 20
SCALE = 4.0
_COARSE = 100
_UNIT = 1 << 64


class Crowd(NamedTuple):
    """A set of people: how many, and the exclusive or of a keyed hash of each (128 bits), which stands for who."""

    people: int = 0
    mark: int = 0


def union(crowds: Iterable[Crowd]) -> Crowd:
    """The union of crowds that have nobody in common."""
    people = mark = 0
    for crowd in crowds:
        people += crowd.people
        mark ^= crowd.mark
    return Crowd(people, mark)


class Guard:
    """Tells counts, with noise fixed by a secret of the node."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def told(self, crowd: Crowd) -> int | None:
        """About how many there are, to 5 below a hundred and to 10 above; None: fewer than `FLOOR`, or hardly more."""
        noisy = crowd.people + self._noise(crowd)
        if crowd.people < FLOOR or noisy < FLOOR:
            return None
        step = 5 if noisy < _COARSE else 10
        return max(FLOOR, step * round(noisy / step))

    def _noise(self, crowd: Crowd) -> int:
        """Two-sided geometric: the difference of two geometric variables of the same scale."""
        told = crowd.mark.to_bytes(16, "big")
        digest = hashlib.blake2b(told, key=self._secret, digest_size=16, person=b"aggregate").digest()
        return _geometric(digest[:8]) - _geometric(digest[8:])


def _geometric(raw: bytes) -> int:
    """0 with probability 1 − e^(−1/SCALE), and so on down."""
    uniform = (int.from_bytes(raw, "big") + 0.5) / _UNIT
    return int(-math.log(uniform) * SCALE)


def words(told: int | None) -> str:
    """`about 120`, or `fewer than 20`."""
    return f"fewer than {FLOOR}" if told is None else f"about {told:,}"
