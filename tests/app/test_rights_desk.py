"""Rights, as they are carried out or handed on: each with a receipt in the person's book, and measured."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded.rights import RightsBook
from rapport.app import rights
from rapport.app.embedded import open_ledger
from rapport.app.receipting import DirectReceipts
from rapport.app.rights_desk import RightsDesk, open_rights_desk
from rapport.kernel import verify
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import DAY
from rapport.terms import Gate
from rapport.terms.own import OwnLooks
from rapport.terms.rights import MAX_OPEN, MAX_WORDS, Asked, Case
from tests.profile.house import ORG, House, at, at_once, told


class Shop(House):
    """A house with one customer, and the desk where they use their rights."""

    def __init__(self) -> None:
        super().__init__()
        self.send(told(at("10:00"), type="identify", userId="ada", traits={"email": "ada@example.com"}))
        self.settle()
        self.person = self.people.add([f"{ORG}:user_id:ada"]).handle
        self.ledger = open_ledger(self.settings)
        self.desk: RightsDesk = open_rights_desk(self.settings)

    @property
    def gate(self) -> Gate:
        return Gate(self.reader, self.people, DirectReceipts(self.ledger), quiet_s=0)

    def use(self) -> str:
        receipt: str = self.view("user_id:ada")["receipt"]
        return receipt

    def own_book(self) -> dict[str, str]:
        """Receipt → what it says."""
        person = self.people.person(self.person).id
        return {one.id: one.reason for _, one in self.ledger.receipts_of(person) if not one.org}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as house:
        yield house


def test_an_objection_bites_at_once_and_is_on_record_with_its_time(shop: Shop) -> None:
    case = asyncio.run(shop.desk.object(shop.person, ORG, "service"))
    with pytest.raises(NotFound):
        shop.view("user_id:ada")
    assert (case.asked.right, case.status, case.asked.about) == ("objection", "done", "service")
    assert case.took is not None
    assert 0 < case.took < 60_000_000
    assert "you stopped use" in shop.own_book()[case.receipts[0]]
    assert "in force" in shop.own_book()[case.receipts[0]]


def test_a_restriction_stops_every_use(shop: Shop) -> None:
    case = asyncio.run(shop.desk.object(shop.person, ORG, "any"))
    assert case.asked.right == "restriction"
    with pytest.raises(NotFound):
        shop.view("user_id:ada")
    again = asyncio.run(shop.desk.object(shop.person, ORG, "any"))
    assert len(shop.desk.terms(shop.person).clauses) == 2  # being served, and the restriction
    assert [one.id for one in shop.desk.cases(shop.person)[0]] == [again.id, case.id]


def test_a_company_hears_of_a_review_and_of_no_objection(shop: Shop) -> None:
    asyncio.run(shop.desk.object(shop.person, ORG, "advertising"))
    case = asyncio.run(shop.desk.review(shop.person, shop.use(), " Why was I refused a loan? "))
    assert [one.id for one in shop.desk.book.waiting(ORG)] == [case.id]
    assert shop.desk.book.of_org(ORG)[0][0].asked.words == "Why was I refused a loan?"
    assert [one.right for one in shop.desk.book.times(ORG)] == ["review"]
    assert {one.right for one in shop.desk.book.times()} == {"objection", "review"}
    assert shop.desk.book.waiting("other") == []
    assert case.deadline == case.at + 30 * DAY


def test_a_review_is_asked_for_once_and_answered_once(shop: Shop) -> None:
    use = shop.use()
    case = asyncio.run(shop.desk.review(shop.person, use, "Why?"))
    assert asyncio.run(shop.desk.review(shop.person, use, "Why?")).id == case.id
    for org, name in (("other", case.id), (ORG, "rrq_nothing")):
        with pytest.raises(NotFound):
            asyncio.run(shop.desk.answer(org, name, "done", "We looked."))
    with pytest.raises(BadInput):
        asyncio.run(shop.desk.answer(ORG, case.id, "done", "  "))
    ended = asyncio.run(shop.desk.answer(ORG, case.id, "refused", "It was right."))
    assert (ended.status, ended.answer, len(ended.receipts)) == ("refused", "It was right.", 2)
    assert set(ended.receipts) <= shop.own_book().keys()
    with pytest.raises(Conflict):
        asyncio.run(shop.desk.answer(ORG, case.id, "done", "After all."))


def test_of_two_who_answer_at_once_the_book_tells_of_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    case = asyncio.run(shop.desk.review(shop.person, shop.use(), "Why?"))
    note = OwnLooks.note

    async def another_answers(looks: OwnLooks, *what: Any) -> str:
        monkeypatch.setattr(OwnLooks, "note", note)
        with pytest.raises(Conflict):
            await shop.desk.answer(ORG, case.id, "refused", "No.")
        return await note(looks, *what)

    monkeypatch.setattr(OwnLooks, "note", another_answers)
    ended = asyncio.run(shop.desk.answer(ORG, case.id, "done", "Yes."))
    assert (ended.status, ended.answer, len(ended.receipts)) == ("done", "Yes.", 2)
    told_of = [said for said in shop.own_book().values() if "did what you asked" in said or "said no" in said]
    assert len(told_of) == 1


def test_only_a_use_of_ones_own_can_be_looked_at(shop: Shop) -> None:
    another = shop.people.add([f"{ORG}:user_id:bo"]).handle
    for person, receipt in ((another, shop.use()), (shop.person, "rcp_made_up")):
        with pytest.raises(NotFound):
            asyncio.run(shop.desk.review(person, receipt, ""))
    asyncio.run(shop.desk.object(shop.person, ORG, "any"))
    with pytest.raises(NotFound):
        shop.view("user_id:ada")
    refusal = next(one for one in shop.ledger.receipts(ORG) if one.decision == "refused")
    with pytest.raises(BadInput):
        asyncio.run(shop.desk.review(shop.person, refusal.id, ""))
    assert shop.desk.book.waiting(ORG) == []


def test_a_request_can_be_taken_back_by_its_person_alone(shop: Shop) -> None:
    another = shop.people.add([f"{ORG}:user_id:bo"]).handle
    case = asyncio.run(shop.desk.review(shop.person, shop.use(), ""))
    with pytest.raises(NotFound):
        asyncio.run(shop.desk.withdraw(another, case.id))
    assert asyncio.run(shop.desk.withdraw(shop.person, case.id)).status == "withdrawn"
    assert shop.desk.book.waiting(ORG) == []
    with pytest.raises(Conflict):
        asyncio.run(shop.desk.answer(ORG, case.id, "done", "Too late."))


def test_nobody_can_pile_up_requests(shop: Shop) -> None:
    person = shop.people.person(shop.person).id
    for number in range(MAX_OPEN):
        shop.desk.book.put(person, Asked("review", ORG, f"rcp_{number}"), 1)
    with pytest.raises(Conflict):
        shop.desk.book.put(person, Asked("review", ORG, "rcp_one_more"), 1)
    with pytest.raises(BadInput):
        shop.desk.book.put(person, Asked("review", ORG, words="x" * (MAX_WORDS + 1)), 1)
    page, following = shop.desk.cases(shop.person)
    assert (len(page), len(shop.desk.cases(shop.person, following or 0)[0])) == (50, 50)


def test_of_an_erased_persons_requests_only_their_times_are_left(shop: Shop) -> None:
    asyncio.run(shop.desk.object(shop.person, ORG, "advertising"))
    open_one = asyncio.run(shop.desk.review(shop.person, shop.use(), "a secret of mine"))
    shop.worker.close()  # the command is the worker now
    shredded = rights.shred_person(shop.settings, shop.person)
    shop.restart()
    told_of = [one["receipt"] for one in shredded.proof["receipts"]]
    assert [one["action"] for one in told_of][-1] == "your erasure"
    assert f"everything that is yours at {ORG} was erased" in told_of[-1]["reason"]
    assert verify.verify(shredded.proof)["ok"]
    assert shop.desk.book.waiting(ORG) == []
    assert [one.right for one in shop.desk.book.times()] == ["erasure", "objection"]
    with pytest.raises(NotFound):
        shop.desk.book.case(open_one.id)
    assert shop.ledger.db.execute("SELECT count(*) FROM rights WHERE body != x''").fetchone() == (0,)


_STEPS = st.lists(st.tuples(st.sampled_from(["put", "done", "end"]), st.integers(0, 3)), max_size=12)


@given(_STEPS)
def test_every_request_ends_at_most_once_and_is_listed_once(steps: list[tuple[str, int]]) -> None:
    with House() as house:
        people = [house.people.person(house.people.add([f"{ORG}:user_id:u{n}"]).handle).id for n in range(2)]
        book = RightsBook(open_ledger(house.settings))
        kept: dict[str, Case] = {}
        for step, number in steps:
            asked = Asked("review", ORG, f"rcp_{number}")
            person = people[number % 2]
            if step == "put":
                case = book.put(person, asked, 1)
                kept[case.id] = case
            elif step == "done":
                case = book.put_done(person, asked, 1, ("rcp_x",))
                kept[case.id] = case
            else:
                for case in [case for case in kept.values() if case.person == person][:1]:
                    try:
                        kept[case.id] = book.end(case.id, "done", "yes", ())
                    except Conflict:
                        assert kept[case.id].status == "done"
        listed = [case for person in people for case in book.of_person(person)[0]]
        assert {case.id: case for case in listed} == kept
        assert len(listed) == len(kept)
        assert {case.id for case in book.waiting(ORG)} == {case.id for case in kept.values() if case.status == "open"}


def test_a_desk_answers_in_one_house(shop: Shop) -> None:
    assert at_once(shop.desk.object(shop.person, ORG, "offers")).status == "done"


def test_an_erasure_that_is_cut_short_at_its_end_is_on_record_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.worker.close()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("rapport.adapters.embedded.people.PeopleFile.forget_claims", killed)
        with pytest.raises(KeyboardInterrupt):
            rights.shred_person(shop.settings, shop.person)
    rights.shred_person(shop.settings, shop.person)
    shop.restart()
    assert [(one.right, one.ended) for one in shop.desk.book.times()] == [("erasure", 1)]
