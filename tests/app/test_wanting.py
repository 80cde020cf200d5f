"""Goals in decisions: only those that a person let this very company know, only as far as their terms let it know what
they like, and as if they had never been said from the moment they are taken back."""

from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.goals import GoalFile
from rapport.adapters.embedded.goals_told import GoalsTold
from rapport.app import making
from rapport.app.portal_inbox import PortalInbox
from rapport.app.recomputing import recomputed
from rapport.decide.actions import Action
from rapport.decide.decision import Decision, Moment
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now
from rapport.terms import Declaration, Promise, choosing
from rapport.terms.goals import Goal
from rapport.terms.presets import BALANCED, OPEN
from rapport.web.decisions import DecisionWish
from rapport.web.portal.told import Session
from tests.app.desk import Desk, house
from tests.profile.house import ORG, at_once, told

__all__ = ["house"]

TIP = Action(
    ORG, "tip", "inform", "service", {"web": {"en": {"text": "Wash cold."}}}, value=1.0, goals=("spend", "oak")
)
PLAIN = Action(ORG, "plain", "inform", "service", {"web": {"en": {"text": "Hello."}}}, value=1.0)
IN_INBOX = {"inbox": {"en": {"text": "Wash cold."}}}
SPEND = Goal("Spend less", "spend", (ORG,), "50", "GBP")
OAK = Goal("Keep my oak table")


@pytest.fixture
def desk(house):
    desk = Desk(house, TIP, PLAIN)
    yield desk
    desk.close()


class Ada:
    """The person behind the customer, and what they say."""

    def __init__(self, desk, claims=(f"{ORG}:user_id:ada",), terms=OPEN):
        self.people = desk.house.people
        self.handle = self.people.add(claims).handle
        self.people.set_terms(self.handle, terms)
        self.file = GoalFile(self.people.ledger)
        self.told = GoalsTold(self.people)

    def says(self, goal, *orgs):
        handle = self.file.say(self.handle, goal).handle
        for org in orgs:
            self.told.tell(self.handle, handle, org, told=True)
        return handle


class Watched:
    """What trials of one decision rest on: the same id for each, so that nothing else makes a difference."""

    def __init__(self, desk, monkeypatch):
        self.desk, self.moments = desk, []
        decide = making.decide

        def watching(_name, *given):
            self.moments.append(given[-1])
            return decide("dec_same", *given)

        monkeypatch.setattr(making, "decide", watching)

    def trial(self, customer="user_id:ada"):
        """What it was made of, what the receipt says was looked at, and what came of it, without the time."""
        made = at_once(self.desk.decisions.trial(ORG, DecisionWish(customer, "service", "web"), "test"))
        moment = self.moments[-1]
        still = msgspec.structs.replace(moment, context=msgspec.structs.replace(moment.context, at=0))
        (person,) = self.desk.ledger.db.execute(
            "SELECT person FROM receipt WHERE id = ?", (made.head["receipt"],)
        ).fetchone()
        receipt = self.desk.ledger.receipts_of(person, 1 << 62, 1)[0][1] if person else None
        looked_at = () if receipt is None else (receipt.fields, receipt.categories)
        return Rested(still, looked_at, msgspec.structs.replace(made.decision, at=0, closes=0), made.moved)


class Rested(NamedTuple):
    moment: Moment
    looked_at: tuple[tuple[str, ...], ...]
    decision: Decision
    moved: object


@pytest.fixture
def watched(desk, monkeypatch):
    return Watched(desk, monkeypatch)


def wanted(watched, customer="user_id:ada"):
    rested = watched.trial(customer)
    assert any("goals" in fields for fields in rested.looked_at[:1]) == bool(rested.moment.context.goals)
    return {one.words for one in rested.moment.wants}


def test_a_goal_is_known_to_the_company_that_was_told_it_and_stands_on_the_receipt(desk, watched):
    ada = Ada(desk)
    ada.says(OAK, ORG)
    moment, (fields, categories), decision, _ = watched.trial()
    assert moment.context.goals == {"oak": 0.0}
    assert "goals" in fields
    assert "preference" in categories
    tip = decision.case.actions.index("tip")
    assert decision.worths[tip].customer > decision.worths[1 - tip].customer
    assert any(name.startswith("goals.oak") for name, _ in decision.features)


