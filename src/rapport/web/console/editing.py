"""The editor of expressions, for audiences, computed traits and whom actions are for: a form whose buttons try and
save, and what its script asks while one types: names that can stand there, what is wrong and where, and what it would
give today.

Places are told to the script in UTF-16 units, as browsers count them.
"""

from collections.abc import Sequence
from typing import Any, get_args

import msgspec
from starlette.responses import Response

from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound
from rapport.kernel.expressions import FUNCTIONS, ExpressionError, Problem
from rapport.kernel.vocabulary import PURPOSES
from rapport.terms import aggregates
from rapport.web import words
from rapport.web.api.customers import body_of
from rapport.web.api.definitions import MAX_BODY
from rapport.web.audiences import Preview, TraitWish, Warned
from rapport.web.console.audiences_desk import Known, Of
from rapport.web.console.visit import Visit
from rapport.web.forms import go
from rapport.web.scripted import object_of, told

MOST_NAME = 100
MOST_TEXT = 5_000
"""A little more than an expression may have, so that it is told what is too long."""
HOMES = {"audience": "/console/audiences", "trait": "/console/traits"}


class Marked(msgspec.Struct, frozen=True):
    """A problem with the line that it is in, in three pieces: what is before, the faulty part, what is after."""

    problem: Problem
    before: str
    part: str
    after: str


class Tried(msgspec.Struct, frozen=True):
    """What an expression would give: a sentence, and what is to be known beside it."""

    sentence: str
    notes: tuple[str, ...]


# -- the form


async def audience(visit: Visit) -> Response:
    """For a new one; with `?name=`, for another version of one. `?expression=` is written already."""
    return await _open(visit, "audience")


async def trait(visit: Visit) -> Response:
    return await _open(visit, "trait")


async def _open(visit: Visit, of: Of) -> Response:
    name = visit.asked("name", MOST_NAME)
    fields = {"expression": visit.asked("expression", MOST_TEXT), "purpose": visit.session.purpose, "version": "0"}
    if name:
        one = await _standing(visit, of, name)
        fields = {"name": name, "expression": one.expression, "purpose": one.purpose, "version": str(one.version)}
    return await _form(visit, of, fields)


async def _standing(visit: Visit, of: Of, name: str) -> Any:
    """Raises NotFound."""
    if of == "audience":
        return (await visit.desk.audiences.named(visit.session, name, 1)).standing.audience
    return (await visit.desk.audiences.trait(visit.session, name)).trait


async def _form(
    visit: Visit,
    of: Of,
    fields: dict[str, str],
    *,
    status: int = 200,
    problem: str = "",
    at: str = "",
    problems: Sequence[Problem] = (),
    tried: Tried | None = None,
) -> Response:
    expression = fields.get("expression", "")
    return visit.page(
        "expression.html",
        status,
        section=f"{of}s",
        of=of,
        home=HOMES[of],
        fields=fields,
        fresh=fields.get("version", "0") == "0",
        choices=await purposes_of(visit, fields.get("purpose", "")),
        problem=problem,
        at=at,
        marked=[marked(one, expression) for one in problems],
        tried=tried,
        known=await visit.desk.audiences.words(visit.session),
        functions=FUNCTIONS.values(),
    )


async def change_audience(visit: Visit) -> Response:
    """Try it, or save it: what is wrong is said on the form."""
    return await _change(visit, "audience")


async def change_trait(visit: Visit) -> Response:
    return await _change(visit, "trait")


async def _change(visit: Visit, of: Of) -> Response:
    form = {**visit.form, "expression": visit.form.get("expression", "").replace("\r\n", "\n").strip()}
    try:
        if form.get("do") == "save":
            return go(f"{HOMES[of]}/{await _saved(visit, of, form)}?saved=yes&watch=yes")
        tried, problems = await tried_of(visit, of, form["expression"], form.get("purpose", ""), _compared(form))
        return await _form(visit, of, form, problems=problems, tried=tried)
    except ExpressionError as error:
        return await _form(visit, of, form, status=error.status, problems=error.problems)
    except (BadInput, Busy, Conflict) as error:
        response = await _form(visit, of, form, status=error.status, problem=error.message, at=error.field or "")
        if isinstance(error, Busy):
            response.headers["Retry-After"] = str(error.retry_after)
        return response


def _compared(form: dict[str, str]) -> str | None:
    """The saved audience that a change is compared with."""
    return form.get("name", "") if form.get("version", "0") != "0" else None


async def _saved(visit: Visit, of: Of, form: dict[str, str]) -> str:
    """Save it, in the place of the version that the form was made from; return its name."""
    name, purpose, version = form.get("name", "").strip(), form.get("purpose", ""), form.get("version", "0")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise BadInput("Open the page again and repeat it.", code="bad_version", field="version")
    desk, expected = visit.desk.audiences, int(version)
    try:
        if of == "audience":
            return (await desk.put(visit.session, name, form["expression"], purpose, expected)).definition.name
        wish = TraitWish(purpose, expression=form["expression"])
        return (await desk.put_trait(visit.session, name, wish, expected)).definition.name
    except Conflict as error:
        if error.code == "outdated" and expected == 0:
            message = f"There is already one called {name[:MOST_NAME]}: choose another name."
            raise Conflict(message, code=error.code, field="name") from None
        raise


