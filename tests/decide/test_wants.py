"""What a customer wants makes an action that serves it worth more to them, and is known by what actions serve alone."""

from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.actions import Action, declared
from rapport.decide.kinds import SERVING, Units
from rapport.decide.wants import Want, served, shared_goals

TIP = Action("shop", "tip", "inform", "service", {}, goals=("spend", "save energy"))
BUY = Action("shop", "buy", "offer", "service", {})
wants = st.builds(
    Want,
    st.sampled_from(["words", "spend", "visit"]),
    st.sampled_from(["I want to save some energy at home", "Spend less", "Be kind", ""]),
    st.floats(0, 1),
)


def test_an_action_serves_a_goal_by_its_kind_or_by_its_words():
    wants = [Want("spend", "Less on shoes"), Want("words", "Save more energy"), Want("words", "Be kind")]
    assert served(TIP, wants) == tuple(wants[:2])
    assert served(BUY, [Want("spend", "Less")]) == ()


def test_serving_what_they_want_is_worth_minutes_of_theirs_and_nothing_to_the_company():
    units = Units("GBP", minute=0.5)
    plain, serving = declared(TIP, units), declared(TIP, units, serving=True)
    assert (serving.customer - plain.customer, serving.company) == (SERVING * 0.5, plain.company)
    assert declared(TIP, units, 3.0, serving=True).customer - declared(TIP, units, 3.0).customer == SERVING * 3


@given(st.lists(wants, max_size=5))
def test_nothing_is_known_of_a_goal_but_by_the_names_that_actions_declare(some):
    known = shared_goals([TIP, BUY], some)
    assert set(known) <= set(TIP.goals)
    assert bool(known) == bool(served(TIP, some))
    assert all(0 <= progress <= 1 for progress in known.values())
