"""The organization's promise: as its customers read it, a form for each purpose, the whole document, and what a change
would change, before it is made."""

from typing import Any

import msgspec
from starlette.responses import Response

from rapport.kernel import vocabulary
from rapport.kernel.errors import BadInput, Busy
from rapport.kernel.vocabulary import CATEGORY_WORDS, PURPOSE_WORDS, PURPOSES
from rapport.terms import promises
from rapport.terms.simulator import Simulation
from rapport.web import words
from rapport.web.console import promise_form
from rapport.web.console.terms_desk import Draft
from rapport.web.console.visit import Visit
from rapport.web.forms import go, whole

MOST_NAME = 100


async def page(visit: Visit) -> Response:
    """What is promised now, and who lets the organization in for it."""
    told = await visit.desk.promised(visit.session)
    document = promises.canonical(told.declaration)
    simulation, busy = await _simulation(visit, document)
    missing = {name: words.PURPOSES[name] for name in PURPOSES if name not in told.declaration.purposes}
    return visit.page(
        "promise.html",
        section="promise",
        promised=told,
        simulation=simulation,
        busy=busy,
        missing=missing,
        bases=promise_form.READ,
        category_words=CATEGORY_WORDS,
        purpose_words=PURPOSE_WORDS,
        done=visit.asked("done") == "yes",
    )


async def _simulation(visit: Visit, document: bytes) -> tuple[Simulation | None, str]:
    try:
        return await visit.desk.simulate(visit.session, document), ""
    except Busy as error:
        return None, error.message


# -- one purpose


async def edit(visit: Visit) -> Response:
    name = visit.asked("name", MOST_NAME)
    found = await _content(visit)
    promise = found.get("purposes", {}).get(name)
    fields = promise_form.filled(promise) if promise is not None else {"onward": "no", "category:everything": "yes"}
    return _form(visit, name, fields, is_new=promise is None)


def _form(
    visit: Visit, name: str, fields: dict[str, str], *, is_new: bool, problem: str = "", at: str = "", status: int = 200
) -> Response:
    return visit.page(
        "promise_purpose.html",
        status,
        section="promise",
        name=name,
        is_new=is_new,
        fields=fields,
        problem=problem,
        at=at,
        bases=promise_form.BASES,
        groups=_groups(),
        category_words=CATEGORY_WORDS,
        rows=range(promise_form.BENEFITS),
    )


def _groups() -> dict[str, tuple[str, ...]]:
    """Categories by the headings that a customer's page has."""
    groups = {heading: names for heading, names in words.SECTIONS.items() if names}
    listed = {name for names in groups.values() for name in names}
    return {**groups, "Everything else": tuple(name for name in vocabulary.CATEGORIES if name not in listed)}


async def propose(visit: Visit) -> Response:
    """One purpose as the form has it (or, with `remove`, without it), shown with what it would change."""
    name = visit.form.get("name", "").strip()
    content = await _content(visit)
    purposes: dict[str, Any] = content.setdefault("purposes", {})
    is_new = name not in purposes
    if not 0 < len(name) <= MOST_NAME:
        problem = "Say what for: a purpose has a name."
        return _form(visit, "", visit.form, is_new=True, problem=problem, at="name", status=400)
    if visit.form.get("again") == "yes":
        draft = await visit.desk.draft(visit.session, visit.form.get("document", "").encode(), "json")
        promise = msgspec.json.decode(draft.document).get("purposes", {}).get(name, {})
        return _form(visit, name, promise_form.filled(promise), is_new=is_new)
    if visit.form.get("remove") == "yes":
        purposes.pop(name, None)
    else:
        purposes[name] = promise_form.promised(visit.form, purposes.get(name, {}))
    try:
        return await _review(visit, msgspec.json.encode(content), name)
    except BadInput as error:
        at = promise_form.place_of(error) or "name"
        return _form(visit, name, visit.form, is_new=is_new, problem=error.message, at=at, status=error.status)


# -- the whole document


async def document(visit: Visit) -> Response:
    text = promises.canonical((await visit.desk.promised(visit.session)).declaration)
    return _document(visit, msgspec.json.format(text, indent=2).decode(), "json")


def _document(visit: Visit, text: str, form: str, problem: str = "", status: int = 200) -> Response:
    return visit.page("promise_document.html", status, section="promise", text=text, form=form, problem=problem)


async def propose_document(visit: Visit) -> Response:
    text = visit.form.get("document", "")
    form = "toml" if visit.form.get("form") == "toml" else "json"
    if visit.form.get("again") == "yes":
        return _document(visit, words.pretty(text.encode()), "json")
    try:
        draft = await visit.desk.draft(visit.session, text.encode(), form)  # type: ignore[arg-type]  # one of the two
        return await _review(visit, draft.document.encode(), "", draft)
    except BadInput as error:
        return _document(visit, text, form, error.message, error.status)


# -- before it is made


async def _review(visit: Visit, body: bytes, name: str, draft: Draft | None = None) -> Response:
    """What declaring this would change; `name` is the purpose whose form it comes from, "" for the whole document.
    Raises BadInput where it is no declaration."""
    draft = draft or await visit.desk.draft(visit.session, body, "json")
    told = await visit.desk.promised(visit.session)
    simulation, busy = await _simulation(visit, draft.document.encode())
    return visit.page(
        "promise_review.html",
        section="promise",
        draft=draft,
        promised=told,
        simulation=simulation,
        busy=busy,
        name=name,
        back="/console/promise/purpose" if name else "/console/promise/document",
        here="/console/promise",
    )


async def declare(visit: Visit) -> Response:
    version = whole(visit.form.get("version", ""), 9)
    if version is None:
        raise BadInput("Open the page again and repeat it.", code="bad_declaration", field="version")
    await visit.desk.declare(visit.session, visit.form.get("document", "").encode(), version)
    return go("/console/promise?done=yes")


async def _content(visit: Visit) -> dict[str, Any]:
    """The declaration in force as its document has it, to be changed."""
    told = await visit.desk.promised(visit.session)
    content: dict[str, Any] = msgspec.json.decode(promises.canonical(told.declaration))
    return content
