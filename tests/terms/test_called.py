"""What organizations are called: by what they say, and never as somebody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.terms.called import told_apart

ORGS = st.text("abc-", min_size=1, max_size=3)
NAMES = st.text("aBＡ -()b", max_size=6)


def test_who_says_a_name_of_its_own_is_called_by_it_and_who_says_none_by_its_id():
    names = {"acme": "Acme & Sons", "shop": "Shop", "till": ""}
    assert told_apart(names) == {"acme": "Acme & Sons", "shop": "Shop", "till": "till"}


@pytest.mark.parametrize("said", ["Lantern Lane", "LANTERN  LANE", "Lantern-Lane.", "Ｌantern Lane", "lane", "Lane!"])
def test_who_says_anothers_name_or_id_has_its_own_id_beside_it(said: str) -> None:
    called = told_apart({"lane": "Lantern Lane", "sly": said})
    assert called["sly"] == f"{said} (sly)"
    assert called["lane"] in {"Lantern Lane", "Lantern Lane (lane)"}


def test_who_says_what_another_is_told_apart_by_is_told_apart_from_it():
    called = told_apart({"lane": "Lantern Lane", "sly": "Lantern Lane (lane)", "too": "lantern lane"})
    assert called["sly"] == "Lantern Lane (lane) (sly)"


@given(st.dictionaries(ORGS, NAMES, max_size=5))
def test_no_two_are_called_the_same(names: dict[str, str]) -> None:
    called = told_apart(names)
    assert called.keys() == names.keys()
    assert len(set(called.values())) == len(names)
