"""A use that goes on leaves a receipt where there is news, and none where it was said that day already."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.times import DAY
from rapport.kernel.vocabulary import bit
from rapport.profile.record import Record
from rapport.profile.store import Found
from rapport.profile.view import Part
from rapport.terms import Ground, Pending, Receipt, Standing, Terms
from rapport.terms.deciding import Decision
from rapport.terms.declaration import DEFAULT
from rapport.terms.ground import Holder
from rapport.terms.judging import Judged, Judging, Request
from rapport.terms.standing_use import NO_NEWS, StandingUse, UseOfEverybody

RECEIPT = Receipt("rcp_1", "acme", 0, "service", "audiences", "permitted", "contract", "node")
GROUND = Ground(1, "acme", Standing("acme", DEFAULT, 1, "", 0))

uses = st.builds(
    lambda customer, purpose, day, decision, records: Pending(
        msgspec.structs.replace(
            RECEIPT,
            purpose=purpose,
            at=day * DAY + 5,
            decision=decision,
            records=records,
            asked=customer.to_bytes(8, "big"),
        ),
        GROUND,
        customer=customer,
    ),
    st.sampled_from([1, 2, 4095, 4096, 1_000_000]),
    st.sampled_from(["service", "offers"]),
    st.integers(0, 2),
    st.sampled_from(["permitted", "refused"]),
    st.sampled_from([(1,), (1, 2)]),
)


@given(st.lists(st.tuples(uses, st.booleans()), max_size=30))
def test_what_is_kept_of_everybody_finds_the_same_news(several: list[tuple[Pending, bool]]) -> None:
    some, everybody = StandingUse(), UseOfEverybody()
    for pending, is_kept in several:
        assert some.is_news(pending) == everybody.is_news(pending)
        if is_kept:
            some.note(pending)
            everybody.note(pending)
            assert not everybody.is_news(pending)


def _found(*numbers: int) -> Found:
    parts = [Part(number, "", Record("acme", "shop", "user_id", str(number))) for number in numbers]
    return Found("acme", "cus", None, parts, number=numbers[0])


def _judged(numbers: tuple[int, ...], opened: int, told: int, version: int, promised: str) -> Judged:
    found = _found(*numbers)
    holders = (Holder(7, "per", version, False, Terms(), b"", frozenset()),) if version else ()
    ground = Ground(1, "acme", Standing("acme", DEFAULT, 1, promised, 0), holders)
    whole = _found(*numbers[:opened]) if opened else None
    return Judged(found, whole, Decision((), "", None), ground, told if opened else 0)


judgements = st.builds(
    _judged,
    st.sampled_from([(1,), (1, 2), (4096, 2)]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([bit("account"), bit("account") | bit("behaviour")]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from(["one", "other"]),
)
asked = st.tuples(judgements, st.booleans(), st.sampled_from(["service", "offers"]), st.booleans())


@given(st.lists(asked, max_size=30))
def test_what_would_be_no_news_is_known_before_there_is_a_receipt(
    several: list[tuple[Judged, bool, str, bool]],
) -> None:
    judging, use = Judging(None, None), UseOfEverybody()  # type: ignore[arg-type]  # neither is asked
    for judged, given_out, purpose, is_kept in several:
        request = Request("acme", "", purpose, "node")
        pending = judging.pending(request, purpose, judged, (), "", given=given_out, asked="cus")
        assert use.is_noted(purpose, judged, given=given_out) != use.is_news(pending)
        if is_kept:
            use.note(pending)
    assert not use.is_news(NO_NEWS)
