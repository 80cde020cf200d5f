"""Declarations: what an organization promises, put by itself and published to anyone."""

from typing import Any, get_args

from rapport.terms import promise_reading as reading
from rapport.terms.aggregates import FLOOR
from rapport.terms.declaration import Basis
from rapport.terms.simulator import ASKED_PER_DAY
from rapport.web.api import declaration, simulate
from rapport.web.api.openapi.answers import OF_VERSION, TO_A_BODY, answer, answers, content
from rapport.web.api.openapi.parameters import KNOWN_VERSION, in_header, in_path
from rapport.web.api.openapi.schema import (
    FLAG,
    TEXT,
    TIME,
    Schema,
    list_of,
    map_of,
    maybe,
    one_of,
    ref,
    strict,
    thing,
    told,
)

TAG = "Declarations"

_OPERATOR: list[dict[str, list[str]]] = [{"api_token": []}]

_ORG = in_path("org", "The organization.", {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"}, example="acme")
_NUMBER = in_path(
    "version",
    "The version, from 1; 0 is what holds before anything was declared.",
    {"type": "string", "pattern": "^[0-9]{1,9}$"},
    example="1",
)
_TOML = """\
[purposes.offers]
basis = "consent"
categories = ["email", "purchases"]
retention_days = 90
"""
# Shown in words, not as an `example`: tools that send each example, such as Schemathesis, fail where they know no TOML.
_IN_TOML = {"schema": told(TEXT, f"The same document in TOML, such as\n\n{_TOML}")}
_WRITTEN = {"required": True, "content": {**content(ref("Declaration")), "application/toml": _IN_TOML}}


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {
        declaration.PATH: {"get": _own(), "put": _declare()},
        simulate.PATH: {"post": _simulate()},
        declaration.PUBLISHED: {
            "get": _public("readPublishedDeclaration", "Read a declaration", "The one in force.", [_ORG, KNOWN_VERSION])
        },
        declaration.VERSION: {
            "get": _public(
                "readDeclarationVersion",
                "Read a version of a declaration",
                "In force or not; `previous` chains each version to the one before.",
                [_ORG, _NUMBER, KNOWN_VERSION],
            )
        },
        declaration.GPC: {
            "get": {
                "tags": [TAG],
                "operationId": "readPrivacyControl",
                "summary": "Read whether the node honours Global Privacy Control",
                "description": "It does: a record that carried the signal is used for no advertising by default terms.",
                "responses": {
                    "200": answer(
                        "As of the specification of Global Privacy Control.",
                        thing(
                            "Support of the signal.",
                            {
                                "gpc": told(FLAG, "Whether it is honoured."),
                                "lastUpdate": {"type": "string", "format": "date", "description": "Since when as now."},
                            },
                        ),
                    )
                },
            }
        },
        declaration.KEY: {
            "get": {
                "tags": [TAG],
                "operationId": "readSigningKey",
                "summary": "Read the key that an organization signs with",
                "description": "404 until it has signed something.",
                "parameters": [_ORG],
                "responses": answers({"200": answer("The key.", ref("SigningKey"))}, _404="NotFound"),
            }
        },
    }


def _documents() -> dict[str, Any]:
    return {
        "200": answer("The published document.", ref("Published"), headers=OF_VERSION),
        "304": {"description": "You have it already.", "headers": OF_VERSION},
    }


def _own() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "readDeclaration",
        "summary": "Read your own declaration",
        "description": "Needs a token of scope `operator`. The same document as the published one.",
        "security": _OPERATOR,
        "parameters": [KNOWN_VERSION],
        "responses": answers(_documents(), _401="NoToken", _403="WrongScope"),
    }


def _declare() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "declare",
        "summary": "Declare what your organization promises",
        "description": (
            "Needs a token of scope `operator`. What stands already is left as it is and makes no new version. "
            f"At most {reading.MAX_BYTES:,} bytes. An organization that registered a key of its own signs the document "
            "that will be published, in its canonical form (RFC 8785) without `signature`."
        ),
        "security": _OPERATOR,
        "parameters": [
            in_header("If-Match", "The `ETag` of the version that this is to replace."),
            in_header(declaration.SIGNATURE, "Of an organization with its own key: its Ed25519 signature, base64url."),
            in_header(declaration.SIGNER, "The key that it signed with, base64url; may be left out."),
            in_header(declaration.SINCE, "The `since` that it signed, RFC 3339."),
        ],
        "requestBody": _WRITTEN,
        "responses": answers(
            {
                "200": answer("It is in force.", ref("Declared"), headers=OF_VERSION),
                "412": answer("`outdated`: another version is in force.", ref("Problem"), "application/problem+json"),
            },
            **TO_A_BODY,
        ),
    }


