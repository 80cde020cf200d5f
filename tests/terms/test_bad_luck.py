"""Bad input and bad luck at the gate: each kind has a test that is named here, so that none is lost when files move;
and those that fit nowhere else."""

import ast
from pathlib import Path

import pytest

from rapport.kernel.errors import NotFound
from rapport.kernel.times import parse_rfc3339
from rapport.terms import Clause, Declaration, Promise, Request, Terms, judging
from rapport.terms.reading import parse_terms
from tests.profile.house import ORG, House, at_once, told

ROOT = Path(__file__).parents[2]
APART = "tests/properties/test_organizations_apart.py"

TOLD: dict[str, tuple[str, ...]] = {
    "contradictory clauses": (
        "tests/terms/test_policy.py::test_deny_wins_over_an_allow_that_comes_before_or_after",
        "tests/terms/test_bad_luck.py::test_clauses_that_contradict_each_other_close_the_door",
    ),
    "expired claims": (
        "tests/terms/test_promises.py::test_what_has_expired_counts_as_neither",
        "tests/terms/test_withdrawal.py::test_a_claim_that_runs_out_opens_nothing_more_and_a_clock_set_back_is_believed",
    ),
    "forged claims": (
        "tests/adapters/embedded/test_promises.py::test_a_forged_claim_is_refused",
        "tests/terms/test_withdrawal.py::test_an_attester_who_goes_in_between_is_believed_no_more",
    ),
    "a declaration signed with the wrong key": (
        "tests/adapters/embedded/test_promises.py::test_with_a_key_of_its_own_nothing_is_promised_without_it",
    ),
    "clocks that jump": (
        "tests/adapters/embedded/test_promises.py::test_a_clock_that_is_set_back_does_not_turn_versions_around",
        "tests/terms/test_withdrawal.py::test_a_clock_that_jumps_gives_no_more_uses_than_its_days_have",
        "tests/terms/test_bad_luck.py::test_quiet_hours_go_by_the_clock_wherever_it_jumps",
    ),
    "kill -9 between receipt and read": (
        "tests/e2e/test_gate_bad_luck.py::test_whatever_was_answered_when_the_web_process_is_killed_has_its_receipt",
    ),
    "a full disk": (
        "tests/e2e/test_gate_bad_luck.py::test_without_room_for_a_receipt_no_data_leaves",
        "tests/terms/test_gate.py::test_without_a_place_for_the_receipt_nothing_is_said",
    ),
    "a lock racing a bulk export": (
        "tests/terms/test_withdrawal.py::test_a_bulk_read_gives_nobody_who_locked_while_it_ran",
    ),
    "a lock racing reads": (
        "tests/terms/test_withdrawal.py::test_however_many_read_at_once_none_reads_after_the_lock",
        "tests/e2e/test_gate_bad_luck.py::test_a_lock_from_another_process_holds_from_the_next_read_on",
    ),
    "erasure racing an import": (
        "tests/e2e/test_erasing.py::test_an_erasure_racing_a_load_is_before_or_after_each_event",
    ),
    "two organizations comparing answers": (
        f"{APART}::test_two_organizations_that_compare_all_they_were_told_share_no_handle",
        f"{APART}::test_no_answer_depends_on_what_another_organization_holds",
    ),
    "timing differences between refused and unknown": (
        "tests/e2e/test_refused_timing.py::test_the_time_of_an_answer_does_not_tell_refused_from_unknown",
    ),
    "answers that differ between refused and unknown": (
        "tests/e2e/test_refused.py::test_refused_and_unknown_answer_alike_in_every_part",
    ),
}


@pytest.mark.parametrize("luck", TOLD)
def test_each_kind_of_bad_luck_has_its_test(luck: str) -> None:
    for place in TOLD[luck]:
        path, _, name = place.partition("::")
        tree = ast.parse((ROOT / path).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, place


ALLOW = Clause("in", "allow", categories=("everything", "unclassified"))
DENY = Clause("out", "deny")


def readable(house: House, *, reaching_out: bool = False, purpose: str = "service") -> bool:
    try:
        at_once(house.gate.view(Request(ORG, "user_id:ada", purpose, "test", reaching_out=reaching_out)))
    except NotFound:
        return False
    return True


@pytest.fixture
def house():
    with House() as house:
        house.declare(Declaration(purposes={name: Promise("contract", onward=False) for name in ("service", "offers")}))
        house.send(told(type="identify", userId="ada", messageId="1", traits={"name": "Ada"}), source="crm")
        yield house.settle()


@pytest.mark.parametrize(
    ("clauses", "opens"),
    [
        ((ALLOW,), True),
        ((ALLOW, DENY), False),
        ((DENY, ALLOW), False),
        ((ALLOW, Clause("not-them", "deny", who=(ORG,))), False),
        ((ALLOW, Clause("not-others", "deny", who=("others",))), True),
        ((ALLOW, Clause("no-offers", "deny", purposes=("offers",))), True),
        ((ALLOW, Clause("nothing-at-all", "deny", categories=("everything",))), False),
        ((), False),
    ],
)
def test_clauses_that_contradict_each_other_close_the_door(
    house: House, clauses: tuple[Clause, ...], opens: bool
) -> None:
    person = house.people.add([f"{ORG}:user_id:ada"])
    house.people.set_terms(person.handle, Terms("own", clauses))
    assert readable(house) == opens


def test_clauses_added_to_the_default_terms_are_heard(house: House) -> None:
    """A document of clauses without a preset once counted as the node's default terms, and its clauses for nothing."""
    person = house.people.add([f"{ORG}:user_id:ada"])
    house.people.set_terms(person.handle, parse_terms(b'{"clauses": [{"id": "out", "effect": "deny"}]}'))
    assert not readable(house)
    house.people.set_terms(person.handle, Terms("default", (DENY,)))
    assert not readable(house)


def test_quiet_hours_go_by_the_clock_wherever_it_jumps(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Clause("offers", "allow", purposes=("offers",), quiet="22:00-08:00")
    person = house.people.add([f"{ORG}:user_id:ada"])
    house.people.set_terms(person.handle, Terms("own", (quiet,), zone="Europe/Berlin"))
    for moment, opens in (
        ("2026-11-02T12:00:00Z", True),
        ("2026-11-02T21:30:00Z", False),
        ("2026-06-02T20:30:00Z", False),  # summer: 22:30 in Berlin
        ("2026-06-02T19:30:00Z", True),
        ("2031-01-01T03:00:00Z", False),
        ("2020-01-01T12:00:00Z", True),
    ):
        monkeypatch.setattr(judging, "now", lambda moment=moment: parse_rfc3339(moment))
        assert readable(house, reaching_out=True, purpose="offers") == opens, moment
        assert readable(house, purpose="offers")
