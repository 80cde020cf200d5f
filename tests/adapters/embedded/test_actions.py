"""Actions in the ledger: versioned, audited, deleted without being lost, counted in one currency."""

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded import actions
from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.audit import AuditLog
from rapport.app.embedded import open_ledger
from rapport.decide.kinds import Units, Worth
from rapport.kernel.errors import BadInput, Conflict, NotFound
from tests.decide.acting import made
from tests.profile.house import ORG, House


@pytest.fixture
def house():
    with House() as house:
        yield house


@pytest.fixture
def kept(house):
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        yield ActionBook(ledger)


def one(name="boiler", org=ORG, **changed):
    return msgspec.structs.replace(made(name, **changed), org=org)


def put(kept, name="boiler", **changed):
    return kept.put(one(name, **changed), "command line")


def test_an_action_is_kept_version_by_version_and_the_same_again_makes_none(kept):
    first = put(kept)
    assert (first.version, kept.action(ORG, "boiler")) == (1, first)
    before = kept.version()
    assert put(kept) == first
    assert kept.version() == before
    second = put(kept, cost=0.2)
    assert (second.version, kept.version() > before) == (2, True)
    assert kept.actions(ORG) == [second]
    assert kept.versions(ORG, "boiler") == [second, first]
    assert kept.kept(ORG, "boiler", 1) == first


def test_a_deleted_action_is_gone_stays_known_to_decisions_and_comes_back_as_the_next_version(kept):
    first = put(kept)
    kept.delete(ORG, "boiler", "command line")
    for gone in (lambda: kept.action(ORG, "boiler"), lambda: kept.delete(ORG, "boiler", "command line")):
        with pytest.raises(NotFound):
            gone()
    assert kept.actions(ORG) == []
    assert kept.kept(ORG, "boiler", 1) == first
    assert put(kept).version == 2
    with pytest.raises(NotFound):
        kept.kept(ORG, "boiler", 3)
    with pytest.raises(NotFound):
        kept.versions(ORG, "other")


def test_of_two_who_edit_one_the_second_is_told(kept):
    first = put(kept)
    with pytest.raises(Conflict) as caught:
        kept.put(one(cost=0.5), "tok_1", 0)
    assert caught.value.code == "outdated"
    second = kept.put(one(cost=0.5), "tok_1", first.version)
    with pytest.raises(Conflict):
        kept.put(one(cost=0.7), "tok_2", first.version)
    assert kept.action(ORG, "boiler") == second
    kept.delete(ORG, "boiler", "tok_1")
    assert kept.put(one(), "tok_2", 0).version == 3


def test_every_change_is_in_the_audit_log(house, kept):
    put(kept, currency=None)
    kept.delete(ORG, "boiler", "tok_1")
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        rows, _ = AuditLog(ledger).page(ORG)
    assert [(row.who, row.what, row.about) for row in rows[:2]] == [
        ("tok_1", "deleted an action", "boiler"),
        ("command line", "put an action", "boiler"),
    ]


def test_pages_go_by_id_and_organizations_see_their_own(kept):
    for name in ("c", "a", "b"):
        put(kept, name)
    kept.put(one("z", "rival"), "command line")
    assert [found.id for found in kept.page(ORG, "", 2)] == ["a", "b"]
    assert [found.id for found in kept.page(ORG, "b", 2)] == ["c"]
    assert [found.id for found in kept.actions("rival")] == ["z"]
    with pytest.raises(NotFound):
        kept.action("rival", "a")


def test_there_is_an_end_to_how_many(kept, monkeypatch):
    monkeypatch.setattr(actions, "MOST", 2)
    put(kept, "a")
    put(kept, "b")
    assert put(kept, "b", cost=0.3).version == 2
    with pytest.raises(Conflict) as caught:
        put(kept, "c")
    assert caught.value.code == "too_many"
    kept.delete(ORG, "a", "command line")
    put(kept, "c")


def test_a_file_is_taken_in_whole_or_not_at_all(kept):
    units = Units("GBP", 0.5, {"help": Worth(1.0, 2.0)})
    with pytest.raises(BadInput):
        kept.put_all(ORG, [one("a"), one("b", currency="EUR")], units, "command line")
    assert (kept.actions(ORG), kept.units(ORG)) == ([], Units())
    saved = kept.put_all(ORG, [one("a"), one("b")], units, "command line")
    assert [(found.id, found.version) for found in saved] == [("a", 1), ("b", 1)]
    assert kept.units(ORG) == msgspec.structs.replace(units, version=1)


# -- units


def test_the_first_currency_that_is_said_is_the_organizations_and_no_other_is_compared(kept):
    put(kept, "plain", currency=None)
    assert kept.units(ORG).currency == ""
    put(kept, "a", currency="GBP")
    assert kept.units(ORG).currency == "GBP"
    with pytest.raises(BadInput) as caught:
        put(kept, "b", currency="EUR")
    assert (caught.value.code, caught.value.field) == ("other_currency", "currency")
    with pytest.raises(Conflict) as told:
        kept.put_units(ORG, Units("EUR"), "command line")
    assert "a counts in GBP" in told.value.message
    kept.delete(ORG, "a", "command line")
    assert kept.put_units(ORG, Units("EUR"), "command line").currency == "EUR"


def test_units_are_kept_version_by_version(kept):
    assert kept.units(ORG) == kept.kept_units(ORG, 0) == Units()
    first = kept.put_units(ORG, Units("GBP", 0.3), "command line")
    assert first.version == 1
    assert kept.put_units(ORG, Units("GBP", 0.3), "command line") == first
    second = kept.put_units(ORG, Units("GBP", 0.4), "command line", 1)
    assert (second.version, kept.units(ORG), kept.kept_units(ORG, 1)) == (2, second, first)
    with pytest.raises(Conflict):
        kept.put_units(ORG, Units("GBP", 0.5), "command line", 1)
    with pytest.raises(BadInput):
        kept.put_units(ORG, Units("GBP", -1), "command line")
    with pytest.raises(NotFound):
        kept.kept_units(ORG, 9)


def test_what_another_connection_changes_is_seen(house, kept):
    before = kept.version()
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        put(ActionBook(ledger))
    assert kept.version() != before
    assert [found.id for found in kept.actions(ORG)] == ["boiler"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from((None, 0.1, 0.2))), max_size=12))
@settings(max_examples=40, deadline=None)
def test_after_any_changes_what_is_in_force_is_what_was_put_last(changes):
    with House() as house, contextlib.closing(open_ledger(house.settings)) as ledger:
        kept = ActionBook(ledger)
        force, count = {}, {"a": 0, "b": 0}
        for name, cost in changes:
            if cost is None:
                with contextlib.suppress(NotFound):
                    kept.delete(ORG, name, "command line")
                force.pop(name, None)
                continue
            count[name] += force.get(name) != cost
            force[name] = cost
            assert put(kept, name, cost=cost).version == count[name]
        assert {found.id: found.cost for found in kept.actions(ORG)} == force
        for name, versions in count.items():
            if versions:
                assert [found.version for found in kept.versions(ORG, name)] == list(range(versions, 0, -1))
