"""What is slow to learn of users, remembered for so many of them. It can always be learned again."""

from collections import OrderedDict
from typing import Generic, TypeVar

from rapport.resolve.guards import Main

V = TypeVar("V")


class Recent(Generic[V]):
    """What was last learned of users, of so many of them; it can always be learned again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[bytes, V] = OrderedDict()

    def get(self, user: bytes) -> V | None:
        return self._known.get(user)

    def put(self, user: bytes, value: V | None) -> None:
        """Remember a value, or with None that there is nothing to remember."""
        if value is None:
            self._known.pop(user, None)
            return
        self._known[user] = value
        self._known.move_to_end(user)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def __len__(self) -> int:
        return len(self._known)


class Learned:
    """What planning learned of users that would be slow to learn again: kept once the change is written."""

    def __init__(self) -> None:
        self.popularity: dict[bytes, int | None] = {}
        self.mains: dict[bytes, Main | None] = {}
