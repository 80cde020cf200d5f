"""Coming in, going out, and what a session remembers: its purpose, and how light its pages are.

A link holds a code that can be spent once. Opening the link spends nothing, since mail programs and browsers open links
ahead of people; its page has one button, which does.
"""

from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.vocabulary import purpose
from rapport.web import pages
from rapport.web.console.visit import THEME_COOKIE, THEMES, Console, Visit, own_path
from rapport.web.forms import check_origin, go

CODE_LENGTH = 200
YEAR_SECONDS = 365 * 24 * 3600


class SignIn:
    """The pages that need no session."""

    def __init__(self, console: Console) -> None:
        self.console = console

    async def door(self, request: Request) -> Response:
        """GET: the button. POST: spend the code."""
        if request.method == "POST":
            return await self._enter(request)
        code = request.query_params.get("code", "")
        return self.console.page(request, "start.html", code=code if len(code) <= CODE_LENGTH else "", spent=False)

    async def _enter(self, request: Request) -> Response:
        check_origin(request, self.console.origin)
        code = (await pages.form(request)).get("code", "")
        token = await self.console.desk.sign_in(code) if 0 < len(code) <= CODE_LENGTH else None
        if token is None:
            return self.console.page(request, "start.html", 403, code="", spent=True)
        response = go("/console/live")
        response.set_cookie(
            self.console.cookie, token, path="/", secure=self.console.secure, httponly=True, samesite="strict"
        )
        return response

    async def theme(self, request: Request) -> Response:
        """Remember light, dark or as the system says."""
        check_origin(request, self.console.origin)
        fields = await pages.form(request)
        back = fields.get("back", "")
        response = go("/" if back == "/" else own_path(back))
        theme = fields.get("theme", "")
        if theme in THEMES:
            secure = self.console.secure
            # Not HttpOnly: the same switch works without a round trip where there is JavaScript.
            response.set_cookie(THEME_COOKIE, theme, YEAR_SECONDS, path="/", secure=secure, samesite="lax")
        return response


async def leave(visit: Visit) -> Response:
    await visit.desk.sign_out(visit.token)
    response = go("/console/start")
    response.delete_cookie(
        visit.console.cookie, path="/", secure=visit.console.secure, httponly=True, samesite="strict"
    )
    return response


async def set_purpose(visit: Visit) -> Response:
    """Raises BadInput where there is no such purpose."""
    await visit.desk.set_purpose(visit.token, purpose(visit.form.get("purpose", "")))
    return go(own_path(visit.form.get("back", "")))
