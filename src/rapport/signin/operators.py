"""Operators: who works in the console for an organization, and what each role lets them do there.

The table below is the one place that says so. A page names the duty that it is part of, and is there for the roles that
have it; nothing else is asked about a role anywhere.
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

import msgspec

Role = Literal["owner", "marketer", "agent", "auditor"]
Duty = Literal[
    "own",
    "customers",
    "evidence",
    "requests",
    "audiences",
    "destinations",
    "actions",
    "catalogue",
    "promise",
    "agreements",
    "exports",
    "statement",
    "uses",
    "audit",
    "sources",
    "demands",
    "operators",
    "tokens",
]
"""What a page is part of. `own`: what concerns the one who is signed in alone; everybody has it. `actions`: to see what
can be done for customers, and how that is decided; `catalogue`: to change it."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
DUTIES: Final[tuple[Duty, ...]] = get_args(Duty)
MAY: Final[Mapping[str, frozenset[Duty]]] = {
    "owner": frozenset(DUTIES),
    "marketer": frozenset(
        {"own", "audiences", "destinations", "actions", "catalogue", "promise", "agreements", "exports", "statement"}
    ),
    "agent": frozenset({"own", "customers", "requests", "actions"}),
    "auditor": frozenset({"own", "actions", "agreements", "uses", "audit"}),
}
MEANS: Final[dict[Role, str]] = {
    "owner": "everything, and who else comes in",
    "marketer": "audiences without whom they are, where they go, actions, what is promised, exports, the statement",
    "agent": "customers, what would be done for them and why, and answers to their requests",
    "auditor": "actions, agreements, uses, refusals and the audit log; no customer",
}


def may(role: str, duty: Duty) -> bool:
    """Whether a role has a duty; what is no role has none."""
    return duty in MAY.get(role, frozenset())


def roles_with(duty: Duty) -> tuple[Role, ...]:
    return tuple(role for role in ROLES if duty in MAY[role])


class Operator(msgspec.Struct, frozen=True):
    """Somebody who may sign in to the console. `org`: where; None: at every organization. Times in µs."""

    id: int
    handle: str
    name: str
    org: str | None
    role: Role
    created_at: int
    passkeys: int = 0
    used_at: int | None = None
    """When they signed in last."""


class ConsoleSession(msgspec.Struct, frozen=True):
    """A browser in the console. `operator` is None for who came by a link from the machine itself, who may do what an
    owner may; `alone`: as long as no owner has a passkey, such a one is the only owner there is."""

    org: str
    purpose: str
    verified_at: int
    operator: Operator | None = None
    passkey: int | None = None
    alone: bool = False
