"""The news that keeps an open inbox live (server-sent events, WHATWG HTML §9.2): how much has come that was not seen.

No message is in it: the page fetches itself anew, by the way on which it is shown as seen. A stream ends by itself
after a while, and the browser opens the next; so does one whose session ended, and that one finds no other. Who has too
many open, or comes where all have, is told so (429, 503), and when to come again.
"""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from starlette.responses import Response, StreamingResponse

from rapport.kernel.errors import Busy
from rapport.web import language
from rapport.web.api.problems import json_answer
from rapport.web.language import SPOKEN
from rapport.web.portal.inbox_desk import News
from rapport.web.portal.visit import Visit

ASK_SECONDS: Final = 5.0
"""So long after they signed out a stream ends at most; before anything is said it is asked anyway."""
TURNS: Final = 120
STILL_EVERY: Final = 3
"""Turns: a reader who went is noticed by writing to them."""
_STREAM: Final = "text/event-stream"
_encode = msgspec.json.Encoder().encode


async def stream(visit: Visit) -> Response:
    """A stream for who can read one; for others what it would begin with."""
    if _STREAM not in visit.request.headers.get("accept", ""):
        return json_answer(await visit.desk.inbox.news(visit.session))
    visit.desk.inbox.expect_place(visit.session)
    headers = {"X-Accel-Buffering": "no"}  # nginx would gather on its own
    if visit.request.method == "HEAD":
        return Response(media_type=_STREAM, headers=headers)
    return StreamingResponse(told(visit), media_type=_STREAM, headers=headers)


async def told(visit: Visit) -> AsyncIterator[bytes]:
    """The stream's bytes, until the reader goes, or may look no more."""
    before: News | None = None
    try:
        with visit.desk.inbox.opened(visit.session) as opened:
            yield b"retry: 3000\n\n"
            for turn in range(TURNS):
                session = await visit.desk.session(visit.token)
                if session is None or session.person != visit.session.person:
                    yield b"event: ended\ndata: {}\n\n"
                    return
                if opened.news != before:
                    before = opened.news
                    yield b"event: news\ndata: " + _encode(_said(visit, before)) + b"\n\n"
                elif turn % STILL_EVERY == 0:
                    yield b": still here\n\n"
                await opened.changed(ASK_SECONDS)
    except Busy as error:  # others were quicker
        yield b"retry: %d\n\n" % (error.retry_after * 1000)


def _said(visit: Visit, news: News) -> dict[str, object]:
    """In the language of the page, since its script says it."""
    with language.speaking(visit.area.language_of(visit.request)):
        words = SPOKEN.count("%(count)s new message", "%(count)s new messages", news.unseen)
    return {"unseen": news.unseen, "newest": news.newest, "said": words if news.unseen else ""}
