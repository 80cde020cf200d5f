"""Lines become events by the mapping: alone or in groups, each exactly once or refused by name."""

import json
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.collect import decode
from rapport.kernel.ports import LogEntry
from tests.collect.importing import TRACK, run

ORDERS = """
name = "orders"
[time]
column = "at"
[identifiers]
user_id = { column = "who", type = "integer" }
email = "mail"
[traits]
country = { column = "country", category = "location" }
[[event]]
name = "Order Refunded"
when = { column = "order", starts_with = "C" }
group_by = "order"
[event.properties]
order_id = "order"
revenue = { sum = "-quantity * price" }
[[event]]
name = "Order Completed"
group_by = "order"
[event.properties]
order_id = "order"
revenue = { sum = "quantity * price" }
lines = { count = true }
[event.lists.products]
sku = "sku"
quantity = { column = "quantity", type = "integer" }
price = { column = "price", type = "number" }
"""


def line(order="1", who=17, sku="a", quantity=1, price=2.55, at="2010-12-01 08:26", **more):
    return {"order": order, "who": who, "sku": sku, "quantity": quantity, "price": price, "at": at, **more}


def test_the_lines_of_one_order_are_one_event_at_the_time_of_the_earliest():
    rows = [line(at="2010-12-01 08:27"), line("2"), line(sku="b", quantity=3, at="2010-12-01 08:26"), line()]
    first, second = run(ORDERS, rows).events
    assert first["event"] == "Order Completed"
    assert first["userId"] == "17"
    assert first["timestamp"] == "2010-12-01T08:26:00Z"
    assert [product["sku"] for product in first["properties"]["products"]] == ["a", "b", "a"]
    assert first["properties"]["lines"] == 3
    assert first["properties"]["revenue"] == 12.75
    assert second["properties"]["order_id"] == "2"
    assert (first["line"], second["line"]) == (1, 2)


def test_an_event_takes_the_lines_for_which_it_is_the_first_that_applies():
    refund, order = run(ORDERS, [line("C1", quantity=-2), line("1")]).events
    assert (refund["event"], refund["properties"]["revenue"]) == ("Order Refunded", 5.1)
    assert (order["event"], order["properties"]["revenue"]) == ("Order Completed", 2.55)


def test_lines_of_one_order_that_name_two_customers_never_meet():
    outcome = run(ORDERS, [line(who=1), line(who=2), line(who=1)])
    assert [(event["userId"], len(event["properties"]["products"])) for event in outcome.events] == [("1", 2), ("2", 1)]
    assert len(set(outcome.ids)) == 2


def test_a_value_of_the_whole_event_is_that_of_the_first_line_that_has_one():
    rows = [line(mail=""), line(mail="Ada@Example.com", country="UK"), line(country="FR")]
    (event,) = run(ORDERS, rows).events
    assert event["identifiers"] == [["email", "ada@example.com"]]
    assert event["context"]["traits"] == {"country": "UK"}
    assert event["categories"] == {"country": "location"}


