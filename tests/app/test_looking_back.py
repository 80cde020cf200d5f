"""Looking back on a node's own decisions: what they gave, and what another way to decide would have given."""

import datetime as dt
import json

import pytest
from typer.testing import CliRunner

from rapport.adapters.embedded.benefits import BenefitFile
from rapport.app import looking_back
from rapport.cli import command_line
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.times import DAY, now, rfc3339
from rapport.learn.uplift import Effect
from tests.app.desk import Desk, desk, house
from tests.e2e.running import run
from tests.profile.house import ORG, told

__all__ = ["desk", "house"]

LATER = 8 * DAY


def lived(desk: Desk, people: int = 120) -> None:
    """Decisions for many, of whom those who were helped gave the company 5 and gained 2, and the others nothing."""
    for number in range(people):
        desk.house.send(
            told(type="identify", userId=f"u{number}", messageId=f"i{number}", traits={"name": "U", "plan": "gold"})
        )
    desk.house.settle()
    for number in range(people):
        answer = desk.decide(f"user_id:u{number}")
        if answer["action"] == "help":
            desk.report(answer, customer_benefit=2 + number % 3, company_value=5 + number % 2)


def test_decisions_that_nobody_carried_out_tell_nothing(desk):
    for _ in range(5):
        desk.decide()
    found = looking_back.past(desk.ledger, ORG)
    assert {one.action for one in found.decisions} <= {"silence"}


def test_what_was_done_is_compared_with_silence_and_told_to_the_books(desk):
    lived(desk)
    found = looking_back.past(desk.ledger, ORG)
    evaluation = looking_back.evaluated(found, now() + LATER)
    assert evaluation.decisions == len(found.log) > 50
    by_side = {one.side: one for one in evaluation.effects if one.of == "help"}
    for side, least in (("customer", 1), ("company", 4)):
        effect = by_side[side]
        assert effect.value is None or effect.low <= effect.value <= effect.high
        assert effect.value is None or effect.value > least
    shown = Effect("help", "customer", 2.0, 1.0, 3.0, 90, 40, 120, 100.0, 0.5, "")
    told_to = evaluation._replace(effects=[shown])
    assert looking_back.tell_the_books(desk.ledger, ORG, told_to, dt.date(2026, 11, 20)) == 1
    (estimate,) = BenefitFile(desk.ledger).estimates(ORG)
    assert (estimate.side, estimate.effect, estimate.unit, estimate.n) == ("customer", "2.000000", "GBP", 120)


def test_another_way_to_decide_is_judged_by_what_was_logged(desk):
    lived(desk, 40)
    found = looking_back.past(desk.ledger, ORG)
    later = now() + LATER
    for change in ({"weight": 0.9}, {"without": "help"}, {"most": 0}):
        answer = looking_back.asked(found, later, **change)
        assert answer.decisions == len(found.log)
        assert {gain.side for gain in answer.gains} == {"customer", "company"}
    for wrong in ({}, {"weight": 1.5}, {"weight": 0.4, "most": 1}):
        with pytest.raises(BadInput):
            looking_back.asked(found, later, **wrong)
    with pytest.raises(NotFound):
        looking_back.asked(found, later, without="nothing")


def aged(desk: Desk, by: int) -> None:
    desk.ledger.db.execute("UPDATE decision SET at = at - ?", (by,))


def test_decisions_that_wait_take_the_place_of_none_that_tells_something(desk):
    for _ in range(4):
        desk.decide("user_id:bo")
    aged(desk, LATER)
    for _ in range(6):
        desk.decide("user_id:bo")
    found = looking_back.known(desk.ledger, ORG, now(), 5)
    assert (len(found.log), found.cut) == (4, 0)
    assert all(one.at < now() - LATER + DAY for one in desk.book.page(ORG, 5, 5))


def test_where_there_are_more_than_are_looked_at_it_is_said_since_when(desk):
    for _ in range(5):
        desk.decide("user_id:bo")
    aged(desk, LATER)
    ats = [one.at for one in desk.book.page(ORG, 1 << 62, 5)]
    for most, cut in ((2, ats[1]), (4, ats[3]), (5, 0), (6, 0)):
        found = looking_back.known(desk.ledger, ORG, now(), most)
        assert (len(found.log), found.cut) == (min(most, 5), cut)
    assert looking_back.known(desk.ledger, "other", now(), 3).cut == 0


def test_the_commands_say_where_they_were_cut_and_what_cannot_be_read(desk, monkeypatch):
    for _ in range(5):
        desk.decide("user_id:bo")
    desk.ledger.db.execute("UPDATE decision SET body = x'00' WHERE seq = 4")
    monkeypatch.setattr("rapport.cli.learn.now", lambda: now() + LATER)
    monkeypatch.setattr(looking_back, "MOST", 3)
    since = rfc3339(desk.book.page(ORG, 4, 1)[0].at)
    for words in (["evaluate"], ["what-if", "--most", "0"]):
        command = ["learn", *words, "--org", ORG, "--data", str(desk.house.directory)]
        said = CliRunner().invoke(command_line(["learn"]), command)
        assert f"made since {since}; none of before was looked at" in said.output
        assert "1 besides cannot be read any more" in said.output
        told = json.loads(CliRunner().invoke(command_line(["learn"]), [*command, "--json"]).output)
        assert (told["since"], told["unreadable"], told["decisions"]) == (since, 1, 2)


def test_the_command_says_that_nothing_is_known_yet(desk):
    data = str(desk.house.directory)
    said = run("learn", "evaluate", "--org", ORG, "--data", data)
    assert "Nothing is known yet" in said.stdout
    as_json = json.loads(run("learn", "evaluate", "--org", ORG, "--data", data, "--json").stdout)
    assert (as_json["decisions"], as_json["told"]) == (0, 0)
