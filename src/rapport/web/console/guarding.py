"""What every page of the console asks before it is shown or does anything: whether the role has the duty that the page
is part of, whether its holder was verified a moment ago, and what the audit log says of it.

Each route names these here and nowhere else (`routes.py`); a route without a duty cannot be made.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.kernel.errors import Forbidden, RapportError
from rapport.kernel.times import now
from rapport.signin.operators import Duty, may, roles_with
from rapport.web.api.problems import on_error
from rapport.web.console.visit import Console, Handler, Visit
from rapport.web.forms import go, inner_path
from rapport.web.scripted import told
from rapport.web.visit import SAFE_METHODS, asked_by_script, guarded

AGAIN: Final = "/console/again"


class Rule(msgspec.Struct, frozen=True):
    """What a page asks. `noted`: what the audit log says of who does it, "" for what changes nothing worth a line;
    `fresh`: only for who was verified a moment ago."""

    duty: Duty
    noted: str = ""
    fresh: bool = False


class Page(Route):
    """A route with its rule, which the tests read."""

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]], method: str, rule: Rule) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.rule = rule


def page(console: Console, method: str, path: str, handler: Handler, rule: Rule) -> Page:
    """A page for who has a session, a role that may, and where it must be so a fresh proof."""
    return Page(path, guarded(console, Visit, ruled(handler, rule)), method, rule)


def script(console: Console, path: str, handler: Handler, rule: Rule) -> Page:
    """What a page's script asks: who has no session is told so, and so is every error, in JSON."""
    return Page(path, asked_by_script(console, Visit, ruled(handler, rule), on_error), "POST", rule)


def ruled(handler: Handler, rule: Rule) -> Handler:
    async def held(visit: Visit) -> Response:
        changing = visit.request.method not in SAFE_METHODS
        if not may(visit.session.role or "", rule.duty):
            if changing:
                await visit.desk.staff.note(visit.session, rule.noted or rule.duty, failed="forbidden")
            raise Forbidden(refusal(visit.session.role, rule.duty))
        if rule.fresh and not visit.session.fresh(now()):
            return await ask_again(visit)
        return await (noted(visit, handler, rule.noted) if rule.noted else handler(visit))

    return held


def refusal(role: str | None, duty: Duty) -> str:
    roles = " or ".join(roles_with(duty))
    return f"This is for the role {roles}. You are signed in as {role or 'nobody'}: an owner can give you another role."


def noting(handler: Handler, what: str) -> Handler:
    """For what changes nothing and is worth a line all the same."""
    return lambda visit: noted(visit, handler, what)


async def noted(visit: Visit, handler: Handler, what: str) -> Response:
    """A line before it is done, so that nothing is done without one; and another where it was not."""
    about = next(iter(visit.request.path_params.values()), "")
    staff = visit.desk.staff
    await staff.note(visit.session, what, about)
    try:
        response = await handler(visit)
    except RapportError as error:
        await staff.note(visit.session, what, about, error.code)
        raise
    if response.status_code >= 400:
        await staff.note(visit.session, what, about, f"status {response.status_code}")
    return response


async def ask_again(visit: Visit) -> Response:
    """Have them show again who they are, and go on with what they were at: a form is kept on the page meanwhile."""
    if "application/json" in visit.request.headers.get("accept", ""):
        content = {"code": "step_up", "message": "Show again that it is you.", "at": AGAIN}
        return told(content, 403)
    asked, query = visit.request.url.path, visit.request.url.query
    if visit.request.method in SAFE_METHODS:
        return go(f"{AGAIN}?{urlencode({'back': f'{asked}?{query}' if query else asked})}")
    held = {name: value for name, value in visit.form.items() if name != "csrf"}
    return visit.page("again.html", 403, back=visit.area.start, action=asked, held=held)


def back_of(visit: Visit) -> str:
    return inner_path(visit.asked("back"), "/console/") or "/console/"
