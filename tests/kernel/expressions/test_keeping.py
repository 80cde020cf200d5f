"""What was compiled is kept while it is used, and by its weight: nobody fills the memory by trying expressions out."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.expressions import ExpressionError, Kind, compile_expression, evaluator, expression
from rapport.kernel.expressions.keeping import Keeping, weight_of
from rapport.kernel.expressions.leaves import Leaf


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=60), st.integers(1, 100))
def test_no_more_is_kept_than_may_be_and_what_was_used_last_is(asked: list[tuple[int, int]], most: int) -> None:
    weights = dict(reversed(asked))
    keeping = Keeping[int, list[int]](most)
    last: list[int] = []
    for key, _ in asked:
        made = keeping.get(key, weights[key], lambda key=key: [key])  # type: ignore[misc]  # a default cannot be told apart
        assert made == [key]
        last = [one for one in last if one != key] + [key]
        while sum(weights[one] for one in last) > most:
            last.pop(0)
        assert keeping.weight == sum(weights[one] for one in last) <= most
        for one in last:
            keeping.get(one, weights[one], lambda: pytest.fail("it is kept"))


def test_what_cannot_be_made_is_not_kept() -> None:
    for _ in range(2):
        with pytest.raises(ExpressionError):
            compile_expression("traits.plan ==")


def test_one_that_many_ask_for_at_once_weighs_once() -> None:
    keeping = Keeping[str, object](1_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: keeping.get(f"{number % 3}", 100, object), range(300)))
    assert (len(keeping), keeping.weight) == (3, 300)


def heavy(number: int) -> str:
    return " || ".join(f'traits.x{number}_{item} == "v{number}_{item}"' for item in range(50))


def test_hostile_expressions_take_no_more_than_usual_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for where, name in ((expression, "_expressions"), (evaluator, "_programs")):
        monkeypatch.setattr(where, name, Keeping(10 * weight_of(heavy(10))))
    monkeypatch.setattr(expression, "_MOST_READ", 20_000)
    leaves: dict[Leaf, Leaf] = {}
    for number in range(10, 60):
        compile_expression(heavy(number))
        assert expression._expressions.weight <= expression._expressions.most
        assert evaluator._programs.weight <= evaluator._programs.most
        leaves |= expression._leaves._interned
        assert len(expression._leaves._interned) <= 1_000
    assert len(leaves) >= 50 * 50
    assert len(expression._expressions) <= 10
    usual = compile_expression("traits.plan == 1", Kind.ANY)
    assert compile_expression("traits.plan == 1", Kind.ANY) is usual
