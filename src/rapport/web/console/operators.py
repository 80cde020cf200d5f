"""Who comes into the console, the tokens of programs, and the audit log of what was done."""

from urllib.parse import urlencode

from starlette.responses import Response

from rapport.kernel.errors import BadInput
from rapport.kernel.times import now
from rapport.signin.operators import MEANS
from rapport.web.console.visit import Visit
from rapport.web.forms import go

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
    return visit.page(
        "operators.html",
        status,
        section="operators",
        rows=await visit.desk.staff.colleagues(visit.session),
        means=MEANS,
        link=link,
        problem=problem,
        filled=visit.form,
        done=DONE.get(visit.asked("done", 20), ""),
        now=now(),
        here=OPERATORS,
    )


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
    return visit.page(
        "tokens.html",
        status,
        section="tokens",
        rows=await visit.desk.staff.tokens(visit.session),
        scopes=SCOPES,
        days=DAYS,
        token=token,
        problem=problem,
        filled=visit.form,
        done="Revoked. It is refused within a second." if visit.asked("done", 20) == "revoked" else "",
        now=now(),
        here=TOKENS,
    )


async def mint(visit: Visit) -> Response:
    scopes = tuple(scope for scope in SCOPES if visit.form.get(f"scope.{scope}"))
    days = visit.form.get("days", "")
    try:
        number = int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0
        token = await visit.desk.staff.mint(visit.session, visit.form.get("name", ""), scopes, number)
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
    return visit.page("audit.html", section="audit", rows=found.rows, first=cursor is None, onward=onward, now=now())
