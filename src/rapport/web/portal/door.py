"""Opening one's page, and leaving it.

A link holds a code that can be spent once. Opening the link spends nothing, since mail programs and browsers open links
ahead of people; its page has one button, which does.
"""

from starlette.requests import Request
from starlette.responses import Response

from rapport.web import pages
from rapport.web.console.signin import CODE_LENGTH, YEAR_SECONDS
from rapport.web.console.visit import THEME_COOKIE, THEMES
from rapport.web.forms import check_origin, go, inner_path
from rapport.web.portal.visit import AREA, Portal, Visit

SESSION_SECONDS = 12 * 3600


class Door:
    """The pages that need no session."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    async def open(self, request: Request) -> Response:
        """GET: the button. POST: spend the code."""
        if request.method == "POST":
            return await self._enter(request)
        code = request.query_params.get("code", "")
        return self.portal.page(request, "open.html", code=code if len(code) <= CODE_LENGTH else "", spent=False)

    async def _enter(self, request: Request) -> Response:
        check_origin(request, self.portal.origin)
        code = (await pages.form(request)).get("code", "")
        token = await self.portal.desk.open(code) if 0 < len(code) <= CODE_LENGTH else None
        if token is None:
            return self.portal.page(request, "open.html", 403, code="", spent=True)
        response = go(AREA)
        secure = self.portal.secure
        response.set_cookie(
            self.portal.cookie, token, SESSION_SECONDS, path="/", secure=secure, httponly=True, samesite="strict"
        )
        return response

    async def theme(self, request: Request) -> Response:
        """Remember light, dark or as the system says."""
        check_origin(request, self.portal.origin)
        fields = await pages.form(request)
        response = go(inner_path(fields.get("back", ""), f"{AREA}/") or AREA)
        theme = fields.get("theme", "")
        if theme in THEMES:
            secure = self.portal.secure
            response.set_cookie(THEME_COOKIE, theme, YEAR_SECONDS, path="/", secure=secure, samesite="lax")
        return response


async def leave(visit: Visit) -> Response:
    await visit.desk.leave(visit.token)
    response = go(f"{AREA}/open")
    secure = visit.portal.secure
    response.delete_cookie(visit.portal.cookie, path="/", secure=secure, httponly=True, samesite="strict")
    return response
