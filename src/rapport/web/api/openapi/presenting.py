"""Presence, in the description of the API: what bound devices ask, and tills."""

from typing import Any, get_args

from rapport.signin import devices
from rapport.web.api.openapi.answers import PROBLEM, TO_A_BODY, answer, answers, content
from rapport.web.api.openapi.schema import (
    ANY_OBJECT,
    COUNT,
    FLAG,
    TEXT,
    TIME,
    Schema,
    list_of,
    maybe,
    named,
    one_of,
    ref,
    thing,
    told,
)
from rapport.web.api.presence import MAX_BODY, Place

TAG = "Presence"
SECURITY: dict[str, Any] = {
    "device_proof": {
        "type": "apiKey",
        "in": "header",
        "name": "DPoP",
        "description": (
            "A JWS (ES256, `typ` `dpop+jwt`, the device's public P-256 key as `jwk`) over `htm`, `htu`, `iat`, `jti` "
            "and `sha256`, the body's digest in base64url: in the manner of RFC 9449, for this one request."
        ),
    }
}
_SIGNED: list[dict[str, list[str]]] = [{"device_proof": []}]
_TOKEN: list[dict[str, list[str]]] = [{"api_token": []}]
_TAP = told({**TEXT, "minLength": 1}, "What a till shows: good for thirty seconds, once.")
_NO_STORE = "Kept by nobody (`Cache-Control: no-store`)."


def _unproved() -> dict[str, Any]:
    challenge = {
        "WWW-Authenticate": {"description": "How to sign.", "required": True, "schema": TEXT},
        "DPoP-Nonce": {"description": "A claim `nonce` to sign once more over.", "required": True, "schema": TEXT},
    }
    about = "`unproved`: an unknown key, a proof of something else, one that was used before. Alike, byte for byte."
    return answer(about, ref("Problem"), PROBLEM, headers=challenge)


def _too_many() -> dict[str, Any]:
    wait = {"Retry-After": {"description": "Seconds to wait.", "required": True, "schema": COUNT}}
    return answer("`too_many_requests`: it was asked too often.", ref("Problem"), PROBLEM, headers=wait)


def _by_device(operation: str, summary: str, about: str, shape: str, body: str = "") -> dict[str, Any]:
    """An operation that a device signs."""
    own = {"200": answer(about, ref(shape)), "401": _unproved(), "429": _too_many()}
    if operation == "pairDevice":
        own["409"] = answer("`exists`: this key is bound.", ref("Problem"), PROBLEM)
    if operation == "stopRecovery":
        own["404"] = answer("`not_found`: nobody is recovering it.", ref("Problem"), PROBLEM)
    told_of: dict[str, Any] = {
        "tags": [TAG],
        "operationId": operation,
        "summary": summary,
        "description": f"Signed by the device; no query. At most {MAX_BODY:,} bytes. {_NO_STORE}",
        "security": _SIGNED,
        "responses": answers(
            own, **{name: shared for name, shared in TO_A_BODY.items() if name not in {"_401", "_403"}}
        ),
    }
    if body:
        told_of["requestBody"] = {"required": True, "content": content(ref(body))}
    return told_of


