"""The identity graph, the charts and the words: small functions with properties."""

import re
from itertools import permutations, product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.times import DAY, HOUR, MINUTE, SECOND
from rapport.web import words
from rapport.web.console import charts, graph
from rapport.web.console.desk import Evidence, Identity, Node
from rapport.web.words import sections
from tests.web.console.sample_people import NOON, event


@st.composite
def identities(draw: st.DrawFn) -> Identity:
    records = [Node(f"rec_{i}", "record", "user_id", f"u{i}", "web") for i in range(draw(st.integers(1, 50)))]
    others = [Node(f"email:{i}", "identifier", "email", f"{i}@x.test") for i in range(draw(st.integers(1, 40)))]
    ends = st.tuples(st.sampled_from(records), st.sampled_from(others + records))
    edges = []
    for i, (a, b) in enumerate(draw(st.lists(ends, max_size=60))):
        kind = "identifies" if b.kind == "identifier" else "must_link"
        edges.append(Evidence(f"e{i}", a.id, b.id, kind, "email", "r", "web", i % 4, False, i % 3 > 0, "because"))
    return Identity(tuple(records + others), tuple(edges))


shapes = st.sampled_from([graph.WIDE, graph.NARROW])


@given(identities(), shapes, st.randoms())
def test_the_same_identity_is_drawn_the_same_in_whatever_order_it_is_told(identity, shape, chance):
    nodes, edges = [*identity.nodes], [*identity.edges]
    chance.shuffle(nodes)
    chance.shuffle(edges)
    told = graph.draw(Identity(tuple(nodes), tuple(edges)), shape)
    drawn = graph.draw(identity, shape)
    if len(nodes) <= graph.MOST:
        assert {node.node.id: (node.x, node.y) for node in told.nodes} == {
            node.node.id: (node.x, node.y) for node in drawn.nodes
        }
        assert [edge.path for edge in told.edges] == [edge.path for edge in drawn.edges]


def test_sums_of_places_do_not_depend_on_the_order_of_the_evidence():
    """Of five places 0.1, 0.3 and 0.7 come to two sums by their last bit: enough to undo a tie."""
    facing = [Node(f"email:{i}", "identifier", "email", f"{i}", "") for i in range(5)]
    column = [Node(name, "record", "user_id", name, "web") for name in ("a", "b")]
    for one, another in product(permutations((0, 1, 3)), repeat=2):
        near = {name: [f"email:{i}" for i in ends] for name, ends in (("a", one), ("b", another))}
        assert [node.id for node in graph._by_neighbours(column, facing, near)] == ["a", "b"]


@given(identities(), shapes)
def test_no_two_nodes_overlap_and_all_lie_inside(identity, shape):
    drawing = graph.draw(identity, shape)
    assert len(drawing.nodes) + drawing.left_out == len(identity.nodes)
    assert len(drawing.nodes) <= graph.MOST
    columns: dict[int, list[int]] = {}
    for placed in drawing.nodes:
        assert 0 <= placed.x <= shape.width - shape.node_width
        assert 0 <= placed.y <= drawing.height - shape.node_height
        columns.setdefault(placed.x, []).append(placed.y)
    assert len(columns) <= 2
    for ys in columns.values():
        assert all(low - high >= shape.node_height for high, low in zip(sorted(ys), sorted(ys)[1:], strict=False))