def test_a_refused_line_refuses_its_whole_group_since_half_an_order_is_a_wrong_one():
    outcome = run(ORDERS, [line(), line(quantity="two"), line(), line("2")])
    assert outcome.refused == [(2, "bad_number"), (1, "group_refused"), (3, "group_refused")]
    assert outcome.messages[0] == "quantity: 'two' is no number"
    assert outcome.messages[1] == "line 2: quantity: 'two' is no number"
    assert [event["properties"]["order_id"] for event in outcome.events] == ["2"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (line(who=None), "missing_id"),
        (line(who="0000"), "missing_id"),
        (line(who="x"), "bad_number"),
        (line(who=1.5), "bad_number"),
        (line(order=""), "no_group"),
        (line(order=[1]), "bad_type"),
        (line(at=""), "missing_time"),
        (line(at="31/02/2010"), "bad_time"),
        (line(price=""), "bad_number"),
        (line(price=float("inf")), "bad_number"),
        (line(mail="x" * 2000), "too_long"),
        (line(sku=2**70), "bad_number"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_by_name_and_costs_no_other(row, reason):
    outcome = run(ORDERS, [line("8"), row, line("9")])
    assert outcome.refused == [(2, reason)]
    assert outcome.tally.events == 2


def test_numbers_that_would_have_to_be_rounded_are_refused_unless_the_mapping_rounds():
    rows = [line(price="1e300", quantity="1e-300"), line(price="1e300")]
    assert [reason for _, reason in run(ORDERS, rows).refused] == ["bad_number", "group_refused"]


@pytest.mark.parametrize(("price", "rounded"), [("0.125", 0.13), ("0.124", 0.12), ("-0.001", 0), ("1e20", 1e20)])
def test_the_mapping_can_round_half_up(price, rounded):
    mapping = ORDERS.replace('"quantity * price" }', '"quantity * price", decimals = 2 }')
    (event,) = run(mapping, [line(price=price)]).events
    assert event["properties"]["revenue"] == rounded


@given(st.lists(st.tuples(st.integers(-500, 500), st.decimals("-999", "999", places=3)), min_size=1, max_size=40))
def test_any_total_is_exact(lines):
    rows = [line(quantity=quantity, price=float(price)) for quantity, price in lines]
    body = run(ORDERS, rows).bodies[0]
    exact = json.loads(body, parse_float=Decimal)["batch"][0]["properties"]["revenue"]
    assert Fraction(exact) == sum(Fraction(quantity) * Fraction(price) for quantity, price in lines)


def test_repeated_lines_are_events_of_their_own():
    rows = [
        {"who": "u1", "what": "x"},
        {"who": "u1", "what": "y"},
        {"who": "u1", "what": "x"},
        {"who": "u1", "what": "x"},
    ]
    ids = run(TRACK, rows).ids
    assert len(set(ids)) == 4
    assert ids[2] == f"{ids[0]}-2"
    assert ids[3] == f"{ids[0]}-3"


def test_a_line_is_told_from_another_by_its_values_not_by_where_it_stands():
    one = run(TRACK, [{"who": "u1", "what": "x"}, {"who": "u2", "what": 1}])
    other = run(TRACK, [{"who": "u2", "what": 1}, {"who": "u3", "what": "x"}, {"who": "u1", "what": "x"}])
    assert set(one.ids) < set(other.ids)


def test_a_number_and_its_text_are_two_values():
    assert len(set(run(TRACK, [{"who": "u1", "what": 1}, {"who": "u1", "what": "1"}]).ids)) == 2


def test_the_file_can_bring_its_own_message_ids():
    mapping = TRACK.replace('name = "Seen"', 'name = "Seen"\nmessage_id = "id"')
    rows = [{"who": "u1", "id": "m-1"}, {"who": "u1", "id": 7}, {"who": "u1", "id": ""}]
    ids = run(mapping, rows).ids
    assert ids[:2] == ["m-1", "7"]
    assert ids[2].startswith("mapping-")


def test_another_mapping_gives_other_message_ids():
    row = [{"who": "u1", "what": "x"}]
    assert run(TRACK, row).ids != run('name = "other"\n' + TRACK, row).ids


def test_lines_that_the_mapping_skips_are_counted_apart():
    skip = '[[event]]\nwhen = { column = "what", equals = ["x", "y"] }\nskip = true\n'
    mapping = f'[identifiers]\nuser_id="who"\n{skip}[[event]]\nname = "E"\n'
    outcome = run(mapping, [{"who": "u1", "what": what} for what in "xyz"])
    assert (outcome.tally.left_out, outcome.tally.events) == (2, 1)


@pytest.mark.parametrize(
    ("when", "taken"),
    [
        ("equals = 'b'", [2]),
        ("equals = 5", [4]),
        ("one_of = ['a', 'b']", [1, 2]),
        ("starts_with = 'a'", [1, 3]),
        ("present = true", [1, 2, 3, 4, 5]),
        ("present = false", [6, 7]),
        ("starts_with = 'a', present = true", [1, 3]),
    ],
)
def test_conditions_choose_lines(when, taken):
    mapping = f'[identifiers]\nuser_id="who"\n[[event]]\nname="E"\nwhen={{column="what", {when}}}\n'
    rows = [{"who": "u1", "what": what} for what in ("a", "b", "ab", 5, "-1", "", None)]
    outcome = run(mapping, rows)
    assert [event["line"] for event in outcome.events] == taken
    assert {reason for _, reason in outcome.refused} <= {"no_event"}


def test_conditions_compare_numbers_as_numbers():
    mapping = (
        '[identifiers]\nuser_id="who"\n[[event]]\nname="E"\nwhen=[{column="n", above=-0.5}, {column="n", below=10}]\n'
    )
    rows = [{"who": "u1", "n": n} for n in ("9", "-0.4", "-0.5", "10", 3.5, None, "x")]
    outcome = run(mapping, rows)
    assert [event["line"] for event in outcome.events] == [1, 2, 5]
    assert outcome.refused[-1] == (7, "bad_number")


def test_the_key_that_the_mapping_names_keys_the_record():
    identifiers = '[identifiers]\ncrm_id="no"\nuser_id="who"\nemail="mail"\n'
    mapping = f'key="crm_id"\n{identifiers}[[event]]\ntype="identify"\n[event.traits]\nname="name"\n'
    row = {"no": "C-1", "who": "u1", "mail": "a@b.c", "name": "Ada"}
    (event,) = run(mapping, [row]).events
    assert event["key"] == ["crm_id", "C-1"]
    assert event["identifiers"] == [["crm_id", "C-1"], ["email", "a@b.c"]]
    assert event["userId"] == "u1"
    assert event["traits"] == {"name": "Ada"}
    assert run(mapping, [row | {"no": ""}]).refused == [(1, "missing_id")]


def test_without_a_user_id_the_anonymous_id_keys_the_record():
    mapping = TRACK.replace('user_id = "who"', 'user_id = "who"\nanonymous_id = "device"')
    known, unknown = run(mapping, [{"who": "u1", "device": "d1"}, {"who": "", "device": "d1"}]).events
    assert (known["userId"], known["anonymousId"]) == ("u1", "d1")
    assert (unknown.get("userId"), unknown["anonymousId"]) == (None, "d1")


def test_an_empty_cell_says_nothing_unless_the_mapping_says_that_it_forgets():
    traits = '[event.traits]\na = "a"\nb = { column = "b", empty = "forget" }\n'
    mapping = f'[identifiers]\nuser_id="who"\n[[event]]\ntype="identify"\n{traits}'
    assert run(mapping, [{"who": "u1", "a": "", "b": ""}]).events[0]["traits"] == {"b": None}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ('type="page"\nname="what"', {"type": "page", "name": "what"}),
        ('type="screen"', {"type": "screen"}),
        ('type="group"\ngroup_id="what"', {"type": "group", "groupId": "x"}),
        ('type="alias"\nprevious_id="what"', {"type": "alias", "previousId": "x"}),
        ('name={column="what"}', {"type": "track", "event": "x"}),
    ],
)
def test_every_kind_of_event_can_be_made(event, expected):
    outcome = run(f'[identifiers]\nuser_id="who"\n[[event]]\n{event}\n', [{"who": "u1", "what": "x"}])
    assert expected.items() <= outcome.events[0].items()


