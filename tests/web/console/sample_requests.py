"""Requests that wait and that ended, in memory."""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

import msgspec

from rapport.kernel.errors import NotFound
from rapport.kernel.times import DAY, now
from rapport.web.console.requests_desk import Asked, Outcome, Requests, Took
from rapport.web.console.session import Session


class SampleRequests:
    def __init__(self, *, empty: bool = False) -> None:
        late, soon = now() - 40 * DAY, now() - 2 * DAY
        said = "My order was <held back> and nobody says why.\nPlease look."
        use = "your decision to make them offers, 2026-11-20 10:15"
        asked = Asked(
            id=f"rrq_{0:026}",
            at=late,
            right="review",
            law="GDPR Art. 22(3)",
            about=use,
            customer=f"cus_{0:026}",
            receipt=f"rcp_{0:026}",
            words=said,
            status="open",
            deadline=late + 30 * DAY,
            took="",
            answer="",
            by="",
        )
        other = msgspec.structs.replace(
            asked, id=f"rrq_{1:026}", at=soon, deadline=soon + 30 * DAY, words="", customer="", by="agent Permission"
        )
        ended = msgspec.structs.replace(
            asked, id=f"rrq_{2:026}", status="refused", took="3 days", answer="The rule was right."
        )
        self.waiting = [] if empty else [asked, other]
        self.ended = [] if empty else [ended]
        self.times = () if empty else (Took("review", 1, 2, "3 days", "3 days"),)

    async def requests(self, session: Session, cursor: str | None) -> Requests:
        return Requests(tuple(self.waiting), tuple(self.ended), None, self.times)

    async def answer(self, session: Session, request: str, outcome: Outcome, words: str) -> None:
        found = [one for one in self.waiting if one.id == request]
        if not found:
            raise NotFound("there is no such request")
        self.waiting.remove(found[0])
        self.ended.append(msgspec.structs.replace(found[0], status=outcome, took="2 days", answer=words))
