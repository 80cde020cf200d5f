"""Which address leads to which page, and what happens to those that lead nowhere."""

from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from rapport.kernel.vocabulary import PURPOSES
from rapport.signin.operators import Duty, may, roles_with
from rapport.web import pages, words
from rapport.web.console import (
    actions,
    audiences,
    customers,
    deciding,
    demands,
    destinations,
    editing,
    evidence,
    experiments,
    exports,
    header,
    live,
    manner,
    met,
    operators,
    outcomes,
    promise,
    rejected,
    requests,
    signin,
    sources,
    statement,
    traits,
    what_if,
)
from rapport.web.console.desk import Desk
from rapport.web.console.guarding import Page, Rule, noting, page, script
from rapport.web.console.tabs import tabs_of
from rapport.web.console.visit import Console, Handler
from rapport.web.door import Door
from rapport.web.visit import error_pages

HERE = Path(__file__).parent


def console_routes(desk: Desk, origin: str) -> list[BaseRoute]:
    """The front page `/` and everything under `/console`. `origin` is the node's own (`http://localhost:8080`)."""
    signing = HERE.parent / "signin/static"
    assets = pages.Assets("/console/static", pages.SHARED / "static", HERE / "static", signing)
    purposes = {name: words.PURPOSES[name] for name in PURPOSES}
    templates = pages.environment(HERE / "templates", asset=assets.url, purposes=purposes, LONG=words.LONG)
    templates.filters.update(words.FILTERS)
    templates.globals.update(tabs_of=tabs_of, may=may, roles_with=roles_with)
    console = Console(desk, templates, origin.rstrip("/"))
    signin_pages = signin.Signin(console, Door(console, "start.html", desk.sign_in, leave=desk.sign_out))

    def get(path: str, handler: Handler, duty: Duty, *, fresh: bool = False) -> Page:
        return page(console, "GET", path, handler, Rule(duty, fresh=fresh))

    def post(path: str, handler: Handler, duty: Duty, noted: str = "", *, fresh: bool = False) -> Page:
        return page(console, "POST", path, handler, Rule(duty, noted, fresh))

    def ask(path: str, handler: Handler, duty: Duty = "own", *, fresh: bool = False) -> Page:
        return script(console, path, handler, Rule(duty, fresh=fresh))

    async def front(request: Request) -> Response:
        return console.page(request, "front.html")

    inside: list[BaseRoute] = [
        *signin_pages.routes(),
        Route("/theme", signin_pages.door.theme, methods=["POST"]),
        get("/", header.home, "own"),
        post("/leave", header.leave, "own", "signed out"),
        post("/purpose", header.set_purpose, "own"),
        post("/org", header.set_org, "own"),
        get("/again", signin.again, "own"),
        ask("/again/ask", signin.proving),
        ask("/again/prove", signin.prove_again),
        get("/passkeys", signin.passkeys, "own"),
        ask("/passkeys/ask", signin.making, fresh=True),
        ask("/passkeys/make", signin.make, fresh=True),
        post("/passkeys/revoke", signin.revoke, "own", fresh=True),
        get("/live", live.page, "customers"),
        get("/live/news", live.stream, "customers"),
        get("/customers", customers.search, "customers"),
        get("/customers/{customer}", customers.show, "customers"),
        get("/customers/{customer}/events", customers.events, "customers"),
        get("/evidence/{evidence}", evidence.preview, "customers"),
        post("/evidence/{evidence}/retract", evidence.retract, "evidence", "retracted evidence", fresh=True),
        post("/evidence/{evidence}/link", evidence.link, "evidence", "linked records again"),
        get("/audiences", audiences.page, "audiences"),
        get("/audiences/{name}", audiences.show, "audiences"),
        get("/audiences/{name}/people", audiences.people, "customers"),
        get("/audiences/{name}/moves", audiences.moves, "customers"),
        get("/audiences/{name}/why", audiences.why, "customers"),
        post("/audiences/{name}/delete", audiences.delete, "audiences"),
        get("/traits", traits.page, "audiences"),
        post("/traits", traits.take, "audiences"),
        get("/traits/{name}", traits.show, "audiences"),
        post("/traits/{name}/delete", traits.delete, "audiences"),
        get("/edit/audience", editing.audience, "audiences"),
        post("/edit/audience", editing.change_audience, "audiences"),
        get("/edit/trait", editing.trait, "audiences"),
        post("/edit/trait", editing.change_trait, "audiences"),
        ask("/edit/complete", editing.completions, "audiences"),
        ask("/edit/try", editing.trying, "audiences"),
        get("/destinations", destinations.page, "destinations"),
        post("/destinations", destinations.make, "destinations", fresh=True),
        get("/destinations/{destination}", destinations.show, "destinations"),
        post("/destinations/{destination}", destinations.change, "destinations", "put a destination", fresh=True),
        get("/destinations/{destination}/change", destinations.changing, "destinations"),
        post("/destinations/{destination}/pause", destinations.pause, "destinations", "paused a destination"),
        post("/destinations/{destination}/resume", destinations.resume, "destinations", "resumed a destination"),
        post("/destinations/{destination}/replay", destinations.replay, "destinations", "replayed to a destination"),
        post("/destinations/{destination}/test", destinations.trial, "destinations", "tried a destination"),
        post("/destinations/{destination}/file", destinations.file, "destinations", "asked for a destination's file"),
        post("/destinations/{destination}/secret", destinations.renew, "destinations", "renewed a secret", fresh=True),
        post("/destinations/{destination}/remove", destinations.remove, "destinations", "removed a destination"),
        get("/destination", destinations.making, "destinations"),
        get("/actions", actions.page, "actions"),
        get("/actions/{action}", actions.show, "actions"),
        get("/actions/{action}/preview", actions.preview, "customers"),
        post("/actions/{action}/delete", actions.delete, "catalogue"),
        post("/actions/{action}/on", actions.switch_on, "catalogue"),
        get("/edit/action", actions.edit, "catalogue"),
        post("/edit/action", actions.change, "catalogue"),
        get("/decide", deciding.page, "customers"),
        get("/manner", manner.page, "actions"),
        post("/manner", manner.change, "catalogue"),
        get("/units", manner.units, "actions"),
        post("/units", manner.change_units, "catalogue"),
        get("/outcomes", outcomes.page, "actions"),
        get("/experiments", experiments.page, "actions"),
        get("/what-if", what_if.page, "actions"),
        get("/promise", promise.page, "promise"),
        get("/promise/purpose", promise.edit, "promise"),
        post("/promise/purpose", promise.propose, "promise"),
        get("/promise/document", promise.document, "promise"),
        post("/promise/document", promise.propose_document, "promise"),
        post("/promise/declare", promise.declare, "promise", "declared a promise", fresh=True),
        get("/agreements", met.agreements, "agreements"),
        get("/agreements/{agreement}", met.agreement, "agreements"),
        get("/uses", met.uses, "uses"),
        get("/statement", statement.page, "statement"),
        get("/refusals", met.refusals, "agreements"),
        get("/requests", requests.page, "requests"),
        post("/requests/{request}", requests.answer, "requests", "answered a request"),
        get("/exports", exports.page, "exports"),
        post("/exports", exports.ask, "exports", "asked for an export"),
        get("/exports/{export}", exports.show, "exports"),
        get("/exports/{export}/file", noting(exports.file, "fetched an export"), "exports"),
        get("/exports/{export}/metadata", exports.beside, "exports"),
        post("/exports/{export}/delete", exports.delete, "exports", "deleted an export"),
        get("/demands", demands.page, "demands"),
        post("/demands/recipients", demands.set_recipient, "demands", "set a recipient"),
        post("/demands/recipients/remove", demands.remove_recipient, "demands", "removed a recipient"),
        get("/rejected", rejected.page, "sources"),
        get("/rejected/{refusal}", rejected.part, "sources"),
        get("/sources", sources.page, "sources"),
        post("/sources", sources.add, "sources", "added a source"),
        post("/sources/{source}/key", sources.rotate, "sources", "replaced a write key", fresh=True),
        get("/operators", operators.operators, "operators"),
        post("/operators", operators.add, "operators", fresh=True),
        post("/operators/{operator}", operators.change, "operators", fresh=True),
        post("/operators/{operator}/invite", operators.invite, "operators", fresh=True),
        post("/operators/{operator}/remove", operators.remove, "operators", fresh=True),
        get("/tokens", operators.tokens, "tokens"),
        post("/tokens", operators.mint, "tokens", fresh=True),
        post("/tokens/{token}/rotate", operators.rotate, "tokens", fresh=True),
        post("/tokens/{token}/revoke", operators.end_token, "tokens"),
        get("/audit", operators.audit, "audit"),
        assets.route("/static"),
    ]
    fence = Middleware(pages.SecurityHeaders)
    told = Middleware(ExceptionMiddleware, handlers=error_pages(console))
    return [
        Route("/", front, middleware=[fence]),
        Route("/console", signin_pages.home, middleware=[fence]),
        Mount("/console", pages.inner(inside), middleware=[fence, told]),
    ]
