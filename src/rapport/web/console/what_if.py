"""What if: one change to how decisions are made, asked of those that were made; for both sides, with intervals, and
with what a log cannot say."""

from collections.abc import Iterator
from typing import Final

from starlette.responses import Response

from rapport.kernel.errors import BadInput, Busy, NotFound
from rapport.learn.reviewed import Answered, Other
from rapport.web.console import action_form
from rapport.web.console.looking_desk import Setting
from rapport.web.console.outcomes import bars, figures_scale, said, waiting
from rapport.web.console.visit import Visit
from rapport.web.retrospects import Looked

FIELDS: Final = ("change", "weight", "without", "most", "days")
MOST_FIELD: Final = 100
MOST_CONTACTS, MOST_DAYS = 1_000, 365
FEW: Final = 200
"""With fewer decisions made the other way than so many, a figure rests on little."""


async def page(visit: Visit) -> Response:
    asked = {name: visit.asked(name, MOST_FIELD) for name in FIELDS}
    setting = await visit.desk.looking.setting(visit.session)
    looked, problem, status, fault = Looked(None), "", 200, ""
    if asked["change"]:
        try:
            looked = await visit.desk.looking.what_if(visit.session, wished(asked))
        except (BadInput, NotFound, Busy) as error:
            problem, status, fault = error.message, error.status, error.field or ""
        else:
            if not isinstance(looked.found, Answered):
                return waiting(visit, looked, "what if", "What if")
    return _page(visit, asked, setting, looked, problem, status, fault)


def _page(
    visit: Visit, asked: dict[str, str], setting: Setting, looked: Looked, problem: str, status: int, fault: str
) -> Response:
    answer = looked.found if isinstance(looked.found, Answered) else None
    scale = drawn = None
    if answer is not None:
        gains = (answer.customer.gain, answer.company.gain)
        scale = figures_scale(gains)
        drawn = bars(*gains, scale.of)
    response = visit.page(
        "what_if.html",
        status,
        section="what if",
        asked=asked,
        answer=answer,
        looked=looked,
        scale=scale,
        drawn=drawn,
        limits=list(limits(answer, asked["change"])) if answer is not None else [],
        problem=problem,
        fault=fault,
        **said(setting),
    )
    if status in (429, 503):
        response.headers["Retry-After"] = "5"
    return response


def wished(asked: dict[str, str]) -> Other:
    """What the form asks for; fields of what is not chosen do not count. Raises BadInput, naming the field."""
    change = asked["change"]
    if change == "weight":
        weight = action_form.number(asked, "weight")
        if weight is None or not 0 < weight < 100:
            raise BadInput("a weight is a number of percent between 0 and 100", code="bad_weight", field="weight")
        return Other(weight=weight / 100)
    if change == "without":
        if not asked["without"]:
            raise BadInput("say which action had not been there", code="bad_change", field="without")
        return Other(without=asked["without"])
    if change == "most":
        most, days = action_form.count(asked, "most"), action_form.count(asked, "days")
        if most is None or not 0 <= most <= MOST_CONTACTS:
            message = f"say how many contacts at most, from 0 to {MOST_CONTACTS:,}"
            raise BadInput(message, code="bad_change", field="most")
        if days is None or not 1 <= days <= MOST_DAYS:
            raise BadInput(f"say within how many days, from 1 to {MOST_DAYS}", code="bad_change", field="days")
        return Other(most=most, days=days)
    raise BadInput("say what had been other", code="bad_change", field="change")


def limits(answer: Answered, change: str) -> Iterator[str]:
    """What the answer cannot say, and why."""
    sides = (answer.customer, answer.company)
    if any(side.verdict == "not_logged" for side in sides):
        yield (
            f"In {answer.beyond:.1%} of the choices it would have done what was never tried in such a moment. Of that "
            "a log knows nothing, so no figure is told. Try a change that is closer to how you decide now."
        )
    elif answer.beyond:
        yield (
            f"In {answer.beyond:.1%} of the choices it wanted what was never tried in such a moment. They were left as "
            "they were."
        )
    if change == "most" and not answer.changed:
        yield (
            "Nobody got more than that in these decisions. What a limit that holds already keeps back is never seen, "
            "so a looser one cannot be judged either."
        )
    if any(side.verdict == "too_few" for side in sides):
        yield (
            "Too few decisions were made the way this change would have made them. More come with time, and sooner "
            "where the change is smaller."
        )
    elif 0 < min(side.effective for side in sides) < FEW and answer.changed:
        yield "It rests on few decisions, so its intervals are wide."
    yield (
        "Each moment is judged with the history that it had: that fewer messages now make the next one more welcome is "
        "not in the figures."
    )
    yield "They speak of the customers and the season of these decisions, and are no promise for others."
