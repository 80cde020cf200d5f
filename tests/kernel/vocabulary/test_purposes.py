import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.errors import BadInput
from rapport.kernel.vocabulary import ANY, PURPOSES, purpose, purposes_covered, purposes_denied
from rapport.kernel.vocabulary.hierarchy import PARENTS, PURPOSE

IDS = sorted(concept for concept in PARENTS if concept.startswith("dpv:") and "PersonalData" not in concept)
NAMES = st.sampled_from([*PURPOSES, *IDS, PURPOSE])


def naive_below(concept: str) -> set[str]:
    children = {child for child, parents in PARENTS.items() if concept in parents}
    return children.union(*(naive_below(child) for child in children))


def test_every_plain_purpose_exists_in_dpv():
    assert set(PURPOSES.values()) <= set(IDS)


@pytest.mark.parametrize(("plain", "concept"), PURPOSES.items())
def test_the_dpv_id_of_a_plain_purpose_is_the_plain_purpose(plain, concept):
    assert purpose(concept) == purpose(plain) == plain
    assert purposes_covered(concept) == purposes_covered(plain)
    assert purposes_denied(concept) == purposes_denied(plain)


def test_another_purpose_of_dpv_goes_by_its_id():
    assert purpose("dpv:DeliveryOfGoods") == "dpv:DeliveryOfGoods"


@pytest.mark.parametrize("ask", [purpose, purposes_covered, purposes_denied])
def test_an_unknown_purpose_is_refused_with_the_nearest_and_all_plain_names(ask):
    with pytest.raises(BadInput, match=r"did you mean 'advertising'\?") as refused:
        ask("advertizing")
    assert (refused.value.code, refused.value.field) == ("unknown_purpose", "purpose")
    assert all(plain in refused.value.message for plain in PURPOSES)


def test_any_is_no_purpose_to_read_for_but_covers_and_denies_all():
    with pytest.raises(BadInput):
        purpose(ANY)
    everything = {purpose(concept) for concept in [*IDS, PURPOSE]}
    assert purposes_covered(ANY) == purposes_denied(ANY) == everything


def test_no_everyday_purpose_includes_another_nor_shares_anything_with_it():
    told = [name for plain in PURPOSES for name in purposes_covered(plain)]
    assert len(told) == len(set(told))


def test_what_is_below_two_everyday_purposes_belongs_to_the_one_that_asks_for_more():
    assert "dpv:TargetedAdvertising" in purposes_covered("advertising")
    assert "dpv:ProvideProductRecommendations" in purposes_covered("personalisation")
    assert "dpv:DeliveryOfGoods" in purposes_covered("service")


@given(NAMES)
def test_selling_data_and_political_campaigns_are_covered_by_their_own_names_alone(name):
    for delicate in ("dpv:SellDataToThirdParties", "dpv:SellInsightsFromData", "dpv:PoliticalCampaign"):
        assert (delicate in purposes_covered(name)) == (name == delicate)


@given(NAMES)
def test_an_allow_covers_itself_and_nothing_that_is_not_below_it(name):
    reached = {purpose(concept) for concept in naive_below(PURPOSES.get(name, name))}
    assert purpose(name) in purposes_covered(name) <= reached | {purpose(name)}


@given(NAMES)
def test_a_deny_forbids_all_that_an_allow_would_cover_and_all_that_is_below(name):
    reached = {purpose(concept) for concept in naive_below(PURPOSES.get(name, name))}
    assert purposes_covered(name) | reached <= purposes_denied(name)


@given(NAMES, NAMES)
def test_a_deny_forbids_the_wider_purposes_that_would_include_it(name, wider):
    if purpose(name) in purposes_covered(wider):
        assert purpose(wider) in purposes_denied(name)


def test_denying_one_everyday_purpose_leaves_the_one_that_dpv_nests_it_in():
    assert "service" not in purposes_denied("analytics")
    assert "service" not in purposes_denied("dpv:SellDataToThirdParties")
    assert "service" in purposes_denied("dpv:DeliveryOfGoods")
    assert "dpv:Marketing" in purposes_denied("offers")
