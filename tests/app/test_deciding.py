"""Decisions on a node: made of what the gate lets through, kept with their receipts, and no two past a limit."""

import msgspec
import pytest

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.withheld import WithheldBook
from rapport.app.actions import Catalogues
from rapport.decide.actions import Limits
from rapport.decide.contact import Policy
from rapport.decide.decision import Manner, same_again
from rapport.decide.kinds import Units
from rapport.kernel.errors import BadInput, NotFound
from tests.app.desk import HELP, SELL, Desk, desk, house
from tests.profile.house import ORG

__all__ = ["desk", "house"]


def test_what_serves_both_is_done_and_what_costs_the_customer_is_not(desk):
    answer = desk.decide()
    assert answer["action"] in {"help", "silence"}
    assert {(one["action"], one["rule"]) for one in answer["excluded"]} == {("sell", "customer_loses")}
    chosen = [desk.decide() for _ in range(40)]
    assert {one["action"] for one in chosen} <= {"help", "silence"}
    assert any(one["content"] == {"text": "Dear Ada, here is how."} for one in chosen)
    assert all(0 < one["propensity"] <= 1 for one in chosen)


def test_who_is_not_eligible_gets_silence_and_is_told_of_by_which_rule(desk):
    answer = desk.decide("user_id:bo")
    assert (answer["action"], answer["content"]) == ("silence", None)
    assert ("help", "eligible") in {(one["action"], one["rule"]) for one in answer["excluded"]}


def test_a_decision_is_kept_with_its_receipt_which_names_what_was_chosen(desk):
    answer = desk.decide()
    kept = desk.kept(answer)
    assert kept.receipt == answer["receipt"]
    (receipt,) = desk.ledger.receipts(ORG)
    assert (receipt.id, receipt.treatment) == (answer["receipt"], answer["action"])
    assert float(receipt.propensity) == answer["propensity"]
    assert same_again(kept.content, desk.decisions.learnt(ORG))


def test_a_decision_about_nobody_is_as_absent_and_nothing_is_kept(desk):
    with pytest.raises(NotFound):
        desk.decide("user_id:nobody")
    assert desk.book.page(ORG, 1 << 62, 10) == []


def test_no_channel_that_there_is_not(desk):
    with pytest.raises(BadInput, match="is no channel"):
        desk.decide(channel="pigeon")


@pytest.mark.parametrize("tongue", ["", "english please", "a-" * 8_000, "en_GB"])
def test_no_language_that_there_is_not(desk, tongue):
    with pytest.raises(BadInput) as caught:
        desk.decide(language=tongue)
    assert (caught.value.code, caught.value.field) == ("bad_language", "language")
    assert desk.decide(language="EN-gb")["action"] in ("help", "silence")


def test_what_a_customer_got_is_counted_without_all_that_was_ever_decided_for_them(desk):
    before = [desk.decide() for _ in range(30)]
    looked = []
    desk.ledger.db.set_trace_callback(looked.append)
    assert desk.book.at([desk.kept(before[0]).record], 0).contacts == ()
    desk.ledger.db.set_trace_callback(None)
    (counted,) = [query for query in looked if "channel" in query]
    (plan,) = desk.ledger.db.execute(f"EXPLAIN QUERY PLAN {counted}").fetchall()
    assert "decision_reached (record=? AND at>?)" in plan[-1]


def test_what_another_company_changes_has_no_catalogue_made_anew(desk):
    book = ActionBook(desk.ledger)
    catalogues = Catalogues(book, Definitions(desk.ledger))
    before = catalogues.of(ORG)
    book.put(msgspec.structs.replace(HELP, org="rival"), "eve")
    assert catalogues.of(ORG) is before
    assert set(catalogues.of("rival").ready) == {"help"}
    book.put(msgspec.structs.replace(HELP, value=3.0), "eve")
    assert catalogues.of(ORG).ready["help"].action.value == 3.0
    book.put_units(ORG, Units("EUR"), "eve")
    assert catalogues.of(ORG).units.currency == "EUR"
    again = catalogues.of(ORG)
    book.delete(ORG, "help", "eve")
    assert set(catalogues.of(ORG).ready) < set(again.ready)


def test_a_decision_that_cannot_be_kept_is_told_whoever_asked_and_nothing_of_it_is(desk, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(WithheldBook, "keep", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            desk.decide()
    assert desk.ledger.receipts(ORG) == []
    assert desk.book.page(ORG, 1 << 62, 10) == []
    assert desk.decide()["receipt"]


def test_whoever_is_held_out_is_so_each_time_and_is_told_everything_that_is_excluded(house):
    desk = Desk(house, HELP, SELL, manner=Manner(holdout=0.2))
    answers = [desk.decide() for _ in range(10)]
    held = {desk.kept(one).content.case.held_out for one in answers}
    assert len(held) == 1
    assert all(("sell", "customer_loses") in {(e["action"], e["rule"]) for e in one["excluded"]} for one in answers)


def test_a_decision_that_another_came_before_is_made_anew(desk):
    standing = desk.book.at([1], 0)
    answer = desk.decide()
    kept = desk.kept(answer)
    record = kept.record
    old = msgspec.structs.replace(standing, records=(record,))
    assert not desk.book.keep(old, ORG, record, kept.content, "", "rcp_x")


def test_how_an_organization_decides_is_kept_version_by_version(desk):
    before = MannerBook(desk.ledger).manner(ORG)
    policy = Policy(limits=Limits(per_day=1))
    after = MannerBook(desk.ledger).put_manner(ORG, Manner(0.7, 0.1, policy), "eve", before.version)
    assert (after.version, MannerBook(desk.ledger).manner(ORG)) == (before.version + 1, after)
    assert MannerBook(desk.ledger).put_manner(ORG, after, "eve") == after
    for wrong in (Manner(1.0), Manner(0.5, 0.5), Manner(0.5, 0.05, Policy(zone="Mars/Base")), Manner(days=0)):
        with pytest.raises(BadInput):
            MannerBook(desk.ledger).put_manner(ORG, wrong, "eve")
