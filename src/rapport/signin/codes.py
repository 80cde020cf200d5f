"""Codes: short ones that are sent to a contact, and recovery codes that a person keeps on paper.

A sent code is eight digits for ten minutes with five tries, one chance in twenty million for who guesses; it is kept
as a keyed hash, since eight digits alone would be found from a hash by trying. A recovery code has 120 bits,
so many that its hash could be seen (OWASP ASVS 5.0, 6.5.2).
"""

import re
import secrets
from email.errors import MessageError
from email.headerregistry import Address

from rapport.kernel.errors import BadInput
from rapport.kernel.identifiers import normalise
from rapport.kernel.keys import keyed_hash
from rapport.kernel.times import MINUTE

CODE_LIFE = 10 * MINUTE
TRIES = 5
RECOVERY_CODES = 10
KINDS = ("email", "phone")
"""What a contact can be: what a code can be sent to."""
MOST_ADDRESS = 320
MOST_NUMBER = 40
_DIGITS = 8
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PAPER = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 letters and digits that are not taken for one another."""
_LONGEST = 60


def new_code() -> str:
    """Eight digits."""
    return f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"


def spaced(code: str) -> str:
    """`1234 5678`: as a person reads it."""
    return f"{code[:4]} {code[4:]}"


def plain_digits(text: str) -> str:
    """A sent code as it is compared, however it was typed."""
    return "".join(letter for letter in text[:_LONGEST] if letter in "0123456789")


def new_recovery_code() -> str:
    """`ABCD-EFGH-JKLM-NPQR-STUV-WXYZ`: 120 bits."""
    letters = "".join(secrets.choice(_PAPER) for _ in range(24))
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def plain_letters(text: str) -> str:
    """A recovery code as it is compared."""
    return "".join(letter for letter in text[:_LONGEST].upper() if letter in _PAPER)


def hashed(secret: bytes, use: str, subject: bytes, code: str) -> bytes:
    """A code's keyed hash, bound to what it is for."""
    named = b"".join(len(part).to_bytes(4, "big") + part for part in (use.encode(), subject, code.encode()))
    return keyed_hash(secret, named)


def contact(kind: str, raw: str) -> tuple[str, str]:
    """A contact's kind and its one spelling. Raises BadInput."""
    if kind == "phone":
        return kind, _number(raw)
    value = normalise(kind, raw) if kind in KINDS and len(raw) <= MOST_ADDRESS else None
    if value is None or not _can_be_written(value):
        raise BadInput("That is no e-mail address that a code can be sent to.", code="bad_contact", field="address")
    return kind, value


def kind_of(raw: str) -> str:
    """What somebody typed as a contact: a phone number has no `@`."""
    return "email" if "@" in raw or not any(letter in "0123456789" for letter in raw[:MOST_NUMBER]) else "phone"


def _number(raw: str) -> str:
    """A number in the spelling of E.164: one without its country could be anybody's. Raises BadInput."""
    value = normalise("phone", raw) if len(raw) <= MOST_NUMBER and raw.isascii() else None
    if value is None or _E164.fullmatch(value) is None:
        message = "That is no phone number that a code can be sent to: give its country, such as +44 7700 900123."
        raise BadInput(message, code="bad_contact", field="address")
    return value


def _can_be_written(address: str) -> bool:
    """Whether a mail's header can hold it as it is."""
    try:
        return address.isascii() and address.isprintable() and Address(addr_spec=address).addr_spec == address
    except (MessageError, ValueError, IndexError):
        return False
