"""The contact policy: what may reach a customer now."""

from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide import contact
from rapport.decide.actions import Caps, Limits
from rapport.decide.channels import CHANNELS, interrupts
from rapport.decide.contact import (
    HALF,
    MOST_LESS,
    REACH,
    RULES,
    Contact,
    Policy,
    Proposal,
    Wishes,
    checked,
    exclusions,
    weariness,
)
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, HOUR, MINUTE, parse_rfc3339

NOON = parse_rfc3339("2026-06-10T12:00:00Z")
OFFER = Proposal("sale", "offer", "email")
NOBODY = Wishes()
contacts = st.lists(
    st.builds(
        Contact,
        at=st.integers(NOON - REACH, NOON + DAY),
        channel=st.sampled_from(["email", "sms", "web", "inbox", "pigeon"]),
        action=st.sampled_from(["sale", "tip", "news"]),
        kind=st.sampled_from(["offer", "help"]),
    ),
    max_size=12,
)
limits = st.builds(Limits, *[st.none() | st.integers(0, 4)] * 3)
policies = st.builds(
    Policy,
    quiet=st.sampled_from(["", "22:00-08:00", "11:00-13:00"]),
    zone=st.sampled_from(["UTC", "Asia/Tokyo"]),
    limits=limits,
    channels=st.dictionaries(st.sampled_from(["email", "web"]), limits),
    weary=st.none() | st.floats(0.1, 5),
)
wishes = st.builds(
    Wishes,
    quiet=st.sampled_from(["", "10:00-20:00"]),
    zone=st.sampled_from(["", "Europe/Berlin", "Nowhere/Land"]),
    alone=st.booleans(),
    stopped_actions=st.frozensets(st.sampled_from(["sale", "tip"])),
    stopped_kinds=st.frozensets(st.sampled_from(["offer", "help"])),
    leanings=st.dictionaries(st.sampled_from(["offer", "help"]), st.integers(-100, 100)),
)
proposals = st.builds(
    Proposal,
    action=st.sampled_from(["sale", "tip"]),
    kind=st.sampled_from(["offer", "help"]),
    channel=st.sampled_from(sorted(CHANNELS)),
    caps=st.builds(
        Caps,
        *[st.none() | st.integers(0, 3)] * 3,
        channels=st.dictionaries(st.sampled_from(["email", "web"]), limits),
    ),
    since=st.none() | st.integers(NOON - DAY, NOON + DAY),
    until=st.none() | st.integers(NOON - DAY, NOON + DAY),
    mandatory=st.booleans(),
)


def rules(
    proposal: Proposal = OFFER,
    policy: Policy = Policy(),  # noqa: B008 (frozen)
    wishes: Wishes = NOBODY,
    contacts: list[Contact] | None = None,
    now: int = NOON,
) -> set[str]:
    return {one.rule for one in exclusions([proposal], policy, wishes, contacts or [], now)}


def sent(*ago: int, channel: str = "email", action: str = "news", kind: str = "inform") -> list[Contact]:
    return [Contact(NOON - time, channel, action, kind) for time in ago]


@given(contacts)
def test_a_new_organization_has_no_caps(contacts: list[Contact]) -> None:
    assert rules(contacts=contacts) == set()


def test_quiet_hours_are_those_on_the_persons_wall() -> None:
    night = Policy(quiet="22:00-08:00")
    assert rules(policy=night) == set()
    assert rules(policy=night, wishes=Wishes(zone="Asia/Tokyo"), now=NOON + HOUR) == {"quiet_hours"}  # 22:00
    assert rules(policy=night, wishes=Wishes(zone="Asia/Tokyo"), now=NOON + 11 * HOUR) == set()  # 08:00
    assert rules(wishes=Wishes(quiet="13:30-14:30", zone="Europe/Berlin")) == {"quiet_hours"}


def test_where_the_persons_zone_is_unknown_the_organizations_counts() -> None:
    policy = Policy(quiet="22:00-08:00", zone="Asia/Tokyo")
    for zone in ("", "Nowhere/Land", "../../etc/passwd", "America", "\0", "x" * 9999):
        assert rules(policy=policy, wishes=Wishes(zone=zone), now=NOON + HOUR) == {"quiet_hours"}


