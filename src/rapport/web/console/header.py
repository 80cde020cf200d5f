"""What the header of every page does: it signs out, and says what for one looks. (Coming in: `rapport.web.door`.)"""

from starlette.responses import Response

from rapport.kernel.vocabulary import purpose
from rapport.web.console.visit import Visit
from rapport.web.door import left
from rapport.web.forms import go


async def leave(visit: Visit) -> Response:
    await visit.desk.sign_out(visit.token)
    return left(visit.area)


async def set_purpose(visit: Visit) -> Response:
    """Raises BadInput where there is no such purpose."""
    await visit.desk.set_purpose(visit.token, purpose(visit.form.get("purpose", "")))
    return go(visit.area.way_back(visit.form.get("back", "")))