async def purposes_of(visit: Visit, chosen: str = "") -> list[tuple[str, str]]:
    """(purpose, what it means) of those that are promised, in the order in which purposes are told everywhere; and the
    chosen one, whatever it is."""
    promised = (await visit.desk.promised(visit.session)).declaration.purposes
    names = [*(name for name in PURPOSES if name in promised), *(name for name in promised if name not in PURPOSES)]
    if chosen and chosen not in names:
        names.append(chosen)
    return [(name, words.PURPOSES.get(name, "")) for name in names]


# -- what the script asks


async def completions(visit: Visit) -> Response:
    """`{"before": text up to the cursor}` → `{"found": [{"text", "start", "tells"}]}`; `start`: where the text that it
    stands for begins."""
    before = _text(await _asked(visit), "before")
    found = await visit.desk.audiences.complete(visit.session, before)
    return told({"found": [{"text": one.text, "start": units(before, one.start), "tells": one.tells} for one in found]})


async def trying(visit: Visit) -> Response:
    """`{"of", "expression", "purpose", "name"?}` → what is wrong, and what it would give where nothing is."""
    asked = await _asked(visit)
    of, expression, name = _text(asked, "of"), _text(asked, "expression"), _text(asked, "name") or None
    if of not in get_args(Of):
        raise BadInput("of is audience, trait or action", field="of")
    told_problem, tried = "", None
    problems: Sequence[Problem] = ()
    try:
        tried, problems = await tried_of(visit, of, expression, _text(asked, "purpose"), name)  # type: ignore[arg-type]  # one of them
    except ExpressionError as error:
        problems = error.problems
    except (BadInput, Busy, NotFound) as error:
        told_problem = error.message
    return told(
        {
            "problems": [_placed(one, expression) for one in problems],
            "problem": told_problem,
            "tried": None if tried is None else {"sentence": tried.sentence, "notes": tried.notes},
        }
    )


async def _asked(visit: Visit) -> dict[str, Any]:
    return object_of(await body_of(visit.request, MAX_BODY))


def _text(asked: dict[str, Any], name: str) -> str:
    text = asked.get(name, "")
    if not isinstance(text, str):
        raise BadInput(f"{name} is a text", field=name)
    return text


def _placed(problem: Problem, expression: str) -> dict[str, Any]:
    start = offset_of(problem, expression)
    return {
        "sentence": problem.sentence(),
        "start": units(expression, start),
        "end": units(expression, start + problem.length),
        "suggestion": problem.suggestion,
        "doubt": problem.doubt,
    }


# -- trying


async def tried_of(
    visit: Visit, of: Of, expression: str, purpose: str, name: str | None
) -> tuple[Tried | None, tuple[Problem, ...]]:
    """What it would give, and what is doubtful about it. Raises ExpressionError with all that is wrong, BadInput, Busy,
    NotFound."""
    desk = visit.desk.audiences
    wrong = tuple(one for one in await desk.review(visit.session, expression, of) if not one.doubt)
    if wrong:
        raise ExpressionError(wrong)
    if of != "trait":
        preview = await desk.preview(visit.session, expression, purpose, name if of == "audience" else None)
        return said_preview(preview, purpose), _doubts(preview.warnings)
    known = await desk.preview_trait(visit.session, expression, purpose)
    return said_known(known, purpose), _doubts(known.warnings)


async def doubts(visit: Visit, of: Of, expression: str) -> tuple[Problem, ...]:
    """What of a saved expression was never seen so far."""
    found = await visit.desk.audiences.review(visit.session, expression, of)
    return tuple(one for one in found if one.doubt)


def _doubts(warnings: tuple[Warned, ...]) -> tuple[Problem, ...]:
    return tuple(one.problem for one in warnings if one.field == "expression")


def said_preview(told: Preview, purpose: str) -> Tried:
    """`4,120 in, 37 of them new; 5 would leave.`"""
    compared = "" if told.new is None else f", {told.new:,} of them new; {told.left:,} would leave"
    refusing = f"{aggregates.words(told.refusing)} may not be read for {purpose}."
    notes = [refusing[:1].upper() + refusing[1:], *_beside(told.share, told.failing, told.reason)]
    return Tried(f"{told.inside:,} in{compared}.", (*notes, *_unpromised(told.warnings)))


def said_known(told: Known, purpose: str) -> Tried:
    sentence = f"Known of {words.counted(told.known, 'customer')}, unknown of {told.unknown:,}, for {purpose}."
    return Tried(sentence, (*_beside(told.share, told.failing, told.reason), *_unpromised(told.warnings)))


def _beside(share: float, failing: int, reason: str) -> list[str]:
    notes = [f"Estimated from {share:.0%} of all records."] if share < 1 else []
    return [*notes, f"It fails on {failing:,}: {reason}."] if failing else notes


def _unpromised(warnings: tuple[Warned, ...]) -> list[str]:
    told = [one.problem.message for one in warnings if one.field == "purpose"]
    return [f"{message[:1].upper()}{message[1:]}." for message in told]


# -- places


def offset_of(problem: Problem, expression: str) -> int:
    """Where a problem is, in characters."""
    lines = expression.split("\n")
    return sum(len(line) + 1 for line in lines[: problem.line - 1]) + problem.column - 1


def units(text: str, characters: int) -> int:
    """So many characters of a text, in UTF-16 units."""
    return len(text[:characters].encode("utf-16-le", "surrogatepass")) // 2


def marked(problem: Problem, expression: str) -> Marked:
    start = offset_of(problem, expression)
    end = start + problem.length
    head = expression.rfind("\n", 0, start) + 1
    tail = expression.find("\n", end)
    return Marked(problem, expression[head:start], expression[start:end], expression[end : tail if tail >= 0 else None])