@pytest.mark.parametrize(
    ("event", "row", "reason"),
    [
        ('name={column="what"}', {"what": ""}, "missing_event"),
        ('name={column="what"}', {"what": "x" * 2000}, "too_long"),
        ('type="group"\ngroup_id="what"', {"what": "null"}, "missing_group"),
        ('type="alias"\nprevious_id="what"', {}, "missing_previous"),
        ('name="E"\n[event.properties]\na="what"', {"what": "x" * 2_000_000}, "too_large"),
        ('name="E"\n[event.properties]\na="what"', {"what": json.loads("[" * 300 + "]" * 300)}, "too_deep"),
    ],
)
def test_what_the_worker_would_refuse_is_refused_before_it_is_written(event, row, reason):
    mapping = f'[identifiers]\nuser_id="who"\n[[event]]\n{event}\n'
    outcome = run(mapping, [{"who": "u1", "what": "ok"}, {"who": "u2", **row}, {"who": "u3", "what": "ok"}])
    assert outcome.refused == [(2, reason)]
    assert [event["userId"] for event in outcome.events] == ["u1", "u3"]


def test_an_order_of_more_lines_than_an_event_can_hold_is_refused_whole():
    outcome = run(ORDERS, [*[line(sku="x" * 1000) for _ in range(1100)], line("2")])
    assert Counter(reason for _, reason in outcome.refused) == {"too_large": 1100}
    assert "limit is 1,048,576" in outcome.messages[0]
    assert outcome.tally.events == 1


