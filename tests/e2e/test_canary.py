"""Planted values appear nowhere in the clear: not in a file, not in what is printed, not in a metric."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.e2e.running import Node, http

CANARIES = {
    "email": "canary.mail@example.com",
    "name": "Canaria Namington",
    "phone": "+447700901234",
    "user": "canary-user-4711",
    "anonymous": "canary-anon-4712",
    "message": "canary-message-4713",
    "event": "Canary Event Sung",
    "property": "canary-property-4714",
    "group": "canary-group-4715",
    "rejected": "canary-rejected-4716",
    "campaign": "canary-campaign-4717",
}


def spellings(value: str) -> Iterator[bytes]:
    """The value as it might lie about: UTF-8, UTF-16, and within base64 at each of the three offsets."""
    raw = value.encode()
    yield raw
    yield value.encode("utf-16-le")
    for offset in range(3):
        yield base64.b64encode(b"\0" * offset + raw)[4 : -(4 if len(raw) > 8 else 1)]


def sightings(place: str, content: bytes, secrets: dict[str, str]) -> list[str]:
    return [f"{name} in {place}" for name, value in secrets.items() if any(s in content for s in spellings(value))]


def test_no_planted_value_lies_in_the_clear(start: Callable[..., Node]) -> None:
    node = start()
    org = node.org("canary")
    c = CANARIES
    identify = {
        "type": "identify",
        "userId": c["user"],
        "anonymousId": c["anonymous"],
        "messageId": c["message"],
        "traits": {"email": c["email"], "name": c["name"], "phone": c["phone"]},
        "context": {"campaign": {"name": c["campaign"]}},
    }
    track = {"type": "track", "event": c["event"], "anonymousId": c["anonymous"], "messageId": "m2"}
    assert org.send(identify, {**track, "properties": {"p": c["property"]}}).status == 200
    org.send({"type": "group", "userId": c["user"], "groupId": c["group"], "messageId": "m3"})
    org.send({"type": "track", "event": c["event"], "properties": {"p": c["rejected"]}, "messageId": "m4"})
    org.send({**identify, "traits": {"name": "other content"}})  # rejected: duplicate_id
    org.post("/v1/batch", b'{"batch": [' + c["rejected"].encode())  # rejected: not JSON
    org.send({"type": "identify", "userId": "second", "anonymousId": c["anonymous"], "messageId": "m5"})
    org.view(f"user_id:{c['user']}", events=2)
    for part in ("traits", "events", "identifiers", "evidence"):
        assert org.read(f"email:{c['email']}", part).status in (200, 409)
    org.read("email:absent-" + c["email"])
    metrics = http("GET", f"{node.url}/metrics").body
    secrets = {**CANARIES, "write key": org.write_key, "token": org.api_token}
    found = sightings("/metrics", metrics, secrets)
    found += sightings("what the node printed", node.output().encode(), secrets)
    files = [path for path in node.data.rglob("*") if path.is_file()]
    assert {"log.db", "state.db", "ledger.db", "keys.db"} <= {path.name for path in files}
    node.stop()
    for path in [p for p in Path(node.data).rglob("*") if p.is_file()]:
        found += sightings(path.name, path.read_bytes(), secrets)
    assert found == []


def test_the_search_would_find_what_lies_in_the_clear() -> None:
    """The sentinel of the test above: each spelling is found where it is planted."""
    value = CANARIES["email"]
    for content in (value.encode(), value.encode("utf-16-le"), base64.b64encode(b"ab" + value.encode() + b"cd")):
        assert sightings("a file", b"before" + content + b"after", {"email": value}) == ["email in a file"]
