"""The door of an area of pages: coming in by a link, going out, and how light the pages are.

A link holds a code that can be spent once. Opening the link spends nothing, since mail programs and browsers open links
ahead of people; its page has one button, which does.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.times import MINUTE
from rapport.signin.limits import Limit
from rapport.web import language, pages
from rapport.web.asker import client_of
from rapport.web.cookies import keep, prefer
from rapport.web.forms import check_origin, go, inner_path
from rapport.web.visit import THEME_COOKIE, THEMES, Area

CODE_LENGTH: Final = 200
TRIES_A_MINUTE: Final = 60
AT_ONCE: Final = "try"
"""What codes begin with whose page presses its button itself: those of the demo. Nobody else's code opens anything
without a press, since a stranger's link would sign people in as somebody else before they had read what it is."""


class Door(msgspec.Struct, frozen=True):
    """The pages that need no session."""

    area: Area[Any]
    template: str
    """The page with the button; it is told the `code`, or whether it was `spent`."""
    spend: Callable[[str], Awaitable[str | None]]
    """Makes of a code a session's token."""
    session_seconds: int | None = None
    """How long the browser keeps the session; None: until it is closed."""
    tries: Limit = msgspec.field(default_factory=lambda: Limit(TRIES_A_MINUTE, MINUTE))
    """Of one client."""
    leave: Callable[[str], Awaitable[None]] | None = None
    """Ends the session that the browser came with."""

    async def open(self, request: Request) -> Response:
        """GET: the button. POST: spend the code."""
        if request.method == "POST":
            return await self._enter(request)
        code = request.query_params.get("code", "")
        inside = await self._inside(request)
        at_once = code.startswith(f"{AT_ONCE}_") and not inside
        shown: dict[str, Any] = {"code": code if len(code) <= CODE_LENGTH else "", "spent": False, "inside": inside}
        return self.area.page(request, self.template, at_once=at_once, **shown)

    async def _inside(self, request: Request) -> bool:
        """Whether this browser has a session already."""
        token = request.cookies.get(self.area.cookie, "")
        return bool(token) and await self.area.desk.session(token) is not None

    async def _enter(self, request: Request) -> Response:
        check_origin(request, self.area.origin)
        self.tries.count(client_of(request))
        code = (await pages.form(request)).get("code", "")
        token = await self.spend(code) if 0 < len(code) <= CODE_LENGTH else None
        if token is None:
            shown: dict[str, Any] = {"code": "", "spent": True, "inside": await self._inside(request), "at_once": False}
            return self.area.page(request, self.template, 403, **shown)
        had = request.cookies.get(self.area.cookie, "")
        if had and self.leave is not None:
            await self.leave(had)
        response = go(self.area.start)
        keep(response, self.area.origin, self.area.cookie, token, self.session_seconds)
        return response

    async def theme(self, request: Request) -> Response:
        """Remember light, dark or as the system says."""
        check_origin(request, self.area.origin)
        fields = await pages.form(request)
        response = go(self.area.way_back(fields.get("back", "")))
        theme = fields.get("theme", "")
        if theme in THEMES:
            # Not HttpOnly: the same switch works without a round trip where there is JavaScript.
            prefer(response, self.area.origin, THEME_COOKIE, theme, seen_by_scripts=True)
        return response


async def spoken(area: Area[Any], request: Request, above: str = "", start: str = "") -> tuple[Response, str]:
    """Remember in which language pages speak, and go back to the page that asked, if it is under `above`; the area's
    own path and first page where these are not given. With the answer comes the language, "" where it is none."""
    check_origin(request, area.origin)
    fields = await pages.form(request)
    back = fields.get("back", "")
    response = go((inner_path(back, above) or start) if above else area.way_back(back))
    named = fields.get("language", "")
    if named not in area.languages:
        return response, ""
    prefer(response, area.origin, language.COOKIE, named)
    return response, named


def left(area: Area[Any]) -> Response:
    """Out of the door: the browser forgets its session."""
    response = go(area.door)
    keep(response, area.origin, area.cookie, "", 0)
    return response
