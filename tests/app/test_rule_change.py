"""What a change of rules would do is told as it then is: the same events, taken in by those rules from the start."""

import contextlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded import rule_change
from rapport.app.embedded import open_ledger
from rapport.app.rule_change import simulated
from rapport.kernel.errors import NotFound
from rapport.resolve import Rules, default_rules, load_rules
from tests.conftest import sample
from tests.e2e.running import run
from tests.profile.house import ORG, House, at, told

TIGHT = (Path(__file__).parents[1] / "profile/tight.toml").read_text()


def rules_file(directory: Path, **changes: str) -> Path:
    """The tight rules with some words of them replaced."""
    text = TIGHT
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    path = directory / "rules.toml"
    path.write_text(text)
    return path


def expected(today: set[frozenset[str]], then: set[frozenset[str]]) -> tuple[int, int, int, int]:
    """Merged, of how many, split, into how many: from the two partitions themselves."""

    def several(one: set[frozenset[str]], others: set[frozenset[str]]) -> list[int]:
        return [n for group in one if (n := sum(bool(group & other) for other in others)) > 1]

    merges, splits = several(then, today), several(today, then)
    return len(merges), sum(merges), len(splits), sum(splits)


def counts(found: rule_change.Simulated) -> tuple[int, int, int, int]:
    return found.merged, found.merged_from, found.split, found.split_into


EVENTS = st.lists(
    st.fixed_dictionaries(
        {"source": st.sampled_from(["web", "crm", "app"]), "who": st.sampled_from(["u1", "u2", "u3", "u4", "", "u5"])},
        optional={
            "email": st.sampled_from(["a@x.de", "b@x.de", "c@x.de"]),
            "phone": st.sampled_from(["+441111111", "+442222222"]),
            "device": st.sampled_from(["d1", "d2"]),
        },
    ),
    min_size=1,
    max_size=14,
)
CHANGES = st.sampled_from(
    [
        "",
        "[types.email]\nlevel = 3\ntrusted_level = 2\nshared_above = 9\nper_customer = 9",
        "blocked = ['u1', 'a@x.de']",
        "blocked = ['+442222222']",
        "too_connected = 3",
        "identifiers_per_record = 1",
        "records_per_user = 1",
        '"-1" = 0',
    ]
)


def variant(change: str) -> str:
    """The tight rules with one setting changed."""
    if not change:
        return TIGHT
    if change.startswith("[types.email]"):
        start = TIGHT.index("[types.email]")
        return TIGHT[:start] + change + TIGHT[TIGHT.index("\n\n", start) :]
    if change.startswith("blocked"):
        return f"{change}\n{TIGHT}"
    name = change.partition("=")[0]
    return "\n".join(change if line.startswith(name) else line for line in TIGHT.splitlines())


def house_of(events: list[dict[str, Any]], rules: Path) -> House:
    house = House(rules=str(rules))
    for number, event in enumerate(events):
        who = {"userId": event["who"]} if event["who"] else {"anonymousId": event.get("device", "d3")}
        context = {"device": {"id": event["device"]}} if "device" in event else {}
        traits = {name: event[name] for name in ("email", "phone") if name in event}
        sent = told(
            at(f"10:{number:02}"), type="identify", messageId=f"m{number}", traits=traits, context=context, **who
        )
        house.send(sent, source=event["source"])
    return house.settle()


@sample(40)
@given(EVENTS, CHANGES, CHANGES, st.sampled_from([1, 3, 2000]))
def test_any_change_of_rules_does_what_was_told_of_it(tmp_path_factory, events, before, after, batch):
    directory = tmp_path_factory.mktemp("rules")
    one, another = directory / "one.toml", directory / "another.toml"
    one.write_text(variant(before if not before.startswith("blocked") else ""))
    another.write_text(variant(after))
    with house_of(events, one) as today, house_of(events, another) as then, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_change, "BATCH", batch)
        kept = (today.directory / "state.db").read_bytes()
        found = simulated(today.settings, ORG, load_rules(another))
        assert counts(found) == expected({*today.customers()}, {*then.customers()})
        assert simulated(today.settings, ORG, load_rules(one)).customers == found.customers
        assert counts(simulated(today.settings, ORG, load_rules(one))) == (0, 0, 0, 0)
        assert (today.directory / "state.db").read_bytes() == kept, "nothing is written"


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """Three records that name one address: too many, by the tight rules."""
    rules = tmp_path_factory.mktemp("family") / "rules.toml"
    rules.write_text(TIGHT)
    events = [{"source": "web", "who": "", "device": f"d{n}", "email": "fam@x.de"} for n in range(3)]
    with house_of(events, rules) as house:
        yield house