def test_hours_that_come_twice_are_quiet_both_times() -> None:
    """Berlin, 25 October 2026: at 01:00 UTC the clock goes from 03:00 back to 02:00."""
    wishes = Wishes(quiet="02:00-03:00", zone="Europe/Berlin")
    first = parse_rfc3339("2026-10-25T00:00:00Z")
    quiet = [rules(wishes=wishes, now=first + step * 30 * MINUTE) != set() for step in range(-1, 5)]
    assert quiet == [False, True, True, True, True, False]


def test_hours_that_are_jumped_over_are_never_quiet() -> None:
    """Berlin, 29 March 2026: at 01:00 UTC the clock goes from 02:00 to 03:00. Cairo, 24 April: midnight is 01:00."""
    berlin = Wishes(quiet="02:00-03:00", zone="Europe/Berlin")
    one = parse_rfc3339("2026-03-29T00:00:00Z")
    assert not any(rules(wishes=berlin, now=one + minute * MINUTE) for minute in range(0, 180, 5))
    cairo = Wishes(quiet="23:30-00:30", zone="Africa/Cairo")
    jump = parse_rfc3339("2026-04-23T22:00:00Z")
    assert rules(wishes=cairo, now=jump - MINUTE) == {"quiet_hours"}
    assert rules(wishes=cairo, now=jump) == set()


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_quiet_hours_limits_and_weariness_bind_what_interrupts_alone(channel: str) -> None:
    policy = Policy(quiet="11:00-13:00", limits=Limits(per_day=1), weary=0.5)
    found = rules(msgspec.structs.replace(OFFER, channel=channel), policy, contacts=sent(HOUR))
    assert found == ({"quiet_hours", "contact_limit", "weary"} if interrupts(channel) else set())


def test_limits_count_all_senders_and_only_what_interrupts() -> None:
    policy = Policy(limits=Limits(per_day=2, per_week=3))
    assert rules(policy=policy, contacts=sent(HOUR) + sent(HOUR, channel="web")) == set()
    assert rules(policy=policy, contacts=sent(HOUR) + sent(DAY - 1, channel="sms")) == {"contact_limit"}
    assert rules(policy=policy, contacts=sent(HOUR, DAY)) == set()
    assert rules(policy=policy, contacts=sent(DAY, 2 * DAY, 7 * DAY - 1)) == {"contact_limit"}
    assert rules(policy=policy, contacts=sent(DAY, 2 * DAY, 7 * DAY)) == set()


def test_nobody_gets_two_at_both_sides_of_a_midnight() -> None:
    midnight = parse_rfc3339("2026-06-10T00:00:00Z")
    before = [Contact(midnight - MINUTE, "email", "news", "inform")]
    assert rules(policy=Policy(limits=Limits(per_day=1)), contacts=before, now=midnight + MINUTE) == {"contact_limit"}


def test_a_contact_ahead_of_the_clock_counts_as_of_now() -> None:
    ahead = [Contact(NOON + HOUR, "email", "news", "inform")]
    assert rules(policy=Policy(limits=Limits(per_day=1), weary=1.0), contacts=ahead) == {"contact_limit", "weary"}


def test_a_channels_limits_bind_that_channel_whether_it_interrupts_or_not() -> None:
    policy = Policy(channels={"web": Limits(per_day=1), "sms": Limits(per_month=0)})
    web = msgspec.structs.replace(OFFER, channel="web")
    assert rules(web, policy, contacts=sent(HOUR, channel="web")) == {"channel_limit"}
    assert rules(web, policy, contacts=sent(HOUR, channel="email")) == set()
    assert rules(msgspec.structs.replace(OFFER, channel="sms"), policy) == {"channel_limit"}


