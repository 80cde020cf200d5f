"""Finding a customer, and looking at one."""

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from rapport.kernel.times import now
from rapport.web import words
from rapport.web.console import charts, graph
from rapport.web.console.desk import Identity
from rapport.web.console.visit import Visit

MOST_SEARCHED = 512
"""Characters of a search; the longest identifier."""


async def search(visit: Visit) -> Response:
    text = visit.asked("q", MOST_SEARCHED)
    cursor = visit.asked("cursor") or None
    found = await visit.desk.search(visit.session, text, cursor)
    onward = f"/console/customers?{urlencode({'q': text, 'cursor': found.next})}" if found.next else ""
    return visit.page(
        "customers.html",
        section="customers",
        text=text,
        rows=found.rows,
        first=cursor is None,
        onward=onward,
        now=now(),
    )


async def show(visit: Visit) -> Response:
    asked = visit.request.path_params["customer"]
    customer = await visit.desk.customer(visit.session, asked)
    if customer is None:
        return visit.absent()
    view = customer.view
    identity = customer.identity
    names = {name: count["count"] for name, count in view["events"]["by_name"].items()}
    return visit.page(
        "customer.html",
        section="customers",
        view=view,
        handle=view["customer"],
        name=words.whole_name(view["traits"]),
        sections=words.sections(view["traits"]),
        shares=charts.shares(names),
        timeline=customer.timeline.rows,
        onward=older(view["customer"], customer.timeline.next),
        identity=identity,
        audiences=customer.audiences,
        drawings=[graph.draw(identity, shape) for shape in (graph.WIDE, graph.NARROW)] if identity.edges else [],
        table=table(identity),
        now=now(),
    )


async def events(visit: Visit) -> Response:
    handle = visit.request.path_params["customer"]
    found = await visit.desk.events(visit.session, handle, visit.asked("cursor"))
    if found is None:
        return visit.absent()
    return visit.page(
        "events.html",
        section="customers",
        handle=handle,
        timeline=found.rows,
        onward=older(handle, found.next),
        receipt=found.receipt,
        now=now(),
    )


def older(handle: str, cursor: str | None) -> str:
    return f"/console/customers/{handle}/events?{urlencode({'cursor': cursor})}" if cursor else ""


def table(identity: Identity) -> list[dict[str, Any]]:
    """The evidence as rows: what joins first, then what does not, each by strength."""
    nodes = {node.id: node for node in identity.nodes}
    told = [edge for edge in identity.edges if edge.record in nodes and edge.other in nodes]
    told.sort(key=lambda edge: (not edge.used, edge.level, edge.type, edge.id))
    return [{"edge": edge, "record": nodes[edge.record], "other": nodes[edge.other]} for edge in told]
