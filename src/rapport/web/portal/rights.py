"""The person's pages about their rights: take it along, stop a use, have it looked at, erase everything.

Nothing happens on a visit: a page says first what would, and a form does it.
"""

from pathlib import Path
from typing import get_args
from urllib.parse import urlencode

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from rapport.kernel.errors import BadInput
from rapport.web.forms import go
from rapport.web.language import SPOKEN
from rapport.web.portal.rights_desk import Form, RightsDesk
from rapport.web.portal.told import Look
from rapport.web.portal.visit import AREA, Visit

MAX_NAME = 100
WORD = "erase"
"""What is typed to erase everything; in another language, its word for it."""
DONE = ("stopped", "asked", "withdrawn")


class Reviewing(msgspec.Struct, frozen=True):
    look: Look


async def rights(visit: Visit) -> Response:
    cursor = visit.asked("cursor") or None
    content = await visit.desk.rights.rights(visit.session, cursor)
    onward = f"{AREA}/rights?{urlencode({'cursor': content.next})}" if content.next else ""
    done = visit.asked("done", 20)
    shown = {"done": done if done in DONE else "", "first": cursor is None, "onward": onward}
    return visit.answer("rights.html", content, section="rights", **shown)


async def stopping(visit: Visit) -> Response:
    org, purpose = visit.asked("org", MAX_NAME), visit.asked("purpose", MAX_NAME)
    content = await visit.desk.rights.stopping(visit.session, org, purpose)
    return visit.answer("stop.html", content, section="rights")


async def stop(visit: Visit) -> Response:
    org, purpose = visit.form.get("org", ""), visit.form.get("purpose", "")
    await visit.desk.rights.stop(visit.session, org[:MAX_NAME], purpose[:MAX_NAME])
    return go(f"{AREA}/rights?done=stopped")


async def reviewing(visit: Visit) -> Response:
    look = await visit.desk.rights.use(visit.session, visit.asked("receipt", MAX_NAME))
    return visit.answer("review.html", Reviewing(look), section="rights")


async def review(visit: Visit) -> Response:
    await visit.desk.rights.review(visit.session, visit.form.get("receipt", ""), visit.form.get("words", ""))
    return go(f"{AREA}/rights?done=asked")


async def withdraw(visit: Visit) -> Response:
    await visit.desk.rights.withdraw(visit.session, visit.form.get("request", ""))
    return go(f"{AREA}/rights?done=withdrawn")


async def taking(visit: Visit) -> Response:
    """What a copy would hold, before it is made."""
    return visit.page("take.html", section="take")


async def export(visit: Visit) -> Response:
    """The archive, streamed, and gone from the node once it was sent."""
    form = visit.asked("format", 20) or "json"
    if form not in get_args(Form):
        raise BadInput(f"a copy is made as one of: {', '.join(get_args(Form))}", field="format")
    archive = await visit.desk.rights.copy(visit.session, form)  # type: ignore[arg-type]  # one of them
    return _Once(archive, media_type="application/zip", filename=f"my-data-{form}.zip")


class _Once(FileResponse):
    """A file that is sent whole, and is gone then: also where its reader went away before its end, or asked for a part
    that there is not."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        try:
            await super().__call__({**scope, "headers": headers}, receive, send)
        finally:
            _drop(Path(self.path))


def _drop(file: Path) -> None:
    file.unlink(missing_ok=True)


async def erasing(visit: Visit) -> Response:
    return visit.answer(
        "erase.html", await visit.desk.rights.erasing(visit.session), section="erase", word=SPOKEN.say(WORD)
    )


async def erase(visit: Visit) -> Response:
    word = SPOKEN.say(WORD)
    if visit.form.get("word", "").strip().lower() not in {word, WORD}:
        raise BadInput(f"Nothing was erased: type the word “{word}” to confirm.", field="word")
    erased = await visit.desk.rights.erase(visit.session)
    # Their session is gone with them, so this page says it all.
    return visit.area.page(visit.request, "erased.html", content=erased)


class Proofs:
    """The one address that is left to somebody who was erased."""

    def __init__(self, desk: RightsDesk) -> None:
        self._desk = desk

    async def fetch(self, request: Request) -> Response:
        raw = self._desk.proof(request.path_params["token"][:MAX_NAME])
        if raw is None:
            raise HTTPException(404)
        attached = {"Content-Disposition": 'attachment; filename="erased.json"'}
        return Response(raw, media_type="application/json", headers=attached)
