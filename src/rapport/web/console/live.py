"""The live page, and the news that keeps it so (server-sent events, WHATWG HTML §9.2).

A stream of thousands of events a second helps nobody who looks at it: lines are gathered for a quarter of a second, of
each gathering the newest few are sent, and how many more there were is said. A slow reader therefore costs a bounded
amount of memory here and of work in the browser.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from starlette.responses import Response, StreamingResponse

from rapport.kernel.times import now
from rapport.signin.operators import may
from rapport.web import words
from rapport.web.console import charts
from rapport.web.console.desk import News, Pulse
from rapport.web.console.visit import Visit

LINES_AT_ONCE: Final = 12
GATHER_SECONDS: Final = 0.25
PULSE_EVERY: Final = 4
"""Gatherings."""
ASK_SESSION_EVERY: Final = 4
"""Gatherings: who was signed out, or is given another role, is told no more within a second."""

_encode = msgspec.json.Encoder().encode


async def page(visit: Visit) -> Response:
    pulse, recent = await visit.desk.pulse(visit.session), await visit.desk.recent(visit.session)
    lines = [line(news) for news in recent]
    return visit.page("live.html", section="live", pulse=figures(pulse), lines=lines, now=now())


async def stream(visit: Visit) -> Response:
    headers = {"X-Accel-Buffering": "no"}  # nginx would gather on its own
    return StreamingResponse(told(visit), media_type="text/event-stream", headers=headers)


class Gathered:
    """The newest lines since they were last taken, and how many more there were."""

    def __init__(self) -> None:
        self._lines: deque[News] = deque(maxlen=LINES_AT_ONCE)
        self._count = 0

    async def fill(self, news: AsyncIterator[News]) -> None:
        async for one in news:
            self._lines.append(one)
            self._count += 1

    def take(self) -> dict[str, Any] | None:
        if not self._count:
            return None
        taken = {"lines": [line(news) for news in self._lines], "more": self._count - len(self._lines)}
        self._lines.clear()
        self._count = 0
        return taken


async def told(visit: Visit) -> AsyncIterator[bytes]:
    """The stream's bytes, until the reader goes or may look no more, or the node stops."""
    gathered = Gathered()
    reader = asyncio.create_task(gathered.fill(visit.desk.live(visit.session)))
    turn = 0
    try:
        yield b"retry: 2000\n\n"
        while not reader.done():
            if turn % PULSE_EVERY == 0:
                yield _event("pulse", figures(await visit.desk.pulse(visit.session)))
            if news := gathered.take():
                yield _event("news", news)
            turn += 1
            if turn % ASK_SESSION_EVERY == 0 and not await _may_look(visit):
                yield _event("ended", {})
                return
            await asyncio.sleep(GATHER_SECONDS)
        reader.result()
    finally:
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader


async def _may_look(visit: Visit) -> bool:
    """Whether whoever opened the stream could open it now."""
    session = await visit.desk.session(visit.token)
    return session is not None and session.org == visit.session.org and may(session.role or "", "customers")


def _event(name: str, value: object) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + _encode(value) + b"\n\n"


def line(news: News) -> dict[str, Any]:
    """A line of the live page as texts; the template and the script put them into the same places."""
    if news.kind == "merged":
        name = f"{words.counted(news.count, 'customer')} became one"
    elif news.kind == "split":
        name = f"One customer became {news.count}"
    elif news.kind == "rejected":
        name = f"Refused: {news.name.replace('_', ' ')}"
    else:
        name = words.happened(news.name)
    return {
        "kind": news.kind,
        "stamp": words.stamp(news.at),
        "clock": words.clock(news.at),
        "name": name,
        "why": news.why,
        "source": words.source(news.source),
        "who": news.who or "nobody known",
        "href": f"/console/customers/{news.customer}" if news.customer else "",
    }


def figures(pulse: Pulse) -> dict[str, Any]:
    """The live page's numbers as texts and paths."""
    total = sum(pulse.per_second)
    latest = pulse.per_second[-5:]
    whole = charts.line(pulse.per_second)
    return {
        "rate": words.rate(sum(latest) / max(1, len(latest))),
        "minute": words.number(total),
        "peak": words.number(whole.top),
        "lag": words.lag(pulse.lag_ms),
        "rejected": words.number(pulse.rejected),
        "line": whole.line,
        "area": whole.area,
        "sources": [
            {
                "name": source.name,
                "minute": words.number(sum(source.per_second)),
                "line": charts.line(source.per_second).line,
                "last": words.ago(source.last_at, pulse.at),
                "rejected": words.number(source.rejected) if source.rejected else "",
            }
            for source in pulse.sources
        ],
    }
