"""What was sent and not taken in: why, and a look at it while it is kept."""

from urllib.parse import urlencode

from starlette.responses import Response

from rapport.kernel.times import now
from rapport.web import words
from rapport.web.console.visit import Visit

SHOWN_BYTES = 200_000
"""Of a kept part; a page is no place for 20 MB."""


async def page(visit: Visit) -> Response:
    code = visit.asked("code", 100) or None
    cursor = visit.asked("cursor") or None
    found = await visit.desk.rejected(visit.session, code, cursor)
    query = {"code": code, "cursor": found.next} if code else {"cursor": found.next}
    return visit.page(
        "rejected.html",
        section="rejected",
        rows=found.rows,
        codes=found.codes,
        code=code or "",
        first=cursor is None,
        onward=f"/console/rejected?{urlencode(query)}" if found.next else "",
        now=now(),
    )


async def part(visit: Visit) -> Response:
    found = await visit.desk.rejected_part(visit.session, visit.request.path_params["refusal"])
    if found is None:
        return visit.absent()
    refusal, body = found
    return visit.page(
        "rejected_part.html",
        section="rejected",
        refusal=refusal,
        text=words.pretty(body[:SHOWN_BYTES]),
        size=len(body),
        cut=len(body) > SHOWN_BYTES,
        now=now(),
    )
