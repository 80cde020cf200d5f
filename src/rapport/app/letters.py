"""What letters and text messages to people say, in the language that is spoken where they are made (`speaking`)."""

from collections.abc import Sequence
from typing import NamedTuple

from rapport.signin import codes
from rapport.web.language import SPOKEN
from rapport.web.retelling import retold


class Said(NamedTuple):
    subject: str
    text: str


def code(digits: str, node: str) -> Said:
    """A code by mail. `node`: where this node's pages are (`https://rapport.example`)."""
    parts = (
        SPOKEN.say("Your code is %(code)s", code=codes.spaced(digits)),
        SPOKEN.say("Type it at %(node)s. It works once, for ten minutes.", node=node),
        SPOKEN.say("If you did not ask for this, somebody else typed your address. Tell nobody the code."),
    )
    return Said(SPOKEN.say("Your code"), "\n\n".join(parts) + "\n")


def code_by_text(digits: str) -> str:
    shown = codes.spaced(digits)
    return SPOKEN.say("%(code)s is your code. It works once, for ten minutes. Tell nobody.", code=shown)


def news(said: Sequence[str]) -> Said:
    """What was noted for the person, in English, since they were told last."""
    return Said(SPOKEN.say("What happened to your account"), " ".join(map(retold, said)))


def address_taken_off() -> Said:
    return Said(
        SPOKEN.say("An address was taken off your account"),
        SPOKEN.say(
            "An address was taken off your account. If it was not you, revoke everything under Devices and sign-ins."
        ),
    )


def recovery_began(when: str) -> Said:
    """`when`: the minute in UTC from which it can be finished."""
    parts = (
        SPOKEN.say(
            "Somebody began to recover your account, with a recovery code and a code sent to you. It is recovered at "
            "%(when)s (UTC): then a new passkey is made, and all others are revoked.",
            when=when,
        ),
        SPOKEN.say("If it was not you, open your page on any of your devices and stop it there."),
    )
    return Said(SPOKEN.say("Your account is being recovered"), "\n\n".join(parts))


def recovered() -> Said:
    return Said(
        SPOKEN.say("Your account was recovered"),
        SPOKEN.say(
            "Your account was recovered: a new passkey was made, and everything that opened it before is revoked."
        ),
    )


def recovery_stopped() -> Said:
    return Said(
        SPOKEN.say("The recovery of your account was stopped"),
        SPOKEN.say("The recovery of your account was stopped from one of your devices. Nothing of it was changed."),
    )


def with_page(text: str, node: str) -> str:
    return f"{text}\n\n{SPOKEN.say('Your page: %(address)s', address=f'{node}/me')}\n"
