"""Identifiers as they are compared: one spelling for each, and none for values that stand for nobody.

Nothing is guessed: a phone number without its country stays as it is, a plus tag in an e-mail address is kept, and a
user id is taken literally.
"""

import re
from collections.abc import Container
from typing import Final

MAX_LENGTH: Final = 512

_UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufeff\ufffe\uffff]").search
_NOT_DIGITS = re.compile("[^0-9]+")
_EMPTY_SIGNS = " 0-_.:+()/#*"


class Normaliser:
    """`normalise(type, value)` for one set of blocked values (in lower case, as `Rules.blocked` holds them)."""

    __slots__ = ("_blocked",)

    def __init__(self, blocked: Container[str]) -> None:
        self._blocked = blocked

    def __call__(self, identifier_type: str, value: object) -> str | None:
        """The identifier in the spelling by which it is compared, or None where it cannot be used."""
        if type(value) is not str:
            # 17850 is the customer number it looks like; True, 1.5 and lists are mistakes. Python refuses to write out
            # numbers of thousands of digits, which are longer than any identifier may be.
            if type(value) is not int or abs(value) >= 10**MAX_LENGTH:
                return None
            value = str(value)
        text = value.strip()
        if len(text) > MAX_LENGTH or _UNREADABLE(text):
            return None
        lower = text.lower()
        if lower in self._blocked or not text.strip(_EMPTY_SIGNS):
            return None
        if identifier_type == "email":
            return lower if 0 < lower.find("@") < len(lower) - 1 else None
        if identifier_type == "phone":
            return _phone(text)
        return text

    def refusal(self, identifier_type: str, value: object) -> str | None:
        """Why a value cannot be used, in a sentence; None where it can."""
        if self(identifier_type, value) is not None:
            return None
        if type(value) not in {str, int}:
            return f"{identifier_type} must be text or a whole number"
        if type(value) is int and abs(value) >= 10**MAX_LENGTH:
            return f"{identifier_type} is longer than {MAX_LENGTH} characters"
        text = str(value).strip()
        if len(text) > MAX_LENGTH:
            return f"{identifier_type} is longer than {MAX_LENGTH} characters"
        if _UNREADABLE(text):
            return f"{identifier_type} holds characters that cannot be written"
        if text.lower() in self._blocked or not text.strip(_EMPTY_SIGNS):
            return f"{identifier_type} is a value that stands for nobody"
        return f"{identifier_type} does not look like one"


def _phone(text: str) -> str | None:
    """Digits, with a leading + where the number says that it is international (`+…` or `00…`)."""
    if not text.isascii():
        text = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)
    international = text.startswith(("+", "(+"))
    digits = _NOT_DIGITS.sub("", text)
    if not international and digits.startswith("00"):
        international, digits = True, digits[2:]
    if international and "(0)" in text:
        # +44 (0)20 …: the zero is dialled inside the country only.
        digits = _NOT_DIGITS.sub("", text.replace("(0)", "", 1))
        digits = digits.removeprefix("00") if not text.startswith(("+", "(+")) else digits
    if len(digits) < 4 or not digits.strip("0"):
        return None
    return f"+{digits}" if international else digits
