"""Reading the log of decisions: those that may have led to something are found at once, and one that cannot be read
stands before no other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.adapters.embedded.own_decisions import OwnDecisions
from rapport.app import looking_back
from rapport.app.portal_decided import decided
from rapport.app.recomputing import recomputed
from rapport.decide.kinds import SILENCE
from rapport.terms.presets import OPEN
from tests.app.desk import HELP, Desk, desk, house
from tests.app.test_deciding_trial import trial
from tests.profile.house import ORG, House, told

__all__ = ["desk", "house"]

DELIVERIES = ("", "asked", "delivered", "failed", "withdrawn")
OTHERS = (7_001, 7_002)
"""Records that nothing else is known of."""
logs = st.lists(
    st.tuples(st.sampled_from(OTHERS), st.integers(0, 9), st.sampled_from(DELIVERIES), st.sampled_from((SILENCE, "a"))),
    max_size=40,
)


def logged(desk: Desk, rows: list[tuple[int, int, str, str]]) -> None:
    """Decisions as the first one that is there, but for their records, moments, deliveries and actions."""
    query = """
        INSERT INTO decision (seq, id, record, at, delivery, action, org, kind, channel, receipt, body)
        SELECT ?, ?, ?, ?, ?, ?, org, kind, channel, receipt, body FROM decision ORDER BY seq LIMIT 1
    """
    first = desk.ledger.db.execute("SELECT max(seq) FROM decision").fetchone()[0]
    desk.ledger.db.executemany(query, [(first + n, f"dec_{first + n}", *row) for n, row in enumerate(rows, 1)])


def test_of_any_decisions_those_are_found_that_reached_the_customer_in_time_or_were_silence():
    with House() as house:
        house.send(told(type="identify", userId="ada", messageId="1", traits={"name": "Ada", "plan": "gold"}))
        desk = Desk(house.settle(), HELP)
        desk.decide()

        @settings(max_examples=60, deadline=None)
        @given(logs, st.integers(0, 9), st.integers(0, 9), st.integers(1, 12))
        def found_as_by_hand(rows, since, until, limit):
            desk.ledger.db.execute("DELETE FROM decision WHERE seq > 1")
            logged(desk, rows)
            every = [kept for kept in desk.book.page(ORG, 1 << 62, 100) if kept.seq > 1]
            action = {f"dec_{n}": row[3] for n, row in enumerate(rows, every[-1].seq if every else 2)}
            wanted = [
                (one.at, one.seq)
                for one in every
                if since <= one.at <= until and (one.delivery in ("asked", "delivered") or action[one.id] == SILENCE)
            ]
            found = desk.book.between(OTHERS, since, until, limit)
            assert [(one.at, one.seq) for one in found] == sorted(wanted, reverse=True)[:limit]

        found_as_by_hand()
        desk.close()


def _steps(desk: Desk, *asked: int) -> int:
    """How many steps SQLite takes to find what was decided between."""
    taken = [0]

    def step() -> int:
        taken[0] += 1
        return 0

    desk.ledger.db.set_progress_handler(step, 1)
    desk.book.between([OTHERS[0]], *asked)
    desk.ledger.db.set_progress_handler(None, 1)
    return taken[0]


def test_what_came_too_early_or_late_or_reached_nobody_is_not_looked_at(desk):
    desk.decide()
    logged(desk, [(OTHERS[0], 500, "delivered", "a"), (OTHERS[0], 501, "", SILENCE)])
    few = _steps(desk, 490, 510, 100)
    logged(desk, [(OTHERS[0], at, way, "a") for at in range(400) for way in ("delivered", "failed", "")])
    logged(desk, [(OTHERS[0], at, way, "a") for at in range(495, 505) for way in ("failed", "")] * 20)
    logged(desk, [(OTHERS[0], at, "", SILENCE) for at in range(600, 1000)])
    assert _steps(desk, 490, 510, 100) <= few + 10


# -- what cannot be read


def broken(desk: Desk, answer) -> None:
    desk.ledger.db.execute("UPDATE decision SET body = x'00' WHERE id = ?", (answer["decision"],))


def test_one_that_was_damaged_is_told_as_such_and_the_others_are_shown(desk):
    first, second, third = (desk.decide() for _ in range(3))
    broken(desk, second)
    shown = [(one.id, one.content is not None, one.unreadable) for one in desk.book.page(ORG, 1 << 62, 10)]
    readable = [(third["decision"], True, False), (first["decision"], True, False)]
    assert shown == [readable[0], (second["decision"], False, True), readable[1]]
    assert recomputed(desk.ledger, ORG, second["decision"]).status == "unreadable"
    assert recomputed(desk.ledger, ORG, first["decision"]).status == "agrees"
    assert [bool(one.action) for one in trial(desk).lately] == [True, False, True]


def test_where_the_key_of_a_record_is_damaged_decisions_of_others_are_shown(desk):
    answer, other = desk.decide(), desk.decide("user_id:bo")
    record = desk.kept(answer).record
    desk.ledger.keys._db.execute("UPDATE record_key SET wrapped = x'00' WHERE record = ?", (record,))
    shown = {one.id: one.unreadable for one in desk.book.page(ORG, 1 << 62, 10)}
    assert shown == {answer["decision"]: True, other["decision"]: False}


def test_what_was_decided_with_a_look_is_told_to_its_person_as_far_as_it_can_be_read(desk):
    ada = desk.house.people.add([f"{ORG}:user_id:ada"])
    desk.house.people.set_terms(ada.handle, OPEN)
    first, second = desk.decide(), desk.decide()
    broken(desk, first)
    kept = OwnDecisions(desk.ledger).by_receipt(ada.id, [first["receipt"], second["receipt"]])
    assert decided(kept[first["receipt"]]).unreadable
    assert not decided(kept[second["receipt"]]).unreadable


@pytest.mark.parametrize("table", ["decision", "outcome"])
def test_what_was_decided_is_looked_back_on_without_what_cannot_be_read(desk, table):
    answers = [desk.decide() for _ in range(3)]
    for answer in answers:
        desk.report(answer, company_value=1)
    seq = desk.kept(answers[1]).seq
    column = "seq" if table == "decision" else "decision"
    desk.ledger.db.execute(f"UPDATE {table} SET body = x'00' WHERE {column} = ?", (seq,))
    found = looking_back.past(desk.ledger, ORG)
    assert {one.id for one in found.decisions} == {answers[0]["decision"], answers[2]["decision"]}
    assert OutcomeBook(desk.ledger).awaited(desk.kept(answers[1])) is None
    assert desk.report(answers[1], "returned", company_value=1)["status"] == "accepted"
