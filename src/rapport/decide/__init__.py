"""Decide: who is meant, and (later) what to do for them.

In come definitions of audiences and computed traits, and what the gate let through of one customer for their purpose;
out come verdicts (in or out, why, and until when), and what entered or left. What always holds: a verdict is a pure
function of the definition, the facts and the moment; what is withheld is as if it had never been; and what cannot
change a verdict costs nothing.
"""

from rapport.decide.audiences import OUT, Audience, Cause, Member, Moved, Rule, Verdict, audience, moved, next_version
from rapport.decide.rulebook import Change, Rulebook, with_trait
from rapport.decide.traits import ComputedTrait, expressed

__all__ = [
    "OUT",
    "Audience",
    "Cause",
    "Change",
    "ComputedTrait",
    "Member",
    "Moved",
    "Rule",
    "Rulebook",
    "Verdict",
    "audience",
    "expressed",
    "moved",
    "next_version",
    "with_trait",
]
