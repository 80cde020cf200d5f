"""Attribution against a twin that looks at every mark, and against itself before and after a change."""

from hypothesis import given
from hypothesis import strategies as st

from rapport.resolve.attribution import WINDOW, attribute, stretch, timed, whose

MINUTE = 60_000_000
times = st.integers(0, 24).map(lambda quarter: quarter * 15 * MINUTE) | st.integers(0, 6 * 60 * MINUTE)
message_ids = st.sampled_from(["a", "b", "c", "c\0", "d"])
users = st.sampled_from(["ada", "bo", "cleo", "\U0010ffff" * 3])
marks = st.tuples(times | st.none(), message_ids, users)
events = st.tuples(times | st.none(), message_ids)


def whose_by_looking_at_all(known, time, message_id):
    """The rule of design §4.8, word by word."""
    users_ever = {user for _, _, user in known}
    if len(users_ever) <= 1:
        return users_ever.pop() if users_ever else None
    if time is None:
        return None
    with_time = [mark for mark in known if mark[0] is not None]
    before = [mark for mark in with_time if mark[:2] <= (time, message_id) and mark[0] >= time - WINDOW]
    after = [mark for mark in with_time if mark[:2] > (time, message_id) and mark[0] <= time + WINDOW]
    if before:
        return max(before)[2]
    return min(after)[2] if after else None


def users_of(known):
    return {user for _, _, user in known}


@given(st.lists(marks, max_size=8), events)
def test_every_event_is_whose_the_rule_says(known, event):
    assert whose(users_of(known), timed(known), *event) == whose_by_looking_at_all(known, *event)


@given(st.lists(marks, max_size=8), events)
def test_marks_further_away_than_the_window_may_be_left_out(known, event):
    time, message_id = event
    near = [mark for mark in timed(known) if time is not None and abs(mark[0] - time) <= WINDOW]
    assert attribute(near, time, message_id) == attribute(timed(known), time, message_id)


@given(st.lists(marks, max_size=6), marks, st.lists(events, min_size=1, max_size=12))
def test_a_mark_changes_no_event_outside_the_stretch_it_names(known, mark, some_events):
    others = [other for other in known if other != mark]
    with_it = [*others, mark]
    found = stretch(users_of(others), users_of(with_it), timed(others), mark)
    assert found == stretch(users_of(with_it), users_of(others), timed(others), mark)
    for time, message_id in some_events:
        before = whose(users_of(others), timed(others), time, message_id)
        after = whose(users_of(with_it), timed(with_it), time, message_id)
        if before != after:
            assert found is not None
            assert time is None or found[0] <= time <= found[1]
