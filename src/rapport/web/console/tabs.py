"""The console's tabs: those that a role has something to do with."""

from typing import Final

from rapport.signin.operators import Duty, may

Tab = tuple[str, str, str]
TABS: Final[tuple[tuple[str, tuple[tuple[str, str, str, Duty], ...]], ...]] = (
    ("Live", (("live", "/console/live", "Live", "customers"),)),
    ("Customers", (("customers", "/console/customers", "Customers", "customers"),)),
    (
        "Audiences",
        (
            ("audiences", "/console/audiences", "Audiences", "audiences"),
            ("traits", "/console/traits", "Traits", "audiences"),
            ("destinations", "/console/destinations", "Destinations", "destinations"),
        ),
    ),
    (
        "Actions",
        (
            ("actions", "/console/actions", "Actions", "actions"),
            ("decide", "/console/decide", "Decide", "customers"),
            ("manner", "/console/manner", "How we decide", "actions"),
            ("units", "/console/units", "Units", "actions"),
        ),
    ),
    (
        "Outcomes",
        (
            ("outcomes", "/console/outcomes", "Outcomes", "actions"),
            ("experiments", "/console/experiments", "Experiments", "actions"),
            ("what if", "/console/what-if", "What if", "actions"),
        ),
    ),
    (
        "Promise",
        (
            ("promise", "/console/promise", "What we promise", "promise"),
            ("agreements", "/console/agreements", "Agreements", "agreements"),
            ("refusals", "/console/refusals", "Refusals", "agreements"),
        ),
    ),
    (
        "Use",
        (
            ("uses", "/console/uses", "Uses", "uses"),
            ("statement", "/console/statement", "Statement", "statement"),
            ("exports", "/console/exports", "Exports", "exports"),
            ("demands", "/console/demands", "Demands", "demands"),
        ),
    ),
    ("Requests", (("requests", "/console/requests", "Requests", "requests"),)),
    (
        "Sources",
        (
            ("sources", "/console/sources", "Sources", "sources"),
            ("rejected", "/console/rejected", "Rejected", "sources"),
        ),
    ),
    (
        "Access",
        (
            ("operators", "/console/operators", "Operators", "operators"),
            ("tokens", "/console/tokens", "Tokens", "tokens"),
            ("audit", "/console/audit", "Audit log", "audit"),
            ("passkeys", "/console/passkeys", "My passkeys", "own"),
        ),
    ),
)


def tabs_of(role: str) -> list[tuple[str, list[Tab]]]:
    """(title, [(section, path, title)]) of each tab that a role has a page of."""
    found = ((title, [row[:3] for row in rows if may(role, row[3])]) for title, rows in TABS)
    return [(title, rows) for title, rows in found if rows]
