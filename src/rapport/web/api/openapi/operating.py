"""Evidence, health, the front page, and this document."""

from typing import Any

from rapport.web.api.customers import MAX_BODY
from rapport.web.api.openapi.answers import TO_A_BODY, answer, answers, content, plain
from rapport.web.api.openapi.parameters import KNOWN_VERSION, in_path
from rapport.web.api.openapi.schema import ANY_OBJECT, TEXT, ref
from rapport.web.api.openapi.shapes import EVIDENCE_ID

EVIDENCE = "Evidence"
OPERATIONS = "Operations"

_OPERATOR: list[dict[str, list[str]]] = [{"api_token": []}]
_REFUSALS = {**TO_A_BODY, "_404": "NotFound", "_409": "Conflict"}


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {
        "/v1/evidence": {"post": _assert()},
        "/v1/evidence/{id}/retract": {"post": _retract()},
        "/healthz": {"get": _health("isAlive", "Whether the web process lives", {})},
        "/readyz": {"get": _health("isReady", "Whether the node takes and answers requests", {"_503": "NotReady"})},
        "/metrics": {
            "get": {
                "tags": [OPERATIONS],
                "operationId": "readMetrics",
                "summary": "Prometheus metrics",
                "description": "No personal data is in them.",
                "responses": {"200": plain("The metrics.", "text/plain", "Prometheus' text format, version 0.0.4.")},
            }
        },
        "/": {
            "get": {
                "tags": [OPERATIONS],
                "operationId": "readFrontPage",
                "summary": "The front page",
                "responses": {"200": plain("A page for people.", "text/html", "HTML.")},
            }
        },
        "/openapi.json": {"get": _document()},
    }


def _assert() -> dict[str, Any]:
    return {
        "tags": [EVIDENCE],
        "operationId": "assertEvidence",
        "summary": "Say that two records are, or are not, the same customer's",
        "description": (
            "Needs a token of scope `operator`. Answered once readers see what came of it. A must-link that would join "
            f"two user ids, or what a cannot-link keeps apart, is kept and not used. At most {MAX_BODY:,} bytes."
        ),
        "security": _OPERATOR,
        "requestBody": {"required": True, "content": content(ref("EvidenceAsked"))},
        "responses": answers(
            {
                "201": answer(
                    "It was kept.",
                    ref("EvidenceSaid"),
                    links={"retract": {"operationId": "retractEvidence", "parameters": {"id": "$response.body#/id"}}},
                )
            },
            **_REFUSALS,
        ),
    }


def _retract() -> dict[str, Any]:
    return {
        "tags": [EVIDENCE],
        "operationId": "retractEvidence",
        "summary": "Take evidence back",
        "description": (
            "Needs a token of scope `operator`. The partition and the views become exactly those that the remaining "
            "evidence gives. It is final for this piece, and may be repeated. A record's own key cannot be taken back."
        ),
        "security": _OPERATOR,
        "parameters": [
            in_path("id", "The handle `evi_…` of a piece of evidence.", EVIDENCE_ID),
        ],
        "requestBody": {"required": False, "content": content(ref("Why"))},
        "responses": answers({"200": answer("It counts no longer.", ref("Retracted"))}, **_REFUSALS),
    }


def _health(identity: str, summary: str, more: dict[str, str]) -> dict[str, Any]:
    return {
        "tags": [OPERATIONS],
        "operationId": identity,
        "summary": summary,
        "responses": answers({"200": answer("Yes.", ref("Health"))}, **more),
    }


def _document() -> dict[str, Any]:
    headers = {"ETag": {"description": "Of this version.", "required": True, "schema": TEXT}}
    return {
        "tags": [OPERATIONS],
        "operationId": "readDescription",
        "summary": "This document",
        "parameters": [KNOWN_VERSION],
        "responses": {
            "200": answer("OpenAPI 3.1.", ANY_OBJECT, headers=headers),
            "304": {"description": "You have it already.", "headers": headers},
        },
    }
