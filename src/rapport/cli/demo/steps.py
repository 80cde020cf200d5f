"""A visit, written down step by step as the systems would report it: Segment-shaped calls, with pauses between them."""

import random
from typing import Any, Self

import msgspec

from rapport.cli.demo.catalogue import Product, shown
from rapport.cli.demo.names import SHOP


class Step(msgspec.Struct, frozen=True):
    """One call. `after` counts seconds since the visit began; `client` is the device or system that makes the call."""

    after: int
    source: str
    client: str
    call: dict[str, Any]
    """Segment-shaped; the message id and the times are added when it is sent."""


class Visit:
    """Collects the steps of one visit by one client. `ids` are the `userId` and `anonymousId` it currently knows."""

    def __init__(self, rng: random.Random, source: str, client: str, **ids: str) -> None:
        self.rng = rng
        self.steps: list[Step] = []
        self._source = source
        self._client = client
        self._ids = ids
        self._clock = 0

    def pause(self, shortest: int, longest: int) -> Self:
        """Let time pass, in whole seconds, so that times are easy on the eye."""
        self._clock += self.rng.randint(shortest, longest)
        return self

    def knows(self, **ids: str) -> Self:
        """From here on the client knows these ids too."""
        self._ids = {**self._ids, **ids}
        return self

    def forgets(self, name: str) -> Self:
        """The client no longer knows this id: somebody signed out."""
        self._ids = {key: value for key, value in self._ids.items() if key != name}
        return self

    def _say(self, kind: str, context: dict[str, Any] | None, **fields: Any) -> Self:
        call = {"type": kind, **self._ids, **fields}
        if context:
            call["context"] = context
        self.steps.append(Step(self._clock, self._source, self._client, call))
        self.pause(1, 3)
        return self

    def track(self, event: str, context: dict[str, Any] | None = None, /, **properties: Any) -> Self:
        return self._say("track", context, event=event, properties=properties)

    def page(self, name: str, path: str, context: dict[str, Any] | None = None) -> Self:
        properties = {"path": path, "url": f"https://lantern-lane.example.com{path}", "title": f"{name} · {SHOP}"}
        return self._say("page", context, name=name, properties=properties)

    def screen(self, name: str, context: dict[str, Any] | None = None) -> Self:
        return self._say("screen", context, name=name, properties={})

    def identify(self, context: dict[str, Any] | None = None, /, **traits: Any) -> Self:
        return self._say("identify", context, traits=traits)

    def group(self, group_id: str, **traits: Any) -> Self:
        return self._say("group", None, groupId=group_id, traits=traits)

    def alias(self, previous_id: str) -> Self:
        return self._say("alias", None, previousId=previous_id)

    def looks_at(self, product: Product) -> Self:
        """Look at one product for a while."""
        return self.pause(3, 25).track("Product Viewed", **shown(product))
