"""Crowds of people, marked so that two of the same people are known as such, and nobody is told from them.

NumPy is needed for it, which is dear to load: it is imported where people are counted, and most commands count nobody.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rapport.kernel.keys import BlindKey
from rapport.terms.aggregates import Crowd

Numbers = NDArray[np.uint64]


def crowd_of(key: BlindKey, people: Iterable[int]) -> Crowd:
    """These people as a crowd. Each counts once."""
    numbers = np.unique(np.fromiter(people, np.uint64))
    return _crowd(len(numbers), np.bitwise_xor.reduce(_blinded(key, numbers), axis=0))


def crowds_of(key: BlindKey, groups: Collection[Sequence[int]]) -> list[Crowd]:
    """Each of these groups of people as a crowd; none is empty, and nobody is twice in one."""
    if not groups:
        return []
    numbers = np.fromiter((person for people in groups for person in people), np.uint64)
    starts = np.cumsum([0, *(len(people) for people in groups)])[:-1]
    marks = np.bitwise_xor.reduceat(_blinded(key, numbers), starts, axis=0)
    return [_crowd(len(people), mark) for people, mark in zip(groups, marks, strict=True)]


def _crowd(people: int, mark: Numbers) -> Crowd:
    return Crowd(people, int.from_bytes(mark.tobytes(), "big"))


def _blinded(key: BlindKey, numbers: Numbers) -> Numbers:
    """Two words for each number, which nobody without the key can tell from random ones."""
    blocks = np.zeros((len(numbers), 2), "<u8")
    blocks[:, 0] = numbers
    return np.frombuffer(key.blind(blocks.tobytes()), "<u8").reshape(-1, 2)