VALUES = (
    st.none() | st.sampled_from(["", "u1", "u2", "7", "1,5", "C7", "2010-12-01", "x" * 1100]) | st.integers(-3, 2**65)
)
VALUES |= st.floats(allow_nan=False) | st.booleans() | st.lists(st.integers(), max_size=2)
ROWS = st.lists(
    st.fixed_dictionaries(dict.fromkeys(("order", "who", "sku", "quantity", "price", "at", "mail"), VALUES))
)
SOUND = st.builds(
    line,
    st.sampled_from(["1", "2", "C3"]),
    st.integers(1, 3),
    st.sampled_from("ab"),
    st.integers(-2, 9),
    st.sampled_from([0.5, 2.55]),
)


@given(ROWS | st.lists(SOUND, max_size=30), st.sampled_from([ORDERS, TRACK.replace("what", "sku")]))
def test_every_line_ends_in_an_event_or_in_a_refusal_and_the_worker_takes_every_event(rows, mapping):
    outcome = run(mapping, rows)
    tally = outcome.tally
    assert tally.lines == len(rows) == tally.in_events + tally.left_out + len(outcome.refused)
    assert len({place for place, _ in outcome.refused}) == len(outcome.refused)
    assert {reason: refused.lines for reason, refused in tally.refused.items()} == Counter(
        r for _, r in outcome.refused
    )
    decoded = [decode(LogEntry("o", "s", "import", "batch", 0, body)) for body in outcome.bodies]
    assert sum(len(one.events) for one in decoded) == tally.events == len(set(outcome.ids))
    assert not any(one.rejected for one in decoded)


@given(st.lists(SOUND, max_size=40), st.integers(0, 4000))
def test_any_file_gives_the_same_events_however_little_memory_there_is(rows, budget):
    def key(event):
        return event["messageId"]

    roomy, tight = run(ORDERS, rows), run(ORDERS, rows, budget)
    assert sorted(roomy.events, key=key) == sorted(tight.events, key=key)
    assert run(ORDERS, rows, budget).bodies == tight.bodies


@given(st.lists(SOUND, max_size=30), st.randoms(use_true_random=False))
def test_any_order_of_lines_gives_the_same_message_ids_and_totals(rows, random):
    shuffled = random.sample(rows, len(rows))

    def told(outcome):
        return {event["messageId"]: event["properties"]["revenue"] for event in outcome.events}

    assert told(run(ORDERS, rows)) == told(run(ORDERS, shuffled))
    plain = TRACK.replace("what", "sku")
    assert sorted(run(plain, rows).ids) == sorted(run(plain, shuffled).ids)
