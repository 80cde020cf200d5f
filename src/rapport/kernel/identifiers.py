"""What an identifier's value means, whoever sent it: one spelling per value, and values that name nobody.

A value like `anonymous` or `0000` arrives from thousands of customers alike (a default, a missing login, a bug). Taken
for an identifier it would join strangers, so it is treated as absent wherever an identifier is read.
"""

import re
import unicodedata
from functools import lru_cache

MAX_LENGTH = 1024
"""Characters. A longer value is refused by name where it comes in, and is no identifier anywhere else."""

# fmt: off
BLOCKED = frozenset({
    "-1", "[object object]", "anonymous", "distinct_id", "distinctid", "email", "false", "guest", "id", "n/a", "nan",
    "nil", "none", "not_authenticated", "null", "phone", "true", "undefined", "unknown", "user_id", "userid",
    "anonymous_id", "anonymousid", "device_id", "deviceid", "(null)", "<null>", "<nil>", "''", '""', "{}", "[]",
})
# fmt: on
"""Values, in lower case, that name nobody. Values of nothing but zeros and hyphens are blocked beside these."""

_EMAIL = re.compile(r"[^\s@,;:<>\"]{1,64}@[^\s@,;:<>\"]{1,255}")
_PHONE_MARKS = re.compile(r"[\s().\-/\u2010-\u2015]+")
_PHONE = re.compile(r"\+?[0-9]{6,15}")
_TYPE = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_INT_BITS = 256
_LONGEST_BLOCKED = max(len(value) for value in BLOCKED)


@lru_cache(65_536, typed=True)
def usable(value: str | int | None) -> str | None:
    """The value without surrounding space, or None where it names nobody or cannot be an identifier."""
    if isinstance(value, str):
        text = value.strip()
    elif value is None or isinstance(value, bool) or value.bit_length() > _INT_BITS:
        return None
    else:
        text = str(value)
    size = len(text)
    if (size <= _LONGEST_BLOCKED and text.lower() in BLOCKED) or not text.strip("0-") or size > MAX_LENGTH:
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable() and any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        return None
    return text


def email(value: str | int | None) -> str | None:
    """An address in lower case, or None where it is none: `Ada@Example.com ` is `ada@example.com`."""
    text = usable(value)
    if text is None:
        return None
    text = unicodedata.normalize("NFC", text.lower()).removeprefix("mailto:")
    return text if _EMAIL.fullmatch(text) else None


def phone(value: str | int | None) -> str | None:
    """A number's digits, led by `+` where it says its country: `+44 (0)20 7946-0018` is `+442079460018`.

    A number without a country stays as it is, since guessing one would join strangers from two countries.
    """
    text = usable(value)
    if text is None:
        return None
    text = text.removeprefix("tel:").strip()
    if text.startswith(("+", "00")):
        text = text.replace("(0)", "")
    text = _PHONE_MARKS.sub("", text)
    if text.startswith("00"):
        text = "+" + text[2:]
    return text if _PHONE.fullmatch(text) and text.strip("+0") else None


_BY_TYPE = {"email": email, "phone": phone}


def normalise(kind: str, value: str | int | None) -> str | None:
    """The one spelling of an identifier's value by its type, or None where it is not usable.

    E-mail and phone have their own rules; of every other type only surrounding space is taken away, since its issuer
    alone knows whether `A1` and `a1` are the same.
    """
    return _BY_TYPE.get(kind, usable)(value)


def type_name(text: str) -> str | None:
    """An identifier's type as it is written here (`loyalty_id`, `ios.idfa`), or None where it cannot be one."""
    name = text.strip().lower().replace("-", "_").replace(" ", "_")
    return name if _TYPE.fullmatch(name) else None
