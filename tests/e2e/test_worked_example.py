"""The shop tablet of design §4, over HTTP: Ada and Bo sign in on it, an address is theirs both, and Bo's sign-in is
taken back."""

import json
from typing import Any

from tests.e2e.running import Node, Org, run

DAY = "2026-03-02"


def told(kind: str, clock: str, message: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": f"{DAY}T{clock}:00Z", "messageId": message, **fields}


ADA = told("identify", "10:00", "ada", userId="u1", anonymousId="T", traits={"email": "fam@example.com"})
BO = told("identify", "15:00", "bo", userId="u2", anonymousId="T", traits={"email": "fam@example.com"})
ADAS_PHONE = told("identify", "11:00", "ada-phone", userId="u1", anonymousId="P")
ANONYMOUS = [
    told("track", clock, f"{device} {clock}", anonymousId=device, event="Looked")
    for device, clock in (("T", "10:10"), ("T", "12:00"), ("T", "14:50"), ("P", "09:00"))
]


def events_of(org: Org, customer: str) -> set[str]:
    return {event["event"] for event in org.read(customer, "events").json["events"]}


def evidence_of(org: Org, customer: str, **fields: Any) -> list[dict[str, Any]]:
    listed = org.read(customer, "evidence").json["evidence"]
    return [item for item in listed if all(item[name] == value for name, value in fields.items())]


def told_in(org: Org, *events: dict[str, Any]) -> None:
    """Sent one by one, and each seen before the next."""
    for number, event in enumerate(events, 1):
        assert org.send(event).json["accepted"] == 1
        who = f"user_id:{event['userId']}" if "userId" in event else f"anonymous_id:{event['anonymousId']}"
        assert org.read(who).status in {200, 404, 409}, number


def test_the_tablet_of_the_design(node: Node) -> None:
    org = node.org("tablet")
    told_in(org, ANONYMOUS[1], ADA, ANONYMOUS[3], BO, ANONYMOUS[0], ADAS_PHONE, ANONYMOUS[2])
    ada, bo = org.view("user_id:u1", events=4), org.view("user_id:u2", events=2)
    assert events_of(org, "user_id:u1") == {"ada", "ada-phone", "T 10:10", "P 09:00"}
    assert events_of(org, "user_id:u2") == {"bo", "T 14:50"}
    assert len(ada["records"]) == 3
    assert len(bo["records"]) == 2
    for view in (ada, bo):
        assert {"type": "email", "value": "fam@example.com", "verified": False, "sources": ["web"]} in view[
            "identifiers"
        ]
    assert org.read("anonymous_id:T").status == 409

    mail = {"type": "email", "value": "fam@example.com"}
    (shared,) = evidence_of(org, "user_id:u1", identifier=mail)
    assert (shared["used"], shared["reason"]) == (False, "shared_by_users")
    assert shared["why"] == "this e-mail address is on records of more than one user id"

    (seen,) = evidence_of(org, "user_id:u2", rule="named", identifier={"type": "anonymous_id", "value": "T"})
    assert org.operate(f"/v1/evidence/{seen['id']}/retract", {"why": "it was not Bo"}).status == 200
    assert events_of(org, "user_id:u1") == {"ada", "ada-phone", "T 10:10", "P 09:00", "T 12:00", "T 14:50"}
    assert events_of(org, "user_id:u2") == {"bo"}
    assert org.view("anonymous_id:T")["customer"] == org.view("user_id:u1")["customer"] == ada["customer"]

    explained = run("explain", "user_id:u1", "--org", "tablet", "--data", str(node.data), "--json")
    assert explained.returncode == 0, explained.stderr
    known = json.loads(explained.stdout)["evidence"]
    assert {item["id"] for item in known} == {item["id"] for item in evidence_of(org, "user_id:u1")}
    assert all(item["why"] for item in known)
    in_words = run("explain", "user_id:u1", "--org", "tablet", "--data", str(node.data))
    assert "more than one user id" in " ".join(in_words.stdout.split())
