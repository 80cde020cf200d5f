"""What people prove besides passkeys: addresses and recovery. Nobody holds by an old proof what somebody else
proved since, and nothing says who is known here."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from rapport.adapters.embedded.claims import ANOTHER, BY_DESK
from rapport.app.proving import Proofs
from rapport.kernel.errors import BadInput, Conflict, NotFound, RapportError, Unauthorized
from rapport.kernel.times import DAY, HOUR
from rapport.signin import codes
from tests.app.hall import ADA, BO, Hall, hall, later
from tests.profile.house import ORG

__all__ = ["hall", "later"]


# -- codes


def test_a_code_proves_an_address_once(hall: Hall) -> None:
    ada = hall.person()
    waiting = hall.proofs.contacts.start(ada, "email", ADA)
    assert hall.proofs.contacts.contacts(ada) == []
    assert waiting.code is not None
    assert len(waiting.code) == 8
    spaced = f" {codes.spaced(waiting.code)} "
    hall.proofs.contacts.verify(ada, waiting.handle, spaced, 0, None)
    assert [one.value for one in hall.proofs.contacts.contacts(ada)] == [ADA]
    with pytest.raises(Unauthorized):
        hall.proofs.contacts.verify(ada, waiting.handle, waiting.code, 0, None)


def test_a_code_can_be_tried_five_times(hall: Hall) -> None:
    ada = hall.person()
    waiting = hall.proofs.contacts.start(ada, "email", ADA)
    assert waiting.code is not None
    wrong = f"{(int(waiting.code) + 1) % 10**8:08}"
    for _ in range(codes.TRIES):
        with pytest.raises(Unauthorized):
            hall.proofs.contacts.verify(ada, waiting.handle, wrong, 0, None)
    with pytest.raises(Unauthorized):
        hall.proofs.contacts.verify(ada, waiting.handle, waiting.code, 0, None)


def test_a_code_counts_for_ten_minutes_its_own_use_and_its_own_person(hall: Hall, later: Callable[[int], None]) -> None:
    ada, bo = hall.person(), hall.person()
    waiting = hall.proofs.contacts.start(ada, "email", ADA)
    assert waiting.code is not None
    with pytest.raises(Unauthorized):
        hall.proofs.contacts.verify(bo, waiting.handle, waiting.code, 0, None)
    with pytest.raises(Unauthorized):
        hall.proofs.recovering.begin(waiting.handle, waiting.code, "")
    later(codes.CODE_LIFE)
    with pytest.raises(Unauthorized):
        hall.proofs.contacts.verify(ada, waiting.handle, waiting.code, 0, None)


def _winners(hall: Hall, use: Callable[[Proofs], object]) -> int:
    opened = [hall.opened() for _ in range(4)]

    def tried(number: int) -> bool:
        try:
            use(opened[number])
        except Unauthorized:
            return False
        return True

    def some(which: int) -> int:
        return sum(tried(which) for _ in range(13))

    with ThreadPoolExecutor(4) as crowd:
        return sum(crowd.map(some, range(4)))


def test_of_fifty_who_bring_one_link_at_once_one_wins(hall: Hall) -> None:
    people = [hall.person() for _ in range(4)]
    code, _ = hall.proofs.claims.mint(ORG, "user_id", "42")
    assert _winners(hall, lambda proofs: proofs.claims.claim_by_link(people[0], code)) == 1


def test_of_fifty_who_bring_one_code_at_once_one_wins(hall: Hall) -> None:
    ada = hall.person()
    hall.verify(ada, ADA)
    paper = hall.proofs.contacts.new_recovery_codes(ada)
    waiting = hall.proofs.contacts.start_recovery("email", ADA)
    code = waiting.code or ""
    papers = iter(paper * 10)
    assert _winners(hall, lambda proofs: proofs.recovering.begin(waiting.handle, code, next(papers))) == 1


def test_an_unknown_address_is_answered_like_a_known_one(hall: Hall) -> None:
    ada = hall.person()
    hall.verify(ada, ADA)
    (paper, *_) = hall.proofs.contacts.new_recovery_codes(ada)
    said = set()
    for address in (ADA, BO):
        waiting = hall.proofs.contacts.start_recovery("email", address)
        for code in ("00000000", "", "x" * 1000):
            with pytest.raises(Unauthorized) as refused:
                hall.proofs.recovering.begin(waiting.handle, code, paper)
            said.add((refused.value.message, refused.value.code, waiting.handle[:4], len(waiting.handle)))
    assert len(said) == 1
    assert hall.proofs.contacts.recovery_codes(ada) == codes.RECOVERY_CODES


def test_the_support_desk_tells_another_code_in_place_of_the_one_that_was_asked_for(hall: Hall) -> None:
    ada = hall.person()
    with pytest.raises(NotFound):
        hall.proofs.contacts.again("email", ADA)
    waiting = hall.proofs.contacts.start(ada, "email", ADA)
    code = hall.proofs.contacts.again("email", ADA)
    if code != waiting.code:
        with pytest.raises(Unauthorized):
            hall.proofs.contacts.verify(ada, waiting.handle, waiting.code or "", 0, None)
    hall.proofs.contacts.verify(ada, waiting.handle, code, 0, None)
    hall.proofs.contacts.start_recovery("email", BO)
    with pytest.raises(NotFound):  # an address of nobody's: there is no code to tell
        hall.proofs.contacts.again("email", BO)


def test_there_may_be_only_so_many_addresses_and_each_is_shown_again_all_the_same(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rapport.adapters.embedded.contacts.MOST_CONTACTS", 2)
    ada = hall.person()
    _, bos = hall.verify(ada, ADA), hall.verify(ada, BO)
    waiting = hall.proofs.contacts.start(ada, "email", "one@example.com")
    with pytest.raises(Conflict):
        hall.proofs.contacts.verify(ada, waiting.handle, waiting.code or "", 0, None)
    hall.verify(ada, ADA)
    hall.proofs.contacts.let_go(ada, bos.id)
    hall.verify(ada, "one@example.com")


@pytest.mark.parametrize(
    "address",
    ["", "x", "a@b@c", "a@b\r\nBcc: e@example.com", "a" * 400 + "@b.c", "ä@example.com", "a..b@x.y", "@", "\0@b"],
)
def test_what_no_code_can_be_sent_to_is_refused(address: str) -> None:
    with pytest.raises(BadInput):
        codes.contact("email", address)


def test_a_stolen_ledger_holds_no_code_and_no_address(hall: Hall) -> None:
    ada = hall.person()
    hall.claim(ada, ADA)
    papers = hall.proofs.contacts.new_recovery_codes(ada)
    link, _ = hall.proofs.claims.mint(ORG, "user_id", "number-forty-two")
    secret = hall.begin(ada, ADA)
    waiting = hall.proofs.contacts.start(ada, "email", BO)
    files = b"".join(path.read_bytes() for path in hall.directory.glob("ledger.db*"))
    for hidden in (ADA, BO, *papers, link, secret, waiting.code or "", "number-forty-two"):
        assert hidden.encode() not in files
    for paper in papers:
        assert codes.plain_letters(paper).encode() not in files


# -- the five ways to sit in somebody's account before them (Sudhodanan and Paverd, 2022), by passkeys


def test_classic_federated_merge_an_address_that_somebody_merely_typed_joins_nothing(hall: Hall) -> None:
    thief, ada = hall.person(), hall.person()
    pending = hall.proofs.contacts.start(thief, "email", ADA)
    hall.claim(ada, ADA)
    assert hall.held(thief) == set()
    assert hall.held(ada) == {(ORG, "email", ADA)}
    with pytest.raises(Unauthorized):  # the code that was on its way is void, should anybody read it to the thief
        hall.proofs.contacts.verify(thief, pending.handle, pending.code or "", 0, None)


def test_unexpired_session_what_was_open_before_the_first_proof_is_closed(hall: Hall) -> None:
    ada = hall.person()
    theirs, _, _ = hall.enrol(ada)
    mine, session, passkey = hall.enrol(ada)
    hall.accounts.invite(ada)
    hall.proofs.contacts.new_recovery_codes(ada)
    hall.verify(ada, ADA, session, passkey)
    assert hall.accounts.session(theirs) is None
    assert hall.accounts.session(mine) is not None
    assert [one.id for one in hall.accounts.passkeys(ada)] == [passkey]
    assert hall.proofs.contacts.recovery_codes(ada) == 0
    # Whoever adds a second one loses nothing.
    third, _, _ = hall.enrol(ada)
    hall.verify(ada, BO, session, passkey)
    assert hall.accounts.session(third) is not None


def test_trojan_identifier_what_somebody_added_is_no_way_back_in_after_a_recovery(hall: Hall) -> None:
    ada = hall.person()
    hall.verify(ada, ADA)
    hall.claim(ada, BO)  # somebody at her unlocked device added their own
    token, _, _ = hall.enrol(ada)
    hall.finish(hall.begin(ada, ADA))
    assert hall.accounts.session(token) is None
    assert [one.value for one in hall.proofs.contacts.contacts(ada)] == [ADA]
    assert hall.held(ada) == set()
    assert hall.proofs.contacts.start_recovery("email", BO).code is None


def test_unexpired_email_change_codes_that_were_on_their_way_before_are_void(hall: Hall) -> None:
    ada = hall.person()
    session = hall.enrol(ada)[1:]
    trojan = hall.proofs.contacts.start(ada, "email", BO)
    hall.verify(ada, ADA, *session)
    with pytest.raises(Unauthorized):
        hall.proofs.contacts.verify(ada, trojan.handle, trojan.code or "", *session)
    begun, invited = hall.begin(ada, ADA), hall.accounts.invite(ada)
    hall.verify(ada, ADA, *session)
    with pytest.raises(Unauthorized):  # as is a recovery that was begun before
        hall.finish(begun)
    assert hall.accounts.invited(invited) is None


def test_non_verifying_provider_nobodys_mere_word_outlasts_a_proof(hall: Hall) -> None:
    thief, ada = hall.person(f"{ORG}:email:{ADA}"), hall.person()
    assert hall.claims(thief)[0].how == BY_DESK
    hall.claim(ada, ADA)
    assert hall.held(thief) == set()
    assert [one.suspended for one in hall.claims(thief)] == [ANOTHER]
    assert len(hall.proofs.claims.news(thief)) == 1


# -- recovery


def test_recovery_takes_both_factors_and_revokes_all_that_was(hall: Hall) -> None:
    ada = hall.person()
    token, session, passkey = hall.enrol(ada)
    hall.verify(ada, ADA, session, passkey)
    papers = hall.proofs.contacts.new_recovery_codes(ada)
    waiting = hall.proofs.contacts.start_recovery("email", ADA)
    code = waiting.code or ""
    for wrong in ("", "AAAA-AAAA-AAAA-AAAA", code):
        with pytest.raises(Unauthorized):
            hall.proofs.recovering.begin(waiting.handle, code, wrong)
    secret, _, told = hall.proofs.recovering.begin(waiting.handle, code, papers[0].lower().replace("-", " "))
    assert told == [ADA]
    assert hall.proofs.contacts.recovery_codes(ada) == codes.RECOVERY_CODES - 1
    fresh = hall.finish(secret)
    assert hall.accounts.session(token) is None
    assert hall.accounts.session(fresh) is not None
    (key,) = hall.accounts.passkeys(ada)
    assert key.id != passkey
    assert hall.proofs.contacts.recovery_codes(ada) == 0
    with pytest.raises(Unauthorized):
        hall.finish(secret)


def test_a_recovery_ends_with_the_address_that_it_rests_on(hall: Hall) -> None:
    ada = hall.person()
    session = hall.enrol(ada)[1:]
    hall.verify(ada, ADA, *session)
    hall.verify(ada, BO, *session)
    begun, waiting = hall.begin(ada, ADA), hall.proofs.contacts.start_recovery("email", ADA)
    gone = next(one for one in hall.proofs.contacts.contacts(ada) if one.value == ADA)
    hall.proofs.contacts.let_go(ada, gone.id)
    with pytest.raises(Unauthorized):
        hall.finish(begun)
    paper = hall.proofs.contacts.new_recovery_codes(ada)[0]
    with pytest.raises(Unauthorized):  # as does a code that was on its way to it
        hall.proofs.recovering.begin(waiting.handle, waiting.code or "", paper)
    hall.finish(hall.begin(ada, BO))


def test_another_persons_recovery_code_recovers_nothing(hall: Hall) -> None:
    ada, bo = hall.person(), hall.person()
    hall.verify(ada, ADA)
    hall.verify(bo, BO)
    (paper, *_) = hall.proofs.contacts.new_recovery_codes(bo)
    waiting = hall.proofs.contacts.start_recovery("email", ADA)
    with pytest.raises(Unauthorized):
        hall.proofs.recovering.begin(waiting.handle, waiting.code or "", paper)
    assert hall.proofs.contacts.recovery_codes(bo) == codes.RECOVERY_CODES


def test_a_recovery_waits_can_be_stopped_and_ends(later: Callable[[int], None]) -> None:
    with Hall(recovery_hours=24) as hall:
        ada = hall.person()
        hall.verify(ada, ADA)
        secret = hall.begin(ada, ADA)
        with pytest.raises(Unauthorized):
            hall.finish(secret)
        assert hall.proofs.recovering.cancel(ada) == [ADA]
        with pytest.raises(NotFound):
            hall.proofs.recovering.cancel(ada)
        later(24 * HOUR)
        with pytest.raises(Unauthorized):
            hall.finish(secret)
        late = hall.begin(ada, ADA)
        later(40 * DAY)
        with pytest.raises(Unauthorized):
            hall.finish(late)


def test_nothing_of_an_erased_person_is_left(hall: Hall) -> None:
    ada = hall.person()
    hall.claim(ada, ADA)
    hall.begin(ada, ADA)
    hall.proofs.contacts.start(ada, "email", BO)
    hall.proofs.people.set_status(ada, "erasing")
    hall.proofs.people.forget_claims(ada)
    db = hall.proofs.people.db
    for table in ("contact", "sent_code", "recovery_code", "recovery", "proved_claim", "account_news", "joined"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    with pytest.raises(RapportError):
        hall.proofs.contacts.start(ada, "email", ADA)
