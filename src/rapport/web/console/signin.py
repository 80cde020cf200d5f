"""Coming into the console with a passkey, an invitation to make one, and one's own passkeys.

Looking at a page changes nothing: challenges are asked for and answered by the page's script, from this node's own
pages alone.
"""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.kernel.errors import BadInput, RapportError
from rapport.signin.passkeys import MAX_RESPONSE
from rapport.web.api.customers import body_of
from rapport.web.api.problems import on_error
from rapport.web.asker import client_of
from rapport.web.console.guarding import back_of
from rapport.web.console.scripts import keeping
from rapport.web.console.visit import Console, Visit
from rapport.web.door import CODE_LENGTH, Door
from rapport.web.forms import check_origin, csrf_token, go, whole
from rapport.web.scripted import browser_of, code_of, object_of, told

HOME = "/console/"
SIGNIN = "/console/signin"
_SMALL = 4096
DONE = {"made": "This passkey opens the console from now on.", "revoked": "Revoked: it opens nothing any more."}


class Signin:
    """The pages for who has no session."""

    def __init__(self, console: Console, door: Door) -> None:
        self._console = console
        self.door = door
        self._desk = console.desk.signin

    def routes(self) -> list[Route]:
        return [
            Route("/start", self.start, methods=["GET", "POST"]),
            Route("/signin", self.page),
            Route("/signin/ask", self.ask, methods=["POST"]),
            Route("/signin/prove", self.prove, methods=["POST"]),
            Route("/signin/invite", self.invite),
            Route("/signin/invite/ask", self.enrolling, methods=["POST"]),
            Route("/signin/invite/make", self.enrol, methods=["POST"]),
        ]

    async def home(self, _: Request) -> Response:
        return go(HOME)

    async def start(self, request: Request) -> Response:
        """By a link; who has none is shown where passkeys are proved, once there are any."""
        if request.method == "GET" and "code" not in request.query_params and await self._desk.ready():
            return go(SIGNIN)
        return await self.door.open(request)

    async def page(self, request: Request) -> Response:
        token = request.cookies.get(self._console.cookie, "")
        if token and await self._console.desk.session(token) is not None:
            return go(HOME)
        return self._console.page(request, "signin.html")

    async def invite(self, request: Request) -> Response:
        code = request.query_params.get("code", "")
        invited = 0 < len(code) <= CODE_LENGTH and await self._desk.invited(code)
        return self._console.page(request, "invite.html", 200 if invited else 404, code=code if invited else "")

    async def ask(self, request: Request) -> Response:
        async def ask() -> Response:
            return told(await self._desk.ask(client_of(request)))

        return await self._own(request, ask)

    async def prove(self, request: Request) -> Response:
        async def prove() -> Response:
            token = await self._desk.prove(await body_of(request, MAX_RESPONSE), client_of(request))
            await self._leave(request)
            return keeping(self._console, told({"next": HOME}), token)

        return await self._own(request, prove)

    async def enrolling(self, request: Request) -> Response:
        async def options() -> Response:
            code = code_of(await body_of(request, _SMALL))
            return told(await self._desk.enrolling(code, client_of(request)))

        return await self._own(request, options)

    async def enrol(self, request: Request) -> Response:
        async def enrol() -> Response:
            body = await body_of(request, MAX_RESPONSE)
            made = msgspec.json.encode(object_of(body).get("passkey"))
            token = await self._desk.enrol(code_of(body), made, client_of(request), browser_of(request))
            await self._leave(request)
            return keeping(self._console, told({"next": HOME}), token)

        return await self._own(request, enrol)

    async def _leave(self, request: Request) -> None:
        """End the session that this browser had."""
        had = request.cookies.get(self._console.cookie, "")
        if had:
            await self._console.desk.sign_out(had)

    async def _own(self, request: Request, answer: Callable[[], Awaitable[Response]]) -> Response:
        try:
            check_origin(request, self._console.origin)
            return await answer()
        except RapportError as error:
            return await on_error(request, error)


# -- of who is signed in


async def again(visit: Visit) -> Response:
    return visit.page("again.html", back=back_of(visit), action="", held={})


async def proving(visit: Visit) -> Response:
    return told(await visit.desk.signin.proving(visit.session, client_of(visit.request)))


async def prove_again(visit: Visit) -> Response:
    raw = await body_of(visit.request, MAX_RESPONSE)
    token = await visit.desk.signin.prove_again(visit.session, visit.token, raw, client_of(visit.request))
    # The session is another now, and so is the secret of its forms: one that waited is sent with it.
    return keeping(visit.area, told({"next": back_of(visit), "csrf": csrf_token(token)}), token)


async def passkeys(visit: Visit) -> Response:
    keys = () if visit.session.by_link else await visit.desk.signin.keys(visit.session)
    return visit.page("passkeys.html", section="passkeys", keys=keys, done=DONE.get(visit.asked("done", 20), ""))


async def making(visit: Visit) -> Response:
    return told(await visit.desk.signin.making(visit.session, client_of(visit.request)))


async def make(visit: Visit) -> Response:
    raw = await body_of(visit.request, MAX_RESPONSE)
    request = visit.request
    token = await visit.desk.signin.make(visit.session, visit.token, raw, client_of(request), browser_of(request))
    return keeping(visit.area, told({"next": "/console/passkeys?done=made"}), token)


async def revoke(visit: Visit) -> Response:
    key = whole(visit.form.get("key", ""))
    if key is None:
        raise BadInput("This form names nothing of yours.", field="key")
    await visit.desk.signin.revoke(visit.session, key)
    return go("/console/passkeys?done=revoked")
