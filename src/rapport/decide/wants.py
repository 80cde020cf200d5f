"""Wants: the goals that a customer let an organization know, as far as a decision may know them.

An action declares which goals it serves (`actions.serves`). What a decision knows of a goal is by those names: that the
customer has it, and how far they are. A goal that no action serves is nothing to decide by, and is not looked at.
"""

from collections.abc import Iterable, Sequence

import msgspec

from rapport.decide.actions import Action, serves


class Want(msgspec.Struct, frozen=True):
    """A goal in the customer's `words`; `kind`: how it is measured ("words": not at all); `progress`: 0 … 1, and 0
    where it is not measured, or not by what the organization itself may see; `goal`: its id."""

    kind: str
    words: str
    progress: float = 0.0
    goal: str = ""


def served(action: Action, wants: Iterable[Want]) -> tuple[Want, ...]:
    """The goals that an action serves."""
    return tuple(one for one in wants if serves(action, one.kind, one.words))


def shared_goals(actions: Iterable[Action], wants: Sequence[Want]) -> dict[str, float]:
    """What some actions declare to serve and the customer wants → how far they are; of several the furthest."""
    found: dict[str, float] = {}
    if wants:
        for action in actions:
            for one in wants:
                goal = serves(action, one.kind, one.words)
                if goal:
                    found[goal] = max(one.progress, found.get(goal, 0.0))
    return found
