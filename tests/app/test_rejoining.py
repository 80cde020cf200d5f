"""A node that is started with other rules joins what it has anew, beside what comes in: then it is as if these rules
had held from the start. Killed anywhere, it goes on; and it says by the way which records moved."""

import subprocess
import sys
from typing import Any
from unittest.mock import patch

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.app import rejoining
from rapport.app.rejoining import fingerprint
from rapport.resolve import default_rules, load_rules
from tests.app.test_rule_change import CHANGES, EVENTS, house_of, variant
from tests.profile.house import House, at, told


def started_with(house: House, rules: str) -> House:
    house.settings = msgspec.structs.replace(house.settings, rules=rules)
    house._reader = None
    return house.restart()


def joined_anew(house: House, *, restarts: bool = False) -> int:
    """Let all passes be made; return in how many slices."""
    slices = 1
    while house.worker.rejoin():
        slices += 1
        if restarts:
            house.restart()
    house._reader = None
    return slices


def sent(house: House, events: list[dict[str, Any]]) -> None:
    for number, event in enumerate(events):
        who = {"userId": event["who"]} if event["who"] else {"anonymousId": event.get("device", "d3")}
        traits = {name: event[name] for name in ("email", "phone") if name in event}
        said = told(at(f"11:{number:02}"), type="identify", messageId=f"late{number}", traits=traits, **who)
        house.send(said, source=event["source"])


# Whose a device was by a user who names nobody now, or named nobody then, is not asked anew.
OF_NO_USER = CHANGES.filter(lambda change: "u1" not in change)


@given(EVENTS, EVENTS, OF_NO_USER, OF_NO_USER, st.sampled_from([1, 3, 200]), st.booleans())
@settings(max_examples=30)
def test_any_change_of_rules_comes_to_hold_for_what_was_there(
    tmp_path_factory, events, late, before, after, together, restarts
):
    directory = tmp_path_factory.mktemp("rules")
    one, another = directory / "one.toml", directory / "another.toml"
    one.write_text(variant(before))
    another.write_text(variant(after))
    with (
        house_of(events, one) as house,
        house_of(events, another) as ever,
        patch.object(rejoining, "TOGETHER", together),
        patch.object(rejoining, "SLICE_SECONDS", 0),
    ):
        started_with(house, str(another))
        # What is new comes in amid the passes.
        house.worker.rejoin()
        for each in (house, ever):
            sent(each, late)
            each.settle()
        joined_anew(house, restarts=restarts)
        assert house.customers() == ever.customers()
        assert not house.worker.rejoining.under_way


def test_a_start_with_the_same_rules_joins_nothing_anew(tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(variant(""))
    with house_of([{"source": "web", "who": "u1"}], rules) as house:
        assert not house.worker.rejoining.under_way, "nobody was there yet"
        rules.write_text(f"# Other words, the same rules.\n{variant('')}")
        assert not started_with(house, str(rules)).worker.rejoining.under_way


def test_what_was_joined_before_rules_were_noted_was_joined_by_those_that_come_along(tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(variant(""))
    with House() as house:
        sent(house, [{"source": "web", "who": "u1"}])
        house.settle()
        house.worker.state.db.execute("DELETE FROM meta WHERE name LIKE 'rules%'")
        house.worker.commit()
        assert not house.restart().worker.rejoining.under_way
        assert started_with(house, str(rules)).worker.rejoining.under_way


def test_yet_other_rules_amid_the_passes_begin_them_anew(tmp_path):
    one, another = tmp_path / "one.toml", tmp_path / "another.toml"
    one.write_text(variant(""))
    another.write_text(variant("too_connected = 3"))
    events = [{"source": "web", "who": f"u{number}", "email": "a@x.de"} for number in range(5)]
    with (
        house_of(events, one) as house,
        patch.object(rejoining, "TOGETHER", 1),
        patch.object(rejoining, "SLICE_SECONDS", 0),
    ):
        started_with(house, str(another))
        for _ in range(3):
            assert house.worker.rejoin()
        assert joined_anew(started_with(house, str(one))) == 3 * (5 + 1)
        assert not house.restart().worker.rejoin()


def test_whoever_follows_records_is_told_which_moved(tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(variant("[types.email]\nlevel = 3\ntrusted_level = 2\nshared_above = 9\nper_customer = 9"))
    tight = tmp_path / "tight.toml"
    tight.write_text(variant(""))
    events = [{"source": "web", "who": "", "device": f"d{n}", "email": "a@x.de"} for n in range(3)]
    with house_of(events, rules) as house:
        assert len(house.customers()) == 1
        started_with(house, str(tight))
        moved: list[int] = []
        house.worker.links.moved = moved.extend
        joined_anew(house)
        assert len(house.customers()) == 3
        assert len(set(moved)) >= 2, "those that left, at least"


def test_rules_are_told_apart_by_what_they_say(tmp_path):
    rules = tmp_path / "rules.toml"
    seen = {fingerprint(default_rules())}
    for change in ("", "too_connected = 3", "blocked = ['a', 'b']", '"-1" = 0'):
        rules.write_text(variant(change))
        seen.add(fingerprint(load_rules(rules)))
    assert len(seen) == 5
    asked = f"import sys; sys.path[:0] = {sys.path!r}; from pathlib import Path; from rapport.app.rejoining import "
    asked += (
        f"fingerprint; from rapport.resolve import load_rules; print(fingerprint(load_rules(Path({str(rules)!r}))))"
    )
    rules.write_text(variant("blocked = ['d', 'c', 'b', 'a']"))
    for seed in ("1", "2", "3"):
        told = subprocess.run(
            [sys.executable, "-c", asked], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert int(told.stdout) == fingerprint(load_rules(rules)), "in another process, too"
