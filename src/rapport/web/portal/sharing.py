"""The person's page about sharing: what they did elsewhere, and to whom it is told."""

from starlette.responses import Response

from rapport.web import months
from rapport.web.portal.visit import Visit


async def sharing(visit: Visit) -> Response:
    content = await visit.desk.sharing.sharing(visit.session)
    return visit.answer("sharing.html", content, section="sharing")


async def told(visit: Visit) -> Response:
    content = await visit.desk.sharing.told(visit.session, visit.request.path_params["org"])
    return visit.answer("shared.html", content, section="sharing", month=months.name)
