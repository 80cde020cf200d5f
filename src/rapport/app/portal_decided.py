"""What a company decided with a look at a person, in words for that person: what it did, or why it was silent.

Only rules are told that say something of the person or of what came to them; which other actions a company has, and for
whom they are, is its own.
"""

from collections.abc import Mapping
from typing import Final

from rapport.adapters.embedded.decisions import Kept
from rapport.decide.decision import Decision, ranking
from rapport.decide.kinds import NOTICE, SILENCE
from rapport.web.language import SPOKEN
from rapport.web.portal.told import Decided

_LONGEST: Final = 60
RULES: Final[Mapping[str, str]] = {
    "left_alone": "you asked to be left alone",
    "stopped_action": "you said stop",
    "stopped_kind": "you said stop",
    "asked_for_less": "you asked for less",
    "quiet_hours": "these were quiet hours",
    "contact_limit": "enough came of late",
    "channel_limit": "enough came of late",
    "action_limit": "enough came of late",
    "weary": "enough came of late",
    "unreachable": "nothing would have reached you",
}


def decided(kept: Kept) -> Decided | None:
    """None where nothing of it is left."""
    decision = kept.content
    if kept.unreadable:
        return Decided(unreadable=True)
    if decision is None:
        return None
    if decision.action == SILENCE:
        return Decided(silent=True, why=_why_silence(decision), chance=_chance(decision))
    said = decision.parts.get("title") or decision.parts.get("subject") or decision.parts.get("text", "")
    shown = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1].rstrip()}…"
    if kept.delivery == "delivered":
        return Decided(said=shown, message=kept.id, chance=_chance(decision))
    return Decided(said=shown, stop="" if decision.kind == NOTICE else kept.id, chance=_chance(decision))


def _chance(decision: Decision) -> str:
    """What is drawn by lot is told, with its chance over all lots; "" where there was nothing to draw."""
    if decision.propensity >= 1:
        return ""
    of_a_hundred = min(99, max(1, round(100 * decision.propensity)))
    return SPOKEN.say(
        "It was drawn by lot: as long as nobody knows for sure what helps most, of 100 such moments about %(many)s "
        "come out so.",
        many=of_a_hundred,
    )


def _why_silence(decision: Decision) -> str:
    order = ranking(decision)
    if decision.case.held_out:
        return SPOKEN.say(
            "You are one of the few who are left alone by lot, so that it shows what all this gives the others."
        )
    if any(one.product is not None for one in order):
        return SPOKEN.say("It was not sure that anything would be worth more than silence to you both.")
    reasons = dict.fromkeys(RULES[one.rule] for one in decision.excluded if one.rule in RULES)
    told = SPOKEN.listed([SPOKEN.say(one) for one in reasons], "and")
    if order and reasons:
        return SPOKEN.say(
            "Nothing was left to do: %(reasons)s; and with the rest, one of you was expected to be worse off than with "
            "silence.",
            reasons=told,
        )
    if order:
        return SPOKEN.say(
            "With whatever it could have done, one of you was expected to be worse off than with silence."
        )
    if not reasons:
        return SPOKEN.say("There was nothing to do that would have fitted you just then.")
    return SPOKEN.say("Nothing was left to do: %(reasons)s; and the rest did not fit.", reasons=told)
