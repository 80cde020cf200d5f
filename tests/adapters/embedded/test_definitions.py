"""Definitions of audiences and computed traits: versioned, audited, deleted without being lost."""

import contextlib

import pytest

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.audit import AuditLog
from rapport.app.embedded import open_ledger
from rapport.decide import expressed
from rapport.kernel.errors import Conflict, NotFound
from rapport.terms import Terms
from tests.profile.house import ORG, House


@pytest.fixture
def house():
    with House() as house:
        yield house


@pytest.fixture
def kept(house):
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        yield Definitions(ledger)


def put(kept, expression='traits.plan == "gold"', name="gold"):
    return kept.put_audience(ORG, name, expression, "service", "command line")


def test_an_audience_is_kept_version_by_version_and_the_same_again_makes_none(kept):
    first = put(kept)
    assert (first.version, kept.audience(ORG, "gold")) == (1, first)
    assert put(kept) == first
    second = put(kept, "true")
    assert second.version == 2
    assert kept.audiences(ORG) == [second]
    assert kept.audience_versions(ORG, "gold") == [second, first]


def test_a_deleted_audience_is_gone_and_comes_back_as_the_next_version(kept):
    put(kept)
    kept.delete_audience(ORG, "gold", "command line")
    with pytest.raises(NotFound):
        kept.audience(ORG, "gold")
    with pytest.raises(NotFound):
        kept.delete_audience(ORG, "gold", "command line")
    assert (kept.audiences(ORG), kept.orgs()) == ([], [])
    assert put(kept).version == 2


def test_every_change_is_in_the_audit_log(house, kept):
    put(kept)
    kept.delete_audience(ORG, "gold", "tok_1")
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        rows, _ = AuditLog(ledger).page(ORG)
    assert [(row.who, row.what, row.about) for row in rows[:2]] == [
        ("tok_1", "deleted an audience", "gold"),
        ("command line", "put an audience", "gold"),
    ]


def test_a_computed_trait_that_something_rests_on_is_not_deleted(kept):
    kept.put_trait(expressed(ORG, "loyal", 'count("Order Completed") > 2', "service"), "command line")
    put(kept, "computed.loyal")
    with pytest.raises(Conflict, match="gold"):
        kept.delete_trait(ORG, "loyal", "command line")
    kept.delete_audience(ORG, "gold", "command line")
    kept.delete_trait(ORG, "loyal", "command line")
    assert kept.traits(ORG) == []


def test_the_rulebook_follows_every_change_of_another_connection(house, kept):
    put(kept)
    assert list(kept.rulebook(ORG).rules) == ["gold"]
    assert kept.rulebook(ORG) is kept.rulebook(ORG)
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        put(Definitions(ledger), name="silver")
    assert list(kept.rulebook(ORG).rules) == ["gold", "silver"]


def test_persons_and_promises_stir_verdicts_only_while_something_is_in_use(house, kept):
    person = house.people.add([f"{ORG}:email:ada@example.com"])
    assert kept.stirred(0, 10) == []
    put(kept)
    house.people.lock(person.handle)
    house.people.set_terms(person.handle, Terms())
    token = house.people.tokens_of([(ORG, "email", "ada@example.com")])[0]
    assert [stir.token for stir in kept.stirred(0, 10)] == [token, token]
    kept.settled(kept.stirred(0, 10)[-1].seq)
    house.people.forget_claims(person.handle)
    assert token in [stir.token for stir in kept.stirred(0, 10)]
