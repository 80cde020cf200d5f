"""The person's inbox: what companies did for them, why, and what is gained; and their answer, which bites at once."""

from collections.abc import Iterable
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.decide.person import ANSWERS, Answer
from rapport.kernel.errors import BadInput
from rapport.web import amounts
from rapport.web.forms import go, whole
from rapport.web.language import SPOKEN
from rapport.web.portal.contract import said
from rapport.web.portal.reach import percent
from rapport.web.portal.visit import AREA, Visit
from rapport.web.scripted import told

PAGE = f"{AREA}/inbox"
MOST_NAME = 60


async def inbox(visit: Visit) -> Response:
    before = whole(visit.asked("before", 18), 18)
    content = await visit.desk.inbox.inbox(visit.session, before)
    done, which = visit.asked("done", 20), visit.asked("decision", MOST_NAME)
    return visit.answer(
        "inbox.html",
        content,
        section="inbox",
        done=done if done in ANSWERS else "",
        answered=next((one for one in content.messages if one.id == which), None),
        older=before is not None,
        money=_money,
        quoted_goals=_quoted,
        percent=percent,
    )


async def answer(visit: Visit) -> Response:
    """Less, more, stop or resume, by the form under a message."""
    name, step = visit.form.get("decision", "")[:MOST_NAME], _answer(visit.form.get("answer", ""))
    await visit.desk.inbox.answer(visit.session, name, step)
    return go(f"{PAGE}?{urlencode({'done': step, 'decision': name})}#m-{name}")


def _money(amount: float, currency: str) -> str:
    """What is expected is no exact amount: it is told to a hundredth."""
    return amounts.money(f"{amount:.2f}", currency)


def _quoted(goals: Iterable[str]) -> str:
    return SPOKEN.listed([SPOKEN.say("“%(thing)s”", thing=goal) for goal in goals], "and")


def _answer(text: str) -> Answer:
    if text not in ANSWERS:
        raise BadInput("This is no answer to a message.", code="bad_answer", field="answer")
    return text


# -- the same for software


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer to a decision."""

    decision: str
    answer: Answer


async def mine(visit: Visit) -> Response:
    return told(await visit.desk.inbox.inbox(visit.session, whole(visit.asked("before", 18), 18)))


async def ask(visit: Visit) -> Response:
    asked = await said(visit, Asked)
    return told(await visit.desk.inbox.answer(visit.session, asked.decision, asked.answer))


async def stop(visit: Visit) -> Response:
    """`POST /me/decisions/{id}/{answer}`: the same, by address alone."""
    name, step = _addressed(visit)
    return told(await visit.desk.inbox.answer(visit.session, name, step))


async def stop_here(visit: Visit) -> Response:
    name, step = _addressed(visit)
    await visit.desk.inbox.answer(visit.session, name, step)
    return go(f"{PAGE}?{urlencode({'done': step, 'decision': name})}")


def _addressed(visit: Visit) -> tuple[str, Answer]:
    params = visit.request.path_params
    return params["id"][:MOST_NAME], _answer(params["answer"])
