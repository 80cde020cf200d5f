"""What the header of every page does: it signs out, and says what for one looks. (Coming in: `rapport.web.door`.)"""

from typing import Final

from starlette.responses import Response

from rapport.kernel.vocabulary import purpose
from rapport.signin.operators import Duty, may
from rapport.web.console.visit import Visit
from rapport.web.door import left
from rapport.web.forms import go

HOMES: Final[tuple[tuple[str, Duty], ...]] = (
    ("/console/live", "customers"),
    ("/console/promise", "promise"),
    ("/console/uses", "uses"),
)


async def leave(visit: Visit) -> Response:
    await visit.desk.sign_out(visit.token)
    return left(visit.area)


async def set_purpose(visit: Visit) -> Response:
    """Raises BadInput where there is no such purpose."""
    await visit.desk.set_purpose(visit.token, purpose(visit.form.get("purpose", "")))
    return go(visit.area.way_back(visit.form.get("back", "")))


async def set_org(visit: Visit) -> Response:
    """For who works at every organization. Raises NotFound."""
    await visit.desk.set_org(visit.token, visit.form.get("org", ""))
    return go("/console/")


async def home(visit: Visit) -> Response:
    """On to the first page of who is signed in."""
    return go(next((path for path, duty in HOMES if may(visit.session.role or "", duty)), "/console/passkeys"))
