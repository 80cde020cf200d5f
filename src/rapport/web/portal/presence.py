"""The person's pages about bound devices: pairing one by its code and number, letting go of them, answering a till."""

from starlette.responses import Response

from rapport.kernel.errors import NotFound, Unauthorized
from rapport.web.forms import go, whole
from rapport.web.portal.visit import AREA, Visit

PAIR = f"{AREA}/devices/pair"
MOST_CODE = 40
MOST_TAP = 200


async def pairing(visit: Visit) -> Response:
    return visit.page("pair.html", section="devices", asked=None, problem="", known=visit.session.bound)


async def pair(visit: Visit) -> Response:
    """With a code: what it would bind; with the device's number as well: bind it."""
    code, number = visit.form.get("code", "")[:MOST_CODE], visit.form.get("number")
    try:
        if number is None:
            asked = await visit.desk.presence.enter(visit.session, code)
            return visit.page("pair.html", section="devices", asked=asked, problem="", known=True)
        await visit.desk.presence.approve(visit.session, code, number[:MOST_CODE])
    except NotFound as error:
        return visit.page("pair.html", 404, section="devices", asked=None, problem=error.message, known=True)
    return go(f"{AREA}/devices?done=bound")


async def unbind(visit: Visit) -> Response:
    """Let go of the device that the form names."""
    device = whole(visit.form.get("device", ""))
    if device is None:
        raise NotFound("you have no such device")
    await visit.desk.presence.unbind(visit.session, device)
    return go(f"{AREA}/devices?done=unbound")


async def everything(visit: Visit) -> Response:
    """Let go of every bound device and end every sign-in, this one too: passkeys alone are left."""
    await visit.desk.devices.end_everything(visit.session)
    return go("/signin")


async def tapping(visit: Visit) -> Response:
    tap = visit.asked("code", MOST_TAP)
    org = await visit.desk.presence.tap_of(visit.session, tap)
    return visit.page("tap.html", 200 if org else 404, section="", org=org, tap=tap, done=False)


async def tap(visit: Visit) -> Response:
    try:
        await visit.desk.presence.answer_tap(visit.session, visit.form.get("code", "")[:MOST_TAP])
    except Unauthorized:
        return visit.page("tap.html", 404, section="", org=None, tap="", done=False)
    return visit.page("tap.html", section="", org=None, tap="", done=True)