def _simulate() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "simulateDeclaration",
        "summary": "Try a declaration",
        "description": (
            "Needs a token of scope `operator`. Nothing is declared. How many people with an account would let you in "
            "by this declaration, for what, and which one further promise would open the most doors. Numbers are of at "
            f"least {FLOOR} people, carry noise, and are rounded; `null` is fewer. At most {ASKED_PER_DAY} different "
            "declarations are tried within a day: then `busy`."
        ),
        "security": _OPERATOR,
        "requestBody": _WRITTEN,
        "responses": answers(
            {"200": answer("What it would change.", ref("Simulation"))},
            **TO_A_BODY,
        ),
    }


def _public(identity: str, summary: str, description: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": identity,
        "summary": summary,
        "description": description,
        "parameters": parameters,
        "responses": answers(_documents(), _404="NotFound"),
    }


def _text(most: int, description: str) -> Schema:
    return told(TEXT, description, maxLength=most)


_NAMES = list_of(TEXT, maxItems=reading.MAX_LISTED, uniqueItems=True)
_KEY = {"kty": {"const": "OKP"}, "crv": {"const": "Ed25519"}, "x": told(TEXT, "The public key, base64url.")}
_MOMENT = told(TEXT, "A date, or an RFC 3339 time.", examples=["2026-11-21"])
_HASH = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}

_PROMISE: dict[str, Schema] = {
    "categories": told(
        _NAMES | {"minItems": 1},
        "Kinds of data, by plain name or DPV-PD id. `everything`, which it is where they are left out, is all but "
        "sensitive and unclassified data.",
    ),
    "retention_days": {"type": "integer", "minimum": 0, "maximum": reading.MAX_DAYS},
    "recipients": told(_NAMES, "Who else receives it; an empty list is nobody."),
    "onward": told(FLAG, "Whether they may pass it on."),
    "place": told(_NAMES | {"minItems": 1}, "Where it is processed: `EEA`, `EU`, or ISO 3166 codes."),
    "benefits": list_of(ref("Benefit"), maxItems=reading.MAX_BENEFITS),
    "law": _text(300, "The law that obliges; needed for a legal obligation."),
}

_PEOPLE: Schema = {"type": "integer", "minimum": FLOOR}
_ABOUT = maybe(_PEOPLE)

