"""Purposes and categories: terms of the W3C Data Privacy Vocabulary (DPV) and its personal-data extension (DPV-PD),
with the plain names that Rapport shows. Source: https://w3id.org/dpv and https://w3id.org/dpv/pd, version 2."""

import re

from rapport.kernel.errors import BadInput

PURPOSES = {
    "service": "dpv:ServiceProvision",
    "personalisation": "dpv:Personalisation",
    "offers": "dpv:DirectMarketing",
    "analytics": "dpv:ServiceUsageAnalytics",
    "advertising": "dpv:Advertising",
    "fraud": "dpv:FraudPreventionAndDetection",
    "research": "dpv:ResearchAndDevelopment",
}
"""Plain name → DPV purpose."""

CATEGORIES = {
    "name": "pd:Name",
    "contact": "pd:Contact",
    "email": "pd:EmailAddress",
    "phone": "pd:TelephoneNumber",
    "address": "pd:PhysicalAddress",
    "location": "pd:Location",
    "demographic": "pd:Demographic",
    "age": "pd:Age",
    "gender": "pd:Gender",
    "language": "pd:Language",
    "profession": "pd:Professional",
    "purchases": "pd:Purchase",
    "financial": "pd:Financial",
    "preference": "pd:Preference",
    "behaviour": "pd:Behavioral",
    "device": "pd:DeviceBased",
    "account": "pd:AccountIdentifier",
    "loyalty": "pd:Transactional",
    "health": "pd:Health",
    "unclassified": "dpv:PersonalData",
}
"""Plain name → DPV-PD category. What fits none is `unclassified`."""

_TRAITS = {
    "name": "name firstname lastname first_name last_name given_name surname full_name title username nickname",
    "email": "email email_address mail",
    "phone": "phone mobile telephone phone_number",
    "address": "address street city town postcode postalcode zip state region suburb house_number shipping_address",
    "location": "location latitude longitude country timezone place",
    "age": "age birthday birthdate birth_date date_of_birth dob birth_year",
    "gender": "gender sex pronouns salutation",
    "language": "language locale lang",
    "profession": "company employees industry job job_title department website",
    "financial": "income iban card credit_limit credit payment_method balance",
    "preference": "preferences favourite favorite interests likes newsletter size shoe_size diet channel opt_in",
    "account": "plan created_at createdat id user_id customer_id account status tier signup_date logins",
    "loyalty": "points loyalty loyalty_tier loyalty_points member_since segment",
    "device": "device browser os platform user_agent",
    "purchases": "orders revenue total_spent last_order first_order lifetime_value ltv basket cart",
    "health": "health allergies disability medication",
}
_BY_TRAIT = {trait: category for category, traits in _TRAITS.items() for trait in traits.split()}

_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s-]+")
"""Where `camelCase`, `kebab-case` and words part."""


def category_of(trait: str) -> str:
    """The category of a trait by its name, where neither an import's mapping nor the source says otherwise."""
    name = _WORD_ENDS.sub("_", trait.lstrip("$")).lower()
    return _BY_TRAIT.get(name) or _BY_TRAIT.get(name.replace("_", ""), "unclassified")


def purpose(name: str) -> str:
    """The purpose of this plain name; raises BadInput naming those that exist."""
    if name not in PURPOSES:
        known = ", ".join(PURPOSES)
        raise BadInput(
            f"{name[:60]!r} is no purpose; one of {known} is needed", code="unknown_purpose", field="purpose"
        )
    return name
