"""Actions: the catalogue, one of it, the form that writes it, and what it says to a real customer."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.decide.actions import Action
from rapport.decide.channels import CHANNELS
from rapport.decide.kinds import KINDS, Units
from rapport.decide.wishes import told_action
from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound
from rapport.kernel.expressions import FUNCTIONS, ExpressionError, Problem
from rapport.kernel.times import now
from rapport.learn.verdicts import MOST_REASON
from rapport.web import amounts
from rapport.web.audiences import Warned
from rapport.web.console import action_form
from rapport.web.console.actions_desk import VERSIONS, Looked
from rapport.web.console.editing import Tried, marked, purposes_of, tried_of
from rapport.web.console.visit import Visit
from rapport.web.forms import go, whole

AREA: Final = "/console/actions"
PAGE: Final = 25
MOST_NAME, MOST_CUSTOMER = 100, 512
DONE: Final = {
    "saved": "Saved. It holds from the next decision on.",
    "on": "Switched on again. It is judged by what is decided from now on.",
    "deleted": "Removed. It is chosen no more; decisions that chose it still name its versions.",
}


class Change(msgspec.Struct, frozen=True):
    """A version, and which of its parts differ from the one before (none: it is the first)."""

    version: Action
    parts: tuple[str, ...]


def money(amount: float, units: Units) -> str:
    """`£4.50`; without a currency `4.50`. Never `-0.00`."""
    text = f"{round(amount, 2) + 0.0:.2f}"
    return amounts.money(text, units.currency) if units.currency else f"{float(text):,.2f}".replace("-", "−")


def state_of(one: Action, at: int) -> str:
    if one.valid.since is not None and at < one.valid.since:
        return "early"
    return "over" if one.valid.until is not None and one.valid.until <= at else "now"


async def page(visit: Visit) -> Response:
    after = visit.asked("after", MOST_NAME)
    found = await visit.desk.actions.page(visit.session, after, PAGE + 1)
    rows = found.rows[:PAGE]
    return visit.page(
        "actions.html",
        section="actions",
        rows=rows,
        units=found.units,
        silent=found.silent,
        first=not after,
        onward=f"{AREA}?{urlencode({'after': rows[-1].action.id})}" if len(found.rows) > PAGE else "",
        done=DONE.get(visit.asked("done", 20), ""),
        kinds=KINDS,
        money=money,
        state_of=state_of,
        now=now(),
    )


# -- one of them


async def show(visit: Visit) -> Response:
    looked = await visit.desk.actions.named(visit.session, _name(visit))
    return _shown(visit, looked)


def _shown(visit: Visit, looked: Looked, warnings: Sequence[Warned] = (), problem: BadInput | None = None) -> Response:
    one = looked.listed.action
    return visit.page(
        "action.html",
        200 if problem is None else problem.status,
        section="actions",
        rail=looked.listed.rail,
        problem="" if problem is None else problem.message,
        reason=visit.form.get("reason", "") if problem is not None else "",
        most_reason=MOST_REASON,
        looked=looked,
        one=one,
        kinds=KINDS,
        channels=CHANNELS,
        gains=action_form.GAINS,
        triggers=list(action_form.in_words(one)),
        channel_caps=action_form.told_limits(one.caps.channels),
        changes=changes(looked.versions),
        most_versions=VERSIONS,
        done=DONE.get(visit.asked("done", 20), "") if not warnings else DONE["saved"],
        warnings=warnings,
        money=money,
        figure=action_form.figure,
        state_of=state_of,
        now=now(),
        here=f"{AREA}/{one.id}",
    )


def changes(versions: Sequence[Action]) -> list[Change]:
    """Newest first, each with what it changed."""
    told = [told_action(one) for one in versions]
    found = []
    for place, one in enumerate(versions):
        before: dict[str, Any] = told[place + 1] if place + 1 < len(told) else told[place]
        found.append(Change(one, tuple(part for part, said in told[place].items() if said != before[part])))
    return found


async def delete(visit: Visit) -> Response:
    await visit.desk.actions.delete(visit.session, _name(visit))
    return go(f"{AREA}?done=deleted")


async def switch_on(visit: Visit) -> Response:
    """Let one that the guard-rails switched off be chosen again; what is wrong with the reason is said beside it."""
    name = _name(visit)
    try:
        await visit.desk.actions.switch_on(visit.session, name, visit.form.get("reason", ""))
    except BadInput as error:
        return _shown(visit, await visit.desk.actions.named(visit.session, name), problem=error)
    return go(f"{AREA}/{name}?done=on")


async def preview(visit: Visit) -> Response:
    """What it says to one customer: a look at them, with its receipt; without one, the form that asks."""
    looked = await visit.desk.actions.named(visit.session, _name(visit))
    one = looked.listed.action
    customer, channel = visit.asked("customer", MOST_CUSTOMER), visit.asked("channel", 20) or next(iter(one.content))
    language = visit.asked("language", 40)
    told, problem, status = None, "", 200
    if customer and one.purpose == visit.session.purpose:
        try:
            told = await visit.desk.actions.preview(visit.session, one.id, customer, channel, language or None)
        except (BadInput, Conflict) as error:
            problem, status = error.message, error.status
        except NotFound:
            problem, status = f"Nobody is there by this name, or nothing that may be read for {one.purpose}", 404
    query = visit.request.url.query
    return visit.page(
        "action_preview.html",
        status,
        section="actions",
        one=one,
        customer=customer,
        channel=channel,
        spoken=language,
        told=told,
        problem=problem,
        channels=CHANNELS,
        back=f"{visit.request.url.path}?{query}" if query else visit.request.url.path,
    )


# -- the form


async def edit(visit: Visit) -> Response:
    """For a new one; with `?name=`, for another version of one."""
    name = visit.asked("name", MOST_NAME)
    if not name:
        fields = {"purpose": visit.session.purpose, "version": "0", "kind": visit.asked("kind", 20) or "help"}
        return await _form(visit, {**fields, "expression": visit.asked("expression", 5_000)})
    one = (await visit.desk.actions.named(visit.session, name)).listed.action
    if sum(map(len, one.content.values())) > action_form.MOST_MESSAGES:
        message = f"{one.id} has more messages than this form holds: change it by a file, with rapport action load."
        raise Conflict(message, code="too_many")
    return await _form(visit, action_form.filled(one))


async def _form(
    visit: Visit,
    fields: dict[str, str],
    *,
    more: int = 0,
    error: BadInput | Conflict | Busy | None = None,
    problems: Sequence[Problem] = (),
    tried: Tried | None = None,
) -> Response:
    """`more`: so many empty messages beside those that are there."""
    messages = action_form.messages_of(fields)
    room = max(more, 0 if messages else 1)
    blank = dict.fromkeys(action_form.PARTS, "")
    messages += [{**blank, "language": messages[-1]["language"] if messages else "en"} for _ in range(room)]
    expression = fields.get("expression", "")
    return visit.page(
        "action_form.html",
        200 if error is None else error.status,
        section="actions",
        said=fields,
        fresh=fields.get("version", "0") == "0",
        messages=messages[: action_form.MOST_MESSAGES],
        full=len(messages) >= action_form.MOST_MESSAGES,
        choices=await purposes_of(visit, fields.get("purpose", "")),
        units=await visit.desk.actions.units(visit.session),
        kinds=KINDS,
        channels=CHANNELS,
        gains=action_form.GAINS,
        error=error if not problems else None,
        at_fault=_at_fault(error, messages),
        marked=[marked(one, expression) for one in problems],
        tried=tried,
        known=await visit.desk.audiences.words(visit.session),
        functions=FUNCTIONS.values(),
        money=money,
    )


async def change(visit: Visit) -> Response:
    """Try whom it is for, make room for another message, or save it: what is wrong is said on the form."""
    # What the page never leaves out, a form of somebody's own may.
    form = {**dict.fromkeys(("name", "purpose", "expression"), ""), "version": "0", **visit.form}
    form["expression"] = form["expression"].replace("\r\n", "\n").strip()
    do = form.get("do")
    try:
        if do == "more":
            return await _form(visit, form, more=1)
        if do == "preview":
            tried, problems = await tried_of(visit, "action", form["expression"] or "true", form["purpose"], None)
            return await _form(visit, form, problems=problems, tried=tried)
        return await _save(visit, form)
    except ExpressionError as error:
        if error.field in (None, "eligible", "expression"):
            return await _form(visit, form, error=error, problems=error.problems)
        return await _form(visit, form, error=error)
    except (BadInput, Busy, Conflict) as error:
        return await _form(visit, form, error=error)


async def _save(visit: Visit, form: dict[str, str]) -> Response:
    expected = whole(form.get("version", "0"), 9)
    if expected is None:
        raise BadInput("Open the page again and repeat it.", code="bad_version", field="version")
    name = form.get("name", "").strip()
    try:
        saved = await visit.desk.actions.put(visit.session, name, action_form.wished(form), expected)
    except Conflict as error:
        if error.code == "outdated" and not expected:
            message = f"There is already one called {name[:MOST_NAME]}: choose another name."
            raise Conflict(message, code=error.code, field="name") from None
        raise
    if not saved.warnings:
        return go(f"{AREA}/{saved.action.id}?done=saved")
    return _shown(visit, await visit.desk.actions.named(visit.session, saved.action.id), saved.warnings)


def _at_fault(error: BadInput | Conflict | Busy | None, messages: Sequence[dict[str, str]]) -> str:
    """The name of the form's field which an error is about."""
    field = (getattr(error, "field", "") or "") if error is not None else ""
    root, _, rest = field.partition(".")
    if root == "content":
        channel, _, rest = rest.partition(".")
        for place, message in enumerate(messages):
            if message["channel"] == channel and rest.partition(".")[0] in ("", message["language"].strip()):
                part = "language" if error is not None and error.code == "bad_language" else rest.rpartition(".")[2]
                known = part if part in action_form.PARTS else "heading" if part in ("subject", "title") else "text"
                return f"m{place}.{known}"
        return "m0.text"
    if root == "benefit":
        return "benefit" if field.endswith("kind") else "gain"
    names = {"id": "name", "eligible": "expression", "valid": rest, "place": rest or "countries"}
    if root == "caps":
        return rest if rest in action_form.PERIODS.values() else "caps"
    return field if root.startswith("m") and root[1:].isdigit() else names.get(root, root.partition("[")[0])


def _name(visit: Visit) -> str:
    return str(visit.request.path_params["action"])
