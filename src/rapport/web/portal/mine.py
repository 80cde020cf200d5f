"""The person's pages: who may what, my terms, who asked, and what was agreed."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, get_args
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.kernel.errors import BadInput
from rapport.web import amounts, months, words
from rapport.web.api.problems import json_answer
from rapport.web.door import left
from rapport.web.forms import go
from rapport.web.portal.devices import fresh
from rapport.web.portal.signing import changed, to_sign
from rapport.web.portal.told import Look, MyTerms, Way
from rapport.web.portal.visit import AREA, Visit, asks_for_json, by_accept

MOST_NAME = 100
MOST_HEAD = 8192
_DONE = ("locked", "unlocked", "changed")
_SIGNED = ("signed", "anew")


async def home(visit: Visit) -> Response:
    done = visit.asked("done", 20)
    content = await visit.desk.overview(visit.session)
    org = visit.asked("org", MOST_NAME)
    name = next((one.name for one in content.companies if one.org == org), "")
    shown = {"done": done if done in _DONE else "", "org": org if name else "", "name": name}
    amount = {"sum": amounts.sum_of, "money": amounts.money, "times": amounts.times, "month": months.name}
    return visit.answer("home.html", content, section="home", **shown, **amount)


async def locks(visit: Visit) -> Response:
    return visit.page("lock.html", content=await visit.desk.home(visit.session), section="lock")


async def lock(visit: Visit) -> Response:
    """Shut out, or let in again: everyone, or the company that the form names. Letting in lets others read, and is for
    who was verified a moment ago alone."""
    locked = visit.form.get("lock") != "no"
    return await (_lock(visit, locked=True) if locked else fresh(_unlock)(visit))


async def _unlock(visit: Visit) -> Response:
    return await _lock(visit, locked=False)


async def _lock(visit: Visit, *, locked: bool) -> Response:
    org = visit.form.get("org") or None
    await visit.desk.lock(visit.session, org, locked=locked)
    said = {"done": "locked" if locked else "unlocked", **({"org": org} if org else {})}
    return go(f"{AREA}?{urlencode(said)}")


async def terms(visit: Visit) -> Response:
    done = visit.asked("done", 20)
    content = await visit.desk.terms.read(visit.session)
    way, value = visit.asked("way", 20), visit.asked("value", MOST_NAME)
    before = visit.asked("before", MOST_NAME) if way == "preset" and value == content.preset else ""
    shown = {
        "done": done if done in _DONE else "",
        "undo": _undoing(way, value, content),
        "before": next((one for one in content.presets if one.name == before and not one.chosen), None),
    }
    return visit.answer("terms.html", content, section="terms", **shown)


def _undoing(way: str, value: str, content: MyTerms) -> str:
    """Where a change that was just made is looked at the other way round; "" where there is no such way."""
    held = {line.id: line.on for line in content.lines}
    made = {"back": value, "hide": f"hide:{value}", "apart": f"apart:{'' if value == '*' else value}"}.get(way, "")
    if held.get(made):
        return f"{AREA}/terms/change?{urlencode({'way': 'out', 'value': made})}"
    if way == "out" and not held.get(value, value not in held):
        return f"{AREA}/terms/change?{urlencode({'way': 'back', 'value': value})}"
    kind, _, what = value.partition(":")
    if way == "out" and value not in held and kind in {"hide", "apart"}:
        return f"{AREA}/terms/change?{urlencode({'way': kind, 'value': what or '*'})}"
    return ""


async def propose(visit: Visit) -> Response:
    way, value = _change(visit.request.query_params.get("way", ""), visit.asked("value", MOST_NAME))
    content = await visit.desk.terms.propose(visit.session, way, value)
    signs = await to_sign(visit, way, value)
    anew = visit.asked("done", 20) == "anew"
    return visit.answer("change.html", content, section="terms", signs=signs, anew=anew)


async def change(visit: Visit) -> Response:
    """Make a change without signing what follows from it; only where that still is what the page showed."""
    way, value = _change(visit.form.get("way", ""), visit.form.get("value", ""))
    shown = visit.form.get("shown", "")
    if shown and (await to_sign(visit, way, value)).shown != shown:
        return go(f"{AREA}/terms/change?{urlencode({'way': way, 'value': value, 'done': 'anew'})}")
    done = await changed(visit, way, value)
    await visit.desk.terms.change(visit.session, way, value)
    return go(done)


async def tell(visit: Visit) -> Response:
    """Let companies know what one's terms wanted, or no longer."""
    await visit.desk.terms.tell_why(visit.session, tell=visit.form.get("tell") == "yes")
    return go(f"{AREA}/terms?done=changed")


def _change(way: str, value: str) -> tuple[Way, str]:
    if way not in get_args(Way) or not value or len(value) > MOST_NAME:
        raise BadInput("This is no way to change your terms.", code="bad_terms", field="way")
    return way, value  # type: ignore[return-value]  # one of them


class Row(msgspec.Struct, frozen=True):
    """Looks in a row that are told as one: they differ in their time alone."""

    look: Look
    times: tuple[int, ...]
    """Newest first."""


async def asked(visit: Visit) -> Response:
    cursor = visit.asked("cursor") or None
    content = await visit.desk.looks.page(visit.session, cursor)
    onward = f"{AREA}/asked?{urlencode({'cursor': content.next})}" if content.next else ""
    days = by_day(content.rows)
    return visit.answer("asked.html", content, section="asked", days=days, first=cursor is None, onward=onward)


def by_day(looks: Iterable[Look]) -> list[tuple[str, list[Row]]]:
    """Looks under their days; of those that say the same in a row, one."""
    days = []
    for day, of_day in groupby(looks, key=lambda look: words.day(look.at)):
        rows = []
        for _, same in groupby(of_day, key=_said):
            run = list(same)
            rows.append(Row(run[0], tuple(look.at for look in run)))
        days.append((day, rows))
    return days


def _said(look: Look) -> Any:
    decided = None if look.decided is None else msgspec.structs.replace(look.decided, stop="", chance="")
    return msgspec.structs.replace(look, id="", at=0, decided=decided)


async def receipts(visit: Visit) -> Response:
    """A page that checks them in the browser; the bundle itself for who asks for JSON, or takes it as a file."""
    as_file = visit.asked("as", 10) == "file"
    if as_file or asks_for_json(visit.request):
        bundle = await visit.desk.looks.receipts(visit.session, visit.asked("since", MOST_HEAD) or None)
        response = json_answer(bundle)
        if as_file:
            response.headers["Content-Disposition"] = 'attachment; filename="receipts.json"'
    else:
        response = visit.page("receipts.html", section="asked", person=visit.session.person)
    return by_accept(response)


async def agreements(visit: Visit) -> Response:
    content = await visit.desk.agreements(visit.session)
    done = visit.asked("done", 20)
    shown = {"signs": await to_sign(visit), "done": done if done in _SIGNED else ""}
    return visit.answer("agreements.html", content, section="agreements", **shown)


async def agreement(visit: Visit) -> Response:
    """The whole record, as a file to keep."""
    found = await visit.desk.agreement(visit.session, visit.request.path_params["agreement"])
    if found is None:
        return visit.absent()
    response = Response(msgspec.json.format(msgspec.json.encode(found), indent=2), media_type="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="agreement.json"'
    return response


async def leave(visit: Visit) -> Response:
    """Close the page on this browser."""
    await visit.desk.leave(visit.token)
    return left(visit.area)
