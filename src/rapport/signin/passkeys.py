"""Passkeys: WebAuthn Level 3 credentials that the person's own devices keep, discoverable and with user verification.

Verifying is `webauthn`'s (py_webauthn); what is asked for, and what is believed, is decided here: an origin and a
relying party that come from the node's settings alone, user verification always, no attestation (which device somebody
uses is their affair), and a counter that goes back is a clone.
"""

import base64
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from rapport.kernel.errors import BadInput, Unauthorized
from rapport.signin.challenges import UNPROVED

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

MAX_NAME = 60
MAX_RESPONSE = 64 * 1024
"""Bytes of what a browser sends back."""
MAX_CREDENTIAL = 1023
"""Bytes by which a credential is named (WebAuthn Level 3, 7.1)."""


class Passkey(msgspec.Struct, frozen=True):
    """A passkey as it is kept: `public` is its COSE key; `synced`: it may be on several devices, which never changes
    (backup eligibility); `backed_up`: it is now (backup state); times in µs."""

    id: int
    person: str
    credential: bytes
    public: bytes
    counter: int
    name: str
    synced: bool
    created_at: int
    used_at: int | None = None
    backed_up: bool = False


class Made(msgspec.Struct, frozen=True):
    """A passkey that was just made, before it is kept."""

    credential: bytes
    public: bytes
    counter: int
    synced: bool
    backed_up: bool = False


class Proved(msgspec.Struct, frozen=True):
    """What an assertion proved."""

    counter: int
    synced: bool
    backed_up: bool = False


