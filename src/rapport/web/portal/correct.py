"""Correcting one thing that a company knows: a page that says first what would follow, and the form that does it."""

from urllib.parse import urlencode

from starlette.responses import Response

from rapport.kernel.errors import BadInput, Conflict
from rapport.web.forms import go
from rapport.web.pages import quoted
from rapport.web.portal.visit import AREA, Visit

MAX_TRAIT = 2000
PART = "part:"
"""Before the name of a part, such as a street, in the names of the form's fields."""


async def correcting(visit: Visit) -> Response:
    return await _page(visit, visit.asked("trait", MAX_TRAIT))


async def correct(visit: Visit) -> Response:
    """Say what is right, or take back what was said (`back`)."""
    org, trait, form = visit.request.path_params["org"], visit.form.get("trait", ""), visit.form
    parts = {name.removeprefix(PART): said for name, said in form.items() if name.startswith(PART)}
    back = form.get("back") == "yes"
    try:
        await visit.desk.corrections.correct(
            visit.session, org, trait, None if back else parts or form.get("value", "")
        )
    except (BadInput, Conflict) as error:
        return await _page(visit, trait, error)
    done = {"done": "taken_back" if back else "corrected", "trait": trait}
    return go(f"{AREA}/known/{quoted(org)}?{urlencode(done)}")


async def _page(visit: Visit, trait: str, error: BadInput | Conflict | None = None) -> Response:
    content = await visit.desk.corrections.correcting(visit.session, visit.request.path_params["org"], trait)
    problem = "" if error is None else error.message
    response = visit.answer("correct.html", content, section="known", part=PART, problem=problem, said=visit.form)
    response.status_code = 200 if error is None else error.status
    return response
