"""Which address under `/me` leads to which page, and what happens to those that lead nowhere."""

from collections.abc import Mapping
from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, Mount, Route

from rapport.web import language, pages, words
from rapport.web.door import Door
from rapport.web.portal import (
    contract,
    correct,
    devices,
    goals,
    inbox,
    inbox_live,
    known,
    mine,
    presence,
    proofs,
    reach,
    rights,
    sharing,
    signing,
    statement,
)
from rapport.web.portal.desk import Desk
from rapport.web.portal.devices import fresh, scripted
from rapport.web.portal.install import manifest_route
from rapport.web.portal.intents import Intents, Onward
from rapport.web.portal.speaking import speak
from rapport.web.portal.visit import AREA, Handler, Portal, Visit
from rapport.web.visit import Endpoint, error_pages, guarded

HERE = Path(__file__).parent
SESSION_SECONDS = 12 * 3600
DEVICES, CONTACTS, CLAIMS = f"{AREA}/devices", f"{AREA}/contacts", f"{AREA}/claim"


def portal_routes(desk: Desk, origin: str, intents: Intents | None = None) -> list[BaseRoute]:
    """Everything under `/me`. `origin` is the node's own (`http://localhost:8080`); `intents`: what strangers came for,
    shared with the pages for signing in."""
    shared = pages.Assets(f"{AREA}/paper", pages.SHARED / "static")
    own = pages.Assets(f"{AREA}/static", HERE / "static", HERE.parent / "signin" / "static")
    templates = pages.environment(HERE / "templates", asset=shared.url, own_asset=own.url, LONG=words.LONG)
    templates.filters.update(words.FILTERS)
    onward = Onward(origin, intents)
    portal = Portal(desk, templates, origin.rstrip("/"), tuple(language.NAMES), f"{AREA}/language", onward)
    door = Door(portal, "open.html", desk.open, SESSION_SECONDS, leave=desk.leave)

    def get(path: str, handler: Handler) -> Route:
        return Route(path, guarded(portal, Visit, handler))

    def post(path: str, handler: Handler) -> Route:
        return Route(path, guarded(portal, Visit, handler), methods=["POST"])

    def script(handler: Handler) -> Endpoint:
        return scripted(portal, handler)

    def both(path: str, pages: Mapping[str, Handler], software: Mapping[str, Handler]) -> Route:
        methods = [*{"GET", "POST", "DELETE"}]
        return Route(path, contract.shared(portal, pages, software), methods=methods)

    inside: list[BaseRoute] = [
        get("/", mine.home),
        Route("/open", door.open, methods=["GET", "POST"]),
        Route("/theme", door.theme, methods=["POST"]),
        Route("/language", speak(portal), methods=["POST"]),
        post("/leave", mine.leave),
        both(
            "/lock",
            {"GET": mine.locks, "POST": mine.lock},
            {"GET": contract.locks, "POST": contract.lock, "DELETE": fresh(contract.unlock)},
        ),
        both(
            "/goals",
            {"GET": goals.goals, "POST": goals.change},
            {"GET": goals.mine, "POST": goals.ask, "DELETE": goals.drop},
        ),
        both(
            "/inbox",
            {"GET": inbox.inbox, "POST": inbox.answer},
            {"GET": inbox.mine, "POST": inbox.ask},
        ),
        get("/inbox/live", inbox_live.stream),
        both(
            "/reach",
            {"GET": reach.reach, "POST": reach.change},
            {"GET": reach.mine, "POST": reach.ask},
        ),
        Route(
            "/decisions/{id}/{answer}",
            contract.shared(portal, {"POST": inbox.stop_here}, {"POST": inbox.stop}),
            methods=["POST"],
        ),
        get("/sharing", sharing.sharing),
        get("/sharing/{org}", sharing.told),
        get("/known", known.companies),
        get("/known/{org}", known.known),
        get("/known/{org}/correct", correct.correcting),
        post("/known/{org}/correct", fresh(correct.correct)),
        both("/terms", {"GET": mine.terms}, {"GET": contract.terms, "POST": fresh(contract.change)}),
        get("/terms/change", mine.propose),
        post("/terms/change", fresh(mine.change)),
        post("/terms/tell", fresh(mine.tell, f"{AREA}/terms")),
        both(
            "/devices",
            {"GET": devices.devices},
            {"GET": contract.devices, "POST": fresh(contract.pair), "DELETE": contract.let_go},
        ),
        both("/sessions", {"GET": devices.devices}, {"GET": contract.sessions, "DELETE": fresh(contract.end)}),
        post("/devices/rename", fresh(devices.rename, DEVICES)),
        post("/devices/revoke", fresh(devices.revoke, DEVICES)),
        post("/devices/end", fresh(devices.end, DEVICES)),
        get("/devices/pair", fresh(presence.pairing)),
        post("/devices/pair", fresh(presence.pair)),
        post("/devices/unbind", presence.unbind),
        post("/devices/everything", presence.everything),
        get("/tap", presence.tapping),
        post("/tap", presence.tap),
        Route("/devices/ask", script(fresh(devices.making)), methods=["POST"]),
        Route("/devices/make", script(fresh(devices.make)), methods=["POST"]),
        get("/contacts", proofs.contacts),
        post("/contacts", fresh(proofs.start)),
        post("/contacts/verify", fresh(proofs.verify, CONTACTS)),
        post("/contacts/drop", fresh(proofs.let_go, CONTACTS)),
        post("/devices/codes", fresh(proofs.new_codes, DEVICES)),
        post("/recovery/stop", proofs.stop),
        get("/claim", proofs.claims),
        post("/claim", fresh(proofs.claim)),
        post("/claim/purchase", fresh(proofs.buy, CLAIMS)),
        post("/claim/drop", fresh(proofs.unclaim, CLAIMS)),
        get("/claim/join", fresh(proofs.joining_page)),
        Route("/claim/join/ask", script(fresh(proofs.joining)), methods=["POST"]),
        Route("/claim/join/prove", script(fresh(proofs.join)), methods=["POST"]),
        post("/claim/part", fresh(proofs.part, CLAIMS)),
        get("/again", devices.again),
        Route("/again/ask", script(devices.proving), methods=["POST"]),
        Route("/again/prove", script(devices.prove), methods=["POST"]),
        get("/asked", mine.asked),
        get("/receipts", mine.receipts),
        get("/statement", statement.statement),
        get("/agreements", mine.agreements),
        get("/agreements/{agreement}", mine.agreement),
        Route("/sign/ask", script(signing.asking), methods=["POST"]),
        Route("/sign", script(signing.sign), methods=["POST"]),
        get("/rights", rights.rights),
        get("/rights/stop", rights.stopping),
        post("/rights/stop", fresh(rights.stop, f"{AREA}/rights")),
        get("/rights/review", rights.reviewing),
        post("/rights/review", rights.review),
        post("/rights/withdraw", rights.withdraw),
        get("/take", rights.taking),
        get("/export", fresh(rights.export)),
        get("/erase", fresh(rights.erasing)),
        post("/erase", fresh(rights.erase)),
        Route("/erased/{token}", rights.Proofs(desk.rights).fetch),
        manifest_route(shared, own, portal.languages),
        shared.route("/paper"),
        own.route("/static"),
    ]
    fence = Middleware(pages.SecurityHeaders)
    told = Middleware(ExceptionMiddleware, handlers=error_pages(portal))
    return [
        Route(AREA, guarded(portal, Visit, mine.home), middleware=[fence, told]),
        Mount(AREA, pages.inner(inside), middleware=[fence, told]),
    ]
