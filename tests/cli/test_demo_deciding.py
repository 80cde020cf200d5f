"""What the demo's shop can do for its customers: a catalogue to look at, and what people do with what comes of it."""

import tomllib
from collections import Counter
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from rapport.cli.demo.deciding import GIVEN, MANNER, REDEEMED, REGULARS, RULES, shown
from rapport.cli.demo.moments import KINDS as TAKEN
from rapport.cli.demo.using import Decided
from rapport.collect import validate
from rapport.decide.actions import Action
from rapport.decide.contact import Policy
from rapport.decide.decision import Manner, checked_manner
from rapport.decide.kinds import KINDS
from rapport.decide.wishes import action, wish_of
from rapport.kernel.times import rfc3339
from rapport.learn.rules import rules_of


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Action]:
    read: dict[str, Any] = tomllib.loads(files("rapport.cli.demo").joinpath("actions.toml").read_text("utf-8"))
    return {name: action("demo", name, wish_of(wish)) for name, wish in read["action"].items()}


def test_the_catalogue_is_a_dozen_actions_most_of_which_sell_nothing_and_one_must_be_given(
    catalogue: dict[str, Action],
) -> None:
    kinds = Counter(one.kind for one in catalogue.values())
    assert len(catalogue) >= 12
    assert set(kinds) == set(KINDS), "one of each kind there is"
    assert kinds["offer"] * 4 < len(catalogue)
    assert kinds["notice"] == 1
    assert catalogue[REGULARS].kind == "thank"
    assert {one.purpose for one in catalogue.values() if one.kind == "offer"} == {"offers"}


def test_everything_is_said_in_two_languages_on_the_web_site_and_in_the_inbox(catalogue: dict[str, Action]) -> None:
    for name, one in catalogue.items():
        assert {"web", "inbox"} <= one.content.keys(), name
        assert all(versions.keys() == {"en", "de"} for versions in one.content.values()), name
    assert sum("email" in one.content for one in catalogue.values()) >= 4


def test_how_it_decides_and_what_settles_outcomes_can_be_said_to_a_node() -> None:
    checked_manner(Manner(policy=msgspec.convert(MANNER["policy"], Policy)))
    assert [rule.event for rule in rules_of({"rules": RULES})] == [REDEEMED]


def test_whatever_is_decided_people_take_it_or_pass_it_over() -> None:
    assert TAKEN.keys() == KINDS.keys()
    assert TAKEN["help"].share > TAKEN["offer"].share


def test_thanks_are_redeemed_and_notices_are_said_to_have_been_given_by_events_that_a_node_takes() -> None:
    for one, event in ((Decided("dec_1", REGULARS, "thank"), REDEEMED), (Decided("dec_2", "n", "notice"), GIVEN)):
        (call,) = shown("C-1", one, "m")
        body = {**call.body, "timestamp": rfc3339(call.at)}
        assert body["event"] == event
        verdict = validate("segment", "track", msgspec.json.encode(body))
        assert (verdict.accepted, verdict.rejected) == (1, [])
    assert shown("C-1", Decided("dec_3", "help_after_refund", "help"), "m") == []
