"""Addresses of a person's page that software uses too: the pages' own desks, in JSON.

A request is software's where it asks for JSON, sends JSON, or is a DELETE, which no form makes. It comes with the
session's cookie; what it changes, it changes only where its `Origin` is the node's own, and its body is said to be
JSON: no other site's page can send either.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.errors import BadInput, NotFound, RapportError, Unauthorized
from rapport.web.api.customers import body_of
from rapport.web.api.problems import not_allowed, on_error
from rapport.web.forms import check_origin
from rapport.web.portal.devices import fresh
from rapport.web.portal.visit import JSON, Handler, Portal, Visit, by_accept, by_software
from rapport.web.scripted import told
from rapport.web.visit import SAFE_METHODS, Endpoint, guarded

MOST = 16 * 1024

Shape = TypeVar("Shape")


def shared(portal: Portal, pages: Mapping[str, Handler], software: Mapping[str, Handler]) -> Endpoint:
    """One address for people (`pages`) and software, by method."""
    forms = {method: guarded(portal, Visit, handler) for method, handler in pages.items()}

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if not by_software(request):
            if method in forms:
                return await forms[method](request)
            return not_allowed(", ".join(sorted(forms)))
        try:
            if method not in software:
                return not_allowed(", ".join(sorted(software)))
            if method not in SAFE_METHODS:
                check_origin(request, portal.origin)
            token = request.cookies.get(portal.cookie, "")
            session = await portal.desk.session(token) if token else None
            if session is None:
                raise Unauthorized("Sign in first, at /signin.")
            response = await software[method](Visit(portal, request, session, token, {}))
        except RapportError as error:
            response = await on_error(request, error)
        return by_accept(response)

    return endpoint


async def said(visit: Visit, shape: type[Shape]) -> Shape:
    """The body, in this shape; of a DELETE without one its query. Raises BadInput, TooLarge."""
    raw = await body_of(visit.request, MOST)
    kind = visit.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if not raw and visit.request.method == "DELETE":
            return msgspec.convert(dict(visit.request.query_params), shape, strict=False)
        if kind != JSON:
            raise BadInput("the body must be JSON, and say so: Content-Type: application/json", code="not_json")
        return msgspec.json.decode(raw or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadInput(f"the body cannot be read: {error}", code="bad_body") from None


# -- terms


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of these."""

    preset: str | None = None
    out: str | None = None
    back: str | None = None
    hide: str | None = None
    apart: str | None = None
    tell_why: bool | None = None


async def terms(visit: Visit) -> Response:
    return told(await visit.desk.terms.read(visit.session))


async def change(visit: Visit) -> Response:
    asked = {
        name: value for name, value in msgspec.structs.asdict(await said(visit, Change)).items() if value is not None
    }
    if len(asked) != 1:
        raise BadInput("say one of preset, out, back, hide, apart and tell_why", code="bad_terms")
    ((way, value),) = asked.items()
    if way == "tell_why":
        await visit.desk.terms.tell_why(visit.session, tell=value)
    else:
        await visit.desk.terms.change(visit.session, way, value)  # type: ignore[arg-type]  # one of the ways
    return await terms(visit)


# -- locks


class Shut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    org: str | None = None


class LockedOut(msgspec.Struct, frozen=True):
    org: str
    name: str
    locked: bool


class Locks(msgspec.Struct, frozen=True):
    """`locked`: everyone is locked out."""

    locked: bool
    companies: tuple[LockedOut, ...]


async def locks(visit: Visit) -> Response:
    home = await visit.desk.home(visit.session)
    some = tuple(LockedOut(one.org, one.name, one.locked) for one in home.companies)
    return told(Locks(home.locked, some))


async def lock(visit: Visit) -> Response:
    await visit.desk.lock(visit.session, (await said(visit, Shut)).org, locked=True)
    return await locks(visit)


async def unlock(visit: Visit) -> Response:
    await visit.desk.lock(visit.session, (await said(visit, Shut)).org, locked=False)
    return await locks(visit)


# -- devices and sign-ins


class Pairing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With a code: what it would bind. With the device's number as well: bind it."""

    code: str
    number: str | None = None


class Gone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bound device or a passkey."""

    device: int | None = None
    passkey: int | None = None


class Ended(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sign-in; without it, all others."""

    session: int | None = None


async def devices(visit: Visit) -> Response:
    found = await visit.desk.devices.devices(visit.session)
    return told(msgspec.structs.replace(found, bound=await visit.desk.presence.bound(visit.session)))


async def pair(visit: Visit) -> Response:
    asked = await said(visit, Pairing)
    if asked.number is None:
        return told(await visit.desk.presence.enter(visit.session, asked.code))
    await visit.desk.presence.approve(visit.session, asked.code, asked.number)
    return await devices(visit)


async def let_go(visit: Visit) -> Response:
    gone = await said(visit, Gone)
    if (gone.device is None) == (gone.passkey is None):
        raise BadInput("say which: device or passkey", code="bad_device")
    if gone.device is not None:
        await visit.desk.presence.unbind(visit.session, _number(gone.device))
        return await devices(visit)
    key = _number(gone.passkey or 0)

    async def revoke(visit: Visit) -> Response:
        await visit.desk.devices.revoke(visit.session, key)
        return await devices(visit)

    return await fresh(revoke)(visit)


async def sessions(visit: Visit) -> Response:
    return told({"sessions": (await visit.desk.devices.devices(visit.session)).signs})


async def end(visit: Visit) -> Response:
    named = (await said(visit, Ended)).session
    await visit.desk.devices.end(visit.session, visit.token, None if named is None else _number(named))
    return await sessions(visit)


def _number(number: int) -> int:
    """A row's number; what no row can have names nothing."""
    if not 0 < number < 1 << 62:
        raise NotFound("there is nothing of yours with this number")
    return number
