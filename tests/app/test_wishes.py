"""What people say to whoever decides about them bites at once, goes with them, and is told to no organization."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded.wishes import EVERYWHERE, WishBook
from rapport.decide.kinds import KINDS
from rapport.decide.person import ANSWERS, NOTHING, Says, answered, joined
from rapport.kernel.errors import BadInput, NotFound
from rapport.terms.presets import OPEN
from tests.app.desk import HELP, Desk, desk, house
from tests.profile.house import ORG

__all__ = ["desk", "house"]


@pytest.fixture
def ada(desk):
    """The person behind the customer, who lets everything through."""
    person = desk.house.people.add([f"{ORG}:user_id:ada"])
    desk.house.people.set_terms(person.handle, OPEN)
    return person.handle


@pytest.fixture
def book(desk):
    return WishBook(desk.house.people)


def rules(answer, action="help"):
    return {one["rule"] for one in answer["excluded"] if one["action"] == action}


@pytest.mark.parametrize("org", [ORG, EVERYWHERE])
def test_stop_bites_on_the_next_decision_and_can_be_taken_back(desk, ada, book, org):
    assert not rules(desk.decide())
    book.say(ada, org, lambda says: answered(says, "stop", "help", "help"))
    assert rules(desk.decide()) == {"stopped_action"}
    book.say(ada, org, lambda says: answered(says, "resume", "help", "help"))
    assert not rules(desk.decide())


def test_stop_that_comes_while_a_decision_is_made_is_heard(desk, ada, book):
    gate, said = desk.gate, []
    commit = gate._book.commit

    async def meanwhile(pending):
        if not said:
            said.append(book.say(ada, ORG, lambda says: answered(says, "stop_kind", "help", "help")))
        await commit(pending)

    gate._book.commit = meanwhile
    answer = desk.decide()
    assert (answer["action"], rules(answer)) == ("silence", {"stopped_kind"})
    assert [one.content.action for one in desk.book.page(ORG, 1 << 62, 10)] == ["silence"]


def test_what_is_said_to_another_company_is_not_heard_here(desk, ada, book):
    desk.ledger.add_org("other")
    book.say(ada, "other", lambda says: msgspec.structs.replace(says, alone=True))
    assert not rules(desk.decide())


def test_who_wants_to_be_left_alone_is(desk, ada, book):
    book.say(ada, EVERYWHERE, lambda says: msgspec.structs.replace(says, alone=True))
    assert rules(desk.decide()) == {"left_alone"}


def test_what_their_time_is_worth_is_theirs_to_say(desk, ada, book):
    before = desk.kept(desk.decide()).content.worths[0].customer
    book.say(ada, ORG, lambda says: msgspec.structs.replace(says, minute=10.0))
    assert desk.kept(desk.decide()).content.worths[0].customer > before + 40


def test_who_declines_is_never_held_out(house):
    desk = Desk(house, HELP)
    person = house.people.add([f"{ORG}:user_id:ada"])
    house.people.set_terms(person.handle, OPEN)
    WishBook(house.people).say(person.handle, ORG, lambda says: msgspec.structs.replace(says, declines=True))
    case = desk.kept(desk.decide()).content.case
    assert (case.holdout, case.held_out) == (0.0, False)


def test_nothing_is_left_of_an_erased_persons(desk, ada, book):
    book.say(ada, ORG, lambda says: msgspec.structs.replace(says, alone=True))
    desk.house.people.set_status(ada, "erasing")
    desk.house.people.forget_claims(ada)
    assert desk.ledger.db.execute("SELECT count(*) FROM wish").fetchone() == (0,)
    assert book.said(ada, ORG) == NOTHING


def test_bad_wishes_are_refused_by_name(ada, book):
    for field, wrong in {"quiet": "late", "zone": "Mars/Base", "minute": -1.0}.items():
        with pytest.raises(BadInput) as caught:
            book.say(ada, ORG, lambda says, field=field, wrong=wrong: msgspec.structs.replace(says, **{field: wrong}))
        assert caught.value.field == field
    with pytest.raises(NotFound):
        book.say(ada, "nowhere", lambda says: says)
    assert book.said(ada, ORG) == NOTHING


answers = st.lists(st.tuples(st.sampled_from(ANSWERS), st.sampled_from("abc"), st.sampled_from(sorted(KINDS))))


def said(given_answers) -> Says:
    says = NOTHING
    for answer, action, kind in given_answers:
        says = answered(says, answer, action, kind)
    return says


@given(answers, answers)
def test_two_persons_behind_one_customer_are_heard_both_and_the_stricter_counts(one, other):
    first, second = said(one), said(other)
    both = joined([first, second])
    assert both == joined([second, first])
    assert both.stopped_actions >= first.stopped_actions | second.stopped_actions
    assert both.stopped_kinds >= first.stopped_kinds | second.stopped_kinds
    for says in (first, second):
        assert all(both.leanings[kind] <= lean for kind, lean in says.leanings.items())
