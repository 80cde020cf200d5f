"""What Lantern Lane can do for its customers, as the node is told it; and what it does for Alice while the demo starts.

All of it goes through the API, with the company's own token, and once: what somebody changed since is theirs.
"""

import tomllib
from importlib.resources import files
from typing import Any, Final

import msgspec

from rapport.adapters.embedded.wishes import EVERYWHERE, WishBook
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.cli.demo.catalogue import CURRENCY, pounds
from rapport.cli.demo.history import Call
from rapport.cli.demo.people import ALICE, household
from rapport.cli.demo.premises import Note
from rapport.cli.demo.using import CUSTOMER, Company, Decided
from rapport.decide.kinds import NOTICE, SILENCE
from rapport.kernel.times import now

REGULARS: Final = "thank_regulars"
"""The thanks that a customer can redeem."""
REDEEMED: Final = "Thank-you Redeemed"
GIVEN: Final = "Notice Given"
READ: Final = ("read", 5, 0.40)
"""What Alice's reading gave: minutes to her, and to the company what no call cost it."""
MANNER: Final = {
    "days": 1,  # so that whoever leaves the demo running for a day sees what its decisions gave
    "policy": {"quiet": "21:00-08:00", "zone": "Europe/London", "limits": {"per_day": 1, "per_week": 3}},
}
RULES: Final = [
    {"event": REDEEMED, "days": 30, "customer": {"property": "value"}, "company": {"property": "margin"}},
]
_MESSAGES, _MOST_ASKED = 2, 8
"""So often the company asks at most, for a purpose, what to do for Alice."""


def offer(company: Company) -> None:
    """Tell the node the units, the actions, how to decide, and by which event outcomes settle."""
    catalogue: dict[str, Any] = tomllib.loads(files("rapport.cli.demo").joinpath("actions.toml").read_text("utf-8"))
    company.say_first("/v1/units", catalogue["units"])
    company.say_first("/v1/deciding", MANNER)
    company.say_first("/v1/outcomes/rules", {"rules": RULES})
    for name, action in catalogue["action"].items():
        company.say_first(f"/v1/actions/{name}", action)


def take_part_always(settings: Settings, person: str) -> None:
    """Alice declines to be left alone by lot: who follows her would else see nothing, once in twenty nodes."""
    book = WishBook(embedded.open_people(settings))
    book.say(person, EVERYWHERE, lambda says: msgspec.structs.replace(says, declines=True))


def for_alice(company: Company, note: Note) -> list[Call]:
    """Decide for Alice, into her inbox, and say what came of it; the events that show the rest."""
    alice = household(note.seed, ALICE).people[0]
    messages, calls = 0, list[Call]()
    for number in range(_MOST_ASKED):
        if messages == _MESSAGES:
            break
        one = company.decide(CUSTOMER, "service", "inbox", "phone", deliver=True)
        if one is None or one.action == SILENCE:
            continue
        if not messages:
            kind, minutes, saved = READ
            company.came(one.decision, kind, {"kind": "minutes_saved", "minutes": minutes}, saved)
        messages += 1
        calls += shown(alice.user_id or "", one, f"demo-{note.seed}-inbox-{number}")
    for _ in range(_MOST_ASKED):
        one = company.decide(CUSTOMER, "service", "web", "desktop", deliver=False)
        if one is None or one.action == SILENCE:
            break  # so that there is a silence to look at
    for _ in range(_MOST_ASKED):
        one = company.decide(CUSTOMER, "personalisation", "inbox", "phone", deliver=True)
        if one is not None and one.action == REGULARS:
            return [*calls, *shown(alice.user_id or "", one, f"demo-{note.seed}-inbox-thanks")]
    return calls


def shown(user: str, one: Decided, name: str) -> list[Call]:
    """What a customer then does by which it shows: thanks are redeemed, and of notices the shop says that it gave them.
    It is now: so of all decisions this one was the last before it."""
    at = now()
    if one.action == REGULARS:
        event, told = REDEEMED, {"value": pounds(250), "margin": pounds(120), "currency": CURRENCY}
    elif one.kind == NOTICE:
        event, told = GIVEN, {"notice": one.action}
    else:
        return []
    body = {"type": "track", "userId": user, "event": event, "properties": told, "messageId": name}
    return [Call(at, at, "web", 0, body)]
