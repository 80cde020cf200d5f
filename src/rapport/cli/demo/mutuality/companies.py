"""The three companies, what each of them knows of Ada, and her neighbour Bo, who has no account and is let alone."""

from typing import Any, NamedTuple

from rapport.kernel.times import DAY, now, rfc3339

ADA = "ada@example.com"
BO = "bo@example.com"
HER = f"email:{ADA}"
NEIGHBOUR = f"email:{BO}"
NAME = "Ada Wintergreen"


class Company(NamedTuple):
    """A company: its name on the node, what people call it, its number for Ada, and what she did there."""

    org: str
    called: str
    number: str
    days: tuple[tuple[int, str, str, float], ...]
    """(days ago, event, what, pounds)"""


GROCER = Company(
    "grocer",
    "the grocer",
    "g-1001",
    ((20, "Order Completed", "Oat milk and rye bread", 8.4), (6, "Order Completed", "Beetroot and dill", 5.2)),
)
BOOKSHOP = Company("bookshop", "the bookshop", "reader-7741", ((12, "Order Completed", "Birds of the marshes", 14.5),))
INSURER = Company("insurer", "the insurer", "p-300", ((9, "Order Completed", "Bicycle cover", 60.0),))
COMPANIES = (GROCER, BOOKSHOP, INSURER)

SECRETS = [ADA, NAME, *(number for _, _, number, _ in COMPANIES)]
SECRETS += [what for company in COMPANIES for _, _, what, _ in company.days]
"""Words of Ada's that are to be found nowhere in the end."""


def events(company: Company, run: str) -> list[dict[str, Any]]:
    """What a company reports of Ada and of Bo; `run` makes the message ids new, so that nothing counts as a copy."""
    midday = now() // DAY * DAY - DAY // 2
    told = [
        _identify(company.number, ADA, NAME, f"{run}-ada", midday - 30 * DAY),
        _identify(f"bo-{company.org}", BO, "Bo Underhill", f"{run}-bo", midday - 30 * DAY),
    ]
    for number, (days, name, what, pounds) in enumerate(company.days):
        told.append(
            {
                "type": "track",
                "userId": company.number,
                "messageId": f"{run}-{number}",
                "timestamp": rfc3339(midday - days * DAY),
                "event": name,
                "properties": {
                    "revenue": pounds,
                    "currency": "GBP",
                    "products": [{"name": what, "price": pounds, "quantity": 1}],
                },
            }
        )
    return told


def _identify(user: str, email: str, name: str, message: str, at: int) -> dict[str, Any]:
    traits = {"email": email, "name": name}
    return {"type": "identify", "userId": user, "messageId": message, "timestamp": rfc3339(at), "traits": traits}


def as_file(company: Company) -> str:
    """A company's customer file, as its other system exports it."""
    day = rfc3339(now() // DAY * DAY)
    return (
        "number,email,name,updated\n"
        f"{company.number},{ADA},{NAME},{day}\n"
        f"bo-{company.org},{BO},Bo Underhill,{day}\n"
        f"cleo-{company.org},cleo@example.com,Cleo Marsh,{day}\n"
    )
