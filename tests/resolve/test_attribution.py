"""Whose were the anonymous events of a device: the worked example of the design, and the edges of the rule."""

from rapport.resolve.attribution import ALWAYS, WINDOW, affected, attribute, stretch, timed, whose

HOUR = 3_600_000_000
MINUTE = 60_000_000


def at(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE


ADA = (at("10:00"), "m1", "u1")
BO = (at("15:00"), "m2", "u2")
TABLET = timed([BO, ADA])


def on_the_tablet(clock: str) -> str | None:
    return whose({"u1", "u2"}, TABLET, at(clock), "event")


def test_ten_minutes_after_adas_mark_an_event_is_hers():
    assert on_the_tablet("10:10") == "u1"


def test_ten_minutes_before_bos_mark_and_with_nobody_before_an_event_is_his():
    assert on_the_tablet("14:50") == "u2"


def test_an_event_far_from_all_marks_is_nobodys():
    assert on_the_tablet("12:00") is None


def test_on_a_device_that_one_user_ever_used_every_event_is_hers_even_long_before_her_mark():
    assert whose({"u1"}, timed([(at("11:30"), "m", "u1")]), at("09:00"), "event") == "u1"
    assert whose({"u1"}, [], None, "event") == "u1"


def test_without_bos_mark_all_of_the_tablet_is_adas():
    assert [whose({"u1"}, timed([ADA]), at(clock), "e") for clock in ("10:10", "12:00", "14:50")] == ["u1"] * 3
    assert stretch({"u1", "u2"}, {"u1"}, timed([ADA]), BO) == ALWAYS


def test_a_device_without_users_is_nobodys():
    assert whose(set(), [], at("10:00"), "event") is None


def test_thirty_minutes_are_near_enough_and_a_microsecond_more_is_not():
    assert attribute(TABLET, ADA[0] + WINDOW, "e") == "u1"
    assert attribute(TABLET, ADA[0] + WINDOW + 1, "e") is None
    assert attribute(TABLET, BO[0] - WINDOW, "e") == "u2"
    assert attribute(TABLET, BO[0] - WINDOW - 1, "e") is None


def test_the_user_before_goes_before_the_user_after_however_near():
    marks = timed([(at("10:00"), "m1", "u1"), (at("10:30"), "m2", "u2")])
    assert attribute(marks, at("10:29"), "e") == "u1"
    assert attribute(marks, at("09:59"), "e") == "u1"


def test_at_the_same_time_the_message_id_decides_what_was_before():
    marks = timed([(at("10:00"), "b", "u1"), (at("10:00"), "d", "u2")])
    assert [attribute(marks, at("10:00"), message) for message in "abcde"] == ["u1", "u1", "u1", "u2", "u2"]


def test_an_event_of_unknown_time_is_nobodys_on_a_shared_device():
    assert whose({"u1", "u2"}, TABLET, None, "event") is None


def test_a_mark_of_unknown_time_makes_a_device_shared_but_claims_no_event():
    marks = [ADA, (None, "m9", "u2")]
    assert whose({"u1", "u2"}, timed(marks), at("10:10"), "e") == "u1"
    assert whose({"u1", "u2"}, timed(marks), at("12:00"), "e") is None
    assert affected(timed([ADA, BO]), (None, "m9", "u3")) is None


def test_a_new_mark_changes_only_what_its_neighbours_leave_it():
    late = (at("10:20"), "m3", "u3")
    assert affected(TABLET, late) == (at("10:20"), at("10:50")), "what is before it stays Ada's, who was seen at 10:00"
    assert affected(TABLET, (at("14:45"), "m3", "u3")) == (at("14:15"), at("15:00")), "from Bo's mark on it is his"


def test_one_more_mark_of_a_devices_only_user_changes_nothing():
    assert stretch({"u1"}, {"u1"}, timed([ADA]), (at("18:00"), "m4", "u1")) is None
