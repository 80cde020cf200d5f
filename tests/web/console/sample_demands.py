"""Deletion demands in every state, in memory."""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

import msgspec

from rapport.act.demands import Demand, State
from rapport.act.destinations import usable
from rapport.kernel.errors import NotFound
from rapport.kernel.times import DAY, now
from rapport.web.console.demands_desk import Demands, Recipient
from rapport.web.console.session import Session

PARCELS, MAILERS, OLD = "Parcel & Partner <Ltd>", "Post Ltd", "An agency that was let go last year"


def _demand(number: int, recipient: str, state: State, **more: object) -> Demand:
    made = now() - 35 * DAY
    plain = Demand(
        f"dem_{number:026}",
        "demo",
        recipient,
        f"exp_{0:026}",
        made - 9 * DAY,
        1 + number % 3,
        made,
        made + 30 * DAY,
        state,
    )
    return msgspec.structs.replace(plain, **more)


class SampleDemands:
    def __init__(self, *, empty: bool = False) -> None:
        soon = now() + 29 * DAY
        self.rows = (
            []
            if empty
            else [
                _demand(0, PARCELS, "queued", tries=3, next_at=now(), error="it answered <503>", deadline=soon),
                _demand(1, PARCELS, "sent", sent_at=now() - DAY, deadline=soon),
                _demand(
                    2, PARCELS, "acknowledged", acknowledged_at=now() - 2 * DAY, signed=True, sent_at=now() - 3 * DAY
                ),
                _demand(3, PARCELS, "acknowledged", acknowledged_at=now() - 2 * DAY, sent_at=now() - 3 * DAY),
                _demand(4, PARCELS, "silent", sent_at=now() - 34 * DAY),
                _demand(5, OLD, "undeliverable", tries=31, error="it cannot be reached: Connection refused"),
                _demand(6, MAILERS, "no_address"),
            ]
        )
        self.addresses = {} if empty else {PARCELS: "https://parcels.example/deletions", OLD: "https://gone.example/"}
        self.names = [] if empty else [OLD, PARCELS, MAILERS]

    def _recipient(self, name: str) -> Recipient:
        counts: dict[State, int] = {}
        for one in self.rows:
            if one.recipient == name:
                counts[one.state] = counts.get(one.state, 0) + 1
        return Recipient(name, self.addresses.get(name, ""), name == PARCELS, name != OLD, counts)

    async def demands(self, session: Session, cursor: str | None) -> Demands:
        return Demands(tuple(map(self._recipient, self.names)), tuple(self.rows), None)

    async def set_recipient(self, session: Session, name: str, url: str, key: str) -> int:
        self.addresses[name] = usable(url, private=False)
        waiting = [one for one in self.rows if one.recipient == name and one.state == "no_address"]
        self.rows = [
            msgspec.structs.replace(one, state="queued", deadline=now() + 30 * DAY) if one in waiting else one
            for one in self.rows
        ]
        return len(waiting)

    async def remove_recipient(self, session: Session, name: str) -> None:
        if name not in self.addresses:
            raise NotFound("there is no such recipient")
        del self.addresses[name]
