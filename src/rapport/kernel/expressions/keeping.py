"""What was compiled, kept for whoever comes with the same text again: what was used last, up to a weight.

A number of them alone bounds nothing: the heaviest expression takes forty times the memory of a usual one, and whoever
may try expressions out can make up as many as they like.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_OF_ANY, _OF_A_CHARACTER = 2_000, 64


def weight_of(text: str) -> int:
    """About how many bytes an expression takes once it is compiled. Measured: 2 kB of `traits.a > 1`; of 4,000
    characters 20 to 80 kB, by how many pieces they make."""
    return _OF_ANY + _OF_A_CHARACTER * len(text)


class Keeping(Generic[Key, Value]):
    """Safe to share between threads. `most`: of the weights of all that is kept."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.weight = 0
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._turn = threading.Lock()

    def get(self, key: Key, weight: int, make: Callable[[], Value]) -> Value:
        """What is kept under a key; else what `make` gives, kept from now on. Raises what that raises."""
        with self._turn:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found[0]
        value = make()
        with self._turn:
            other = self._kept.pop(key, None)
            self._kept[key] = (value, weight)
            self.weight += weight - (0 if other is None else other[1])
            while self.weight > self.most:
                _, (_, gone) = self._kept.popitem(last=False)
                self.weight -= gone
        return value

    def __len__(self) -> int:
        return len(self._kept)
