"""Signing agreements by one's own hand: what the pages' script asks, in JSON, and brings back from a passkey."""

from typing import Any, get_args
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.kernel.errors import BadInput
from rapport.signin.passkeys import MAX_RESPONSE
from rapport.web.api.customers import body_of
from rapport.web.asker import client_of
from rapport.web.portal.signing_desk import Act, ToSign
from rapport.web.portal.told import Way
from rapport.web.portal.visit import AREA, Visit
from rapport.web.scripted import object_of, told

_MOST = 200
_SMALL = 4096


async def to_sign(visit: Visit, way: Way | None = None, value: str = "") -> ToSign:
    """What a page is to show for signing; nothing to who has no passkey."""
    if not visit.session.bound:
        return ToSign()
    desk = visit.desk.signing
    return await (desk.standing(visit.session) if way is None else desk.proposed(visit.session, way, value))


async def asking(visit: Visit) -> Response:
    act = _act(object_of(await body_of(visit.request, _SMALL)))
    return told(await visit.desk.signing.asking(visit.session, act, client_of(visit.request)))


async def sign(visit: Visit) -> Response:
    said = object_of(await body_of(visit.request, MAX_RESPONSE))
    act, passkey = _act(said), msgspec.json.encode(said.get("passkey"))
    done = await changed(visit, act.way, act.value) if act.way else f"{AREA}/agreements?done=signed"
    await visit.desk.signing.sign(visit.session, act, _text(said, "nonce"), passkey, client_of(visit.request))
    return told({"next": done})


async def changed(visit: Visit, way: Way, value: str) -> str:
    """Where a change of terms that is about to be made is told, with what it takes to find the way back."""
    said = {"done": "changed", "way": way, "value": value}
    if way == "preset":
        said["before"] = (await visit.desk.terms.read(visit.session)).preset
    return f"{AREA}/terms?{urlencode(said)}"


def _act(said: dict[str, Any]) -> Act:
    way = _text(said, "way")
    if way and way not in get_args(Way):
        raise BadInput("This is no way to change your terms.", code="bad_terms", field="way")
    return Act(_text(said, "shown"), way or None, _text(said, "value"))  # type: ignore[arg-type]  # one of the ways


def _text(said: dict[str, Any], name: str) -> str:
    """Raises BadInput where it is longer than anything that makes sense."""
    text = said.get(name) or ""
    if not isinstance(text, str) or len(text) > _MOST:
        raise BadInput("This address takes what the page's script sends.", code="bad_json", field=name)
    return text