def test_the_answer_says_which_goal_it_serves_in_their_words(desk):
    Ada(desk).says(OAK, ORG)
    answers = [desk.decide() for _ in range(40)]
    serving = next(one for one in answers if one["action"] == "tip")
    assert serving["serves"] == ["Keep my oak table"]
    assert "“Keep my oak table”" in serving["why"]
    assert all(one["serves"] == [] for one in answers if one["action"] != "tip")


goals = st.builds(
    lambda goal, ends, elsewhere: (goal, ends, elsewhere),
    st.sampled_from([SPEND, OAK, Goal("Oak and iron", "visit", (ORG,), times=3), Goal("Spend nothing")]),
    st.sampled_from(["", "paused", "finished", "taken back", "forgotten"]),
    st.booleans(),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(goals, min_size=1, max_size=4))
def test_any_goal_that_was_not_let_through_changes_nothing_of_a_decision(house, some):
    with pytest.MonkeyPatch.context() as patch:
        desk = Desk(house, TIP, PLAIN)
        try:
            _none_changes_anything(desk, Watched(desk, patch), some)
        finally:
            desk.close()


def _none_changes_anything(desk, watched, some):
    if not desk.ledger.has_org("corner"):
        desk.ledger.add_org("corner")
    house_people = desk.house.people
    ada = Ada(desk, (f"{ORG}:user_id:ada", "corner:user_id:a"))
    try:
        before = watched.trial()
        for goal, ends, elsewhere in some:
            said = ada.says(goal, *(("corner",) if elsewhere else ()))
            if ends:
                ada.told.tell(ada.handle, said, ORG, told=True)
            if ends == "paused":
                ada.file.pause(ada.handle, said, paused=True)
            elif ends == "finished":
                ada.file.finish(ada.handle, said, finished=True)
            elif ends == "taken back":
                ada.told.tell(ada.handle, said, ORG, told=False)
            elif ends == "forgotten":
                ada.file.drop(ada.handle, said)
        assert watched.trial() == before
    finally:
        house_people.set_status(ada.handle, "erasing")
        house_people.forget_claims(ada.handle)


def test_what_their_terms_keep_back_is_absent_however_often_it_was_told(desk, watched):
    ada = Ada(desk, terms=BALANCED)
    ada.says(OAK, ORG)
    hidden = choosing.hiding(ada.people.person(ada.handle).terms, ORG, "preference")
    desk.house.declare(
        Declaration(
            name="Shop", purposes={"service": Promise("legitimate_interest", ("name", "preference", "account"))}
        )
    )
    assert wanted(watched) == {"Keep my oak table"}
    ada.people.set_terms(ada.handle, hidden)
    assert wanted(watched) == set()


def test_it_is_nobodys_goal_where_two_persons_claim_one_customer(desk, watched):
    ada = Ada(desk)
    ada.says(OAK, ORG)
    assert wanted(watched) == {"Keep my oak table"}
    Ada(desk)
    assert wanted(watched) == set()


def test_a_guess_opens_no_goal(desk, watched):
    """A stranger's browser typed her address: that record is hers by a guess alone."""
    desk.house.send(told(type="identify", anonymousId="b", messageId="9", traits={"email": "ada@example.com"}))
    desk.house.settle()
    ada = Ada(desk, (f"{ORG}:email:ada@example.com",))
    ada.says(OAK, ORG)
    assert wanted(watched, "email:ada@example.com") == set()


def test_a_mailbox_of_two_customers_opens_no_goal_and_ones_own_does(desk, watched):
    mail = {"email": "ada@example.com"}
    desk.house.send(told(type="identify", userId="ada", messageId="9", traits=mail), source="crm")
    desk.house.settle()
    ada = Ada(desk, (f"{ORG}:email:ada@example.com",))
    ada.says(OAK, ORG)
    assert wanted(watched) == {"Keep my oak table"}
    desk.house.send(told(type="identify", userId="bo", messageId="10", traits=mail), source="crm")
    desk.house.settle()
    assert wanted(watched) == wanted(watched, "user_id:bo") == set()


