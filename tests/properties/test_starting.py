"""Whatever happens to customers, and whatever is killed when: what was noticed starts one decision, and no other."""

import contextlib
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.noticed import NoticedBook
from rapport.app.evaluating import Evaluator
from rapport.decide.actions import Trigger
from rapport.kernel.times import MINUTE
from tests.app.triggering import Triggering, notice, triggering

EVENTS = ("Ordered", "Paid", "Seen")
"""Nobody waits for the last."""
WAITING = [notice(Trigger(event=name), name=name.lower()) for name in EVENTS[:2]]
KILLED = {
    "_write": Evaluator,
    "put": NoticedBook,
    "keep": DecisionBook,
    "take": NoticedBook,
    "append_receipts": LedgerFile,
}
steps = st.one_of(
    st.tuples(st.sampled_from(("ada", "bo")), st.sampled_from(EVENTS), st.integers(0, 5)),
    st.sampled_from(("notice", "decide", "settle", "restart", "again")),
    st.tuples(st.just("kill"), st.sampled_from(tuple(KILLED))),
)
Sent = dict[tuple[str, str], set[int]]
"""Who did what → which of these."""


class Killed(BaseException):
    """As a kill is: nobody catches it."""


@settings(max_examples=15, deadline=None)
@given(st.lists(steps, max_size=25))
def test_any_event_is_part_of_at_most_one_decision_and_of_none_but_for_a_reason(story: list[object]) -> None:
    with triggering(*WAITING) as shop:
        sent: Sent = defaultdict(set)
        for step in story:
            _do(shop, step, sent)
        shop.restart()
        shop.settle()
        assert shop.waiting() == 0
        started = _started(shop)
        # What waits for the same is decided together: so no more often than it happened, and at least once.
        for who, name in sent.keys() - {(who, "Seen") for who in ("ada", "bo")}:
            assert 1 <= started[shop.number(who), name] <= len(sent[who, name])
        assert not [name for _, name in started if name == "Seen"]
        before = len(shop.kept())
        shop.told_again()
        shop.later(MINUTE)
        shop.settle()
        assert len(shop.kept()) == before


def _do(shop: Triggering, step: object, sent: Sent) -> None:
    match step:
        case ("kill", str(where)):
            with pytest.MonkeyPatch.context() as patched:
                real = getattr(KILLED[where], where)

                def killed(self: object, *what: object, **more: object) -> object:
                    if where in ("_write", "keep"):
                        raise Killed  # before
                    real(self, *what, **more)
                    raise Killed  # after, and where it is within a transaction, that comes to nothing

                patched.setattr(KILLED[where], where, killed)
                with contextlib.suppress(Killed):
                    shop.settle()
            shop.restart()
        case "notice":
            shop.deciding.settle()
        case "decide":
            shop.starting.settle()
        case "settle":
            shop.settle()
        case "restart":
            shop.restart()
        case "again":
            shop.told_again()
        case (str(who), str(name), int(number)):
            sent[who, name].add(number)
            shop.does(who, name, message=f"{who} {name} {number}")


def _started(shop: Triggering) -> Counter[tuple[int, str]]:
    return Counter(
        (one.record, start.name) for one in shop.kept() if one.content is not None for start in one.content.started
    )
