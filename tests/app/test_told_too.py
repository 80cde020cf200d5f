"""Each of several persons who claim one customer is told of what is done with it; nobody of anybody else."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.claims import Claims
from rapport.adapters.embedded.inbox_news import InboxNews
from rapport.adapters.embedded.own_decisions import OwnDecisions
from rapport.app.bundling import Bundler
from rapport.decide.actions import Action
from rapport.kernel import verify
from rapport.kernel.errors import NotFound
from rapport.terms.own import own_parts
from tests.app.desk import Desk, house
from tests.profile.house import ORG, House, at, told

__all__ = ["house"]
MAIL = "email:fam@example.com"
RECALL = Action(
    ORG,
    "recall",
    "notice",
    "service",
    {"inbox": {"en": {"text": "Do not use the kettle."}}, "web": {"en": {"text": "Do not use the kettle."}}},
)
WRITES = {"type": "identify", "traits": {"email": "fam@example.com"}}


@pytest.fixture
def shop(house: House) -> Iterator[Desk]:
    """Of ada the shop's own system knows a mailbox."""
    house.send(told(at("11:00"), userId="ada", messageId="3", **WRITES), source="crm")
    desk = Desk(house.settle(), RECALL)
    yield desk
    desk.close()


def person(shop: Desk, *claims: str) -> tuple[int, str]:
    one = shop.house.people.add([f"{ORG}:{claim}" for claim in claims])
    return one.id, one.handle


def receipts(shop: Desk, who: int) -> list[str]:
    return [one.id for _, one in shop.ledger.receipts_of(who)]


def test_all_of_them_see_the_same_uses_and_decisions(shop: Desk) -> None:
    ada, bo = person(shop, "user_id:ada"), person(shop, MAIL)
    answers = [shop.decide(channel="inbox", deliver=True), shop.decide(channel="inbox"), shop.decide()]
    for who, handle in (ada, bo):
        assert receipts(shop, who) == [one["receipt"] for one in answers][::-1]
        assert {one.id for one in OwnDecisions(shop.ledger).by_receipt(who, receipts(shop, who)).values()} == {
            one["decision"] for one in answers
        }
        assert [one.id for one in OwnDecisions(shop.ledger).inbox(who, 1 << 62, 9)] == [answers[0]["decision"]]
        assert OwnDecisions(shop.ledger).told(who, answers[0]["decision"]).id == answers[0]["decision"]
        assert InboxNews(shop.ledger).of(handle).many == 1
        bundle = Bundler(shop.ledger, shop.house.people, shop.house.reader).bundle(handle)
        assert len(bundle["receipts"]) == len(answers)
        assert verify.verify(bundle)


def test_each_has_their_own_mark_of_what_they_have_seen(shop: Desk) -> None:
    ada, bo = person(shop, "user_id:ada"), person(shop, MAIL)
    shop.decide(channel="inbox", deliver=True)
    OwnDecisions(shop.ledger).see(ada[0], 0, 1 << 62)
    news = InboxNews(shop.ledger)
    assert (news.unseen(ada[1]), news.unseen(bo[1])) == (0, 1)
    OwnDecisions(shop.ledger).see(bo[0], 0, 1 << 62)
    assert news.unseen(bo[1]) == 0


def test_whoever_gave_their_claim_back_is_told_of_nothing_after_and_the_others_are(shop: Desk) -> None:
    ada, bo = person(shop, "user_id:ada"), person(shop, MAIL)
    before = shop.decide()["receipt"]
    claims = Claims(shop.house.people)
    claims.unclaim(bo[1], claims.claims(bo[1])[0].id)
    after = shop.decide()
    assert receipts(shop, bo[0]) == [before]
    assert receipts(shop, ada[0]) == [after["receipt"], before]
    with pytest.raises(NotFound):
        OwnDecisions(shop.ledger).told(bo[0], after["decision"])
    claims.unclaim(ada[1], claims.claims(ada[1])[0].id)
    shop.decide()
    assert receipts(shop, ada[0]) == [after["receipt"], before]


def test_nobody_is_told_of_another_by_a_guess(shop: Desk) -> None:
    """What somebody typed, or what is on two customers, shows nobody anything."""
    ada, typed = person(shop, "user_id:ada"), person(shop, "email:typed@example.com")
    shop.house.send(
        told(at("12:00"), type="identify", userId="ada", messageId="4", traits={"email": "typed@example.com"})
    )
    shop.house.settle()
    bo = person(shop, MAIL)
    shop.decide()
    assert [len(receipts(shop, who)) for who, _ in (ada, typed, bo)] == [1, 0, 1]
    shop.house.send(told(at("13:00"), userId="bo", messageId="5", **WRITES), source="crm")
    shop.house.settle()
    shop.decide()
    assert [len(receipts(shop, who)) for who, _ in (ada, typed, bo)] == [2, 0, 1]
    shop.decide("user_id:bo")
    assert [len(receipts(shop, who)) for who, _ in (ada, typed)] == [2, 0]


CLAIMS = st.sampled_from(("user_id:ada", "user_id:bo", MAIL, "email:typed@example.com"))
MAILS = st.sampled_from(("fam@example.com", "typed@example.com", "own@example.com"))


@example(  # what one system wrote of ada is what another knows of bo
    [{"user_id:ada", "user_id:bo"}, {"email:typed@example.com", "user_id:ada"}],
    [("ada", "web", "typed@example.com"), ("bo", "crm", "typed@example.com")],
)
@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.sets(CLAIMS, min_size=1, max_size=2), min_size=2, max_size=3),
    st.lists(st.tuples(st.sampled_from(("ada", "bo")), st.sampled_from(("crm", "web")), MAILS), min_size=2, max_size=4),
)
def test_whoever_is_told_of_a_use_may_see_what_it_is_of(
    claims: list[set[str]], said: list[tuple[str, str, str]]
) -> None:
    with House() as house:
        for number, (user, source, mail) in enumerate(said):
            more = {"messageId": f"{number}", "traits": {"email": mail}}
            house.send(told(at("10:00"), type="identify", userId=user, **more), source=source)
        desk = Desk(house.settle(), RECALL)
        persons = [person(desk, *sorted(some)) for some in claims]
        for user in {user for user, _, _ in said}:
            desk.decide(f"user_id:{user}")
        for who, handle in persons:
            mine = house.people.person(handle).claims_at(ORG)
            with house.reader.snapshot():
                own = {part.number for part in own_parts(house.reader, ORG, mine)[0]}
            first = {one for (one,) in desk.ledger.db.execute("SELECT id FROM receipt WHERE person = ?", (who,))}
            for _, one in desk.ledger.receipts_of(who):
                assert one.id in first or not own.isdisjoint(one.records)
        desk.close()
