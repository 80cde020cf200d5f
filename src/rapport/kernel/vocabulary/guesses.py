"""The category of a trait, an event or an identifier by its name alone, where neither an import's mapping nor the
source says otherwise. Ordinary names get the category most people would give them; a name that may tell something
special (`religion`, *Prescription Filled*) gets the special one, since a guess must err on the side of the person."""

import re
from functools import lru_cache
from typing import Final

_TRAITS: Final = {
    "name": """name firstname lastname first_name last_name middle_name given_name family_name surname full_name
        display_name title username nickname prefix suffix""",
    "contact": "contact twitter linkedin instagram facebook whatsapp",
    "email": "email email_address mail work_email personal_email",
    "phone": "phone mobile telephone phone_number mobile_number cell msisdn",
    "address": """address street city town postcode postal_code zip zip_code state region suburb county house_number
        shipping_address billing_address delivery_address address1 address2""",
    "location": "location latitude longitude lat lng geo country country_code timezone place home_store",
    "demographic": "demographic marital_status household household_size children education",
    "age": "age age_group age_range birthday birthdate birth_date date_of_birth dob birth_year year_of_birth",
    "gender": "gender sex pronouns salutation",
    "language": "language locale lang preferred_language",
    "profession": "company employees industry job job_title occupation profession employer department website",
    "financial": """income salary iban bic bank_account card card_number credit_limit credit credit_score payment_method
        balance vat_number tax_id insurance""",
    "preference": """preferences favourite favorite interests likes dislikes newsletter size shoe_size diet channel
        opt_in hobbies wishlist""",
    "behaviour": "last_seen last_visit visits page_views sessions referrer utm_source utm_medium utm_campaign",
    "account": "plan created_at createdat id user_id customer_id account status tier signup_date logins",
    "loyalty": "points loyalty loyalty_id loyalty_tier loyalty_points member_since membership segment rfm",
    "device": "device device_id device_model browser os platform user_agent ip ip_address app_version push_token",
    "purchases": """orders order_count revenue total_spent last_order first_order last_purchase lifetime_value ltv clv
        basket cart returns average_order_value""",
    "health": """health allergies allergy disability medication medications diagnosis diagnoses prescription symptoms
        pregnancy pregnant is_pregnant blood_type blood_group medical_history illness
        vaccinated mental_health bmi""",
    "genetics": "genetics dna dna_code genome genetic_test",
    "biometrics": "biometrics fingerprint faceprint facial_print voiceprint retina",
    "ethnicity": "ethnicity race ethnic_origin ethnic_group racial_origin",
    "beliefs": "religion beliefs belief faith religious_belief denomination church philosophy",
    "politics": "politics party political_party political_affiliation political_opinion political_views voting",
    "sexuality": "sexuality sexual_orientation sexual_preference sex_life",
    "union": "union union_member union_membership trade_union trade_union_membership",
}
_BY_TRAIT: Final = {trait: category for category, traits in _TRAITS.items() for trait in traits.split()}

_EVENT_WORDS: Final = {
    "health": """prescription prescriptions symptom symptoms diagnosis pregnancy allergy medication medications medicine
        health medical doctor patient vaccination therapy clinic""",
    "genetics": "dna genetic genome",
    "biometrics": "fingerprint biometric biometrics faceprint",
    "beliefs": "religion religious prayer",
    "politics": "political vote voted petition",
    "financial": "payment payments invoice loan mortgage credit debit refund bank salary insurance deposit withdrawal",
    "loyalty": "loyalty points reward rewards",
    "purchases": "order orders cart basket checkout coupon coupons voucher purchase purchases purchased subscription",
}
"""Category → words of an event's name that give it away, the category to be on the safe side with first."""

_TELLING: Final = {category: frozenset(words.split()) for category, words in _EVENT_WORDS.items()}
OF_EVENTS: Final = frozenset({*_TELLING, "purchases", "behaviour"})
"""Those that an event may be of."""

_OF_PRODUCTS: Final = frozenset({"added", "removed", "bought", "returned", "sold"})
_IDENTIFIERS: Final = {
    "email": "email",
    "phone": "phone",
    "user_id": "account",
    "loyalty_id": "loyalty",
    "anonymous_id": "device",
    "device_id": "device",
}

_WORD_ENDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s.:/-]+")
"""Where `camelCase`, `kebab-case`, `dotted.names` and words part."""


def _snake(name: str) -> str:
    return _WORD_ENDS.sub("_", name.strip().lstrip("$")).lower()


@lru_cache(maxsize=4096)
def category_of(trait: str) -> str:
    """The category of a trait by its name."""
    name = _snake(trait)
    return _BY_TRAIT.get(name) or _BY_TRAIT.get(name.replace("_", ""), "unclassified")


@lru_cache(maxsize=4096)
def category_of_event(name: str) -> str:
    """The category of an event by its name: `behaviour` unless a word of it says more."""
    words = set(_snake(name).split("_"))
    for category, telling in _TELLING.items():
        if words & telling:
            return category
    return "purchases" if words & {"product", "products", "item"} and words & _OF_PRODUCTS else "behaviour"


def category_of_identifier(kind: str) -> str:
    """The category of an identifier by its type (`email`, `ios.idfa`)."""
    if kind.startswith(("ios.", "android.")):
        return "device"
    return _IDENTIFIERS.get(kind, "account")
