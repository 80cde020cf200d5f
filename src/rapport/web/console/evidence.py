"""Taking back one piece of evidence: what it would do, in words and as a picture; the change; and the way back."""

from starlette.responses import Response

from rapport.web.console.desk import Preview
from rapport.web.console.visit import Visit
from rapport.web.forms import go

MOST_WHY = 500


def page(visit: Visit, found: Preview, status: int = 200, problem: str = "", why: str = "") -> Response:
    apart = apart_in(found)
    moved = {node.id for party in found.after if party.customer in apart for node in party.nodes}
    told = {"preview": found, "apart": apart, "moved": moved, "problem": problem, "why": why[:MOST_WHY]}
    return visit.page("evidence.html", status, section="customers", **told)


def apart_in(found: Preview) -> set[str]:
    """Handles of those that come (or came) apart: not known before, or else all but the one with the most events."""
    after = {party.customer for party in found.after}
    if found.before:
        return after - {party.customer for party in found.before}
    most = max(found.after, key=lambda party: party.events, default=None)
    return after - {most.customer} if most else set()


async def preview(visit: Visit) -> Response:
    """Before the change what would happen, after it what did: the same address."""
    found = await visit.desk.preview_retract(visit.session, visit.request.path_params["evidence"])
    if found is None:
        return visit.absent()
    return page(visit, found)


async def retract(visit: Visit) -> Response:
    evidence = visit.request.path_params["evidence"]
    found = await visit.desk.preview_retract(visit.session, evidence)
    if found is None:
        return visit.absent()
    why = visit.form.get("why", "").strip()
    if not why or len(why) > MOST_WHY:
        problem = f"Say why, in up to {MOST_WHY} characters: who looks at this later will want to know."
        return page(visit, found, 400, problem, why)
    await visit.desk.retract(visit.session, evidence, why)
    return go(f"/console/evidence/{evidence}")


async def link(visit: Visit) -> Response:
    """Bring two records together by an operator's word, which is the way back."""
    evidence = visit.request.path_params["evidence"]
    found = await visit.desk.preview_retract(visit.session, evidence)
    if found is None or found.way_back is None or found.retracted is None:
        return visit.absent()
    one, another = found.way_back
    why = visit.form.get("why", "").strip() or f"Undoes what was taken back: {found.retracted.why}"
    await visit.desk.link(visit.session, one, another, why[:MOST_WHY])
    return go(f"/console/customers/{found.after[0].customer}" if found.after else "/console/customers")
