"""The organization's sources: their keys, when they were last heard, how much they send; adding one, a new key."""

import json

from starlette.responses import Response

from rapport.kernel.errors import BadInput, Conflict
from rapport.kernel.times import now
from rapport.web.console import charts
from rapport.web.console.desk import SourceCard
from rapport.web.console.visit import Visit
from rapport.web.forms import go


async def page(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "", name: str = "") -> Response:
    cards = await visit.desk.sources(visit.session)
    this = now()
    told = [
        {
            "card": card,
            "bars": charts.bars(card.per_minute),
            "minutes": charts.minutes(card.per_minute, this),
            "curl": curl(visit.area.origin, card),
            "script": script(visit.area.origin, card),
        }
        for card in cards
    ]
    return visit.page("sources.html", status, section="sources", sources=told, problem=problem, name=name, now=this)


async def add(visit: Visit) -> Response:
    name = visit.form.get("name", "").strip()
    try:
        await visit.desk.add_source(visit.session, name, visit.form.get("trusted") == "yes")
    except (BadInput, Conflict) as error:
        return await _page(visit, error.status, error.message, name[:80])
    return go(f"/console/sources#source-{name}")


async def rotate(visit: Visit) -> Response:
    name = visit.request.path_params["source"]
    await visit.desk.rotate_key(visit.session, name)
    return go(f"/console/sources#source-{name}")


def curl(origin: str, card: SourceCard) -> str:
    """A first event, ready to paste into a shell."""
    body = json.dumps({"userId": "u-1", "event": "Hello", "properties": {"from": card.name}})
    return (
        f"curl {origin}/v1/track \\\n  -u {card.write_key}: \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )


def script(origin: str, card: SourceCard) -> str:
    """A first event from a web page, with @segment/analytics-next as it is published."""
    scheme, _, host = origin.partition("://")
    return (
        'import { AnalyticsBrowser } from "@segment/analytics-next"\n\n'
        "const analytics = AnalyticsBrowser.load(\n"
        f'  {{ writeKey: "{card.write_key}", cdnURL: "{origin}" }},\n'
        f'  {{ integrations: {{ "Segment.io": {{ apiHost: "{host}/v1", protocol: "{scheme}" }} }} }},\n'
        ")\n"
        'analytics.track("Hello")'
    )
