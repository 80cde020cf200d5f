"""Turns: in which order what waits for one customer comes."""

from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.turns import AHEAD, Waiting, in_turn
from rapport.kernel.times import DAY, HOUR

senders = st.sampled_from(["shop", "care", "news", "bank"])
waiting = st.lists(
    st.builds(
        Waiting,
        decision=st.text("abcdef", min_size=1, max_size=4),
        sender=senders,
        at=st.integers(0, 5 * DAY),
        worth=st.floats(0, 1) | st.floats(),
    ),
    max_size=12,
    unique_by=lambda one: one.decision,
)
turns = st.dictionaries(senders, st.integers(0, 6 * DAY))


def test_senders_take_turns() -> None:
    loud = [Waiting(f"loud-{number}", "loud", number) for number in range(3)]
    found = in_turn([*loud, Waiting("soft", "soft", 9)], {})
    assert [one.decision for one in found] == ["loud-0", "soft", "loud-1", "loud-2"]


def test_who_had_no_turn_for_longest_comes_first() -> None:
    both = [Waiting("a", "a", 0), Waiting("b", "b", 5)]
    assert [one.decision for one in in_turn(both, {"a": 7})] == ["b", "a"]


def test_what_is_worth_most_comes_first_until_another_waited_a_day_longer() -> None:
    def first(later: int) -> str:
        return in_turn([Waiting("old", "shop", 0), Waiting("rich", "shop", later, 1.0)], {})[0].decision

    assert first(AHEAD - HOUR) == "rich"
    assert first(AHEAD + HOUR) == "old"


@given(waiting.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))), turns)
def test_everything_comes_once_in_an_order_that_is_the_same_however_it_is_given(
    two: tuple[list[Waiting], list[Waiting]], turns: dict[str, int]
) -> None:
    one, other = (in_turn(some, turns) for some in two)
    assert [each.decision for each in one] == [each.decision for each in other]
    assert sorted(each.decision for each in one) == sorted(each.decision for each in two[0])


@given(waiting, turns)
def test_nothing_is_passed_by_what_came_more_than_a_day_later_from_the_same_sender(
    waiting: list[Waiting], turns: dict[str, int]
) -> None:
    found = in_turn(waiting, turns)
    for place, one in enumerate(found):
        assert not any(later.sender == one.sender and later.at < one.at - AHEAD for later in found[place + 1 :])


@given(
    st.lists(senders, max_size=6),
    st.lists(
        st.lists(st.tuples(st.text("xyz", min_size=1, max_size=3) | senders, st.floats(0, 1)), max_size=4), max_size=30
    ),
    turns,
)
def test_whoever_waits_has_a_turn_before_anybody_has_two(
    before: list[str], arrivals: list[list[tuple[str, float]]], turns: dict[str, int]
) -> None:
    """Whatever comes meanwhile, and from however many: one decision a step, and new ones at each."""
    now = 10 * DAY
    queue = [Waiting(f"before-{place}", sender, now - place) for place, sender in enumerate(before)]
    queue.append(Waiting("patient", "patient", now))
    others = {one.sender for one in queue} - {"patient"}
    turns = dict(turns)
    for step in range(len(others) + 1):
        now += HOUR
        some = arrivals[step] if step < len(arrivals) else []
        queue += [Waiting(f"{step}-{place}", sender, now, worth) for place, (sender, worth) in enumerate(some)]
        first = in_turn(queue, turns)[0]
        if first.decision == "patient":
            return
        assert first.sender in others
        others.remove(first.sender)
        queue.remove(first)
        now += 1
        turns[first.sender] = now
    raise AssertionError("the patient one was passed twice by somebody")


@given(
    st.lists(st.integers(0, 3 * DAY), min_size=1, max_size=6),
    st.lists(st.lists(st.tuples(senders, st.floats(0, 1)), max_size=3), max_size=10),
)
def test_everything_that_waits_is_served_within_a_bound(
    own: list[int], arrivals: list[list[tuple[str, float]]]
) -> None:
    """Before the last of `own` comes what its sender has that is older or came within a day of it, each after at most
    one turn of each other sender."""
    now = 10 * DAY
    queue = [Waiting(f"own-{place}", "shop", now - ago) for place, ago in enumerate(own)]
    last = max(queue, key=lambda one: (one.at, one.decision))
    turns: dict[str, int] = {}
    mine, served = len(own), 0
    for step in range(200):
        now += 2 * HOUR
        some = arrivals[step % len(arrivals)] if arrivals else []
        new = [Waiting(f"{step}-{place}", sender, now, worth) for place, (sender, worth) in enumerate(some)]
        mine += sum(one.sender == "shop" and one.at <= last.at + AHEAD for one in new)
        queue += new
        first = in_turn(queue, turns)[0]
        served += 1
        if first == last:
            break
        queue.remove(first)
        turns[first.sender] = now
    assert first == last
    assert served <= 4 * mine
