"""The pages by which somebody who lost every passkey comes back: two codes, a delay, and a new passkey.

Whatever address is typed, the answer is the same. What this browser goes on by is in a cookie, never in an address.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from rapport.kernel.errors import RapportError, Unauthorized
from rapport.signin.passkeys import MAX_RESPONSE
from rapport.web import language, pages
from rapport.web.api.customers import body_of
from rapport.web.asker import client_of
from rapport.web.cookies import SESSION_SECONDS, keep, named
from rapport.web.forms import check_origin, go
from rapport.web.portal.visit import AREA, Portal
from rapport.web.scripted import browser_of, refused, told
from rapport.web.signin.recover_desk import RecoverDesk

RECOVER = "/signin/recover"
_COOKIE_SECONDS = 40 * 24 * 3600
_MOST = 400


class RecoverPages:
    """Under `/signin/recover`."""

    def __init__(self, desk: RecoverDesk, area: Portal) -> None:
        self._desk = desk
        self._area = area
        self._cookie = named("recover", area.origin)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/recover", self.start, methods=["GET"]),
            Route("/recover", self.send, methods=["POST"]),
            Route("/recover/begin", self.begin, methods=["POST"]),
            Route("/recover/ask", self.making, methods=["POST"]),
            Route("/recover/make", self.make, methods=["POST"]),
        ]

    async def start(self, request: Request) -> Response:
        secret = request.cookies.get(self._cookie, "")
        found = await self._desk.state(secret) if secret else None
        return self._page(request, recovery=found)

    async def send(self, request: Request) -> Response:
        return await self._formed(request, self._send)

    async def _send(self, request: Request, form: dict[str, str]) -> Response:
        made = await self._desk.ask(form.get("address", "")[:_MOST], client_of(request))
        return self._page(request, made=made)

    async def begin(self, request: Request) -> Response:
        return await self._formed(request, self._begin)

    async def _begin(self, request: Request, form: dict[str, str]) -> Response:
        made = form.get("made", "")[:_MOST]
        try:
            secret = await self._desk.begin(
                made, form.get("code", "")[:_MOST], form.get("paper", "")[:_MOST], client_of(request)
            )
        except Unauthorized as error:
            return self._page(request, 401, made=made, problem=error.message)
        response = go(RECOVER)
        keep(response, self._area.origin, self._cookie, secret, _COOKIE_SECONDS)
        return response

    async def making(self, request: Request) -> Response:
        async def making(_: bytes) -> Response:
            return told(await self._desk.making(request.cookies.get(self._cookie, ""), client_of(request)))

        return await self._scripted(request, making)

    async def make(self, request: Request) -> Response:
        async def make(body: bytes) -> Response:
            secret = request.cookies.get(self._cookie, "")
            token = await self._desk.make(secret, body, client_of(request), browser_of(request))
            response = told({"next": f"{AREA}/contacts"})
            for name, value, seconds in ((self._area.cookie, token, SESSION_SECONDS), (self._cookie, "", 0)):
                keep(response, self._area.origin, name, value, seconds)
            return response

        return await self._scripted(request, make)

    async def _formed(
        self, request: Request, handler: Callable[[Request, dict[str, str]], Awaitable[Response]]
    ) -> Response:
        check_origin(request, self._area.origin)
        with language.speaking(self._area.language_of(request)):  # a letter with a code is in it, too
            return await handler(request, await pages.form(request))

    async def _scripted(self, request: Request, handler: Callable[[bytes], Awaitable[Response]]) -> Response:
        try:
            check_origin(request, self._area.origin)
            return await handler(await body_of(request, MAX_RESPONSE))
        except RapportError as error:
            return await refused(request, error, self._area.languages)

    def _page(self, request: Request, status: int = 200, **values: object) -> Response:
        shared = {"recovery": None, "made": "", "problem": "", "mails": self._desk.mails}
        return self._area.page(request, "recover.html", status, **{**shared, **values})
