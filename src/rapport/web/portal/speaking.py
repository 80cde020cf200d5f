"""Choosing a language on a person's own pages: it is the browser's from then on, and that of letters to them."""

from starlette.requests import Request
from starlette.responses import Response

from rapport.web.door import spoken
from rapport.web.portal.visit import Portal
from rapport.web.visit import Endpoint


def speak(portal: Portal) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        response, named = await spoken(portal, request)
        token = request.cookies.get(portal.cookie, "")
        session = await portal.desk.session(token) if token else None
        if session is not None and named:
            await portal.desk.proofs.speak(session, named)
        return response

    return endpoint
