"""What changed between two declarations is told in sentences."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rapport.terms import promises
from rapport.terms.declaration import Benefit, Declaration
from tests.terms.declaring import DECLARATIONS, offers, read


@given(DECLARATIONS, DECLARATIONS)
def test_what_changed_is_told_and_nothing_where_nothing_did(one: Declaration, other: Declaration) -> None:
    assert promises.changes(one, one) == []
    told = promises.changes(one, other)
    assert all(told)
    if one.name != other.name or one.purposes.keys() != other.purposes.keys():
        assert told


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return promises.changes(read(offers(**old)), read(offers(**new)))


def test_changes_read_as_sentences() -> None:
    money = {"kind": "money", "amount": 5, "unit": "EUR", "per": "month"}
    assert changed({"retention_days": 90}, {"retention_days": 365}) == [
        "keeps your data for 365 days instead of 90 for offers"
    ]
    assert changed({"categories": ["email"]}, {"categories": ["purchases"]}) == [
        "also uses what you bought for offers",
        "no longer uses your e-mail address for offers",
    ]
    assert changed({"onward": False}, {"onward": True}) == ["lets those who receive your data for offers pass it on"]
    assert changed({"onward": False}, {}) == ["no longer says whether your data for offers is passed on"]
    assert changed({"recipients": []}, {"recipients": ["Bo & Co"]}) == ["also gives your data for offers to Bo & Co"]
    assert changed({"place": ["EEA"]}, {"place": ["US"]}) == ["processes your data for offers in US instead of EEA"]
    assert changed({}, {"benefits": [money]}) == ["offers you 5 EUR per month for offers"]
    assert changed({}, {"alternative": {"basis": "consent"}}) == [
        "makes another offer for offers to those whom the first does not suit"
    ]
    assert promises.changes(read(offers()), Declaration()) == ["no longer uses your data for offers"]
    more = {"consent": {"m": ["offers"]}, "values": [{"value": "living_wage"}]}
    assert promises.changes(Declaration(), read(more)) == [
        "takes your consent to 'm' to mean offers",
        "says that it stands for living wage",
    ]  # fmt: skip


@given(
    DECLARATIONS, st.sampled_from(["retention_days", "onward", "recipients", "place", "categories", "law", "benefits"])
)
def test_no_change_of_a_promise_goes_untold(declaration: Declaration, field: str) -> None:
    other = {
        "retention_days": 12_345,
        "recipients": ("Somebody new!",),
        "place": ("NZ",),
        "categories": ("pd:Dislike",),
    }
    more = {"onward": True, "law": "Another law!", "benefits": (Benefit("money", 0.5, "NZD"),)}
    for purpose, promise in declaration.purposes.items():
        value = {**other, **more}[field]
        if getattr(promise, field) == value:
            value = None
        new = msgspec.structs.replace(promise, **{field: value})
        after = msgspec.structs.replace(declaration, purposes={**declaration.purposes, purpose: new})
        assert promises.changes(declaration, after)
