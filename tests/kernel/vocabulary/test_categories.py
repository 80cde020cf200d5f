from functools import reduce
from operator import or_

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.errors import BadInput
from rapport.kernel.vocabulary import (
    ALL,
    CATEGORIES,
    EVERYTHING,
    GROUPS,
    PLAIN_WORDS,
    PURPOSES,
    SETS,
    SPECIAL,
    UNCLASSIFIED,
    below,
    bit,
    category,
    names_in,
)
from rapport.kernel.vocabulary.hierarchy import DATA, PARENTS, SPECIAL_DATA

IDS = sorted(concept for concept in PARENTS if concept.startswith("pd:"))
CONCEPTS = st.sampled_from(IDS)
NAMES = st.sampled_from([*IDS, *CATEGORIES, *SETS])
MASKS = st.lists(NAMES.flatmap(lambda name: st.sampled_from([bit(name), below(name)]))).map(
    lambda masks: reduce(or_, masks, 0)
)
OURS = {"pd:Ethnicity", "pd:Criminal"}
SPECIAL_NAMES = ["health", "genetics", "biometrics", "ethnicity", "beliefs", "politics", "sexuality", "union"]


def naive_reached(concept: str) -> set[str]:
    children = {child for child, parents in PARENTS.items() if concept in parents}
    return {concept}.union(*(naive_reached(child) for child in children))


MARKED = set().union(*(naive_reached(concept) for concept in [SPECIAL_DATA, *OURS]))


def test_every_plain_category_exists_in_dpv():
    assert {concept for plain, concept in CATEGORIES.items() if plain != "unclassified"} <= set(IDS)
    assert {concept for members in GROUPS.values() for concept in members} <= set(IDS)
    assert set(GROUPS) < set(CATEGORIES)


def test_no_two_plain_categories_are_the_same():
    assert len({bit(plain) for plain in CATEGORIES}) == len(CATEGORIES) == len(set(CATEGORIES.values()))


@given(NAMES)
def test_every_category_has_one_bit(name):
    assert bit(name).bit_count() == 1
    assert bit(name) & ALL


def test_the_three_sets_share_the_bits_among_them():
    assert EVERYTHING | SPECIAL | UNCLASSIFIED == ALL
    assert EVERYTHING & SPECIAL == EVERYTHING & UNCLASSIFIED == SPECIAL & UNCLASSIFIED == 0


def test_text_that_names_no_category_is_unclassified():
    assert bit("no such thing") == bit("") == bit("unclassified") == bit("everything") == UNCLASSIFIED


@given(CONCEPTS)
def test_a_mask_agrees_with_walking_down(concept):
    reached = naive_reached(concept)
    if concept not in MARKED:
        reached -= MARKED
    assert below(concept) == sum(bit(lower) for lower in reached)


@given(CONCEPTS, CONCEPTS)
def test_what_is_within_a_mask_is_so_with_all_below_it(one, other):
    if bit(one) & below(other):
        assert below(one) | below(other) == below(other)


def test_special_is_what_dpv_marks_and_what_we_mark():
    assert {concept for concept in IDS if bit(concept) & SPECIAL} == MARKED - {SPECIAL_DATA}
    assert all(bit(plain) & SPECIAL for plain in SPECIAL_NAMES)
    assert below("special") == below(SPECIAL_DATA) == SPECIAL


def test_a_special_category_is_never_under_everything_nor_under_an_ordinary_one():
    assert below("everything") == below(DATA) == EVERYTHING
    assert bit("health") & below("pd:External") == 0
    assert bit("union") & below("pd:Social") == 0
    assert below("pd:Identifying") & bit("name")


@given(CONCEPTS)
def test_what_is_below_a_special_category_is_special(concept):
    assert below(concept) & SPECIAL in (0, below(concept))


def test_naming_the_group_names_its_several_concepts():
    for group, members in GROUPS.items():
        assert below(group) == bit(group) | sum(bit(concept) for concept in members)


def test_health_is_all_of_it():
    for concept in ("pd:Prescription", "pd:BloodType", "pd:DNACode", "pd:MentalHealth", "pd:Genetic"):
        assert bit(concept) & below("health")


@pytest.mark.parametrize("plain", sorted(set(CATEGORIES) - set(GROUPS)))
def test_the_dpv_id_of_a_plain_category_is_the_plain_category(plain):
    assert category(CATEGORIES[plain]) == category(plain) == plain
    assert bit(CATEGORIES[plain]) == bit(plain)


def test_other_categories_go_by_their_id_and_older_spellings_are_understood():
    assert category("pd:Income") == "pd:Income"
    assert category("pd:Religion") == "pd:Religion"
    assert category("pd:Behavioral") == "behaviour"
    assert [category(name) for name in SETS] == list(SETS)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("emial", "email"), ("Health", "health"), ("pd:Purchases", "pd:Purchase"), ("Income", "pd:Income")],
)
def test_an_unknown_category_is_refused_with_the_nearest(name, meant):
    for ask in (category, below):
        with pytest.raises(BadInput, match=f"did you mean '{meant}'") as refused:
            ask(name)
        assert (refused.value.code, refused.value.field) == ("unknown_category", "category")


@given(NAMES)
def test_a_mask_of_one_plain_name_is_told_by_it(name):
    plain = category(name)
    if plain in CATEGORIES or plain in SETS:
        assert names_in(below(name)) == (plain,)


@given(MASKS)
def test_whatever_is_in_a_mask_is_told_under_some_name(mask):
    names = names_in(mask)
    assert len(names) == len(set(names))
    if "other" not in names:
        told = 0
        for name in names:
            told |= below(name)
        assert mask & ~told == 0


@given(MASKS)
def test_no_name_is_told_without_its_bit(mask):
    for name in names_in(mask):
        if name not in ("other", "everything"):
            assert bit(name) & mask


def test_a_parent_stands_for_its_children_only_where_all_are_in():
    assert names_in(below("contact")) == ("contact",)
    assert names_in(bit("email") | bit("phone")) == ("email", "phone")
    assert names_in(below("contact") & ~below("email")) == ("contact", "phone", "address")
    assert names_in(ALL) == ("everything", "special", "unclassified")
    assert names_in(SPECIAL & ~below("health")) == (*SPECIAL_NAMES[2:], "pd:Criminal")
    assert names_in(bit("name") | bit("pd:Vehicle")) == ("name", "pd:Vehicle")
    assert "other" in names_in(EVERYTHING & ~below("contact"))
    assert names_in(0) == ()


def test_every_plain_name_has_words_and_means_one_thing():
    assert {*CATEGORIES, *SETS, *PURPOSES} < set(PLAIN_WORDS)
    assert {*CATEGORIES, *SETS} & set(PURPOSES) == set()
