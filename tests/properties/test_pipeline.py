"""Order does not matter: any permutation, duplication and re-batching of the same events gives the same customers and
the same views, byte for byte, and they are those of the plain pipeline."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rapport.resolve import load_rules
from tests.conftest import sample
from tests.profile.house import House
from tests.profile.stories import carry_out, comparable, deliveries, expected, plans

TIGHT = Path(__file__).parent.parent / "profile/tight.toml"
"""Rules under which a handful of records is too many."""


def as_bytes(customers):
    """Every customer's view as one text, by its records."""
    return {tuple(sorted(records)): json.dumps(view, sort_keys=True) for records, view in customers.items()}


@sample(40)
@given(st.data())
def test_views_are_those_of_the_plain_pipeline(data):
    plan = data.draw(plans(data.draw(deliveries())))
    with House() as house:
        assert comparable(carry_out(house, plan).customers()) == expected(plan.entries)


@sample(40)
@given(st.data())
def test_views_are_those_of_the_plain_pipeline_where_limits_are_met(data):
    plan = data.draw(plans(data.draw(deliveries())))
    with House(rules=str(TIGHT)) as house:
        assert comparable(carry_out(house, plan).customers()) == expected(plan.entries, load_rules(TIGHT))


@sample(40)
@given(st.data())
def test_any_order_duplication_and_batching_gives_the_same_views(data):
    told = data.draw(deliveries())
    again = data.draw(st.lists(st.sampled_from(told), max_size=3))
    with House() as one, House() as another:
        carry_out(one, data.draw(plans(told)))
        carry_out(another, data.draw(plans(told + again)))
        assert as_bytes(one.customers()) == as_bytes(another.customers())
