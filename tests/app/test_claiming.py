"""Claims: how they are proved, go as they came, and move to whoever proved last; and two accounts of one person."""

from collections.abc import Callable
from typing import Any

import pytest

from rapport.adapters.embedded.claims import BY_CODE, BY_DESK, BY_LINK, EXPIRED
from rapport.adapters.embedded.wishes import WishBook
from rapport.decide.person import answered
from rapport.kernel.errors import BadInput, Conflict, NotFound, Unauthorized
from rapport.kernel.times import DAY, MINUTE, now
from rapport.signin.passkeys import Proved
from tests.app.hall import ADA, BO, Hall, hall, later
from tests.profile.house import ORG

__all__ = ["hall", "later"]


def test_claims_say_how_they_were_proved_and_go_as_they_came(hall: Hall) -> None:
    ada = hall.person("corner:user_id:1")
    before = hall.claims(ada)
    hall.claim(ada, ADA)
    code, _ = hall.proofs.claims.mint(ORG, "user_id", "42")
    assert hall.proofs.claims.linked(code) is not None
    hall.proofs.claims.claim_by_link(ada, code)
    assert hall.proofs.claims.linked(code) is None
    assert sorted((one.kind, one.how) for one in hall.claims(ada)) == [
        ("email", BY_CODE),
        ("user_id", BY_DESK),
        ("user_id", BY_LINK),
    ]
    for one in hall.claims(ada):
        if one not in before:
            hall.proofs.claims.unclaim(ada, one.id)
    assert hall.claims(ada) == before
    with pytest.raises(NotFound):
        hall.proofs.claims.unclaim(ada, "00" * 16)


def test_nobody_claims_by_an_address_of_anothers_or_one_shown_long_ago(
    hall: Hall, later: Callable[[int], None]
) -> None:
    ada, bo = hall.person(), hall.person()
    contact = hall.verify(ada, ADA)
    with pytest.raises(NotFound):
        hall.proofs.claims.claim_by_contact(bo, ORG, contact.id)
    with pytest.raises(NotFound):
        hall.proofs.claims.claim_by_contact(ada, "nowhere", contact.id)
    later(365 * DAY + 1)
    with pytest.raises(Conflict):
        hall.proofs.claims.claim_by_contact(ada, ORG, contact.id)


def test_a_recycled_address_is_its_new_holders(hall: Hall, later: Callable[[int], None]) -> None:
    ada, bo = hall.person(), hall.person()
    hall.claim(ada, ADA)
    hall.claim(ada, ADA, "corner")
    later(DAY)
    hall.claim(bo, ADA)
    assert hall.held(ada) == set()
    assert hall.held(bo) == {(ORG, "email", ADA)}
    assert hall.proofs.contacts.contacts(ada) == []
    hall.verify(ada, ADA)  # who has it again has all again
    assert hall.held(ada) == {(ORG, "email", ADA), ("corner", "email", ADA)}
    assert hall.held(bo) == set()


def test_a_claim_is_suspended_when_its_proof_loses_its_time(hall: Hall, later: Callable[[int], None]) -> None:
    ada = hall.person()
    hall.claim(ada, ADA)
    assert hall.proofs.claims.expire() == 0
    later(365 * DAY + 1)
    assert hall.proofs.claims.expire() == 1
    assert hall.held(ada) == set()
    assert [one.suspended for one in hall.claims(ada)] == [EXPIRED]
    assert hall.proofs.contacts.start_recovery("email", ADA).code is None
    hall.verify(ada, ADA)
    assert hall.held(ada) == {(ORG, "email", ADA)}


def test_a_link_is_for_ten_minutes_and_says_one_identifier(hall: Hall, later: Callable[[int], None]) -> None:
    ada = hall.person()
    for wrong in (("user_id", ""), ("user_id", "null"), ("?", "x"), ("user_id", "x" * 2000)):
        with pytest.raises(BadInput):
            hall.proofs.claims.mint(ORG, *wrong)
    code, _ = hall.proofs.claims.mint(ORG, "user_id", "42")
    later(10 * MINUTE + 1)
    with pytest.raises(Unauthorized):
        hall.proofs.claims.claim_by_link(ada, code)


def test_an_older_proof_takes_nothing_from_a_newer_one(hall: Hall, later: Callable[[int], None]) -> None:
    ada, bo = hall.person(), hall.person()
    contact = hall.verify(ada, ADA)
    later(MINUTE)
    code, _ = hall.proofs.claims.mint(ORG, "email", ADA)
    hall.proofs.claims.claim_by_link(bo, code)
    with pytest.raises(Conflict):
        hall.proofs.claims.claim_by_contact(ada, ORG, contact.id)