def _by_till(operation: str, summary: str, about: str, own: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """An operation of an organization's."""
    absent = {"_404": "NotFound"} if operation == "readTap" else {}
    return {
        "tags": [TAG],
        "operationId": operation,
        "summary": summary,
        "description": about,
        "security": _TOKEN,
        "requestBody": body,
        "responses": answers({**own, "429": _too_many()}, **TO_A_BODY, **absent),
    }


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {
        "/presence/pair": {
            "post": _by_device(
                "pairDevice", "Ask to be bound", "The code to show, for five minutes.", "Pairing", "NewDevice"
            )
        },
        "/presence/pair/poll": {
            "post": _by_device("pollPairing", "Ask how the pairing is", "How it is.", "PairingStatus")
        },
        "/presence/here": {
            "post": _by_device("tellPresence", "Say that somebody is there", "What became of it.", "Told", "Here")
        },
        "/presence/tap": {"post": _by_device("answerTap", "Answer a till", "It is answered.", "TapLevel", "Tap")},
        "/presence/session": {
            "get": _by_device("readSessions", "Which sessions go on", "The person's sessions.", "PresenceSessions")
        },
        "/presence/recovery/stop": {
            "post": _by_device(
                "stopRecovery", "Stop the recovery of the account", "Nobody is recovering it any more.", "Stopped"
            )
        },
        "/presence/taps": {
            "post": _by_till(
                "newTap",
                "Show a tap",
                f"For a till or a door: a nonce that is good for thirty seconds, once. {_NO_STORE}",
                {"201": answer("What to show.", ref("NewTap"))},
                {"required": False, "content": content(thing("Nothing.", {}))},
            )
        },
        "/presence/taps/result": {
            "post": _by_till(
                "readTap",
                "Who answered a tap",
                "For `service`, through the gate. Nobody, no customer of yours and one who refuses you are answered "
                f"alike. Told once. {_NO_STORE}",
                {"200": answer("Which customer it is.", ref("Tapped"))},
                {"required": True, "content": content(ref("Tap"))},
            )
        },
    }


_LEVEL = {"type": "integer", "minimum": 0, "maximum": 2}
_SESSION = told(maybe(named("pse")), "The session, which goes on from device to device.")
_RECOVERING = told(maybe(TIME), "When a recovery of the account can be finished; null: nobody began one.")

SHAPES: dict[str, Schema] = {
    "NewDevice": {
        **thing(
            "What a device says of itself.",
            {
                "kind": one_of(*devices.KINDS),
                "name": told({**TEXT, "minLength": 1, "maxLength": devices.MAX_NAME}, "What its person calls it."),
            },
        ),
        "additionalProperties": False,
    },
    "Pairing": thing(
        "A pairing that waits for its person.",
        {
            "code": told(TEXT, "To be typed at `at`."),
            "at": told(TEXT, "The page for it."),
            "expires_in": told(COUNT, "Seconds."),
            "interval": told(COUNT, "Seconds between two questions."),
        },
    ),
    "PairingStatus": thing(
        "How a pairing is.",
        {"status": one_of("waiting", "confirm", "paired")},
        {
            "number": told(TEXT, "To be shown, where it is `confirm`."),
            "device": told(ANY_OBJECT, "The device, where it is `paired`."),
        },
    ),
    "Here": {
        **thing(
            "Where somebody is.",
            {"organization": told({**TEXT, "minLength": 1, "maxLength": 63}, "Whom to show it to.")},
            {
                "place": one_of(*get_args(Place)),
                "near": told(maybe(FLAG), "What a geofence says: false tells nobody, true adds nothing."),
            },
        ),
        "additionalProperties": False,
    },
    "Told": thing(
        "What became of presence.",
        {
            "level": told(maybe(_LEVEL), "How sure it is; null: nobody is there."),
            "told": told(FLAG, "Whether the organization sees it."),
            "session": _SESSION,
            "recovering": _RECOVERING,
        },
    ),
    "Stopped": thing("A recovery that was stopped.", {"stopped": FLAG}),
    "Tap": {**thing("A tap.", {"tap": _TAP}), "additionalProperties": False},
    "TapLevel": thing("An answered tap.", {"level": told(_LEVEL, "How sure it is.")}),
    "PresenceSessions": thing(
        "The device, and the sessions that its person is in.",
        {"device": ANY_OBJECT, "sessions": list_of(ANY_OBJECT), "recovering": _RECOVERING},
    ),
    "NewTap": thing(
        "What a till shows.",
        {
            "tap": _TAP,
            "link": told(TEXT, "The page that answers it."),
            "qr": told(maybe(TEXT), "What to draw for phones; null where none gets to this node."),
            "expires_in": told(COUNT, "Seconds."),
        },
    ),
    "Tapped": thing(
        "Who answered.",
        {
            "customer": told(TEXT, "`cus_…`"),
            "level": told(_LEVEL, "How sure it is."),
            "session": _SESSION,
            "receipt": named("rcp"),
            "as_of": told(TIME, "When."),
        },
    ),
}
