"""The Data Rights Protocol, version 1.0: what an authorised agent signs, and what it is told.

The text is that of 0.9.4 (https://github.com/consumer-reports-innovation-lab/data-rights-protocol), whose sections are
named below. A signed message is an Ed25519 signature (RFC 8032), 64 bytes, with the JSON that it signs behind it, all
of that in base64 (section 3.07.1). What a message *is* goes by its content, never by its signature or its letters: the
same fields in another order or spacing are the same message.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

from rapport.kernel.errors import BadInput, Forbidden
from rapport.kernel.identifiers import normalise
from rapport.kernel.times import DAY, MINUTE, SECOND, parse_rfc3339, rfc3339
from rapport.terms.promises import signed_by
from rapport.terms.rights import DEADLINE

VERSION = "1.0"
VERSIONS = re.compile(r"0\.9(\.[0-9]{1,3})?|1\.0(\.[0-9]{1,3})?")
"""Those that say the same in all that is read here."""
SIGNATURE = 64
MAX_MESSAGE = 64 * 1024
"""Bytes of a signed message in base64."""
MAX_TEXT = 200
MAX_IDENTIFIER = 320
MAX_URL = 2000
SKEW = MINUTE
"""By how much an agent's clock may be ahead of the node's."""
TICK = 5 * SECOND
"""Outcomes show at these steps alone, so that the time that something took tells little about what was there."""
RESULTS_KEPT = 7 * DAY

Exercise = Literal["access", "deletion", "sale:opt_out", "sale:opt_in"]
ACTIONS: tuple[Exercise, ...] = get_args(Exercise)
VERIFICATIONS = ("email", "phone_number")
"""What identifies a person: fields of a request (section 3.04), by the identifiers that they are."""
_IDENTIFIERS = {"email": "email", "phone_number": "phone"}
_OPTIONAL_TEXTS = ("regime", "name", "power_of_attorney")

Status = Literal["open", "working", "fulfilled", "denied", "revoked"]
Reason = Literal["", "insuf_verification", "no_match", "other"]
FINAL: frozenset[Status] = frozenset({"fulfilled", "denied", "revoked"})

# fmt: off
_SMALL_ORDER = frozenset(int.from_bytes(bytes.fromhex(y), "little") for y in (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
))
# fmt: on
"""Points for which anybody can make signatures that verify."""


class Agent(msgspec.Struct, frozen=True):
    """An agent that an organization trusts. `number` is never used again, not even for one of the same name; `attests`:
    its word that an identifier is a person's counts there."""

    number: int
    name: str
    public: bytes
    attests: bool


class Asked(msgspec.Struct, frozen=True):
    """A request as its agent signed it (section 2.01). `identifiers`: (type, value) of those that the agent says it
    verified, normalised; `content` names the message, `what` that which is asked for, whenever it was said."""

    exercise: Exercise
    identifiers: tuple[tuple[str, str], ...]
    content: bytes
    what: bytes
    agent_request_id: str = ""
    callback: str = ""


class Told(msgspec.Struct, frozen=True):
    """A request as its agent may see it. Times in µs; `expires_at` of results that wait to be fetched."""

    id: str
    received_at: int
    status: Status
    reason: Reason = ""
    details: str = ""
    agent_request_id: str = ""
    results_url: str = ""
    expires_at: int | None = None

    def json(self) -> dict[str, Any]:
        """In the words of section 3.03: a request that waits is `in_progress` from the start, since nobody stands
        between the agent and the node."""
        told: dict[str, Any] = {
            "request_id": self.id,
            "received_at": rfc3339(self.received_at),
            "expected_by": rfc3339(self.received_at + DEADLINE),
            "status": self.status if self.status in FINAL else "in_progress",
        }
        more = {
            "agent_request_id": self.agent_request_id,
            "reason": self.reason,
            "processing_details": self.details,
            "results_url": self.results_url,
            "expires_at": "" if self.expires_at is None else rfc3339(self.expires_at),
        }
        return told | {name: value for name, value in more.items() if value}


def business_ids(org: str) -> tuple[str, str]:
    """What an agent may call an organization: its name, and the spelling that service directories ask for."""
    return org, org.upper().replace("-", "_")


def agent_key(text: str) -> bytes:
    """A public Ed25519 key in base64, as service directories write it. Raises BadInput `bad_key`."""
    raw = _unpacked(text.encode("utf-8", "surrogatepass"))
    if raw is None or len(raw) != 32:
        raise BadInput("this is no Ed25519 public key: 32 bytes in base64", code="bad_key", field="key")
    if int.from_bytes(raw, "little") & (1 << 255) - 1 in _SMALL_ORDER:
        raise BadInput("anybody could sign for this key: it is none", code="bad_key", field="key")
    return raw


