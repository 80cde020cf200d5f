"""Cells are read exactly, by the mapping's settings, or refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.collect import arithmetic
from rapport.collect.cells import Cells
from rapport.collect.mapping import FileFormat, Time
from rapport.collect.refusals import Unreadable
from rapport.kernel.errors import BadInput
from rapport.kernel.times import micros


def cells(*, decimal: str = ".", thousands: str = "", nulls=("",), formats=(), zone: str = "UTC") -> Cells:
    return Cells(FileFormat(decimal=decimal, thousands=thousands, nulls=nulls), Time(None, tuple(formats), zone))


def refused(read, value) -> str:
    with pytest.raises(Unreadable) as raised:
        read(value)
    return str(raised.value.reason)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("6", 6),
        (" 6 ", 6),
        ("-6", -6),
        ("+007", 7),
        ("2.55", Decimal("2.55")),
        (".5", Decimal("0.5")),
        ("1e3", Decimal(1000)),
        ("", None),
        ("  ", None),
        (2.55, Decimal("2.55")),
        (0.1, Decimal("0.1")),
        (12, 12),
        (None, None),
    ],
)
def test_a_number_is_exactly_the_one_that_is_written(text, number):
    assert cells().number(text) == number


@pytest.mark.parametrize(
    "text",
    ["abc", "1,234", "1.2.3", "£12", "12 34", "1_000", "NaN", "inf", "0x10", "--1", "1e99999", "٣", "1" * 41, True, []],
)
def test_what_is_no_number_is_refused(text):
    assert refused(cells().number, text) == "bad_number"


@pytest.mark.parametrize(
    ("decimal", "thousands", "text", "number"),
    [
        (",", "", "1,5", Decimal("1.5")),
        (",", ".", "1.234,56", Decimal("1234.56")),
        (",", ".", "1.234.567", 1234567),
        (",", ".", "1234,56", Decimal("1234.56")),
        (".", ",", "1,234.56", Decimal("1234.56")),
        (",", " ", "1\u202f234,56", Decimal("1234.56")),
        (".", "'", "1'000", 1000),
    ],
)
def test_the_mapping_says_which_marks_a_number_has(decimal, thousands, text, number):
    assert cells(decimal=decimal, thousands=thousands).number(text) == number


@pytest.mark.parametrize(("decimal", "thousands", "text"), [(",", ".", "1.23"), (".", ",", "12,34"), (",", "", "1.5")])
def test_a_number_with_the_other_marks_is_not_guessed(decimal, thousands, text):
    assert refused(cells(decimal=decimal, thousands=thousands).number, text) == "bad_number"


def test_the_refusal_of_a_number_says_what_the_mapping_could_say():
    with pytest.raises(Unreadable, match=r"decimal and thousands in \[file\]"):
        cells().number("1.234,56")


@given(st.integers(-(10**12), 10**12), st.integers(0, 999))
def test_any_amount_survives_being_written_with_marks(whole, thousandths):
    written = f"{whole:,}".replace(",", ".") + f",{thousandths:03}"
    exact = abs(Fraction(whole)) + Fraction(thousandths, 1000)
    read = cells(decimal=",", thousands=".").number(written)
    assert abs(Fraction(read)) == exact


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_double_is_read_as_the_decimal_that_people_see(value):
    assert Fraction(cells().number(value)) == Fraction(repr(value))


@pytest.mark.parametrize(
    ("value", "text"), [(17850.0, "17850"), (17850, "17850"), (2.5, "2.5"), (True, "true"), ("007", "007")]
)
def test_text_of_a_whole_number_has_plain_digits(value, text):
    assert cells().text(value) == text


@pytest.mark.parametrize(("value", "number"), [("17850.0", 17850), (17850.0, 17850), ("017", 17), ("", None)])
def test_an_integer_is_a_whole_number_however_it_is_written(value, number):
    assert cells().integer(value) == number


def test_a_fraction_is_no_integer():
    assert refused(cells().integer, "1.5") == "bad_number"


@pytest.mark.parametrize(
    ("value", "truth"), [("Yes", True), ("n", False), (1, True), (0, False), (True, True), ("", None)]
)
def test_a_boolean_is_written_in_many_ways(value, truth):
    assert cells().boolean(value) is truth


def test_a_boolean_is_not_guessed():
    assert refused(cells().boolean, "maybe") == "bad_boolean"


def test_the_mapping_says_which_texts_mean_no_value():
    read = cells(nulls=("", "NULL", "n/a"))
    assert [read.plain(text) for text in ("NULL", "n/a", "null", "")] == [None, None, "null", None]
    assert read.number("NULL") is None
    assert read.moment("n/a") is None


@pytest.mark.parametrize(
    ("zone", "formats", "text", "utc"),
    [
        ("UTC", [], "2010-12-01T08:26:00Z", "2010-12-01T08:26:00Z"),
        ("UTC", [], "2010-12-01 08:26", "2010-12-01T08:26:00Z"),
        ("UTC", [], "2010-12-01", "2010-12-01T00:00:00Z"),
        ("Europe/London", [], "2011-07-01 08:26:00", "2011-07-01T07:26:00Z"),
        ("Europe/London", [], "2011-07-01T08:26:00+02:00", "2011-07-01T06:26:00Z"),
        ("Europe/London", ["%d/%m/%Y %H:%M"], "01/07/2011 08:26", "2011-07-01T07:26:00Z"),
        ("UTC", ["%m/%d/%y", "%d/%m/%y"], "25/12/10", "2010-12-25T00:00:00Z"),
        ("UTC", ["%d.%m.%Y"], "2011-07-01", "2011-07-01T00:00:00Z"),
        ("UTC", ["unix"], "1291191960", "2010-12-01T08:26:00Z"),
        ("UTC", ["unix"], 1291191960.5, "2010-12-01T08:26:00.500000Z"),
        ("Europe/London", ["unix_ms"], 1291191960000, "2010-12-01T08:26:00Z"),
    ],
)
def test_a_time_is_read_by_the_formats_and_the_zone(zone, formats, text, utc):
    assert cells(zone=zone, formats=formats).time(text) == utc


@pytest.mark.parametrize(
    "text", ["31/02/2011", "2011-02-31", "yesterday", "2011", "99999-01-01", "12:30", "1291191960", True, {}]
)
def test_what_is_no_time_is_refused(text):
    assert refused(cells(formats=["%d/%m/%Y"]).moment, text) == "bad_time"


@pytest.mark.parametrize("value", ["44197", "44197.5", 44197, 44197.5])
def test_a_day_number_of_a_spreadsheet_is_refused_as_such(value):
    with pytest.raises(Unreadable, match="day number of Excel"):
        cells().moment(value)


def test_a_number_that_may_count_from_1970_asks_for_a_format():
    with pytest.raises(Unreadable, match="unix_ms"):
        cells().moment(1291191960000)


def test_a_time_out_of_all_years_is_refused():
    assert refused(cells(formats=["unix"]).moment, 10**15) == "bad_time"


@pytest.mark.parametrize(("text", "day"), [("10/12/1985", "1985-12-10"), ("1985-12-10", "1985-12-10"), ("", None)])
def test_a_date_is_a_day_in_no_zone(text, day):
    assert cells(formats=["%d/%m/%Y"], zone="Pacific/Auckland").date(text) == day


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - UTC
def test_any_time_is_read_back_from_its_text(moment):
    assert cells().moment(moment.isoformat(" ")) == micros(moment)
    shifted = moment.replace(tzinfo=UTC) + timedelta(hours=3)
    assert cells().moment(shifted.isoformat()[:-6] + "+03:00") == micros(moment)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> tuple[str, Fraction]:
    """An expression over the columns a, 'b c' and d, and what it is worth."""
    if depth == 0 or draw(st.booleans()):
        return draw(
            st.sampled_from(
                [
                    ("a", Fraction(3)),
                    ("'b c'", Fraction("2.55")),
                    ("d", Fraction(-7)),
                    ("4", Fraction(4)),
                    ("0.1", Fraction("0.1")),
                ]
            )
        )
    (left, one), (right, other) = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    sign = draw(st.sampled_from("+-*~"))
    if sign == "~":
        return f"-({left})", -one
    return f"({left} {sign} {right})", {"+": one + other, "-": one - other, "*": one * other}[sign]


@given(expressions())
def test_any_expression_is_worth_exactly_what_it_says(case):
    text, worth = case
    try:
        expression = arithmetic.parse(text, "x")
    except BadInput as error:
        assert "names no column" in error.message  # noqa: PT017 - the only thing that can be wrong here
        return
    values = {"a": 3, "b c": Decimal("2.55"), "d": -7}
    operands = {name: (lambda _, value=value: value) for name, value in values.items()}
    assert Fraction(arithmetic.compiled(expression, operands)(())) == worth


HARMLESS = ["a", "'bc'", "1", "2.5", "+", "-", "*", "(", ")", "open", "__import__"]
HARMFUL = [
    "1e999",
    "1j",
    "True",
    "/",
    "**",
    "//",
    "%",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    ":",
    "lambda",
    "if",
    "else",
    "f'{a}'",
    ":=",
]


@given(st.lists(st.sampled_from(HARMLESS + HARMFUL), max_size=12))
def test_no_expression_does_anything_but_count(tokens):
    try:
        expression = arithmetic.parse(" ".join(tokens), "x")
    except BadInput:
        return
    worth = arithmetic.compiled(expression, {name: (lambda _: 1) for name in expression.columns})(())
    assert isinstance(worth, int | Decimal)
    assert set(tokens) <= set(HARMLESS)  # where open is the name of a column, and no more
