"""Deletion demands: who holds customers in an export, where each takes demands, and what came of them."""

from urllib.parse import urlencode

from starlette.responses import Response

from rapport.act.demands import SAID
from rapport.kernel.errors import BadInput
from rapport.kernel.times import now
from rapport.web.console.visit import Visit
from rapport.web.forms import go

AREA = "/console/demands"
DONE = {
    "set": "Kept. Demands go there from now on.",
    "sent": "Kept. What waited for this address is on its way.",
    "removed": "Removed. Demands wait for another address.",
}


async def page(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "") -> Response:
    cursor = visit.asked("cursor") or None
    found = await visit.desk.demands.demands(visit.session, cursor)
    return visit.page(
        "demands.html",
        status,
        section="demands",
        found=found,
        said=SAID,
        filled=visit.form,
        problem=problem,
        done=DONE.get(visit.asked("done", 20), ""),
        first=cursor is None,
        onward=f"{AREA}?{urlencode({'cursor': found.next})}" if found.next else "",
        now=now(),
    )


async def set_recipient(visit: Visit) -> Response:
    """Where a recipient takes demands; what is wrong with it is said on the form."""
    name, url, key = (visit.form.get(field, "").strip() for field in ("name", "url", "key"))
    try:
        sent = await visit.desk.demands.set_recipient(visit.session, name, url, key)
    except BadInput as error:
        return await _page(visit, error.status, error.message)
    return go(f"{AREA}?done={'sent' if sent else 'set'}")


async def remove_recipient(visit: Visit) -> Response:
    await visit.desk.demands.remove_recipient(visit.session, visit.form.get("name", ""))
    return go(f"{AREA}?done=removed")
