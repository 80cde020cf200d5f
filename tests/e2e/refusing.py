"""A node on which everyone who can be refused lives: what the tests of "refused is unknown" share."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit
from zlib import crc32

from rapport.adapters.embedded.people import PeopleFile
from rapport.app.embedded import open_people
from rapport.app.settings import Settings
from rapport.terms import Clause, Terms
from rapport.terms.presets import PRESETS
from tests.e2e.running import Node, Org, run
from tests.e2e.test_console_node import Browser

DEVICES = 150
SMALL = ("plain", "locked", "locked-here", "denied", "nothing-left", "erased")
NOT_HERE = Terms("own", (Clause("not-you", "deny", who=("acme",), data="all"),))
HEALTH_ONLY = Terms("own", (Clause("little", "allow", purposes=("service",), categories=("health",)),))


@dataclass
class Cast:
    """A node, two organizations, and for each name in `SMALL`, and `big`, a person who claims the customer of the user
    id. `handles`: the customers' `cus_…` handles, from when they could be read."""

    node: Node
    acme: Org
    rival: Org
    people: PeopleFile
    persons: dict[str, str] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> list[str]:
        return [name for name in self.handles if name != "plain"]


def email_of(name: str) -> str:
    return f"{name}.mail@example.com"


def _born(org: Org, name: str) -> None:
    traits = {"email": email_of(name), "name": f"Name {name}", "phone": f"+4479460{crc32(name.encode()) % 10**5:05}"}
    org.send(
        {"type": "identify", "userId": name, "messageId": f"{name}-1", "traits": traits},
        {"type": "track", "userId": name, "messageId": f"{name}-2", "event": "Order Completed"},
        {"type": "track", "userId": name, "messageId": f"{name}-3", "event": f"Seen {name}"},
        {"type": "track", "anonymousId": f"device-{name}", "messageId": f"{name}-4", "event": "Opened"},
        {"type": "identify", "userId": name, "anonymousId": f"device-{name}", "messageId": f"{name}-5"},
    )


def _large(org: Org, name: str) -> None:
    """A customer of many devices, each a record of its own, and many events."""
    for start in range(0, DEVICES, 50):
        devices = [f"{name}-device-{number}" for number in range(start, start + 50)]
        org.send(
            *({"type": "page", "anonymousId": d, "messageId": f"p{n}-{d}"} for d in devices for n in range(9)),
            *({"type": "identify", "userId": name, "anonymousId": d, "messageId": f"i-{d}"} for d in devices),
        )


@contextmanager
def cast(directory: Path) -> Iterator[Cast]:
    node = Node(directory / "data")
    try:
        people = open_people(Settings(data=str(node.data)))
        here = Cast(node, node.org("acme"), node.org("rival"), people)
        for name in SMALL:
            _born(here.acme, name)
        _born(here.rival, "rivals-own")
        _large(here.acme, "big")
        here.rival.view("user_id:rivals-own", events=5)
        for name in (*SMALL, "big"):
            view = here.acme.view(f"user_id:{name}", events=DEVICES * 10 if name == "big" else 5, within_s=60)
            here.handles[name] = view["customer"]
            here.cursors[name] = here.acme.read(f"user_id:{name}", "events", limit="2").json["next"]
            here.evidence[name] = here.acme.read(f"user_id:{name}", "evidence").json["evidence"][0]["id"]
            here.persons[name] = people.add([f"acme:user_id:{name}", f"acme:email:{email_of(name)}"]).handle
        _refuse(here)
        yield here
        assert "Traceback" not in node.output(), node.output()[-6000:]
    finally:
        node.stop()


def _refuse(here: Cast) -> None:
    people, persons = here.people, here.persons
    people.lock(persons["locked"])
    people.lock(persons["locked-here"], "acme")
    people.lock(persons["big"])
    people.set_terms(persons["denied"], NOT_HERE)
    people.set_terms(persons["nothing-left"], HEALTH_ONLY)
    people.set_terms(persons["plain"], PRESETS["alone"])
    done = run("person", "shred", persons["erased"], "--yes", "--data", str(here.node.data))
    assert done.returncode == 0, done.stderr


def browser(here: Cast, org: Org, purpose: str = "service") -> Browser:
    """An operator's browser, signed in at the console."""
    done = run("console", org.name, "--data", str(here.node.data), "--port", str(here.node.port), "--json")
    link = json.loads(done.stdout)["url"]
    visitor = Browser(link.partition("/console")[0])
    visitor.go(link)
    visitor.send("/console/start", code=parse_qs(urlsplit(link).query)["code"][0])
    if purpose != "service":
        visitor.send("/console/purpose", purpose=purpose)
    assert visitor.status == 200
    return visitor


def unmarked(page: str, *asked: str) -> str:
    """A page without what was asked for, and what differs between any two."""
    for text in asked:
        for spelling in (text, quote(text, safe=""), quote(text), text.replace(":", "%3A").replace("@", "%40")):
            page = page.replace(spelling, "ASKED")
    page = re.sub(r'name="csrf" value="[^"]+"', "", page)
    return re.sub(r"rcp_[0-9a-z]{26}", "RECEIPT", page)