def test_an_actions_caps_count_that_action_over_all_channels_and_by_channel() -> None:
    capped = msgspec.structs.replace(OFFER, caps=Caps(per_week=2, channels={"email": Limits(per_week=1)}))
    assert rules(capped, contacts=sent(HOUR, HOUR)) == set()
    assert rules(capped, contacts=sent(HOUR, action="sale")) == {"action_limit"}
    assert rules(capped, contacts=sent(HOUR, action="sale", channel="web")) == set()
    assert rules(capped, contacts=sent(HOUR, DAY, action="sale", channel="web")) == {"action_limit"}


def test_contacts_weary_and_less_so_with_time() -> None:
    assert weariness(sent(0, HALF, 2 * HALF), NOON) == 1.75
    policy = Policy(weary=1.75)
    assert rules(policy=policy, contacts=sent(0, HALF, 2 * HALF)) == {"weary"}
    assert rules(policy=policy, contacts=sent(1, HALF, 2 * HALF)) == set()
    text = exclusions([OFFER], policy, NOBODY, sent(0, 0, 0), NOON)[0].text
    assert text == "contacts of late weigh 3, and 1.75 is enough"


def test_less_of_a_kind_lets_it_come_more_and_more_seldom() -> None:
    def gap(said: int) -> int:
        wish = Wishes(leanings={"offer": -said})
        return next(
            days
            for days in range(1, 400)
            if not rules(wishes=wish, contacts=sent(days * DAY, kind="offer", channel="web"))
        )

    assert [gap(said) for said in (1, 2, 3, MOST_LESS, 1000)] == [7, 14, 28, 224, 224]
    assert REACH == 224 * DAY
    assert rules(wishes=Wishes(leanings={"offer": -9}), contacts=sent(HOUR, kind="help")) == set()


def test_more_of_a_kind_takes_back_less_and_then_lifts_weariness_alone() -> None:
    policy = Policy(weary=0.5, limits=Limits(per_day=1))
    just_now = sent(HOUR, kind="offer")
    assert rules(policy=policy, contacts=just_now) == {"weary", "contact_limit"}
    assert rules(policy=policy, contacts=just_now, wishes=Wishes(leanings={"offer": 0})) == {"weary", "contact_limit"}
    assert rules(policy=policy, contacts=just_now, wishes=Wishes(leanings={"offer": 1})) == {"contact_limit"}


def test_stop_is_stop_on_every_channel() -> None:
    for channel in CHANNELS:
        proposal = msgspec.structs.replace(OFFER, channel=channel)
        assert rules(proposal, wishes=Wishes(stopped_actions=frozenset({"sale"}))) == {"stopped_action"}
        assert rules(proposal, wishes=Wishes(stopped_kinds=frozenset({"offer"}))) == {"stopped_kind"}
        assert rules(proposal, wishes=Wishes(alone=True)) == {"left_alone"}
        assert rules(proposal, wishes=Wishes(stopped_actions=frozenset({"tip"}))) == set()


def test_what_is_not_valid_now_is_out() -> None:
    def valid(since: int | None, until: int | None) -> set[str]:
        return rules(msgspec.structs.replace(OFFER, since=since, until=until))

    assert valid(NOON, NOON + 1) == valid(None, None) == set()
    assert valid(NOON + 1, None) == {"not_yet_valid"}
    assert valid(None, NOON) == {"no_longer_valid"}


def test_all_that_speaks_against_an_action_is_told_not_the_first() -> None:
    policy = Policy("11:00-13:00", "UTC", Limits(per_day=1), {"email": Limits(per_week=1)}, 0.5)
    wish = Wishes("11:30-12:30", "UTC", True, frozenset({"sale"}), frozenset({"offer"}), {"offer": -1})
    proposal = Proposal("sale", "offer", "email", Caps(per_day=1), NOON + 1, NOON)
    found = exclusions([proposal], policy, wish, sent(HOUR, action="sale", kind="offer"), NOON)
    assert [one.rule for one in found] == list(RULES)
    assert {one.rule: one.text for one in found} == {
        "not_yet_valid": "it is valid from 2026-06-10T12:00:00.000001Z on",
        "no_longer_valid": "it was valid until 2026-06-10T12:00:00Z",
        "left_alone": "the customer asked to be left alone",
        "stopped_action": "the customer said stop to this",
        "stopped_kind": "the customer said stop to all of kind offer",
        "asked_for_less": "the customer asked for less of kind offer: one in 7 days, and one came",
        "quiet_hours": "it is within quiet hours in UTC: 11:30-12:30 (the customer's), 11:00-13:00 (the company's)",
        "contact_limit": "contacts that interrupt in 24 hours: 1, at most 1",
        "channel_limit": "contacts by email in 7 days: 1, at most 1",
        "action_limit": "this action in 24 hours: 1, at most 1",
        "weary": "contacts of late weigh 0.99, and 0.5 is enough",
    }


