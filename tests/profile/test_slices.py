"""Devices through their whole life: nobody's, one user's, shared, and back again, within one commit or over many."""

from pathlib import Path

import pytest

from rapport.kernel.times import DAY, HOUR, MINUTE
from rapport.profile.search import prefix
from tests.profile.house import ORG, TEN, House, at, told
from tests.profile.stories import comparable, expected

TIGHT = str(Path(__file__).parent / "tight.toml")


@pytest.fixture
def house():
    with House() as house:
        yield house


def signed_in(user, clock, device="tablet", **more):
    name = f"{user} {clock} {device}"
    return told(at(clock), type="identify", userId=user, anonymousId=device, messageId=name, **more)


def seen(clock, device="tablet", **more):
    return told(at(clock), type="track", anonymousId=device, event="Viewed", messageId=f"{device} {clock}", **more)


def views_of(house, user):
    """Message ids of a user's events."""
    return {event["event"] for event in house.timeline(f"user_id:{user}")}


def evidence_of(house, customer, **fields):
    return [e["id"] for e in house.evidence(customer) if all(e[name] == value for name, value in fields.items())]


def as_plainly_told(house):
    """Whether views are those of the plain pipeline, given all that is in the log and nothing of operators."""
    entries = [entry for _, entry in house.log.read(0, 1_000)]
    return comparable(house.customers()) == expected(entries)


@pytest.mark.parametrize("commits", [True, False])
def test_a_device_becomes_a_user_s_and_then_shared(house, commits):
    for event in (seen("10:10"), signed_in("ada", "10:00"), seen("12:00"), signed_in("bo", "15:00"), seen("14:50")):
        house.send(event)
        if commits:
            house.settle()
    house.settle()
    assert views_of(house, "ada") == {"ada 10:00 tablet", "tablet 10:10"}
    assert views_of(house, "bo") == {"bo 15:00 tablet", "tablet 14:50"}
    assert as_plainly_told(house)


def test_half_an_hour_is_near_enough_and_a_microsecond_more_is_not(house):
    house.send(signed_in("ada", "10:00"), signed_in("bo", "15:00"))
    for number, time in enumerate((TEN + 30 * MINUTE, TEN + 30 * MINUTE + 1, TEN - 30 * MINUTE, TEN - 30 * MINUTE - 1)):
        house.send(told(time, type="track", anonymousId="tablet", event="Viewed", messageId=f"m{number}"))
    assert views_of(house.settle(), "ada") == {"ada 10:00 tablet", "m0", "m2"}


def test_events_of_unknown_time_are_nobody_s_once_a_device_is_shared(house):
    ahead = told(TEN + 90 * DAY, type="track", anonymousId="tablet", event="Viewed", messageId="ahead")
    house.send(ahead, signed_in("ada", "10:00"))
    assert "ahead" in views_of(house.settle(), "ada")
    house.send(signed_in("bo", "15:00"))
    assert "ahead" not in views_of(house.settle(), "ada")
    assert as_plainly_told(house)


def test_a_user_who_names_too_many_identifiers_was_still_seen_on_every_device(house):
    house.send(*(signed_in("ada", "10:00", device=f"browser{number:02}") for number in range(80)))
    house.settle()
    house.send(*(seen("10:05", device=f"browser{number:02}") for number in range(80)))
    house.settle()
    assert len(views_of(house, "ada")) == 160
    house.send(*(signed_in("bo", "15:00", device=f"browser{number:02}") for number in range(0, 80, 7)))
    house.send(*(seen("15:05", device=f"browser{number:02}") for number in range(0, 80, 7)))
    assert len(views_of(house.settle(), "bo")) == 24
    assert as_plainly_told(house)


@pytest.mark.parametrize("commits", [True, False])
def test_two_users_taken_back_at_once_leave_a_device_nobody_s(house, commits):
    house.send(signed_in("ada", "10:00"), signed_in("bo", "15:00"), seen("10:10"), seen("15:10"), seen("12:00"))
    house.settle()
    device = {"type": "anonymous_id", "value": "tablet"}
    for user in ("ada", "bo"):
        house.retract(*evidence_of(house, f"user_id:{user}", rule="named", identifier=device))
        if commits:
            house.settle()
    house.settle()
    assert {event["event"] for event in house.timeline("anonymous_id:tablet")} == {
        "tablet 10:10",
        "tablet 15:10",
        "tablet 12:00",
    }
    assert (views_of(house, "ada"), views_of(house, "bo")) == ({"ada 10:00 tablet"}, {"bo 15:00 tablet"})
    house.send(signed_in("cleo", "12:10"))
    assert len(views_of(house.settle(), "cleo")) == 4


