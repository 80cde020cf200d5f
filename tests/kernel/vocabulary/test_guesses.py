import pytest

from rapport.kernel.vocabulary import CATEGORIES, category_of, category_of_event, category_of_identifier
from rapport.kernel.vocabulary.guesses import _EVENT_WORDS, _TRAITS


def test_every_guess_is_a_plain_category_and_no_trait_is_guessed_twice():
    assert {*_TRAITS, *_EVENT_WORDS} <= set(CATEGORIES)
    told = [trait for traits in _TRAITS.values() for trait in traits.split()]
    assert len(told) == len(set(told))


@pytest.mark.parametrize(
    ("trait", "category"),
    [
        ("email", "email"),
        ("firstName", "name"),
        ("first-name", "name"),
        ("$email", "email"),
        ("Date of birth", "age"),
        ("postalCode", "address"),
        ("favourite", "preference"),
        ("religion", "beliefs"),
        ("party", "politics"),
        ("unionMember", "union"),
        ("ethnicity", "ethnicity"),
        ("race", "ethnicity"),
        ("sexualOrientation", "sexuality"),
        ("fingerprint", "biometrics"),
        ("dna", "genetics"),
        ("blood_type", "health"),
        ("diagnosis", "health"),
        ("pregnancy", "health"),
        ("allergies", "health"),
        ("shoeLaces", "unclassified"),
    ],
)
def test_a_trait_is_known_by_its_name(trait, category):
    assert category_of(trait) == category


@pytest.mark.parametrize(
    ("event", "category"),
    [
        ("Order Completed", "purchases"),
        ("order_completed", "purchases"),
        ("Product Added", "purchases"),
        ("Cart Viewed", "purchases"),
        ("Checkout Started", "purchases"),
        ("Coupon Applied", "purchases"),
        ("Payment Info Entered", "financial"),
        ("Points Earned", "loyalty"),
        ("Prescription Filled", "health"),
        ("Symptom Logged", "health"),
        ("Prescription Order Completed", "health"),
        ("Product Viewed", "behaviour"),
        ("identify", "behaviour"),
        ("page", "behaviour"),
        ("screen", "behaviour"),
        ("", "behaviour"),
    ],
)
def test_an_event_is_known_by_a_word_of_its_name(event, category):
    assert category_of_event(event) == category


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("email", "email"),
        ("phone", "phone"),
        ("user_id", "account"),
        ("loyalty_id", "loyalty"),
        ("anonymous_id", "device"),
        ("device_id", "device"),
        ("ios.idfa", "device"),
        ("android.idfa", "device"),
        ("crm_number", "account"),
    ],
)
def test_an_identifier_is_known_by_its_type(kind, category):
    assert category_of_identifier(kind) == category
