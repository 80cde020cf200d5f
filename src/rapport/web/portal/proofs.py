"""The person's pages about addresses that they have shown to be theirs, what they claim, and recovery."""

from typing import Any

from starlette.responses import Response

from rapport.kernel.errors import Conflict, Unauthorized
from rapport.signin import codes
from rapport.signin.passkeys import MAX_RESPONSE
from rapport.web.api.customers import body_of
from rapport.web.asker import client_of
from rapport.web.forms import go
from rapport.web.portal.proofs_desk import Purchase
from rapport.web.portal.visit import AREA, Visit
from rapport.web.scripted import told

CONTACTS, CLAIMS = f"{AREA}/contacts", f"{AREA}/claim"
DONE = ("verified", "dropped", "stopped", "claimed", "unclaimed", "joined", "parted")
_MOST = 400


def _enrolled(visit: Visit) -> None:
    """Whoever merely came by a link proves nothing yet."""
    if not (visit.session.bound and visit.session.id):
        raise Conflict("Make a passkey first, under Devices and sign-ins, and sign in with it.", code="no_passkey")


def _done(visit: Visit) -> str:
    done = visit.asked("done", 20)
    return done if done in DONE else ""


# -- addresses


async def contacts(visit: Visit) -> Response:
    content = await visit.desk.proofs.contacts(visit.session)
    return visit.answer("contacts.html", content, section="contacts", done=_done(visit))


async def start(visit: Visit) -> Response:
    """Send a code, and ask for it. What the page says is the same whoever has the address."""
    _enrolled(visit)
    address = visit.form.get("address", "")[:_MOST]
    made = await visit.desk.proofs.start(visit.session, address, client_of(visit.request))
    return await _asking(visit, made, "", phone=codes.kind_of(address) == "phone")


async def _asking(visit: Visit, made: str, problem: str, status: int = 200, *, phone: bool = False) -> Response:
    content = await visit.desk.proofs.contacts(visit.session)
    return visit.page("code.html", status, section="contacts", content=content, made=made, problem=problem, phone=phone)


async def verify(visit: Visit) -> Response:
    _enrolled(visit)
    made, code = visit.form.get("made", "")[:_MOST], visit.form.get("code", "")[:_MOST]
    try:
        await visit.desk.proofs.verify(visit.session, made, code, client_of(visit.request))
    except Unauthorized:
        phone = bool(visit.form.get("phone"))
        problem = "That is not the code, or it has ended. Look again, or ask for another."
        return await _asking(visit, made, problem, 401, phone=phone)
    return go(f"{CONTACTS}?done=verified")


async def let_go(visit: Visit) -> Response:
    await visit.desk.proofs.let_go(visit.session, visit.form.get("contact", "")[:_MOST])
    return go(f"{CONTACTS}?done=dropped")


async def new_codes(visit: Visit) -> Response:
    """Ten codes, which no page shows again."""
    _enrolled(visit)
    codes = await visit.desk.proofs.new_codes(visit.session)
    return visit.page("codes.html", section="devices", codes=codes)


async def stop(visit: Visit) -> Response:
    """Any sign-in can stop a recovery, also one that was not verified lately: it takes nothing away."""
    await visit.desk.proofs.stop(visit.session)
    return go(f"{CONTACTS}?done=stopped")


# -- claims


async def claims(visit: Visit) -> Response:
    """What the person claims; with a company's code, what it says, which claims nothing yet."""
    code = visit.asked("code", 100)
    link = await visit.desk.proofs.link(code) if code else None
    content = await visit.desk.proofs.claims(visit.session)
    shown = {"section": "claims", "done": _done(visit), "code": code, "link": link, "unproved": False}
    return visit.answer("claims.html", content, **shown)


async def claim(visit: Visit) -> Response:
    _enrolled(visit)
    code = visit.form.get("code", "")[:_MOST]
    if code:
        await visit.desk.proofs.take(visit.session, code, client_of(visit.request))
    else:
        org, contact = visit.form.get("org", "")[:_MOST], visit.form.get("contact", "")[:_MOST]
        await visit.desk.proofs.claim(visit.session, org, contact)
    return go(f"{CLAIMS}?done=claimed")


async def buy(visit: Visit) -> Response:
    """Claim by a purchase. What is wrong with one is not said: the page is the same as for an order that never was."""
    _enrolled(visit)
    said = {name: visit.form.get(name, "")[:_MOST] for name in ("org", "order", "total", "day", "code")}
    told = Purchase(said["order"], said["total"], said["day"], said["code"])
    try:
        await visit.desk.proofs.buy(visit.session, said["org"], told, client_of(visit.request))
    except Unauthorized:
        content = await visit.desk.proofs.claims(visit.session)
        shown: dict[str, Any] = {"section": "claims", "done": "", "code": "", "link": None, "unproved": True}
        return visit.page("claims.html", 401, content=content, **shown)
    return go(f"{CLAIMS}?done=claimed")


async def unclaim(visit: Visit) -> Response:
    await visit.desk.proofs.unclaim(visit.session, visit.form.get("claim", "")[:_MOST])
    return go(f"{CLAIMS}?done=unclaimed")


# -- two accounts of one person


async def joining_page(visit: Visit) -> Response:
    _enrolled(visit)
    return visit.page("join.html", section="claims")


async def joining(visit: Visit) -> Response:
    _enrolled(visit)
    return told(await visit.desk.proofs.joining(visit.session, client_of(visit.request)))


async def join(visit: Visit) -> Response:
    _enrolled(visit)
    raw = await body_of(visit.request, MAX_RESPONSE)
    await visit.desk.proofs.join(visit.session, raw, client_of(visit.request))
    return told({"next": f"{CLAIMS}?done=joined"})


async def part(visit: Visit) -> Response:
    await visit.desk.proofs.part(visit.session)
    return go(f"{CLAIMS}?done=parted")