def test_a_device_may_be_shared_and_one_user_s_and_shared_again(house):
    house.send(signed_in("ada", "10:00"), signed_in("bo", "15:00"), *(seen(f"{h}:10") for h in range(10, 16)))
    house.settle()
    first = house.view("user_id:bo")["customer"]
    device = {"type": "anonymous_id", "value": "tablet"}
    house.retract(*evidence_of(house, "user_id:bo", rule="named", identifier=device))
    assert len(views_of(house.settle(), "ada")) == 7
    house.send(signed_in("cleo", "13:00"), seen("13:20"))
    house.settle().restart()
    assert views_of(house, "cleo") == {"cleo 13:00 tablet", "tablet 13:10", "tablet 13:20"}
    assert views_of(house, "ada") == {"ada 10:00 tablet", "tablet 10:10"}
    assert house.view("user_id:bo")["customer"] == first


def test_what_an_operator_said_of_a_slice_does_not_follow_its_events_to_another_user(house):
    house.send(seen("10:10"))
    house.send(told(at("09:00"), type="identify", userId="carl", messageId="carl"), source="crm")
    house.settle()
    records = [house.view(who)["records"][0]["record"] for who in ("anonymous_id:tablet", "user_id:carl")]
    house.link(*records)
    assert len(views_of(house.settle(), "carl")) == 2
    house.send(signed_in("ada", "10:00"))
    house.settle()
    assert views_of(house, "carl") == {"carl"}
    assert views_of(house, "ada") == {"ada 10:00 tablet", "tablet 10:10"}
    house.retract(*evidence_of(house, "user_id:carl", rule="operator"))
    assert views_of(house.settle(), "ada") == {"ada 10:00 tablet", "tablet 10:10"}


def test_what_an_operator_said_of_a_slice_holds_again_when_its_events_come_back(house):
    house.send(seen("10:10"))
    house.send(told(at("09:00"), type="identify", userId="carl", messageId="carl"), source="crm")
    house.settle()
    records = [house.view(who)["records"][0]["record"] for who in ("anonymous_id:tablet", "user_id:carl")]
    house.link(*records)
    house.send(signed_in("ada", "10:00"), signed_in("bo", "15:00"))
    house.settle()
    device = {"type": "anonymous_id", "value": "tablet"}
    for user in ("ada", "bo"):
        house.retract(*evidence_of(house, f"user_id:{user}", rule="named", identifier=device))
    assert views_of(house.settle(), "carl") == {"carl", "tablet 10:10"}


def test_a_name_is_found_at_whoever_it_turns_out_to_be(house):
    house.send(signed_in("ada", "10:00"), signed_in("bo", "15:00"))
    known = told(at("15:10"), type="identify", anonymousId="tablet", messageId="named", traits={"name": "Zoe"})
    house.send(known)
    house.settle()
    house.send({**known, "sentAt": "2026-03-03T03:10:00Z"})
    house.settle()
    with house.reader.snapshot():
        numbers = house.reader.search(ORG, [prefix("zoe")])
        customers = {found.customer for n in numbers if (found := house.reader.found(ORG, n)) is not None}
    assert house.view("user_id:ada")["customer"] in customers
    assert house.view("user_id:ada")["traits"]["name"]["value"] == "Zoe"


def test_a_slice_that_is_alone_again_is_found_by_its_own_record():
    """Found by shrinking: nobody's slice left a group while another record took its node."""
    mail = {"traits": {"email": "ada@example.com"}}
    with House(rules=TIGHT) as house:
        house.send(seen("10:00"), told(at("10:00"), type="identify", userId="ada", messageId="a", **mail))
        house.send(told(at("10:31"), type="identify", anonymousId="tablet", messageId="late", **mail))
        house.settle()
        house.send(signed_in("ada", "10:00"), signed_in("bo", "10:00", **mail))
        house.settle()
        nobody = next(view for view in house.customers().values() if view["timeline"][0]["event"] == "late")
        assert {item["reason"] for item in nobody["evidence"]} == {"shared_by_records"}


def test_slices_of_several_sources_go_the_same_way(house):
    house.send(signed_in("ada", "10:00"), signed_in("bo", "15:00"))
    for source in ("web", "crm", "app"):
        house.send(seen("10:10"), seen("15:10"), seen("20:00"), source=source, received_at=TEN + 12 * HOUR)
    house.settle()
    assert [len(house.view(f"user_id:{user}")["records"]) for user in ("ada", "bo")] == [4, 4]
    assert as_plainly_told(house)


def test_taking_back_twice_that_one_user_was_there_leaves_the_device_to_the_other(house):
    house.send(seen("10:10"), signed_in("bo", "15:00"), signed_in("ada", "10:00"))
    house.settle()
    device = {"type": "anonymous_id", "value": "tablet"}
    again = evidence_of(house, "user_id:ada", rule="named", identifier=device)
    for _ in range(2):
        house.retract(*again)
        house.settle()
        assert views_of(house, "bo") == {"bo 15:00 tablet", "tablet 10:10"}
