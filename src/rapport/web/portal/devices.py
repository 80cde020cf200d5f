"""The person's pages about devices and sign-ins, and the page where they show again that it is they."""

from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.errors import BadInput, RapportError
from rapport.kernel.times import now
from rapport.signin.passkeys import MAX_RESPONSE
from rapport.web.api.customers import body_of
from rapport.web.asker import client_of
from rapport.web.cookies import SESSION_SECONDS, keep
from rapport.web.forms import go, inner_path, whole
from rapport.web.portal.visit import AREA, Handler, Portal, Visit, by_software
from rapport.web.scripted import browser_of, refused, told
from rapport.web.visit import Endpoint, asked_by_script

_MOST_NAME = 300
DONE = ("made", "renamed", "revoked", "ended", "bound", "unbound")


async def devices(visit: Visit) -> Response:
    found = await visit.desk.devices.devices(visit.session)
    content = msgspec.structs.replace(found, bound=await visit.desk.presence.bound(visit.session))
    done = visit.asked("done", 20)
    accepted = await visit.desk.devices.accepted(visit.token)
    said = "" if accepted is None else msgspec.json.encode(accepted).decode()
    return visit.answer("devices.html", content, section="devices", done=done if done in DONE else "", accepted=said)


async def rename(visit: Visit) -> Response:
    key, name = _number(visit.form.get("key", "")), visit.form.get("name", "")
    await visit.desk.devices.rename(visit.session, key, name[:_MOST_NAME])
    return go(f"{AREA}/devices?done=renamed")


async def revoke(visit: Visit) -> Response:
    await visit.desk.devices.revoke(visit.session, _number(visit.form.get("key", "")))
    return go(f"{AREA}/devices?done=revoked")


async def end(visit: Visit) -> Response:
    """End the sign-in that the form names, or all others."""
    sign = visit.form.get("sign", "")
    await visit.desk.devices.end(visit.session, visit.token, _number(sign) if sign else None)
    return go(f"{AREA}/devices?done=ended")


def _number(text: str) -> int:
    number = whole(text)
    if number is None:
        raise BadInput("This form names nothing of yours.", field="key")
    return number


# -- showing again who one is


def fresh(handler: Handler, page: str = "") -> Handler:
    """What cannot be taken back, or changes who may come in, is done only by who was verified a moment ago. `page`:
    where to come back to after that, for a form whose own address is none of a page."""

    async def verified(visit: Visit) -> Response:
        if visit.session.fresh(now()):
            return await handler(visit)
        asked = visit.request.url.path
        query = visit.request.url.query
        back = page or (f"{asked}?{query}" if query else asked)
        if by_software(visit.request):
            message = "this needs you to show again that it is you: sign in anew"
            return told({"code": "step_up", "message": message, "at": f"{AREA}/again"}, 403)
        return go(f"{AREA}/again?{urlencode({'back': back})}")

    return verified


async def again(visit: Visit) -> Response:
    back = inner_path(visit.asked("back"), f"{AREA}/") or AREA
    return visit.page("again.html", section="", back=back)


# -- what the pages' scripts ask, in JSON


async def proving(visit: Visit) -> Response:
    return told(await visit.desk.devices.proving(visit.session, client_of(visit.request)))


async def prove(visit: Visit) -> Response:
    raw = await body_of(visit.request, MAX_RESPONSE)
    desk = visit.desk.devices
    token = await desk.prove(visit.session, visit.token, raw, client_of(visit.request), browser_of(visit.request))
    back = inner_path(visit.asked("back"), f"{AREA}/") or AREA
    response = told({"next": back, "accepted": await desk.accepted(token)})
    keep(response, visit.area.origin, visit.area.cookie, token, SESSION_SECONDS)
    return response


async def making(visit: Visit) -> Response:
    return told(await visit.desk.devices.making(visit.session, client_of(visit.request)))


async def make(visit: Visit) -> Response:
    raw = await body_of(visit.request, MAX_RESPONSE)
    await visit.desk.devices.make(visit.session, raw, client_of(visit.request), browser_of(visit.request))
    return told({"next": f"{AREA}/devices?done=made"})


def scripted(portal: Portal, handler: Handler) -> Endpoint:
    """For a page's script: who has no session is told so, and so is every error, in JSON."""

    async def told_so(request: Request, error: RapportError) -> Response:
        return await refused(request, error, portal.languages)

    return asked_by_script(portal, Visit, handler, told_so)