@given(st.lists(proposals, max_size=4), policies, wishes, contacts)
def test_each_action_is_judged_as_if_it_were_alone(
    proposals: list[Proposal], policy: Policy, wish: Wishes, contacts: list[Contact]
) -> None:
    together = exclusions(proposals, policy, wish, contacts, NOON)
    assert together == [one for each in proposals for one in exclusions([each], policy, wish, contacts, NOON)]
    assert all(one.text and one.rule in RULES for one in together)


@given(st.lists(proposals, max_size=4), policies, wishes, contacts)
def test_a_rule_that_is_left_out_since_it_rests_on_nothing_would_have_said_nothing(
    proposals: list[Proposal], policy: Policy, wish: Wishes, contacts: list[Contact]
) -> None:
    quickly = exclusions(proposals, policy, wish, contacts, NOON)
    with patch.dict(contact._RESTS, dict.fromkeys(RULES, lambda _: True)):  # type: ignore[arg-type]
        assert exclusions(proposals, policy, wish, contacts, NOON) == quickly


@given(proposals, policies, wishes, contacts)
def test_what_is_mandatory_is_bound_by_its_validity_alone(
    proposal: Proposal, policy: Policy, wish: Wishes, contacts: list[Contact]
) -> None:
    must = msgspec.structs.replace(proposal, mandatory=True)
    assert rules(must, policy, wish, contacts) <= {"not_yet_valid", "no_longer_valid"}


@given(proposals, policies, wishes, contacts, contacts)
def test_one_more_contact_never_lets_more_through(
    proposal: Proposal, policy: Policy, wish: Wishes, before: list[Contact], more: list[Contact]
) -> None:
    assert rules(proposal, policy, wish, before) <= rules(proposal, policy, wish, before + more)


@given(proposals, policies, wishes, contacts, st.integers(REACH, 2 * REACH))
def test_what_is_out_of_reach_matters_to_no_rule(
    proposal: Proposal, policy: Policy, wish: Wishes, contacts: list[Contact], ago: int
) -> None:
    old = [Contact(NOON - ago, "email", "sale", "offer")]
    assert rules(proposal, policy, wish, contacts) - {"weary"} == rules(proposal, policy, wish, contacts + old) - {
        "weary"
    }
    assert weariness(old, NOON) < 1e-20


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (Policy(quiet="22-8"), "quiet"),
        (Policy(quiet="25:00-08:00"), "quiet"),
        (Policy(quiet="08:00-08:00"), "quiet"),
        (Policy(quiet="08:00"), "quiet"),
        (Policy(quiet="22:00+02:00-08:00"), "quiet"),
        (Policy(quiet="٢٢:00-08:00"), "quiet"),
        (Policy(zone="Nowhere/Land"), "zone"),
        (Policy(limits=Limits(per_day=-1)), "limits"),
        (Policy(limits=Limits(per_month=10**30)), "limits"),
        (Policy(channels={"email": Limits(per_week=-1)}), "channels.email"),
        (Policy(channels={"pigeon": Limits()}), "channels"),
        (Policy(weary=0.0), "weary"),
        (Policy(weary=float("nan")), "weary"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_by_name(policy: Policy, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        checked(policy)
    assert (caught.value.code, caught.value.field) == ("bad_policy", field)


@given(policies)
def test_a_policy_that_can_be_meant_is_taken(policy: Any) -> None:
    assert checked(policy) is policy