def test_examples_are_masked_and_leave_receipts(family):
    found = simulated(family.settings, ORG, default_rules())
    assert (found.customers, found.customers_then, counts(found)) == (3, 1, (1, 3, 0, 0))
    (merge,) = found.merges
    assert (len(merge.customers), merge.records, merge.by) == (3, 3, {"email": 1})
    for shown in merge.customers:
        assert family.view(shown.customer)["customer"] == shown.customer
        assert shown.identifiers[0] == "email f•••@x•••.de" or shown.identifiers[0].startswith("anonymous_id")
    assert "fam@" not in repr(found)
    with contextlib.closing(open_ledger(family.settings)) as ledger:
        told_of = [one for one in ledger.receipts(ORG, 10) if one.action == "resolve simulation"]
        assert {one.fields for one in told_of} == {("identifiers",)}
        assert len(told_of) >= 3


def test_whoever_may_not_be_read_is_in_no_example(tmp_path):
    phones = {"d1": {"phone": "+442222222"}}
    events = [
        {"source": "web", "who": "", "device": device, "email": "fam@x.de"} | phones.get(device, {})
        for device in ("d0", "d1", "d2")
    ]
    with house_of(events, rules_file(tmp_path)) as house:
        (before,) = simulated(house.settings, ORG, default_rules()).merges
        assert "phone +4•••22" in {text for shown in before.customers for text in shown.identifiers}
        house.people.lock(house.people.add([f"{ORG}:phone:+442222222"]).handle)
        (after,) = simulated(house.settings, ORG, default_rules()).merges
        assert len(before.customers) == 3
        assert after.customers == [shown for shown in before.customers if "phone +4•••22" not in shown.identifiers]
        assert len(after.customers) == 2


def test_each_part_that_one_would_fall_into_is_shown_with_what_is_its_own(tmp_path):
    loose = rules_file(tmp_path, **{"shared_above = 2\nper_customer = 1": "shared_above = 9\nper_customer = 1"})
    events = [{"source": "web", "who": "", "device": f"d{n}", "email": "fam@x.de"} for n in range(3)]
    with house_of(events, loose) as house:
        tight = tmp_path / "tight.toml"
        tight.write_text(TIGHT)
        found = simulated(house.settings, ORG, load_rules(tight))
        assert counts(found) == (0, 0, 1, 3)
        (split,) = found.splits
        assert [shown.identifiers[-1] for shown in split.customers] == ["device_id d•••"] * 3
        assert len({shown.customer for shown in split.customers}) == 3


def test_a_blocked_value_joins_nobody_in_whatever_way_it_is_written(tmp_path):
    rules = rules_file(tmp_path, **{"too_connected = 12": "too_connected = 12\nblocked = ['Test@X.de']"})
    events = [{"source": "web", "who": "", "device": f"d{n}", "email": "test@x.de"} for n in range(2)]
    with house_of(events, rules) as house:
        assert len(house.customers()) == 2
    rules.write_text(TIGHT)
    with house_of(events, rules) as house:
        assert len(house.customers()) == 1


def test_values_that_would_be_blocked_join_nobody_any_more(tmp_path):
    rules = rules_file(tmp_path)
    events = [{"source": "web", "who": "", "device": f"d{n}", "email": "TEST@x.de"} for n in range(2)]
    with house_of(events, rules) as house:
        rules_file(tmp_path, **{"too_connected = 12": "too_connected = 12\nblocked = ['Test@X.de']"})
        found = simulated(house.settings, ORG, load_rules(rules))
        assert counts(found) == (0, 0, 1, 2)
        assert found.splits[0].by == {}, "what joined them is no evidence then"


def test_an_organization_that_is_not_there(family):
    with pytest.raises(NotFound, match="no organization 'other'"):
        simulated(family.settings, "other", Rules())


def test_the_command_tells_it_and_refuses_rules_that_cannot_be_used(family, tmp_path):
    rules = tmp_path / "loose.toml"
    rules.write_text(TIGHT.replace("shared_above = 2", "shared_above = 9"))
    where = ["--org", ORG, "--data", str(family.directory)]
    told = json.loads(run("resolve", "--simulate", str(rules), *where, "--json").stdout)
    assert (told["customers"], told["customers_then"], told["merged_from"]) == (3, 1, 3)
    said = run("resolve", "--simulate", str(rules), *where).stdout
    assert "3 records: 3 customers today, 1 by" in said
    assert "1 would be made of 3 that are apart today" in said
    assert "split" not in said, "of nobody"
    rules.write_text(TIGHT)
    assert "  nobody would be merged or split\n" in run("resolve", "--simulate", str(rules), *where).stdout
    rules.write_text(tomllib.loads("x = '[types'")["x"])
    done = run("resolve", "--simulate", str(rules), *where)
    assert done.returncode == 2
    assert "is not TOML" in done.stderr
