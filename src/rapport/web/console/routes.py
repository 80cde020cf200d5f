"""Which address leads to which page, and what happens to those that lead nowhere."""

from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from rapport.kernel.vocabulary import PURPOSES
from rapport.web import pages, words
from rapport.web.console import (
    customers,
    demands,
    evidence,
    exports,
    header,
    live,
    met,
    promise,
    rejected,
    requests,
    sources,
    statement,
)
from rapport.web.console.desk import Desk
from rapport.web.console.visit import Console, Handler, Visit
from rapport.web.door import Door
from rapport.web.forms import go
from rapport.web.visit import error_pages, guarded

HERE = Path(__file__).parent


def console_routes(desk: Desk, origin: str) -> list[BaseRoute]:
    """The front page `/` and everything under `/console`. `origin` is the node's own (`http://localhost:8080`)."""
    assets = pages.Assets("/console/static", pages.SHARED / "static", HERE / "static")
    purposes = {name: words.PURPOSES[name] for name in PURPOSES}
    templates = pages.environment(HERE / "templates", asset=assets.url, purposes=purposes, LONG=words.LONG)
    templates.filters.update(words.FILTERS)
    console = Console(desk, templates, origin.rstrip("/"))
    door = Door(console, "start.html", desk.sign_in)

    def get(path: str, handler: Handler) -> Route:
        return Route(path, guarded(console, Visit, handler))

    def post(path: str, handler: Handler) -> Route:
        return Route(path, guarded(console, Visit, handler), methods=["POST"])

    async def front(request: Request) -> Response:
        return console.page(request, "front.html")

    async def first(_: Request) -> Response:
        return go("/console/live")

    inside: list[BaseRoute] = [
        Route("/", first),
        Route("/start", door.open, methods=["GET", "POST"]),
        Route("/theme", door.theme, methods=["POST"]),
        post("/leave", header.leave),
        post("/purpose", header.set_purpose),
        get("/live", live.page),
        get("/live/news", live.stream),
        get("/customers", customers.search),
        get("/customers/{customer}", customers.show),
        get("/customers/{customer}/events", customers.events),
        get("/evidence/{evidence}", evidence.preview),
        post("/evidence/{evidence}/retract", evidence.retract),
        post("/evidence/{evidence}/link", evidence.link),
        get("/promise", promise.page),
        get("/promise/purpose", promise.edit),
        post("/promise/purpose", promise.propose),
        get("/promise/document", promise.document),
        post("/promise/document", promise.propose_document),
        post("/promise/declare", promise.declare),
        get("/agreements", met.agreements),
        get("/agreements/{agreement}", met.agreement),
        get("/uses", met.uses),
        get("/statement", statement.page),
        get("/refusals", met.refusals),
        get("/requests", requests.page),
        post("/requests/{request}", requests.answer),
        get("/exports", exports.page),
        post("/exports", exports.ask),
        get("/exports/{export}", exports.show),
        get("/exports/{export}/file", exports.file),
        get("/exports/{export}/metadata", exports.beside),
        post("/exports/{export}/delete", exports.delete),
        get("/demands", demands.page),
        post("/demands/recipients", demands.set_recipient),
        post("/demands/recipients/remove", demands.remove_recipient),
        get("/rejected", rejected.page),
        get("/rejected/{refusal}", rejected.part),
        get("/sources", sources.page),
        post("/sources", sources.add),
        post("/sources/{source}/key", sources.rotate),
        assets.route("/static"),
    ]
    fence = Middleware(pages.SecurityHeaders)
    told = Middleware(ExceptionMiddleware, handlers=error_pages(console))
    return [
        Route("/", front, middleware=[fence]),
        Route("/console", first, middleware=[fence]),
        Mount("/console", routes=inside, middleware=[fence, told]),
    ]
