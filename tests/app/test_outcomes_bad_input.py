"""Outcomes as hostile, hasty and late callers send them: a clear answer each time, and nothing counted twice."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from rapport.adapters.embedded.benefits import BenefitFile
from rapport.app.embedded import open_ledger
from rapport.app.looking_back import logged_of
from rapport.app.outcomes import HouseOutcomes
from rapport.kernel.errors import Conflict, RapportError
from rapport.kernel.times import DAY, now
from rapport.web.api.customers import Caller
from rapport.web.api.decisions import decision_routes
from rapport.web.api.problems import on_error
from tests.app.desk import HELP, SELL, Desk, house
from tests.profile.house import ORG

__all__ = ["house"]


class Tokens:
    """A token is the name of its organization."""

    def caller(self, token: str) -> Caller | None:
        return Caller(token, frozenset({"read", "operator"}), "tok_1")

    def note(self, *_: object, **__: object) -> None:
        return None


class Till(Desk):
    """A desk whose outcomes come over HTTP."""

    def __init__(self, house: Any) -> None:
        super().__init__(house, HELP, SELL)
        self.ledger.add_org("rival")
        routes = decision_routes(self.decisions, self.outcomes, Tokens())  # type: ignore[arg-type]
        self.app = Starlette(routes=routes, exception_handlers={RapportError: on_error})

    def helped(self) -> dict[str, Any]:
        while (answer := self.decide())["action"] != "help":
            pass
        return answer

    def post(self, body: Any, org: str = ORG) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://node.test") as client:
                headers = {"authorization": f"Bearer {org}", "content-type": "application/json"}
                return await client.post("/v1/outcomes", content=content, headers=headers)

        return asyncio.run(sent())

    def kept_of(self, answer: dict[str, Any]) -> tuple[int, int, int]:
        """How many outcomes, lessons and benefits a decision has."""
        kept = self.kept(answer)
        awaited = self.lessons.awaited(kept)
        benefits = BenefitFile(self.ledger).of_records(ORG, [kept.record], 0, 1 << 62)
        outcomes = 0 if awaited is None else len(awaited.outcomes)
        lessons = self.ledger.db.execute("SELECT count(*) FROM lesson WHERE decision = ?", (kept.seq,)).fetchone()[0]
        return outcomes, lessons, sum(one.use == kept.receipt for one in benefits)


@pytest.fixture
def desk(house: Any) -> Iterator[Till]:
    desk = Till(house)
    yield desk
    desk.close()


BOUGHT = b'{"decision": "dec_1", "kind": "bought", %s}'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BOUGHT % b'"company_value": 1e308', "bad_outcome"),
        (BOUGHT % b'"company_value": -1e308', "bad_outcome"),
        (BOUGHT % b'"company_value": 1e999', None),
        (BOUGHT % b'"company_value": NaN', "bad_json"),
        (BOUGHT % b'"company_value": Infinity', "bad_json"),
        (BOUGHT % (b'"company_value": 1' + b"0" * 400), None),
        (BOUGHT % b'"company_value": "1"', "bad_outcome"),
        (BOUGHT % b'"company_value": true', "bad_outcome"),
        (BOUGHT % b'"company_value": null', "bad_outcome"),
        (BOUGHT % b'"customer_benefit": {"kind": "minutes_saved", "minutes": 1e308}', "bad_outcome"),
        (BOUGHT % b'"customer_benefit": {"kind": "discount", "amount": 1, "worth": 2}', "bad_outcome"),
        (BOUGHT % b'"surely": 1', "bad_outcome"),
        (b'{"decision": "dec_1"}', "bad_outcome"),
        (b'{"decision": 1, "kind": "bought"}', "bad_outcome"),
        (b'{"decision": "dec_1", "kind": ""}', "bad_outcome"),
        (b'{"decision": "dec_1", "kind": "a\\u0000b"}', "bad_outcome"),
        (b'{"decision": "dec_1", "kind": "\\ud800"}', None),
        (b'{"decision": "\\ud800", "kind": "bought"}', None),
        (b'[{"decision": "dec_1", "kind": "bought"}]', "bad_type"),
        (b'{"decision": "dec_1", "kind": "bought"', "bad_json"),
        (b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_what_is_absurd_is_refused_with_a_reason_and_nothing_is_kept(desk: Till, body: bytes, code: str | None) -> None:
    answer = desk.helped()
    refused = desk.post(body.replace(b"dec_1", answer["decision"].encode()))
    assert 400 <= refused.status_code < 500
    assert refused.json()["code"] == code or code is None
    assert desk.kept_of(answer) == (0, 0, 0)


AMOUNT = st.floats(-10, 10) | st.fixed_dictionaries(
    {"kind": st.sampled_from(["discount", "margin"]), "amount": st.floats()}
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda some: (
        st.lists(some, max_size=3) | st.dictionaries(st.sampled_from(["kind", "minutes", "amount", "x"]), some)
    ),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(customer=AMOUNT | ANYTHING, company=AMOUNT | ANYTHING, kind=st.just("bought") | ANYTHING)
def test_whatever_is_sent_is_taken_or_refused_and_never_breaks_anything(
    desk: Till, customer: Any, company: Any, kind: Any
) -> None:
    answer = desk.decide()
    sent = {"decision": answer["decision"], "kind": kind, "customer_benefit": customer, "company_value": company}
    came = desk.post(sent)
    assert came.status_code in (201, 400)
    assert desk.kept_of(answer)[:2] == ((1, 1) if came.status_code == 201 else (0, 0))


def test_another_companys_decision_and_one_that_never_was_look_the_same(desk: Till) -> None:
    answer = desk.helped()
    report = {"decision": answer["decision"], "kind": "bought", "company_value": 1}
    another, nothing = desk.post(report, "rival"), desk.post({**report, "decision": "dec_nothing"}, "rival")
    assert another.status_code == nothing.status_code == 404
    assert another.content == nothing.content
    assert desk.kept_of(answer) == (0, 0, 0)


def test_of_an_erased_customer_a_report_is_answered_as_of_any_and_nothing_is_kept(desk: Till) -> None:
    answer, other = desk.helped(), desk.decide("user_id:bo")
    kept = desk.kept(answer)
    desk.ledger.keys.destroy_records([kept.record])
    gone = desk.post({"decision": answer["decision"], "kind": "bought", "company_value": 1})
    there = desk.post({"decision": other["decision"], "kind": "bought", "company_value": 1})
    assert gone.status_code == there.status_code == 201
    assert set(gone.json()) == set(there.json())
    assert desk.kept_of(answer) == (0, 0, 0)


@pytest.mark.parametrize("state", ["failed", "withdrawn"])
def test_what_never_reached_anybody_settles_and_teaches_nothing_of_what_it_would_give(desk: Till, state: str) -> None:
    answer = desk.helped()
    desk.ledger.db.execute("UPDATE decision SET delivery = ? WHERE id = ?", (state, answer["decision"]))
    assert desk.post({"decision": answer["decision"], "kind": "bought", "company_value": 1}).status_code == 201
    assert desk.kept_of(answer) == (1, 0, 1)
    assert logged_of(desk.lessons, desk.kept(answer)) is None
    desk.lessons.lapse(now() + 30 * DAY, 100)
    assert desk.kept_of(answer) == (1, 0, 1)


def test_a_decision_that_cannot_be_read_stops_no_lesson_behind_it(desk: Till) -> None:
    first, second = desk.decide("user_id:bo"), desk.decide("user_id:bo")
    assert (first["action"], second["action"]) == ("silence", "silence")
    desk.ledger.db.execute("UPDATE decision SET body = x'00' WHERE id = ?", (first["decision"],))
    over = now() + 9 * DAY
    assert desk.lessons.lapse(over, 10) == 2
    assert desk.lessons.lapse(over, 10) == 0
    assert [one.decision and one.decision.id for one in desk.lessons.lessons(ORG, 0, 10)] == [second["decision"]]


def test_a_lesson_that_cannot_be_read_teaches_nothing_and_stops_none_behind_it(desk: Till) -> None:
    for _ in range(2):
        desk.report(desk.helped(), company_value=3)
    desk.ledger.db.execute("UPDATE lesson SET body = x'00' WHERE seq = 1")
    assert [one.worth.company for one in desk.lessons.lessons(ORG, 0, 10)] == [0, 3]
    assert desk.decide()["estimates"]


def test_what_was_not_delivered_by_the_node_is_taken_from_whoever_showed_it(desk: Till) -> None:
    answer = desk.helped()
    assert desk.kept(answer).delivery == ""
    assert logged_of(desk.lessons, desk.kept(answer)) is None
    desk.report(answer, company_value=1)
    assert desk.kept_of(answer) == (1, 1, 1)
    assert logged_of(desk.lessons, desk.kept(answer)) is not None


def test_what_comes_when_its_window_has_passed_is_for_the_books_and_learnt_as_nothing(
    desk: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = desk.decide("user_id:bo")
    assert answer["action"] == "silence"
    at = now() + 9 * DAY
    desk.lessons.lapse(at, 10)
    monkeypatch.setattr("rapport.app.outcomes.now", lambda: at)
    desk.report(answer, company_value=5)
    assert desk.kept_of(answer) == (1, 1, 1)
    (lesson,) = desk.lessons.lessons(ORG, 0, 10)
    assert (lesson.worth.customer, lesson.worth.company) == (0, 0)
    told = logged_of(desk.lessons, desk.kept(answer))
    assert told is not None
    assert told.company_value == 5


@pytest.mark.parametrize("alike", [True, False])
def test_of_eight_who_report_at_once_one_counts(desk: Till, alike: bool) -> None:
    answer = desk.helped()
    houses = [HouseOutcomes(lambda: open_ledger(desk.house.settings)) for _ in range(4)]
    start, came = threading.Barrier(8), list[str]()

    def report(number: int) -> None:
        value = 1.0 if alike else float(number + 1)
        raw = {"decision": answer["decision"], "kind": "bought", "company_value": value, "customer_benefit": 2.0}
        start.wait()
        try:
            came.append(asyncio.run(houses[number % 4].report(ORG, raw))["status"])
        except Conflict as error:
            came.append(error.code)

    threads = [threading.Thread(target=report, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for one in houses:
        one.close()
    assert Counter(came) == ({"accepted": 8} if alike else {"accepted": 1, "outcome_differs": 7})
    assert desk.kept_of(answer) == (1, 1, 2)