class RelyingParty(msgspec.Struct, frozen=True):
    """The node as browsers know it; `origin` is a setting, such as `https://rapport.example`."""

    origin: str
    name: str = "Rapport"

    @property
    def id(self) -> str:
        return urlsplit(self.origin).hostname or "localhost"

    def enrolling(self, challenge: bytes, person: str, known: Sequence[bytes], name: str = "My page") -> dict[str, Any]:
        """Options for making a passkey (`navigator.credentials.create`). `known`: credentials that the person has, so
        that a device does not make a second one; `name`: what their device calls it."""
        import webauthn  # noqa: PLC0415 (dear to load; commands that sign nobody in do without)
        from webauthn.helpers import structs  # noqa: PLC0415 (dear to load)

        options = webauthn.generate_registration_options(
            rp_id=self.id,
            rp_name=self.name,
            user_id=person.encode(),
            user_name=name,
            user_display_name=name,
            challenge=challenge,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[_named(credential) for credential in known],
        )
        return _plain(webauthn.options_to_json(options))

    def asking(self, challenge: bytes, only: Sequence[bytes] = ()) -> dict[str, Any]:
        """Options for proving one (`navigator.credentials.get`); without `only` any passkey for this node will do."""
        import webauthn  # noqa: PLC0415 (dear to load)
        from webauthn.helpers import structs  # noqa: PLC0415 (dear to load)

        options = webauthn.generate_authentication_options(
            rp_id=self.id,
            challenge=challenge,
            allow_credentials=[_named(credential) for credential in only],
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
        return _plain(webauthn.options_to_json(options))

    def made(self, challenge: bytes, response: dict[str, Any]) -> Made:
        """What a browser made. Raises Unauthorized where it is not for this node and challenge, of nobody verified, or
        has a key that could prove nothing: whoever kept that would be out at their next sign-in."""
        import webauthn  # noqa: PLC0415 (dear to load)
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415 (dear to load)

        try:
            found = webauthn.verify_registration_response(
                credential=response,
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
            _key_of(found.credential_public_key)
        except (WebAuthnException, ValueError, LookupError, TypeError):
            raise Unauthorized(UNPROVED, code="unproved") from None
        if not 0 < len(found.credential_id) <= MAX_CREDENTIAL:
            raise Unauthorized(UNPROVED, code="unproved")
        synced = found.credential_device_type.value == "multi_device"
        public, backed_up = found.credential_public_key, found.credential_backed_up
        return Made(found.credential_id, public, found.sign_count, synced, backed_up)

    def proved(self, challenge: bytes, response: dict[str, Any], passkey: Passkey) -> Proved:
        """What an assertion proves. Raises Unauthorized likewise, and where its counter did not grow."""
        import webauthn  # noqa: PLC0415 (dear to load)
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415 (dear to load)

        try:
            found = webauthn.verify_authentication_response(
                credential=response,
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=self.origin,
                credential_public_key=passkey.public,
                credential_current_sign_count=passkey.counter,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            raise Unauthorized(UNPROVED, code="unproved") from None
        synced = found.credential_device_type.value == "multi_device"
        if synced != passkey.synced:  # it is not the passkey that was made (WebAuthn Level 3, 7.2, step 18)
            raise Unauthorized(UNPROVED, code="unproved")
        return Proved(found.new_sign_count, synced, found.credential_backed_up)

    def accepted(self, person: str, credentials: Sequence[bytes]) -> dict[str, Any]:
        """What tells a person's own password manager which passkeys this node still takes
        (`PublicKeyCredential.signalAllAcceptedCredentials`): it lets go of others."""
        named = [_text_of(one) for one in credentials]
        return {"rpId": self.id, "userId": _text_of(person.encode()), "allAcceptedCredentialIds": named}


def checked_name(name: str) -> str:
    """What a person calls a passkey. Raises BadInput."""
    shown = " ".join(name.split())
    if not shown or len(shown) > MAX_NAME or not shown.isprintable():
        raise BadInput(f"a passkey has a name of at most {MAX_NAME} characters", code="bad_name", field="name")
    return shown


def read(raw: bytes) -> dict[str, Any]:
    """A browser's answer. Raises BadInput where it is no JSON object of a size that makes sense."""
    try:
        found = msgspec.json.decode(raw) if len(raw) <= MAX_RESPONSE else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput("This address takes what a browser makes of a passkey.", code="bad_passkey")
    return found


def challenge_of(response: dict[str, Any]) -> bytes:
    """The challenge that an answer says it signed; what it says is only believed once the signature is. Raises
    Unauthorized."""
    try:
        said = json.loads(bytes_of(response["response"]["clientDataJSON"]))
        return bytes_of(said["challenge"])
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Unauthorized(UNPROVED, code="unproved") from None


def credential_of(response: dict[str, Any]) -> bytes:
    """Which passkey an answer says it is from. Raises Unauthorized."""
    return bytes_of(response.get("rawId"))


def signed_parts(response: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Client data, authenticator data and signature of an assertion. Raises Unauthorized."""
    try:
        parts = [response["response"][name] for name in ("clientDataJSON", "authenticatorData", "signature")]
    except (KeyError, TypeError):
        raise Unauthorized(UNPROVED, code="unproved") from None
    client, told, signature = map(bytes_of, parts)
    return client, told, signature


def bytes_of(text: object) -> bytes:
    """What base64url stands for. Raises Unauthorized."""
    try:
        if isinstance(text, str):
            return base64.urlsafe_b64decode(f"{text}===")  # padding that is too much is passed over
    except ValueError:
        pass
    raise Unauthorized(UNPROVED, code="unproved")


def _text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_key(passkey: Passkey) -> bytes:
    """A passkey's public key as others read it: SubjectPublicKeyInfo (DER)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 (dear to load)

    found: bytes = _key_of(passkey.public).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found


def _key_of(public: bytes) -> Any:
    """A COSE key as `cryptography` has it. Raises what `webauthn` does, or ValueError, LookupError, TypeError."""
    from webauthn.helpers import (  # noqa: PLC0415 (dear to load)
        decode_credential_public_key,
        decoded_public_key_to_cryptography,
    )

    return decoded_public_key_to_cryptography(decode_credential_public_key(public))


def _named(credential: bytes) -> "PublicKeyCredentialDescriptor":
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor  # noqa: PLC0415 (dear to load)

    return PublicKeyCredentialDescriptor(id=credential)


def _plain(options: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(options)
    return found
