"""What people ask the company for by right, and its answers."""

from typing import get_args
from urllib.parse import urlencode

from starlette.responses import Response

from rapport.kernel.errors import BadInput
from rapport.kernel.times import now
from rapport.web.console.requests_desk import Outcome
from rapport.web.console.visit import Visit
from rapport.web.forms import go


async def page(visit: Visit) -> Response:
    cursor = visit.asked("cursor") or None
    found = await visit.desk.requests.requests(visit.session, cursor)
    onward = f"/console/requests?{urlencode({'cursor': found.next})}" if found.next else ""
    done = visit.asked("done", 20) == "answered"
    return visit.page(
        "requests.html", section="requests", found=found, first=cursor is None, onward=onward, done=done, now=now()
    )


async def answer(visit: Visit) -> Response:
    outcome = visit.form.get("outcome", "")
    if outcome not in get_args(Outcome):
        raise BadInput("Say whether it was done, or is refused.", code="bad_answer", field="outcome")
    words = visit.form.get("words", "")
    request = visit.request.path_params["request"]
    await visit.desk.requests.answer(visit.session, request, outcome, words)  # type: ignore[arg-type]  # one of them
    return go("/console/requests?done=answered")
