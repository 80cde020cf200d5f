"""The stream of news: bounded, honest about what it leaves out, and over when the session is."""

# ruff: noqa: ARG002 (a desk is told who asks, and these answer everybody alike)

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from rapport.web.console import live
from rapport.web.console.desk import News, Session
from rapport.web.console.visit import Console, Visit
from tests.web.console.sample_desk import SampleDesk


class Crowded(SampleDesk):
    """A desk where more happens than anyone can read."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.closed = False

    async def live(self, session: Session) -> AsyncIterator[News]:
        try:
            for i in range(self.size):
                yield News("event", i, "web", f"Event {i}", "email a•••@e•••.com", None)
            await asyncio.Event().wait()
        finally:
            self.closed = True


def visit(desk: SampleDesk) -> Visit:
    desk.tokens["t"] = Session("s", "demo", "operator", "service", "agent")
    return Visit(Console(desk, None, "http://x"), Request({"type": "http"}), desk.tokens["t"], "t", {})  # type: ignore[arg-type]


async def events(desk: SampleDesk, most: int) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    stream = live.told(visit(desk))
    async for part in stream:
        name, _, told = part.decode().partition("\ndata: ")
        if told:
            found.append((name.removeprefix("event: "), json.loads(told)))
        if len(found) >= most:
            break
    await stream.aclose()
    return found


def test_of_many_lines_the_newest_few_are_sent_and_the_rest_are_counted(monkeypatch):
    monkeypatch.setattr(live, "GATHER_SECONDS", 0.001)
    desk = Crowded(5000)
    news = next(told for name, told in asyncio.run(events(desk, 4)) if name == "news")
    assert [line["name"] for line in news["lines"]] == [f"Event {i}" for i in range(4988, 5000)]
    assert news["more"] == 4988
    assert desk.closed


def test_the_figures_come_at_once_and_then_every_second(monkeypatch):
    monkeypatch.setattr(live, "GATHER_SECONDS", 0.001)
    told = asyncio.run(events(Crowded(0), 3))
    assert [name for name, _ in told] == ["pulse"] * 3
    assert {"rate", "lag", "line", "area", "sources", "rejected"} <= told[0][1].keys()


def test_a_session_that_ends_ends_its_stream(monkeypatch):
    monkeypatch.setattr(live, "GATHER_SECONDS", 0.001)

    class SignedOut(Crowded):
        async def session(self, token: str) -> None:
            return None

    told = asyncio.run(asyncio.wait_for(events(SignedOut(0), 1000), 20))
    assert told[-1][0] == "ended"


@pytest.mark.parametrize("now", [{"role": "auditor"}, {"role": None}, {"org": "corner"}])
def test_who_may_look_no_more_or_looks_elsewhere_is_told_no_more_within_a_second(monkeypatch, now):
    assert live.ASK_SESSION_EVERY * live.GATHER_SECONDS <= 1
    monkeypatch.setattr(live, "GATHER_SECONDS", 0.001)

    class Changed(Crowded):
        async def session(self, token: str) -> Session:
            return msgspec.structs.replace(self.tokens[token], **now)

    told = asyncio.run(asyncio.wait_for(events(Changed(0), 1000), 20))
    assert told[-1][0] == "ended"
    assert len(told) < 5


def test_a_node_that_stops_ends_its_streams(monkeypatch):
    monkeypatch.setattr(live, "GATHER_SECONDS", 0.001)

    class Stopping(SampleDesk):
        async def live(self, session: Session) -> AsyncIterator[News]:
            yield News("event", 1, "web", "Last", "")

    assert len(asyncio.run(asyncio.wait_for(events(Stopping(), 1000), 20))) < 1000


def test_news_that_break_off_are_no_silent_end(monkeypatch):
    monkeypatch.setattr(live, "GATHER_SECONDS", 0.001)

    class Broken(SampleDesk):
        async def live(self, session: Session) -> AsyncIterator[News]:
            yield News("event", 1, "web", "Last", "")
            raise OSError("the feed is gone")

    with pytest.raises(OSError, match="the feed is gone"):
        asyncio.run(events(Broken(), 1000))
