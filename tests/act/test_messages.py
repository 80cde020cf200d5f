"""What becomes of a message after each try: it waits longer, and is given up; what is wrong for good ends at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.act.delivery import GIVE_UP, LONGEST_WAIT
from rapport.act.messages import GIVEN_UP, MOST_WRONG, Came, step
from tests.act.letters import AT, message

LATER = Came("later", "the mail server said 451")


@given(st.lists(st.floats(0, 0.999), min_size=60, max_size=60))
def test_what_is_put_off_for_hours_and_days_comes_again_ever_later_and_is_given_up(luck):
    at, tries = AT, 0
    while (found := step(message(tries=tries), LATER, at, luck[tries])).state == "waiting":
        assert at < found.next_at <= at + LONGEST_WAIT * 1.25
        at, tries = found.next_at, tries + 1
    assert (found.state, found.why) == ("failed", GIVEN_UP)
    assert GIVE_UP <= at - AT <= GIVE_UP + LONGEST_WAIT * 1.25
    assert 15 <= tries <= 60


@pytest.mark.parametrize(
    ("came", "tries", "state"),
    [
        (Came("taken"), 0, "delivered"),
        (Came("taken"), 40, "delivered"),
        (Came("refused", "the mail server said 550"), 0, "failed"),
        (Came("wrong", "it answered 404"), 0, "waiting"),
        (Came("wrong", "it answered 404"), MOST_WRONG - 1, "failed"),
    ],
)
def test_what_is_said_of_the_message_itself_ends_it(came, tries, state):
    assert step(message(tries=tries), came, AT, 0.5).state == state


def test_a_clock_that_was_set_back_gives_nothing_up_before_its_time():
    assert step(message(tries=3), LATER, AT - 400 * GIVE_UP, 0.5).state == "waiting"
