"""Decisions whose time has passed: nothing of what they said is left, nothing else changes, and what is still in its
time can be recomputed for as long as before."""

import threading

import msgspec
import pytest

from rapport.adapters.embedded.outcomes import MINDS
from rapport.app import lapsing, outliving
from rapport.app.minds import Minds
from rapport.app.outliving import before, outlive
from rapport.kernel.times import DAY, HOUR, now
from rapport.terms.presets import BALANCED
from tests.app.desk import Desk
from tests.app.test_learnt_the_same import processes
from tests.profile.house import ORG
from tests.web.portal.person import Person
from tests.web.portal.test_inbox import ada, came, desk, home

__all__ = ["ada", "desk", "home"]

NOW = 1 << 62


def gone(desk: Desk, until: int = NOW, **more) -> int:
    return outlive(desk.ledger, Minds(desk.lessons), ORG, until, **more)


def sizes(desk: Desk, table: str) -> list[int]:
    return [size for (size,) in desk.ledger.db.execute(f"SELECT length(body) FROM {table} ORDER BY 1")]


def test_what_was_decided_said_and_gave_is_gone_and_that_it_was_stays():
    with processes() as it:
        for turn, user in enumerate(("ada", "bo", "ada")):
            it.decide(user)
            it.report(turn, 10.0 + turn)
        desk, kept = it.desk, [it.desk.kept(one) for one in it.made]
        tallies, learnt = desk.book.tallies(ORG, 0), it.started().all_of(ORG)
        assert gone(desk, kept[1].at + 1) == 2
        for table in ("decision", "outcome", "lesson"):
            assert [bool(size) for size in sizes(desk, table)] == [False, False, True]
        for one, was in zip(it.made[:2], kept, strict=False):
            assert desk.kept(one) == msgspec.structs.replace(was, content=None)
        assert desk.book.tallies(ORG, 0) == tallies
        assert it.started().all_of(ORG).company.packed() == learnt.company.packed()
        it.report(0, 77.0)  # is answered as ever, and nothing of it is kept
        assert len(sizes(desk, "outcome")) == 3
        assert gone(desk, kept[1].at + 1) == 0
        assert it.recomputed() == ["erased", "erased", "agrees"]


def test_what_is_in_its_time_is_recomputed_however_often_was_kept_since():
    with processes() as it:
        for turn, user in enumerate(("ada", "bo", "ada")):
            it.decide(user)
            it.report(turn, 10.0 + turn)
        it.decide("cy")
        gone(it.desk, it.desk.kept(it.made[2]).at + 1)
        it.report(3, 5.0)
        it.decide("bo")
        for turn in range(MINDS + 2):
            it.report(4 + turn, 1.0)
            it.keep()
            it.decide("ada")
        assert it.recomputed() == ["erased"] * 3 + ["agrees"] * (MINDS + 4)
        gone(it.desk, it.desk.kept(it.made[4]).at + 1)
        assert it.recomputed() == ["erased"] * 5 + ["agrees"] * (MINDS + 2)


def test_who_taught_later_than_those_after_them_costs_nobody_what_can_be_recomputed():
    with processes() as it:
        for user in ("ada", "bo", "ada"):
            it.decide(user)
        for turn in (2, 1, 0):
            it.report(turn, 10.0 + turn)
        it.decide("cy")
        it.report(3, 5.0)
        it.decide("bo")
        for turn in range(MINDS + 2):
            it.report(4 + turn, 1.0)
            it.keep()
            it.decide("ada")
        for one in it.made[:3]:
            gone(it.desk, it.desk.kept(one).at + 1)
        assert it.recomputed() == ["erased"] * 3 + ["agrees"] * (MINDS + 4)


def test_an_end_in_between_leaves_the_rest_to_the_next(monkeypatch):
    monkeypatch.setattr(outliving, "TOGETHER", 1)
    with processes() as it:
        for turn, user in enumerate(("ada", "bo", "ada")):
            it.decide(user)
            it.report(turn, 10.0 + turn)
        learnt = it.started().all_of(ORG)
        it.look(0, 1)
        assert gone(it.desk, breathe=lambda: False) == 1
        assert [bool(size) for size in sizes(it.desk, "decision")] == [False, True, True]
        it.decide("cy")
        it.report(3, 5.0)
        for minds in (*it.others, it.started()):
            it.know(minds.all_of(ORG))
        assert it.recomputed() == ["erased", "erased", "erased", "agrees"]
        assert gone(it.desk, it.desk.kept(it.made[2]).at + 1) == 2
        assert it.recomputed() == ["erased", "erased", "erased", "agrees"]
        assert it.started().up_to(ORG, learnt.lesson).company.packed() == learnt.company.packed()


def test_another_organizations_decisions_are_left_alone():
    with processes() as it:
        it.decide("ada")
        assert outlive(it.desk.ledger, Minds(it.desk.lessons), "other", NOW) == 0
        assert it.desk.kept(it.made[0]).content is not None


def test_what_was_in_an_inbox_is_there_no_more_and_not_counted_as_new(home, desk, ada: Person):
    home.people.set_terms(ada.person, BALANCED)
    came(desk, 2)
    assert ada.json("/me/inbox/live")["unseen"] == 2
    gone(desk)
    assert ada.json("/me/inbox/live")["unseen"] == 0
    told = ada.json("/me/inbox")
    assert (told["messages"], told["unreadable"]) == ([], 0)
    assert ada.get("/me/asked").status_code == 200
    assert desk.ledger.db.execute("SELECT count(*) FROM withheld").fetchone() == (0,)


@pytest.mark.parametrize("days", [120, 760])
def test_their_time_is_in_whole_days_so_that_there_is_one_round_a_day(days):
    at = now() // DAY * DAY + HOUR
    assert before(at, days) == before(at + 22 * HOUR, days) == at - HOUR - days * DAY
    assert before(at + DAY, days) == before(at, days) + DAY


def test_a_node_empties_what_has_outlived_its_setting_by_itself(monkeypatch):
    done = threading.Event()

    def outlived(*asked):
        if outlive(*asked):
            done.set()

    monkeypatch.setattr(lapsing, "outlive", outlived)
    with processes() as it:
        for user in ("ada", "bo"):
            it.decide(user)
            it.report(-1, 4.0)
        it.desk.ledger.db.execute("UPDATE decision SET at = at - ? WHERE seq = 1", (122 * DAY,))
        lapser = lapsing.Lapser(msgspec.structs.replace(it.house.settings, decision_days=120))
        try:
            assert done.wait(60)
        finally:
            lapser.close()
        assert [it.desk.kept(one).content is None for one in it.made] == [True, False]
