"""An agreement as a consent receipt: the fields of ISO/IEC TS 27560:2023, in JSON.

Field names follow the specification's clauses (receipt metadata, PII processing, parties, events), with concepts of DPV
where they exist, after the guide of the Data Privacy Vocabularies group (https://w3id.org/dpv/guides/consent-27560).
What a declaration leaves out is `not stated`: a receipt must not say more than was promised.
"""

from collections.abc import Mapping
from typing import Any

from rapport.kernel.times import rfc3339
from rapport.kernel.vocabulary import PURPOSE_WORDS, PURPOSES, SPECIAL, below

SCHEMA = "ISO/IEC TS 27560:2023"
NOT_STATED = "not stated"

_BASES = {
    "consent": "dpv:Consent",
    "contract": "dpv:Contract",
    "legitimate_interest": "dpv:LegitimateInterest",
    "legal_obligation": "dpv:LegalObligation",
    "vital_interest": "dpv:VitalInterest",
    "public_task": "dpv:PublicInterest",
}
_DAY_S = 86_400


def consent_receipt(agreement: Mapping[str, Any], ended_at: int | None = None, origin: str = "") -> dict[str, Any]:
    """The receipt of a signed agreement. `ended_at` in µs, where it has; `origin` is the node's own, for links."""
    org, principal = agreement["second_party"]["organization"], agreement["first_party"]["pseudonym"]
    version = agreement["declaration"]["version"]
    events = [_event(agreement["since"], principal, "given")]
    if ended_at is not None:
        events.append(_event(rfc3339(ended_at)[:10], principal, "terminated"))
    return {
        "schema_version": SCHEMA,
        "receipt_id": f"rct_{agreement['agreement'].removeprefix('agr_')}",
        "record_id": agreement["agreement"],
        "pii_principal_id": principal,
        "pii_processing": {
            "privacy_notice": f"{origin}/.well-known/rapport/{org}/declaration/{version}.json",
            "language": "en",
            "purposes": [_purpose(each, org) for each in agreement["purposes"]],
        },
        "party_identification": [
            {
                "party_id": org,
                "party_name": agreement["second_party"]["name"],
                "party_role": "PII controller",
                "party_url": f"{origin}/.well-known/rapport/{org}/key.json",
            },
            *({"party_id": name, "party_name": name, "party_role": "third party"} for name in _recipients(agreement)),
        ],
        "events": events,
        "signatures": agreement["signatures"],
    }


def _recipients(agreement: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for each in agreement["purposes"] for name in each.get("recipients") or ()))


def _purpose(agreed: Mapping[str, Any], org: str) -> dict[str, Any]:
    name = agreed["purpose"]
    place = agreed.get("place") or [NOT_STATED]
    days = agreed.get("retention_days")
    recipients = agreed.get("recipients")
    categories = dict.fromkeys(
        [*agreed["categories"], *(c for shared in agreed.get("elsewhere", ()) for c in shared["categories"])]
    )
    return {
        "purpose": PURPOSE_WORDS.get(name, name),
        "purpose_type": PURPOSES.get(name, name),
        "lawful_basis": _BASES[agreed["basis"]],
        "pii_information": [
            {"pii_type": each, "pii_optional": False, "special_pii_category": _special(each)} for each in categories
        ],
        "pii_controllers": [org],
        "collection_method": ["dpv:Collect", *(["dpv:Share"] if agreed.get("elsewhere") else [])],
        "processing_method": ["dpv:Use"],
        "storage_locations": place,
        "retention_period": NOT_STATED if days is None else f"P{days}D",
        "retention_seconds": None if days is None else days * _DAY_S,
        "processing_locations": place,
        "jurisdiction": place[0],
        "recipient_third_parties": [NOT_STATED] if recipients is None else recipients,
        "withdrawal_method": "change your terms, or lock the organization out, at the node that issued this receipt",
        "privacy_rights": ["dpv:DataSubjectRight"],
    }


def _special(category: str) -> bool:
    return category == "special" or (category != "other" and bool(below(category) & SPECIAL))


def _event(day: str, principal: str, state: str) -> dict[str, str]:
    concept = {"given": "dpv:ConsentGiven", "terminated": "dpv:ConsentInvalidated"}[state]
    return {"event_time": day, "entity_id": principal, "event_type": "explicit", "event_state": concept}
