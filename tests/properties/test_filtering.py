"""What terms leave out of a record is in nothing that is made of what they let through (design §3, rule 4)."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.vocabulary import (
    ALL,
    CATEGORIES,
    below,
    bit,
    category_of,
    category_of_event,
    category_of_identifier,
)
from rapport.profile import paging, view
from rapport.profile import record as records
from rapport.profile.record import OWN, Record
from rapport.profile.view import Part
from rapport.terms.filtering import _CONTEXT, categories_in, let_through, permitted_event
from tests.profile.events import event

TRAITS = ("name", "email", "phone", "allergies", "birthday", "plan", "points", "frobnication", "city", "salary")
EVENTS = ("Order Completed", "Looked", "Payment Failed", "Prescription Filled", "Points Earned")
KINDS = ("email", "phone", "user_id", "anonymous_id", "loyalty_id", "ios.idfa")
CONTEXT = (*_CONTEXT, "mood")


def sum_of(names: set[str]) -> int:
    mask = 0
    for name in names:
        mask |= below(name)
    return mask


masks = st.sets(st.sampled_from(sorted(CATEGORIES)), max_size=6).map(sum_of)


def secret(*words: str) -> str:
    """A value that says which category it is of."""
    return f"<{'/'.join(words)}>"


def some(draw: st.DrawFn, pool: tuple[str, ...], category: Any) -> dict[str, str]:
    return {name: secret(category(name), name) for name in draw(st.sets(st.sampled_from(pool), max_size=4))}


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    made = []
    for number in range(draw(st.integers(1, 5))):
        name = draw(st.sampled_from(EVENTS))
        kind = draw(st.sampled_from(["track", "identify", "group"]))
        consent = {"categoryPreferences": {"ads": True}, "more": secret("unclassified", "consent")}
        told = draw(st.none() | st.just(consent))
        traits = some(draw, TRAITS, category_of)
        made.append(
            event(
                kind=kind,
                name=name if kind == "track" else kind,
                message_id=f"m{number}",
                time=number,
                traits=traits,
                group_id=secret("account", "group") if kind == "group" else None,
                properties={"p": secret(category_of_event(name if kind == "track" else kind), "property")},
                context=some(draw, CONTEXT, lambda key: _CONTEXT.get(key, "unclassified"))
                | ({"consent": told} if told else {}),
                consent=told,
            )
        )
    return made


def a_part(history: list[Any], kinds: set[str]) -> Part:
    record = Record("shop", "crm", "email", secret("account", "key"))
    for one in history:
        records.apply(record, one)
    record.links = {f"{kind}:{secret(category_of_identifier(kind), kind)}": OWN for kind in kinds}
    return Part(1, "rec_1", record, trusted=True)


def told(part: Part, history: list[Any]) -> str:
    """All that any answer makes of a record."""
    shown = [paging.shown(part, e) for one in history if (e := permitted_event(part, one)) is not None]
    return json.dumps([view.fold([part], {part.handle: "why"}), shown, *part.record.names])


def categories_told(text: str) -> set[str]:
    return {piece.partition("/")[0] for piece in text.split("<")[1:]}


def permitted(part: Part, mask: int) -> Part | None:
    """What is let through; which says rightly what is in it."""
    kept = let_through(part, mask)
    if kept is None:
        return None
    assert kept[1] == categories_in(kept[0])
    return kept[0]


@given(histories(), st.sets(st.sampled_from(KINDS), max_size=4), masks)
def test_nothing_that_is_left_out_is_told(history: list[Any], kinds: set[str], mask: int) -> None:
    part = a_part(history, kinds)
    kept = permitted(part, mask)
    if kept is None:
        if not bit("account") & mask:  # groups are told of accounts
            part = msgspec.structs.replace(part, record=msgspec.structs.replace(part.record, groups={}))
        assert not categories_in(part) & mask
        return
    assert not categories_in(kept) & ~mask
    text = told(kept, history)
    assert not [name for name in categories_told(text) if not bit(name) & mask], text
    for name in EVENTS:
        assert name not in text or bit(category_of_event(name)) & mask


@given(histories(), st.sets(st.sampled_from(KINDS), max_size=4), masks, masks)
def test_who_may_see_less_sees_no_more(history: list[Any], kinds: set[str], one: int, more: int) -> None:
    part = a_part(history, kinds)
    less, all_of_it = permitted(part, one & more), permitted(part, one)
    if less is not None:
        assert all_of_it is not None
        assert categories_told(told(less, history)) <= categories_told(told(all_of_it, history))


@given(histories(), st.sets(st.sampled_from(KINDS), max_size=4), masks)
def test_filtering_changes_no_record_and_twice_is_once(history: list[Any], kinds: set[str], mask: int) -> None:
    part = a_part(history, kinds)
    before = msgspec.msgpack.encode(part.record)
    kept = permitted(part, mask)
    assert msgspec.msgpack.encode(part.record) == before
    if kept is not None:
        again = permitted(kept, mask)
        assert again is not None
        assert told(again, history) == told(kept, history)


@given(histories(), st.sets(st.sampled_from(KINDS), max_size=4))
def test_who_may_see_all_sees_all(history: list[Any], kinds: set[str]) -> None:
    part = a_part(history, kinds)
    kept = permitted(part, ALL)
    assert kept is not None
    assert told(kept, history) == told(part, history)
