"""Who comes into the console, the tokens of programs, and the audit log of what was done."""

from urllib.parse import urlencode

from starlette.responses import Response

from rapport.kernel.errors import BadInput
from rapport.signin.operators import MEANS
from rapport.web.console.visit import Visit
from rapport.web.forms import go, whole

OPERATORS, TOKENS, AUDIT = "/console/operators", "/console/tokens", "/console/audit"
DONE = {"changed": "Changed. It holds at once.", "removed": "Removed. They are signed out everywhere."}
SCOPES = {
    "read": "read customers, and report benefits",
    "operator": "everything else: evidence, the promise, exports, the statement",
}
DAYS = (7, 30, 90, 365)


async def operators(visit: Visit) -> Response:
    return await _operators(visit)


async def _operators(visit: Visit, status: int = 200, problem: str = "", code: str = "") -> Response:
    """`code`: of an invitation, which is shown this once."""
    link = f"{visit.area.origin}/console/signin/invite?{urlencode({'code': code})}" if code else ""
    rows = await visit.desk.staff.colleagues(visit.session)
    shown = {"rows": rows, "means": MEANS, "link": link, "done": DONE.get(visit.asked("done", 20), "")}
    return _page(visit, "operators", status, problem, **shown)


def _page(visit: Visit, name: str, status: int, problem: str, **shown: object) -> Response:
    """A list with a form to add to it, which keeps what was typed where there is a problem with it."""
    here = f"/console/{name}"
    return visit.page(f"{name}.html", status, section=name, here=here, problem=problem, filled=visit.form, **shown)


async def add(visit: Visit) -> Response:
    """Somebody more; what is wrong with it is said on the form."""
    try:
        code = await visit.desk.staff.add(visit.session, visit.form.get("name", ""), visit.form.get("role", ""))
    except BadInput as error:
        return await _operators(visit, error.status, error.message)
    return await _operators(visit, code=code)


async def invite(visit: Visit) -> Response:
    code = await visit.desk.staff.invite(visit.session, visit.request.path_params["operator"])
    return await _operators(visit, code=code)


async def change(visit: Visit) -> Response:
    handle, form = visit.request.path_params["operator"], visit.form
    await visit.desk.staff.change(visit.session, handle, form.get("name", ""), form.get("role", ""))
    return go(f"{OPERATORS}?done=changed")


async def remove(visit: Visit) -> Response:
    await visit.desk.staff.remove(visit.session, visit.request.path_params["operator"])
    return go(f"{OPERATORS}?done=removed")


async def tokens(visit: Visit) -> Response:
    return await _tokens(visit)


async def _tokens(visit: Visit, status: int = 200, problem: str = "", token: str = "") -> Response:
    """`token`: one that was just made, and is shown this once."""
    rows = await visit.desk.staff.tokens(visit.session)
    done = "Revoked. It is refused within a second." if visit.asked("done", 20) == "revoked" else ""
    return _page(visit, "tokens", status, problem, rows=rows, scopes=SCOPES, days=DAYS, token=token, done=done)


async def mint(visit: Visit) -> Response:
    scopes = tuple(scope for scope in SCOPES if visit.form.get(f"scope.{scope}"))
    days = whole(visit.form.get("days", ""), 5) or 0
    try:
        token = await visit.desk.staff.mint(visit.session, visit.form.get("name", ""), scopes, days)
    except BadInput as error:
        return await _tokens(visit, error.status, error.message)
    return await _tokens(visit, token=token)


async def rotate(visit: Visit) -> Response:
    return await _tokens(visit, token=await visit.desk.staff.rotate(visit.session, visit.request.path_params["token"]))


async def end_token(visit: Visit) -> Response:
    await visit.desk.staff.end_token(visit.session, visit.request.path_params["token"])
    return go(f"{TOKENS}?done=revoked")


async def audit(visit: Visit) -> Response:
    cursor = visit.asked("cursor", 40) or None
    found = await visit.desk.staff.audit(visit.session, cursor)
    onward = f"{AUDIT}?{urlencode({'cursor': found.next})}" if found.next else ""
    return visit.page("audit.html", section="audit", rows=found.rows, first=cursor is None, onward=onward)