@given(identities(), shapes)
def test_every_line_begins_and_ends_at_its_own_nodes(identity, shape):
    drawing = graph.draw(identity, shape)
    places = {placed.node.id: placed for placed in drawing.nodes}
    for drawn in drawing.edges:
        numbers = [int(number) for number in re.findall(r"-?\d+", drawn.path)]
        one, another = places[drawn.edge.record], places[drawn.edge.other]
        middle = shape.node_height // 2
        assert (numbers[1], numbers[-1]) == (one.y + middle, another.y + middle)
        assert numbers[0] in {one.x, one.x + shape.node_width}
        assert numbers[-2] == another.x
        assert "because" in drawn.said


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60))
def test_charts_stay_inside_their_frame_and_hide_no_number_above_zero(numbers):
    drawn = charts.line(numbers)
    points = [float(y) for y in re.findall(r"[ML]\d+ (-?[\d.]+)", drawn.line)]
    assert len(points) == len(numbers)
    assert all(0 <= y <= charts.HEIGHT for y in points)
    assert drawn.top == max(numbers)
    bars = charts.bars(numbers)
    assert bars.total == sum(numbers)
    assert bars.path.count("M") == sum(number > 0 for number in numbers)
    assert all(float(tall) >= 3 for tall in re.findall(r"v-([\d.]+)", bars.path))


def test_the_table_beside_a_chart_has_its_numbers_newest_first():
    assert charts.minutes([0, 3, 0, 5], NOON + 20 * SECOND) == [(NOON, 5), (NOON - 2 * MINUTE, 3)]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), anything, max_size=5))
def test_any_value_can_be_said_in_words(told: dict[str, Any]):
    assert all(isinstance(words.plain(value), str) for value in told.values())
    assert all(isinstance(text, str) for pair in words.parts(told) for text in pair)
    for kind in ("track", "identify", "page", "group", "alias", "new"):
        happened = event(kind, "Name", NOON, told, told)
        assert isinstance(words.gist(happened), str)
        assert words.title(happened)


def test_values_that_are_deep_or_long_beyond_sense_are_named_and_not_spelled_out():
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert words.plain(deep) == "(a list that cannot be shown)"
    assert words.plain(10**5000) == "(a int that cannot be shown)"
    assert words.pretty(b"[" * 100_000) == "[" * 100_000


@given(st.one_of(st.none(), st.integers(-(10**20), 10**20), st.text(max_size=30)))
def test_any_time_can_be_said_in_words(at):
    assert words.when(at)
    assert words.day(at)
    assert words.clock(at)
    assert isinstance(words.stamp(at), str)


def test_times_are_said_the_way_people_do():
    told = [3 * SECOND, 40 * SECOND, MINUTE, 150 * MINUTE, 3 * DAY, -2 * HOUR, 90 * DAY]
    assert [words.ago(NOON - apart, NOON) for apart in told] == [
        "just now", "40 seconds ago", "1 minute ago", "2 hours ago", "3 days ago", "in 2 hours", "23 Aug 2026",
    ]  # fmt: skip
    assert words.ago(None, NOON) == "never"
    assert words.when("2026-11-21T12:00:00.000001Z") == "21 Nov 2026, 12:00"
    assert words.when("soon") == "unknown time"


def test_names_are_said_the_way_people_do():
    assert [words.label(name) for name in ("first_name", "firstName", "email", "__", "URL")] == [
        "First name",
        "First name",
        "Email",
        "__",
        "URL",
    ]
    assert words.in_a_row(["Order Completed", "Order Completed", "page"]) == "Order Completed ×2 · Looked at a page"
    assert words.listed([]) == ""
    assert words.listed(["crm", "shop", "till"]) == "crm, shop and till"


def test_money_is_shown_in_its_currency_and_refunds_as_such():
    def gist(**told: Any) -> str:
        return words.gist(event("track", "Order", NOON, told))

    assert gist(total=1234.5, currency="GBP") == "£1,234.50"
    assert gist(revenue=-3, currency="JPY") == "−JPY 3.00"
    assert gist(total=10**400, nothing=None)
    assert gist(total=True) == "total yes"


def test_the_view_is_told_from_who_to_everything_else_and_loses_nothing():
    traits = {
        "a": {"category": "health"},
        "b": {"category": "name"},
        "c": {"category": "mystery"},
        "d": {},
        "e": {"category": "email"},
    }
    told = sections(traits)
    assert [heading for heading, _ in told] == ["Who they are", "How to reach them", "Delicate", "Everything else"]
    assert sorted(name for _, facts in told for name, _ in facts) == sorted(traits)