def test_how_far_they_are_is_told_by_what_happened_at_this_company_alone_and_may_be_seen(desk, watched):
    desk.ledger.add_org("corner")
    ada = Ada(desk, (f"{ORG}:user_id:ada", "corner:user_id:a"))
    both = msgspec.structs.replace(SPEND, orgs=(ORG, "corner"))
    paid = {"total": 20, "currency": "GBP"}
    event = told(now(), type="track", userId="ada", messageId="p", event="Order Completed", properties=paid)
    desk.house.send(event, received_at=now())
    desk.house.settle()
    here = ada.says(SPEND, ORG)
    assert [one.progress for one in watched.trial().moment.wants] == [0.4]
    hidden = choosing.hiding(OPEN, ORG, "purchases")
    ada.people.set_terms(ada.handle, hidden)
    assert [one.progress for one in watched.trial().moment.wants] == [0.0]
    ada.people.set_terms(ada.handle, OPEN)
    ada.file.drop(ada.handle, here)
    ada.says(both, ORG)
    assert [one.progress for one in watched.trial().moment.wants] == [0.0]


def test_a_goal_taken_back_while_a_decision_is_made_is_not_in_it(desk):
    ada = Ada(desk)
    goal, commit, once = ada.says(OAK, ORG), desk.gate._book.commit, []

    async def meanwhile(pending):
        if not once:
            once.append(ada.told.tell(ada.handle, goal, ORG, told=False))
        await commit(pending)

    desk.gate._book.commit = meanwhile
    desk.decide()
    (kept,) = desk.book.page(ORG, 1 << 62, 10)
    assert (kept.content.goals, [name for name, _ in kept.content.features if name.startswith("goals")]) == ((), [])


def test_nobody_tells_another_s_goal(desk):
    ada, other = Ada(desk), Ada(desk, ())
    goal = ada.says(OAK)
    with pytest.raises(NotFound):
        other.told.tell(other.handle, goal, ORG, told=True)
    assert ada.told.of(ada.handle) == {}


def test_what_was_told_goes_with_its_goal_and_with_its_person(desk):
    ada = Ada(desk)
    goal = ada.says(OAK, ORG)
    ada.says(SPEND, ORG)
    ada.file.drop(ada.handle, goal)
    assert desk.ledger.db.execute("SELECT count(*) FROM goal_told").fetchone() == (1,)
    ada.people.set_status(ada.handle, "erasing")
    ada.people.forget_claims(ada.handle)
    assert desk.ledger.db.execute("SELECT count(*) FROM goal_told").fetchone() == (0,)


def test_the_log_keeps_no_words_of_a_goal_and_shows_them_to_whoever_has_it_only_as_long_as_it_is_there(desk):
    ActionBook(desk.ledger).put(msgspec.structs.replace(TIP, kind="notice", content=IN_INBOX), "eve")
    ada = Ada(desk)
    goal = ada.says(OAK, ORG)
    answer = desk.decide(channel="inbox", deliver=True)
    assert answer["serves"] == ["Keep my oak table"]
    kept = desk.kept(answer).content
    assert b"oak table" not in msgspec.msgpack.encode(kept)
    assert kept.goals == (goal,)
    assert recomputed(desk.ledger, ORG, answer["decision"]).agreement == (True, True, True)
    inbox = PortalInbox(desk.ledger, ada.people, str)

    def shown():
        (one,) = at_once(inbox.inbox(Session(ada.handle), None)).messages
        return one.serves

    assert shown() == ("Keep my oak table",)
    ada.told.tell(ada.handle, goal, ORG, told=False)
    assert shown() == ("Keep my oak table",)
    ada.file.drop(ada.handle, goal)
    assert shown() == ()
    assert recomputed(desk.ledger, ORG, answer["decision"]).agreement == (True, True, True)