SHAPES: dict[str, Schema] = {
    "Declaration": strict(
        thing(
            "What an organization promises. What is left out is unknown to those whose terms ask for it.",
            {},
            {
                "name": _text(200, "What people call the organization."),
                "purposes": map_of(ref("Promise"), "By purpose: a plain name or a DPV id.")
                | {"maxProperties": reading.MAX_PURPOSES},
                "consent": map_of(
                    told(_NAMES, "What it opens: `purpose`, or `purpose:category`."),
                    "By the consent category that sources send.",
                )
                | {"maxProperties": reading.MAX_CONSENT},
                "values": list_of(ref("ValueClaim"), maxItems=reading.MAX_VALUES),
            },
        )
    ),
    "Promise": strict(
        thing(
            "What holds where data is read for one purpose.",
            {"basis": told(one_of(*get_args(Basis)), "The legal ground (GDPR article 6).")},
            {**_PROMISE, "alternative": ref("Alternative")},
        )
    ),
    "Alternative": strict(
        thing(
            "The one other offer, to those whose terms the first does not meet.",
            {"basis": one_of(*(basis for basis in get_args(Basis) if basis != "legal_obligation"))},
            _PROMISE,
        )
    ),
    "Benefit": strict(
        thing(
            "What the customer gets.",
            {"kind": one_of("money", "discount", "time", "service")},
            {
                "amount": {"type": "number", "minimum": 0, "maximum": reading.MAX_AMOUNT},
                "unit": _text(20, "A currency (ISO 4217) for money, `%` for a discount, `minutes` for time."),
                "per": _text(60, "For what, such as `order` or `month`."),
                "text": _text(500, "In words."),
            },
        )
    ),
    "ValueClaim": strict(
        thing(
            "What the organization says it stands for.",
            {"value": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,59}$", "examples": ["living_wage"]}},
            {
                "text": _text(500, "In words."),
                "attester": _text(100, "Who vouches for it."),
                "evidence": _text(500, "Where the evidence is."),
                "issued": _MOMENT,
                "expires": _MOMENT,
                "signature": _text(200, "The attester's Ed25519 signature, base64url."),
            },
        )
    ),
    "Published": thing(
        "A declaration as it is published. The signature covers the canonical form (RFC 8785) of all but `signature`.",
        {
            "organization": TEXT,
            "version": {"type": "integer", "minimum": 0},
            "declaration": ref("Declaration"),
            "hash": told(_HASH, "Of the canonical form of `declaration`."),
            "since": TIME,
            "previous": told(maybe(_HASH), "The hash of the version before."),
            "signature": {
                "description": "Null where nothing was declared yet.",
                "type": ["object", "null"],
                "properties": {"alg": {"const": "EdDSA"}, "key": {"type": "object", "properties": _KEY}, "value": TEXT},
                "required": ["alg", "key", "value"],
            },
        },
    ),
    "Declared": thing(
        "What came of it.",
        {
            "published": ref("Published"),
            "changes": told(list_of(TEXT), "What changed for people, a sentence each, to go on from the name."),
            "remarks": told(list_of(TEXT), "Claims that count for less than their writer may think."),
        },
    ),
    "Simulation": thing(
        "How many people would let you in. Numbers are about right, of many people; null is fewer than `floor`.",
        {
            "people": told(_ABOUT, "Who has an account here and claims to be your customer."),
            "floor": {"const": FLOOR},
            "purposes": list_of(ref("Opening")),
            "doors": told(list_of(ref("OpenDoor")), "What would let the most people more let you in, the best first."),
        },
    ),
    "Opening": thing(
        "One purpose.",
        {
            "purpose": TEXT,
            "now": told(_ABOUT, "Who lets you in by the declaration in force."),
            "then": told(_ABOUT, "Who would by the one that is tried."),
            "gained": _ABOUT,
            "lost": _ABOUT,
            "categories": map_of(_PEOPLE, "By category of data, how many would let you read it."),
            "by_law": told(FLAG, "A law obliges: nobody is asked, nor counted."),
        },
    ),
    "OpenDoor": thing(
        "One more promise for one purpose, and about how many would then let you in for it who would not otherwise.",
        {
            "purpose": TEXT,
            "change": {
                "type": "object",
                "description": "What to change: a member of the promise, or `value` with `attested`.",
            },
            "words": TEXT,
            "gained": _PEOPLE,
        },
    ),
    "SigningKey": thing(
        "The key that an organization signs with.",
        {
            "organization": TEXT,
            "key": {"type": "object", "properties": _KEY, "required": list(_KEY)},
            "held_by": one_of("organization", "node"),
            "earlier": told(list_of({"type": "object", "properties": _KEY}), "Keys of earlier versions."),
            "sends": {
                "type": "object",
                "description": "Signs what the node sends in its name, such as deletion demands.",
                "properties": _KEY,
                "required": list(_KEY),
            },
        },
    ),
}