def test_a_purchase_weakens_nothing_that_was_proved_better(hall: Hall) -> None:
    ada = hall.person()
    code, _ = hall.proofs.claims.mint(ORG, "order_id", "A1")
    hall.proofs.claims.claim_by_link(ada, code)
    hall.proofs.claims.claim_by_purchase(ada, (ORG, "order_id", "A1"), [1], now() + DAY)
    assert [(one.how, one.until) for one in hall.claims(ada)] == [(BY_LINK, None)]


def test_what_ends_others_purchases_leaves_ones_own(hall: Hall) -> None:
    ada, order = hall.person(), (ORG, "order_id", "A1")
    hall.proofs.claims.claim_by_purchase(ada, order, [1], now() + DAY)
    hall.proofs.claims.suspend_purchases(hall.proofs.people.person(ada).id, [order])
    assert hall.held(ada) == {order}
    hall.proofs.claims.suspend_purchases(0, [order])
    assert hall.held(ada) == set()


def test_what_the_desk_claims_again_is_told_once(hall: Hall) -> None:
    ada, bo = hall.person(), hall.person()
    hall.claim(ada, ADA)
    hall.claim(bo, ADA)
    hall.proofs.people.claim(ada, [f"{ORG}:email:{ADA}"])
    assert [one.suspended for one in hall.claims(ada)] == [""]


# -- two accounts


def test_two_accounts_are_joined_and_parted_exactly(hall: Hall) -> None:
    ada, old = hall.person(), hall.person("corner:user_id:7")
    hall.enrol(ada)
    hall.claim(ada, ADA)
    hall.claim(old, BO)
    before = [(hall.claims(one), hall.proofs.contacts.contacts(one)) for one in (ada, old)]
    (key,) = hall.accounts.passkeys(old) or [_enrolled(hall, old)]
    spent = (b"joining" * 6, 1 << 62)
    assert hall.proofs.joining.join(ada, key, Proved(0, synced=True), spent) == 2
    assert len(hall.held(ada)) == 3
    assert hall.held(old) == set()
    with pytest.raises(Unauthorized):
        hall.proofs.joining.join(ada, key, Proved(0, synced=True), spent)
    with pytest.raises(Conflict):
        hall.proofs.joining.join(old, key, Proved(0, synced=True), (b"another" * 6, 1 << 62))
    assert hall.proofs.joining.part(ada) == 2
    assert [(hall.claims(one), hall.proofs.contacts.contacts(one)) for one in (ada, old)] == before


def test_what_either_of_two_joined_accounts_stopped_stays_stopped(hall: Hall) -> None:
    ada, old = hall.proofs.people.add([]).handle, hall.proofs.people.add([f"{ORG}:user_id:ada"]).handle
    wishes = WishBook(hall.proofs.people)
    wishes.say(old, ORG, lambda says: answered(says, "stop_kind", "x", "offer"))
    wishes.say(ada, ORG, lambda says: answered(says, "stop_kind", "x", "ask"))
    hall.proofs.joining.join(ada, _enrolled(hall, old), Proved(0, synced=True), (b"joining" * 6, 1 << 62))
    assert wishes.said(ada, ORG).stopped_kinds == {"offer", "ask"}


def test_who_shows_an_address_ends_what_rests_on_it_in_each_of_two_joined_accounts(hall: Hall) -> None:
    ada, old, eve = hall.person(), hall.person(), hall.person()
    hall.claim(ada, ADA)
    hall.claim(old, ADA)
    hall.proofs.joining.join(ada, _enrolled(hall, old), Proved(0, synced=True), (b"joining" * 6, 1 << 62))
    assert [one.value for one in hall.proofs.contacts.contacts(ada)] == [ADA]
    assert hall.held(ada) | hall.held(old)
    hall.verify(eve, ADA)
    assert hall.held(ada) == hall.held(old) == set()


def test_what_was_proved_anew_since_two_accounts_were_joined_stays_where_they_are_parted(hall: Hall) -> None:
    ada, old = hall.person(), hall.person(f"{ORG}:user_id:7", f"{ORG}:user_id:8")
    hall.proofs.joining.join(ada, _enrolled(hall, old), Proved(0, synced=True), (b"joining" * 6, 1 << 62))
    code, _ = hall.proofs.claims.mint(ORG, "user_id", "7")
    hall.proofs.claims.claim_by_link(ada, code)
    assert hall.proofs.joining.part(ada) == 1
    assert hall.held(ada) == {(ORG, "user_id", "7")}
    assert hall.held(old) == {(ORG, "user_id", "8")}


def _enrolled(hall: Hall, person: str) -> Any:
    hall.enrol(person)
    return hall.accounts.passkeys(person)[0]
