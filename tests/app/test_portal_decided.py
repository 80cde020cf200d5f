"""What was decided with a look, as the person is told it: what came, what to say stop to, and why it was silence."""

import msgspec
import pytest

from rapport.adapters.embedded.own_decisions import OwnDecisions
from rapport.adapters.embedded.wishes import EVERYWHERE, WishBook
from rapport.app.portal_decided import decided
from rapport.decide.person import answered
from rapport.terms.presets import OPEN
from tests.app.desk import Desk, desk, house
from tests.profile.house import ORG

__all__ = ["desk", "house"]


@pytest.fixture
def ada(desk):
    """The person behind the customer."""
    person = desk.house.people.add([f"{ORG}:user_id:ada"])
    desk.house.people.set_terms(person.handle, OPEN)
    return person


def told(desk: Desk, person, answer):
    (kept,) = OwnDecisions(desk.ledger).by_receipt(person.id, [answer["receipt"]]).values()
    return decided(kept)


def until(desk: Desk, wanted: bool):
    """A decision that is silence, or one that is not."""
    return next(one for one in iter(desk.decide, None) if (one["action"] == "silence") is wanted)


def test_what_was_shown_elsewhere_can_be_stopped_by_its_decision(desk, ada):
    answer = until(desk, wanted=False)
    one = told(desk, ada, answer)
    assert (one.silent, one.message, one.stop) == (False, "", answer["decision"])
    assert one.said


def test_why_it_was_silent_is_said_without_telling_what_else_the_company_has(desk, ada):
    book = WishBook(desk.house.people)
    assert told(desk, ada, until(desk, wanted=True)).why.startswith("It was not sure")
    book.say(ada.handle, ORG, lambda says: answered(says, "stop", "help", "help"))
    assert told(desk, ada, desk.decide()).why == (
        "Nothing was left to do: you said stop; and with the rest, one of you was expected to be worse off than with "
        "silence."
    )
    book.say(ada.handle, EVERYWHERE, lambda says: answered(says, "stop_kind", "sell", "offer"))
    said = told(desk, ada, desk.decide()).why
    assert said == "Nothing was left to do: you said stop; and the rest did not fit."
    book.say(ada.handle, EVERYWHERE, lambda says: msgspec.structs.replace(says, alone=True))
    assert "you asked to be left alone and you said stop" in told(desk, ada, desk.decide()).why


def test_another_persons_decisions_are_not_told(desk, ada):
    answer = desk.decide()
    other = desk.house.people.add([f"{ORG}:user_id:bo"])
    assert OwnDecisions(desk.ledger).by_receipt(other.id, [answer["receipt"]]) == {}
    assert OwnDecisions(desk.ledger).by_receipt(ada.id, []) == {}
    assert list(OwnDecisions(desk.ledger).by_receipt(ada.id, [answer["receipt"], "rcp_none"])) == [answer["receipt"]]
