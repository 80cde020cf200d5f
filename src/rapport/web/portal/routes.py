"""Which address under `/me` leads to which page, and what happens to those that lead nowhere."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from rapport.kernel.errors import RapportError
from rapport.web import pages
from rapport.web.console import words
from rapport.web.console.routes import HERE as CONSOLE
from rapport.web.portal import door, mine, statement
from rapport.web.portal.desk import Desk
from rapport.web.portal.visit import AREA, Handler, Portal, guarded

HERE = Path(__file__).parent


def portal_routes(desk: Desk, origin: str) -> list[BaseRoute]:
    """Everything under `/me`. `origin` is the node's own (`http://localhost:8080`)."""
    shared = pages.Assets(CONSOLE / "static", f"{AREA}/paper")
    own = pages.Assets(HERE / "static", f"{AREA}/static")
    templates = pages.environment(
        HERE / "templates", CONSOLE / "templates", asset=shared.url, own_asset=own.url, LONG=words.LONG
    )
    templates.filters.update(words.FILTERS)
    portal = Portal(desk, templates, origin.rstrip("/"))
    entrance = door.Door(portal)

    def get(path: str, handler: Handler) -> Route:
        return Route(path, guarded(portal, handler))

    def post(path: str, handler: Handler) -> Route:
        return Route(path, guarded(portal, handler), methods=["POST"])

    inside: list[BaseRoute] = [
        get("/", mine.home),
        Route("/open", entrance.open, methods=["GET", "POST"]),
        Route("/theme", entrance.theme, methods=["POST"]),
        post("/leave", door.leave),
        post("/lock", mine.lock),
        get("/known/{org}", mine.known),
        get("/terms", mine.terms),
        get("/terms/change", mine.propose),
        post("/terms/change", mine.change),
        get("/asked", mine.asked),
        get("/receipts", mine.receipts),
        get("/statement", statement.statement),
        get("/agreements", mine.agreements),
        get("/agreements/{agreement}", mine.agreement),
        shared.route("/paper"),
        own.route("/static"),
    ]
    fence = Middleware(pages.SecurityHeaders)
    told = Middleware(ExceptionMiddleware, handlers=error_pages(portal))
    return [
        Route(AREA, guarded(portal, mine.home), middleware=[fence, told]),
        Mount(AREA, routes=inside, middleware=[fence, told]),
    ]


def error_pages(portal: Portal) -> Mapping[Any, Callable[..., Awaitable[Response]]]:
    """A page for every error that is raised on purpose; what is not stays the server's to report."""

    async def refused(request: Request, error: RapportError) -> Response:
        return portal.problem(request, error)

    async def misdirected(request: Request, error: HTTPException) -> Response:
        said = {404: "There is no page at this address.", 405: "This address is there for a form, not for a visit."}
        message = said.get(error.status_code, HTTPStatus(error.status_code).phrase)
        response = portal.page(request, "problem.html", error.status_code, message=message)
        response.headers.update(error.headers or {})
        return response

    return {RapportError: refused, HTTPException: misdirected}
