"""What a person takes along as linked data: JSON-LD 1.1 with the concepts of the Data Privacy Vocabulary (DPV).

Each row of the export's tables is one node. What DPV has no term for (the value itself, where it was seen) is in a
namespace of Rapport's own, and values stay JSON as they are.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rapport.kernel.vocabulary import CATEGORIES, PURPOSES, category_of_event, category_of_identifier

NAMESPACE = "urn:rapport:ns:"
CONTEXT: dict[str, Any] = {
    "@version": 1.1,
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "dcterms": "http://purl.org/dc/terms/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "rapport": NAMESPACE,
    "subject": {"@id": "dpv:hasDataSubject", "@type": "@id"},
    "controller": {"@id": "dpv:hasDataController", "@type": "@id"},
    "purpose": {"@id": "dpv:hasPurpose", "@type": "@id"},
    "category": {"@id": "dpv:hasPersonalData", "@type": "@id"},
    "recipient": {"@id": "dpv:hasRecipient"},
    "label": "rdfs:label",
    "created": {"@id": "dcterms:created", "@type": "xsd:dateTime"},
    "value": {"@id": "rdf:value", "@type": "@json"},
    "source": "dcterms:source",
}
"""Everything else in a node is a name of `rapport:` with its value as JSON."""

_CONCEPT = {**CATEGORIES, "beliefs": "pd:ReligiousBelief", "politics": "pd:PoliticalOpinion"}
Row = Mapping[str, Any]


def concept(category: str) -> str:
    """A category's concept of DPV."""
    return _CONCEPT.get(category, category)


def nodes(table: str, rows: Iterable[Row], person: str) -> Iterable[dict[str, Any]]:
    """The nodes of a table of the export; `person` is the handle of whom it is about."""
    make = _NODES[table]
    for row in rows:
        yield make(row, person)


def _of_company(row: Row, person: str, kind: str, more: Row, left_out: Iterable[str]) -> dict[str, Any]:
    node: dict[str, Any] = {"@type": ["dpv:PersonalData", kind], "subject": subject(person), **more}
    if "organization" in row:
        node["controller"] = controller(row["organization"])
    return {**node, **_rest(row, {"organization", *left_out})}


def _rest(row: Row, left_out: Iterable[str]) -> dict[str, Any]:
    named = ((name, value) for name, value in row.items() if name not in left_out and value is not None)
    return {f"rapport:{name}": {"@type": "@json", "@value": value} for name, value in named}


def subject(person: str) -> str:
    return f"urn:rapport:person:{person}"


def controller(org: str) -> str:
    return f"urn:rapport:organization:{org}"


def _company(row: Row, _: str) -> dict[str, Any]:
    node = {"@id": controller(row["organization"]), "@type": "dpv:DataController", "label": row["name"]}
    return {**node, **_rest(row, {"organization", "name"})}


def _identifier(row: Row, person: str) -> dict[str, Any]:
    kind = concept(category_of_identifier(row["type"]))
    return _of_company(row, person, kind, {"label": row["type"], "value": row["value"]}, ("type", "value"))


def _trait(row: Row, person: str) -> dict[str, Any]:
    more = {"label": row["trait"], "value": row["value"], "source": row["source"]}
    return _of_company(row, person, concept(row["category"]), more, ("trait", "value", "source", "category"))


def _consent(row: Row, person: str) -> dict[str, Any]:
    more = {"value": row["consent"], "source": row["source"]}
    return {**_of_company(row, person, "dpv:Consent", more, ("consent", "source")), "@type": "dpv:Consent"}


def _event(row: Row, person: str) -> dict[str, Any]:
    more = {"label": row["name"], "source": row["source"]}
    if row["time"] is not None:
        more["created"] = row["time"]
    kind = concept(category_of_event(row["name"]))
    return _of_company(row, person, kind, more, ("name", "source", "time"))


def _clause(row: Row, person: str) -> dict[str, Any]:
    kind = "dpv:Prohibition" if row["effect"] == "deny" else "dpv:Permission"
    node = {"@type": kind, "subject": subject(person), "label": row["sentence"]}
    return {**node, **_rest(row, {"sentence"})}


def _goal(row: Row, person: str) -> dict[str, Any]:
    kinds = ["dpv:PersonalData", "pd:Intention"]
    node = {"@type": kinds, "subject": subject(person), "label": row["words"], "created": row["said_at"]}
    return {**node, **_rest(row, {"words", "said_at"})}


def _wish(row: Row, person: str) -> dict[str, Any]:
    return _of_company(_present(row), person, "pd:PrivacyPreference", {}, ())


def _present(row: Row) -> Row:
    """Without the organization where it was said to all."""
    return {name: value for name, value in row.items() if name != "organization" or value is not None}


def _agreement(row: Row, person: str) -> dict[str, Any]:
    node = {"@type": "dpv:DataProcessingAgreement", "subject": subject(person), "created": row["since"]}
    return {**node, "controller": controller(row["organization"]), **_rest(row, {"organization", "since"})}


def _notice(row: Row, person: str) -> dict[str, Any]:
    node = {"@type": "dpv:Notice", "subject": subject(person), "created": row["at"]}
    return {**node, "controller": controller(row["organization"]), **_rest(row, {"organization", "at"})}


def _receipt(row: Row, person: str) -> dict[str, Any]:
    purpose = PURPOSES.get(row["purpose"], row["purpose"])
    node = {"@type": "dpv:Processing", "subject": subject(person), "created": row["at"], "purpose": purpose}
    node["category"] = [concept(name) for name in row["categories"]]
    node["recipient"] = list(row["recipients"])
    if row["organization"]:
        node["controller"] = controller(row["organization"])
    return {**node, **_rest(row, {"at", "purpose", "categories", "recipients", "organization"})}


_NODES: dict[str, Callable[[Row, str], dict[str, Any]]] = {
    "companies": _company,
    "identifiers": _identifier,
    "traits": _trait,
    "consent": _consent,
    "events": _event,
    "terms": _clause,
    "goals": _goal,
    "wishes": _wish,
    "agreements": _agreement,
    "notices": _notice,
    "receipts": _receipt,
}
