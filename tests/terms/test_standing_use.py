"""A use that goes on leaves a receipt where there is news, and none where it was said that day already."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.times import DAY
from rapport.terms import Ground, Pending, Receipt, Standing
from rapport.terms.declaration import DEFAULT
from rapport.terms.standing_use import StandingUse, UseOfEverybody

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
