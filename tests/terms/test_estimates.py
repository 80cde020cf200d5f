"""Estimates: of many, in their interval, by a method that is known; the newest counts, and none enters a sum."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.kernel.errors import BadInput, NotFound
from rapport.terms.benefits import KINDS, Estimate, Settled, by_kind, totals
from rapport.terms.estimates import FLOOR, METHODS, newest, parse_estimates
from rapport.terms.statement import Ground, Words, statement
from tests.profile.house import ORG
from tests.terms.test_benefits import Till

TODAY = dt.date(2026, 11, 22)
GOOD: dict[str, Any] = {
    "side": '"customer"',
    "group": '"people who got offers"',
    "effect": "0.40",
    "low": "0.10",
    "high": "0.70",
    "unit": '"GBP"',
    "n": "1200",
    "method": '"holdout"',
    "date": "2026-11-01",
}


def written(**other: str | None) -> bytes:
    said = {**GOOD, **other}
    return ("[[estimate]]\n" + "".join(f"{k} = {v}\n" for k, v in said.items() if v is not None)).encode()


def test_an_estimate_is_kept_as_it_was_written() -> None:
    (one,) = parse_estimates(written(effect='"0.40"', low='"0.10"', high='"0.70"'), TODAY)
    group = "people who got offers"
    assert one == Estimate("customer", group, "0.40", "0.10", "0.70", "GBP", 1200, "holdout", "2026-11-01")


@pytest.mark.parametrize("effect", [("0", "0", "0"), ("-0.5", "-1", "0.1")])
def test_nothing_and_less_than_nothing_are_estimates_too(effect: tuple[str, str, str]) -> None:
    middle, low, high = effect
    (one,) = parse_estimates(written(effect=middle, low=low, high=high), TODAY)
    assert Decimal(one.low) <= Decimal(one.effect) <= Decimal(one.high)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"low": "0.5"}, "effect"),
        ({"high": "0.3"}, "effect"),
        ({"high": '"1e999999999"'}, "high"),
        ({"n": "19"}, "n"),
        ({"n": "-1"}, "n"),
        ({"n": "1" + "0" * 15}, "n"),
        ({"method": '"a hunch"'}, "method"),
        ({"unit": '"pounds"'}, "unit"),
        ({"date": "2027-01-01"}, "date"),
        ({"date": "1999-12-31"}, "date"),
        ({"group": '""'}, "group"),
        ({"group": '" x"'}, "group"),
        ({"group": '"a\\nb"'}, "group"),
        ({"group": f'"{"x" * 101}"'}, "group"),
        ({"effect": "nan"}, "effect"),
        ({"high": "inf"}, "high"),
        ({"low": "-1e300"}, "low"),
        ({"side": '"both"'}, None),
        ({"n": "20.5"}, None),
        ({"date": '"soon"'}, None),
        ({"surprise": "1"}, None),
        ({"method": None}, None),
    ],
)
def test_what_is_wrong_with_an_estimate_is_named(wrong: dict[str, str | None], field: str | None) -> None:
    with pytest.raises(BadInput) as error:
        parse_estimates(written(**wrong), TODAY)
    assert (error.value.code, error.value.field) == ("bad_estimate", field)


BAD = [b"", b"[[estimate]", b"\xff", b"[[guess]]\n", b"estimate = 1\n", b"a=" + b"[" * 100_000, b"a=" + b"1" * 5000]


@pytest.mark.parametrize("content", BAD, ids=range(len(BAD)))
def test_what_holds_no_estimate_is_said(content: bytes) -> None:
    with pytest.raises(BadInput):
        parse_estimates(content, TODAY)


def test_all_of_a_file_is_kept_or_nothing() -> None:
    with Till() as till:
        with pytest.raises(BadInput):
            till.book.file.estimate(ORG, parse_estimates(written() + written(n="3"), TODAY))
        assert till.book.file.estimates(ORG) == []
        with pytest.raises(NotFound):
            till.book.file.estimate("nobody", parse_estimates(written(), TODAY))


dates = st.dates(dt.date(2020, 1, 1), TODAY).map(dt.date.isoformat)
amounts = st.decimals(-1000, 1000, places=2).map(lambda amount: format(amount, "f"))
estimates = st.builds(
    Estimate,
    st.sampled_from(list(KINDS)),
    st.sampled_from(["all", "some"]),
    amounts,
    amounts,
    amounts,
    st.sampled_from(["GBP", "minutes"]),
    st.integers(FLOOR, 10**6),
    st.sampled_from(list(METHODS)),
    dates,
)


@settings(max_examples=20, deadline=None)
@given(st.lists(estimates, max_size=12))
def test_of_each_side_group_and_unit_the_newest_counts(some: list[Estimate]) -> None:
    with Till() as till:
        for one in some:
            till.book.file.estimate(ORG, [one])
        kept = till.book.file.estimates(ORG)
        assert kept == newest(some)
        for one in kept:
            alike = [each for each in some if (each.side, each.group, each.unit) == (one.side, one.group, one.unit)]
            assert one.date == max(each.date for each in alike)
            assert one == [each for each in alike if each.date == one.date][-1] or alike.count(one) > 1
        assert len({(one.side, one.group, one.unit) for one in kept}) == len(kept)


kinds = st.sampled_from([(side, kind) for side, kinds in KINDS.items() for kind in kinds])


@st.composite
def benefits(draw: st.DrawFn) -> Settled:
    side, kind = draw(kinds)
    unit = "minutes" if kind == "minutes_saved" else draw(st.sampled_from(["GBP", "EUR"]))
    band = draw(st.sampled_from(["", "", "10–20"])) if side == "company" else ""
    org = draw(st.sampled_from(["a", "b"]))
    return Settled("b", org, 0, side, kind, "" if band else draw(amounts), band, unit, "", "e", (1,))  # type: ignore[arg-type]


@given(st.lists(benefits(), max_size=30), st.lists(estimates, max_size=5))
def test_no_sum_mixes_settled_and_estimated_or_units_or_sides(some: list[Settled], guesses: list[Estimate]) -> None:
    words = Words(str, str, lambda _: "", {})
    bare = statement(Ground([], some, []), words, None)
    told = statement(Ground([], some, [], {"a": guesses}), words, None)
    assert told["settled"] == bare["settled"], "what is estimated changes no sum"
    guessed = [(one["side"], one["effect"], one["unit"]) for one in told["estimated"]["customer"]]
    guessed += [(one["side"], one["effect"], one["unit"]) for one in told["estimated"]["company"]]
    assert sorted(guessed) == sorted((one.side, one.effect, one.unit) for one in guesses), "and each stands by itself"
    sums = [(told["settled"], some)]
    sums += [(each, [one for one in some if one.org == each["org"]]) for each in told["settled"]["by_company"]]
    for said, of in sums:
        for side in KINDS:
            exact = [one for one in of if one.side == side and not one.band]
            alone = {unit: sum(Decimal(one.amount) for one in exact if one.unit == unit) for unit in units(exact)}
            assert {line["unit"]: Decimal(line["amount"]) for line in said[side] if "amount" in line} == alone
    for side, lines in by_kind(some).items():
        for line in lines:
            of = [one for one in some if (one.side, one.kind, one.unit) == (side, line["kind"], line["unit"])]
            exact = [one for one in of if not one.band]
            if "amount" in line:
                assert Decimal(line["amount"]) == sum(Decimal(one.amount) for one in exact)
                assert line["count"] == len(exact)
            else:
                assert line["count"] == sum(one.band == line["band"] for one in of)
    assert totals(some) == {side: told["settled"][side] for side in KINDS}


def units(some: list[Settled]) -> set[str]:
    return {one.unit for one in some}