def opened(agent: Agent, body: bytes) -> dict[str, Any]:
    """The fields of a message that an agent signed. Raises BadInput `bad_message`, Forbidden `bad_signature`."""
    raw = _unpacked(body)
    if raw is None or len(raw) <= SIGNATURE:
        raise BadInput("the body must be a signed message in base64", code="bad_message")
    if not signed_by(agent.public, raw[:SIGNATURE], raw[SIGNATURE:]):
        raise Forbidden("the signature is not by the agent's key", code="bad_signature")
    try:
        said = msgspec.json.decode(raw[SIGNATURE:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise BadInput("what is signed must be a JSON object", code="bad_message")
    return said


def _unpacked(body: bytes) -> bytes | None:
    """Base64 as one would write it, spaces and line ends aside; None for anything else."""
    text = b"".join(body.split())
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Of several ways to write the same bytes one is right: so no changed letter goes unseen.
    return raw if base64.b64encode(raw) == text else None


def meant_for(said: Mapping[str, Any], agent: Agent, org: str, at: int) -> None:
    """Check that a message is by this agent, for this organization and of this time, in the order of section 3.07.
    Raises Forbidden, BadInput."""
    if _text(said, "agent-id") != agent.name:
        raise Forbidden("this is signed in another agent's name", code="wrong_agent")
    if _text(said, "business-id") not in business_ids(org):
        raise Forbidden("this is meant for another business", code="wrong_business")
    if _time(said, "issued-at") > at + SKEW:
        raise BadInput("this is issued in the future: compare clocks", code="issued_later", field="issued-at")
    if _time(said, "expires-at") <= at:
        raise BadInput("this has expired: sign it anew", code="expired", field="expires-at")
    version = said.get("drp.version")
    if version is not None and not (isinstance(version, str) and VERSIONS.fullmatch(version)):
        raise BadInput(f"0.9 and {VERSION} of the protocol are spoken here", code="bad_version", field="drp.version")


def asked(said: Mapping[str, Any], agent: Agent) -> Asked:
    """What a message asks for. Fields that are not known are ignored. Raises BadInput, naming the field."""
    if said.get("drp.version") is None:
        raise BadInput("the version of the protocol is missing", code="bad_version", field="drp.version")
    exercise = _text(said, "exercise").replace("-", "_")
    if exercise not in ACTIONS:
        message = f"Unsupported rights actions submitted: {', '.join(ACTIONS)} are supported"
        raise BadInput(message, code="unsupported_action", field="exercise")
    for name in _OPTIONAL_TEXTS:
        _text(said, name, "")
    hints = said.get("relationships")
    if hints is not None and not (isinstance(hints, list) and all(isinstance(hint, str) for hint in hints)):
        raise BadInput("relationships must be a list of texts", code="bad_type", field="relationships")
    verified = tuple(_verified(said))
    what = {name: value for name, value in said.items() if name not in _OF_THE_MOMENT}
    return Asked(
        exercise,
        verified if agent.attests else (),
        _digest(said),
        _digest(what),
        _text(said, "agent-request-id", ""),
        _text(said, "status_callback", "", MAX_URL),
    )


_OF_THE_MOMENT = frozenset({"issued-at", "expires-at", "drp.version", "status_callback"})


def content_of(said: Mapping[str, Any]) -> bytes:
    """What names a message: the same for the same fields, however they are written."""
    return _digest(said)


def expiry_of(said: Mapping[str, Any]) -> int:
    return _time(said, "expires-at")


def _digest(said: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).digest()


def _verified(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The identifiers that are said to be verified; all that are there must be well formed."""
    found = []
    for name, kind in _IDENTIFIERS.items():
        text = _text(said, name, "", MAX_IDENTIFIER)
        verified = said.get(f"{name}_verified")
        if verified is not None and not isinstance(verified, bool):
            raise BadInput(f"{name}_verified must be true or false", code="bad_type", field=f"{name}_verified")
        if not text:
            continue
        value = normalise(kind, text)
        if value is None or (kind == "phone" and not value.startswith("+")):
            should = "an e-mail address" if kind == "email" else "a phone number that begins with + and its country"
            raise BadInput(f"{name} must be {should}", code="bad_identifier", field=name)
        if verified:
            found.append((kind, value))
    return found


def _text(said: Mapping[str, Any], name: str, default: str | None = None, most: int = MAX_TEXT) -> str:
    """A text; one that may be missing may be null, too."""
    value = said.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or len(value) > most or (default is None and not value):
        raise BadInput(f"{name} must be a text of at most {most} characters", code="bad_type", field=name)
    return value


def _time(said: Mapping[str, Any], name: str) -> int:
    try:
        return parse_rfc3339(_text(said, name))
    except (BadInput, OverflowError):
        raise BadInput(f"{name} must be a time such as 2026-11-21T20:02:55Z", code="bad_time", field=name) from None
