from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.vocabulary.hierarchy import DATA, PARENTS, PURPOSE, SPECIAL_DATA, above, below, read

ABOVE = above(PARENTS)
BELOW = below(PARENTS)
CONCEPTS = st.sampled_from(sorted(ABOVE))


def test_every_parent_is_a_concept_itself_and_the_roots_are_two():
    assert {parent for parents in PARENTS.values() for parent in parents} - set(PARENTS) == {PURPOSE, DATA}


def test_every_category_is_below_personal_data_and_every_purpose_below_purpose():
    for concept in PARENTS:
        data = concept.startswith("pd:") or concept == SPECIAL_DATA
        assert ABOVE[concept] & {PURPOSE, DATA} == {DATA if data else PURPOSE}


def test_nothing_is_above_itself():
    assert [concept for concept, higher in ABOVE.items() if concept in higher] == []


@given(CONCEPTS, CONCEPTS)
def test_above_and_below_are_each_others_inverse(one, other):
    assert (one in ABOVE[other]) == (other in BELOW[one])


@given(CONCEPTS)
def test_what_is_below_is_closed_under_going_down(concept):
    for lower in BELOW[concept]:
        assert BELOW[lower] < BELOW[concept]


def test_remarks_are_left_out():
    assert read(["# a remark", "b a", "c a b"]) == {"b": ("a",), "c": ("a", "b")}
