"""What came of promises: agreements, uses, and what kept the organization out."""

from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.kernel.times import now
from rapport.web.console import charts
from rapport.web.console.visit import Visit


async def agreements(visit: Visit) -> Response:
    cursor = visit.asked("cursor") or None
    found = await visit.desk.agreements(visit.session, cursor)
    onward = f"/console/agreements?{urlencode({'cursor': found.next})}" if found.next else ""
    return visit.page(
        "agreements.html", section="agreements", rows=found.rows, first=cursor is None, onward=onward, now=now()
    )


async def agreement(visit: Visit) -> Response:
    handle = visit.request.path_params["agreement"]
    found = await visit.desk.agreement(visit.session, handle)
    if found is None:
        return visit.absent()
    text = msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
    return visit.page("agreement.html", section="agreements", handle=handle, found=found, text=text)


async def uses(visit: Visit) -> Response:
    cursor = visit.asked("cursor") or None
    found = await visit.desk.uses(visit.session, cursor)
    onward = f"/console/uses?{urlencode({'cursor': found.next})}" if found.next else ""
    shares = charts.shares(found.by_purpose)
    return visit.page(
        "uses.html", section="uses", uses=found, shares=shares, first=cursor is None, onward=onward, now=now()
    )


async def refusals(visit: Visit) -> Response:
    wanted = await visit.desk.wanted(visit.session)
    return visit.page("refusals.html", section="refusals", wanted=wanted, shares=charts.shares(dict(wanted.criteria)))
