"""The search for cycles is put off, and comes back."""

import gc
from collections.abc import Iterator

import pytest

from rapport.kernel import cycles


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.isenabled()
    yield
    (gc.enable if before else gc.disable)()


def test_nothing_is_searched_meanwhile_and_everything_afterwards() -> None:
    gc.enable()
    with cycles.not_searched():
        assert not gc.isenabled()
        with cycles.not_searched():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_search_comes_back_where_the_work_failed() -> None:
    gc.enable()
    with pytest.raises(ZeroDivisionError), cycles.not_searched():
        _ = 1 / 0
    assert gc.isenabled()


def test_whoever_never_searches_is_not_made_to() -> None:
    gc.disable()
    with cycles.not_searched():
        pass
    assert not gc.isenabled()
