"""The person's page about their goals: say one, put it aside, finish it, and see how far it is."""

from typing import get_args
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.kernel.errors import BadInput
from rapport.terms import purchases
from rapport.terms.goals import Goal
from rapport.web import amounts
from rapport.web.forms import go, whole
from rapport.web.portal.contract import said
from rapport.web.portal.goals_desk import Goals, MyGoal, Step
from rapport.web.portal.visit import AREA, Visit
from rapport.web.scripted import told

PAGE = f"{AREA}/goals"
MOST_HANDLE = 60
KINDS = {"words": "words", "spend": "spend", "buy": "buy", "visit": "visit"}
DONE = ("said", *get_args(Step))
MOST_ORG = 100


async def goals(visit: Visit) -> Response:
    done = visit.asked("done", 20)
    content = await visit.desk.goals.goals(visit.session)
    which = visit.asked("goal", MOST_HANDLE)
    undone = next((one for one in content.goals if one.id == which), None)
    org = visit.asked("org", MOST_ORG)
    who = next((one for one in content.companies if one.org == org), None)
    shown = "" if done in ("tell", "untell") and (who is None or undone is None) else done
    return visit.answer(
        "goals.html",
        content,
        section="goals",
        done=shown if shown in DONE else "",
        undone=undone,
        who=who,
        open=[one for one in content.goals if one.finished_at is None],
        finished=[one for one in content.goals if one.finished_at is not None],
        money=amounts.money,
    )


async def change(visit: Visit) -> Response:
    """Say a goal, or take the step that the form names."""
    if "step" not in visit.form:
        await visit.desk.goals.say(visit.session, _of_form(visit.form))
        return go(f"{PAGE}?done=said")
    handle, step = visit.form.get("goal", "")[:MOST_HANDLE], visit.form["step"]
    if step not in get_args(Step):
        raise BadInput("This is nothing that can be done with a goal.", code="bad_goal", field="step")
    org = visit.form.get("org", "")[:MOST_ORG]
    await visit.desk.goals.step(visit.session, handle, step, org)  # type: ignore[arg-type]  # one of them
    return go(f"{PAGE}?{urlencode({'done': step, 'goal': handle, **({'org': org} if org else {})})}")


def _of_form(form: dict[str, str]) -> Goal:
    kind = form.get("kind", "words")
    if kind not in KINDS:
        raise BadInput("This is no kind of goal.", code="bad_goal", field="kind")
    typed = form.get("amount", "")
    amount = purchases.amount(typed)
    return Goal(
        form.get("words", ""),
        kind,  # type: ignore[arg-type]  # one of them
        tuple(name.removeprefix("at:") for name in form if name.startswith("at:")),
        typed if amount is None else str(amount),
        form.get("currency", ""),
        whole(form.get("times", "").strip(), 8) or 0,
        "ever" if form.get("per") == "ever" else "month",
    )


# -- the same for software


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A step with a goal that is there; `org`: whom to let know, or no more."""

    goal: str
    step: Step
    org: str = ""


class Dropped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    goal: str


async def mine(visit: Visit) -> Response:
    return told(await visit.desk.goals.goals(visit.session))


async def ask(visit: Visit) -> Response:
    """A goal, which is answered with 201 and itself; or a step with one."""
    body = await said(visit, dict[str, object])
    try:
        if "step" in body:
            step = msgspec.convert(body, Asked)
            await visit.desk.goals.step(visit.session, step.goal, step.step, step.org)
            return told(_one(await visit.desk.goals.goals(visit.session), step.goal))
        goal = msgspec.convert(body, Goal)
    except msgspec.ValidationError as error:
        raise BadInput(f"this is no goal: {error}", code="bad_goal") from None
    handle = await visit.desk.goals.say(visit.session, goal)
    return told(_one(await visit.desk.goals.goals(visit.session), handle), 201)


async def drop(visit: Visit) -> Response:
    await visit.desk.goals.step(visit.session, (await said(visit, Dropped)).goal, "forget")
    return Response(status_code=204)


def _one(content: Goals, handle: str) -> MyGoal | None:
    return next((one for one in content.goals if one.id == handle), None)
