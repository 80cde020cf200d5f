"""A suggested mapping: what columns are taken for, and that it can be followed whatever they are called and hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.collect import mapping_toml
from rapport.collect.mapping import FileFormat
from rapport.collect.suggesting import is_of_values, plan, written
from rapport.kernel.errors import BadInput
from tests.collect.importing import run


def suggested(names, rows, table="file"):
    """The mapping in TOML, after it was read as one."""
    text = written(plan(table, names, rows, FileFormat()), ["above it"])
    mapping_toml.parse(text)
    return text


def tried(names, rows, table="file"):
    return run(suggested(names, rows, table), [dict(zip(names, row, strict=True)) for row in rows])


LINES = [
    ("7", "u1", "2026-11-01 10:00", "sku-1", "2", "1.50"),
    ("7", "u1", "2026-11-01 10:00", "sku-2", "1", "4.00"),
    ("8", "u2", "2026-11-02 11:00", "sku-1", "1", "1.50"),
    ("9", "", "2026-11-02 12:00", "sku-1", "1", "1.50"),
]
ORDER = ("OrderNo", "CustomerID", "OrderDate", "SKU", "Quantity", "UnitPrice")


def test_lines_of_orders_become_orders_with_their_products_and_worth():
    told = tried(ORDER, LINES)
    assert [(event["event"], event["userId"], event["properties"]["revenue"]) for event in told.events] == [
        ("Order Completed", "u1", 7),
        ("Order Completed", "u2", 1.5),
    ]
    assert told.events[0]["properties"]["products"] == [
        {"product_id": "sku-1", "quantity": 2, "price": 1.5},
        {"product_id": "sku-2", "quantity": 1, "price": 4},
    ]
    assert told.refused == []
    assert told.tally.left_out == 1, "the line that names nobody is left out"


def test_orders_that_give_back_are_refunds_where_their_numbers_tell():
    back = [
        ("C10", "u1", "2026-11-03 10:00", "sku-1", "-1", "1.50"),
        ("C11", "u2", "2026-11-03", "sku-1", "-1", "1.50"),
    ]
    told = tried(ORDER, LINES + back)
    refunds = [event["properties"] for event in told.events if event["event"] == "Order Refunded"]
    assert [(one["order_id"], one["revenue"], one["products"][0]["quantity"]) for one in refunds] == [
        ("C10", 1.5, 1),
        ("C11", 1.5, 1),
    ]


def test_an_amount_that_every_line_of_an_order_repeats_is_not_added_up():
    rows = [("7", "u1", "2026-11-01", "9.50"), ("7", "u1", "2026-11-01", "9.50"), ("8", "u2", "2026-11-01", "3.00")]
    told = tried(("order_id", "customer_id", "date", "order_total"), rows)
    assert [event["properties"]["revenue"] for event in told.events] == [9.5, 3]


def test_people_are_identified_with_their_traits():
    names = ("id", "name", "E-Mail", "phone", "birthday", "newsletter", "credit", "updated_at")
    rows = [
        ("1", "Ada", "ada@example.com", "+44 20 7946 0018", "10/12/1985", "yes", "1.250,00", "2026-11-03T09:30:00Z"),
        ("2", "Bo", "bo@example.com", "+44 20 7946 0019", "31/01/1986", "no", "80,50", "2026-11-03T09:30:00+01:00"),
    ]
    told = tried(names, rows, "contacts")
    assert told.refused == []
    assert told.events[0]["type"] == "identify"
    assert told.events[0]["traits"] == {
        "name": "Ada",
        "email": "ada@example.com",
        "phone": "+44 20 7946 0018",
        "birthday": "1985-12-10",
        "newsletter": True,
        "credit": 1250,
    }
    assert told.events[1]["timestamp"] == "2026-11-03T08:30:00Z"
    text = suggested(names, rows, "contacts")
    assert 'key = "contacts_id"' in text, "a number of the system's own is no user_id"
    assert "name no zone" not in text
    assert 'user_id = "id"' in suggested(names, rows, "customers")


def test_events_go_by_the_column_that_names_them():
    rows = [(f"e{n}", "u1", ("opened", "closed")[n % 2], 1_780_000_000 + n) for n in range(20)]
    told = tried(("event_id", "user_id", "event", "ts"), rows)
    assert {event["event"] for event in told.events} == {"opened", "closed"}
    assert {event["messageId"] for event in told.events} == {f"e{n}" for n in range(20)}
    assert told.events[0]["timestamp"].startswith("2026-05-")


def test_a_day_that_could_be_a_month_is_called_a_guess():
    text = suggested(("user_id", "joined_on", "visit_date"), [("u1", "", "03/04/2026"), ("u2", "", "05/06/2026")])
    line = next(line for line in text.splitlines() if line.startswith("column"))
    assert "day and month could be the other way round" in line
    assert line.endswith("a guess")
    sure = suggested(("user_id", "visit_date"), [("u1", "03/04/2026"), ("u2", "25/06/2026")])
    assert '"%d/%m/%Y"' in sure
    assert "other way round" not in sure


def test_a_second_number_is_no_identifier_since_a_wrong_one_would_join_strangers():
    text = suggested(("customer_id", "national_id"), [(f"c{n}", f"n{n}") for n in range(9)])
    assert "might be an identifier: only if each value is one person's" in text
    assert text.index("national_id") > text.index("[traits]")


def test_what_tells_something_special_is_pointed_out():
    assert "tells of health: leave it out unless it is needed" in suggested(
        ("user_id", "allergies"), [("u1", "nuts"), ("u2", "milk")]
    )


def test_values_that_name_nobody_are_left_out_and_no_others_are_written_down():
    rows = [("null", "Ada", "2026-11-01"), ("u-secret", "Bo", "2026-11-02"), ("anonymous", "Cy", "2026-11-02")]
    told = tried(("user_id", "name", "updated"), rows)
    assert [event["userId"] for event in told.events] == ["u-secret"]
    assert told.refused == []
    assert "u-secret" not in suggested(("user_id", "name", "updated"), rows)


def test_leading_zeros_are_no_number():
    text = suggested(("user_id", "branch", "visits"), [("u1", "007", "7"), ("u2", "012", "8")])
    assert 'branch = "branch"' in text
    assert 'visits = { column = "visits", type = "integer" }' in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mobile", "07946000{:03}"),
        ("mobile", "{:03}1"),
        ("other", "+44794600{:04}"),
        ("card", "99990000111122223{:03}"),
    ],
)
def test_what_is_dialled_or_longer_than_a_number_can_be_stays_as_it_is(name, value):
    rows = [(f"u{n}", "+441234567890", value.format(n + 1)) for n in range(12)]
    assert f'{name} = "{name}"' in suggested(("user_id", "phone", name), rows)


def test_a_number_of_many_decimals_is_a_number():
    rows = [(f"u{n}", "+441234567890", repr(1 / (n + 3))) for n in range(12)]
    assert 'score = { column = "score", type = "number" }' in suggested(("user_id", "phone", "score"), rows)


@pytest.mark.parametrize("rows", [[], [("x", "y")]])
def test_what_tells_of_nobody_gets_no_mapping(rows):
    with pytest.raises(BadInput) as raised:
        plan("file", ("colour", "shape"), rows, FileFormat())
    assert raised.value.code == "no_suggestion"
    assert raised.value.exit_code == 2


CELLS = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.sampled_from(
        ["", "NULL", "1,5", "1.234,5", "2026-11-01", "31/02/2026", "0042", "yes", "no", "a@b.de", "-3", "1e9"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
WORDS = """
    email phone order_id quantity price amount date created_at event name currency sku is_member birthday zip
    message_id anonymous_id loyalty_id Description "q" 'a' a.b revenue products"""
NAMES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(WORDS.split()),
)


@given(st.data())
def test_any_table_gets_a_mapping_that_can_be_followed_or_a_clear_no(data):
    names = data.draw(st.lists(NAMES, max_size=8, unique=True))
    names.insert(data.draw(st.integers(0, len(names))), "user_id") if "user_id" not in names else None
    rows = data.draw(st.lists(st.tuples(*[CELLS] * len(names)), min_size=1, max_size=12))
    try:
        text = suggested(tuple(names), rows)
    except BadInput:
        return  # nobody is named in it
    told = run(text, [dict(zip(names, row, strict=True)) for row in rows])
    fine = {
        "missing_id",
        "missing_time",
        "bad_time",
        "too_long",
        "no_group",
        "group_refused",
        "bad_type",
        "missing_event",
    }
    assert {reason for _, reason in told.refused} <= fine | {"bad_number"}
    assert told.tally.lines == len(rows)


@pytest.mark.parametrize(
    ("word", "rest"),
    [("NULL", "a{}@x.de"), ("\\N", "Name {}"), ("(null)", "Name {}"), ("n/a", "{}"), ("-", "2026-11-{:02}")],
)
def test_a_word_for_no_value_is_none_though_it_stands_in_one_column_alone(word, rest):
    rows = [(f"u{n}", word if n % 3 else rest.format(n + 1)) for n in range(12)]
    read = mapping_toml.parse(suggested(("user_id", "email"), rows), "x.toml")
    assert word in read.file.nulls


def test_whoever_is_called_null_keeps_that_name():
    rows = [(f"u{n}", "Null" if n == 1 else f"Name {n}") for n in range(12)]
    assert "nulls" not in suggested(("user_id", "name"), rows)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("ada@example.com", "Ada"), True),
        (("17", "2026-11-01"), True),
        (("email",), False),
        (("2025", "email"), False),
        (("at", "no"), False),
    ],
)
def test_a_line_of_values_is_told_from_a_line_of_names(names, found):
    assert is_of_values(names) is found
