"""Recipients of an export learn of an erasure, verify who says so, delete, and say they did: over real processes."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rapport.adapters.embedded.demands import DemandFile
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.terms.promises import base64url
from tests.act.receiving import Receiver, acknowledges, eventually, says
from tests.e2e.running import RAPPORT, Node, Org, http, run

HOW_TO = Path(__file__).parents[2] / "docs/how-to/deletion-demands.md"
PEOPLE = 3
PRIVATE = {"RAPPORT_PRIVATE_DESTINATIONS": "1"}
DECLARATION = {
    "name": "Acme",
    "purposes": {"service": {"basis": "contract", "retention_days": 90, "recipients": ["Parcels", "Mailers"]}},
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "data", env=PRIVATE)
    try:
        yield node
    finally:
        node.stop()


def told(node: Node, *words: str) -> Any:
    done = run(*words, "--data", str(node.data), "--json", env=PRIVATE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def furnish(node: Node) -> tuple[Org, str]:
    """Two customers, one of whom is a person, in an export that two recipients were given."""
    org = node.org("acme")
    headers = {"authorization": f"Bearer {org.api_token}"}
    declared = http("PUT", f"{node.url}/v1/declaration", json.dumps(DECLARATION).encode(), headers)
    assert declared.status == 200, declared.body
    for name in ("ada", "bo"):
        org.send({"type": "identify", "userId": name, "traits": {"email": f"{name}@example.com"}})
        org.view(f"user_id:{name}")
    person = told(node, "person", "add", "--claim", "acme:user_id:ada")["person"]
    return org, person


def export(node: Node, file: Path, *recipients: str) -> dict[str, str]:
    """E-mail → handle, of an export that was made outside the node."""
    wish = [word for name in recipients for word in ("--recipient", name)]
    told(node, "export", "acme", "--purpose", "service", "--out", str(file), *wish)
    rows = pyarrow.parquet.read_table(file).to_pylist()
    return {row["traits.email"]: row["customer"] for row in rows}


def genuine(node: Node, got: Any) -> bool:
    """What the how-to tells recipients to do, in its own words; and that it would not do for changed bytes."""
    (code,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("https://rapport.example.com", node.url), names)
    headers = {"Rapport-Signature": got.headers["rapport-signature"]}
    with pytest.raises(InvalidSignature):
        names["verify"](headers, got.body.replace(b"cus_", b"cus-"))
    return bool(names["verify"](headers, got.body) == got.json)


def demands(node: Node) -> dict[str, Any]:
    return {one["recipient"]: one for one in told(node, "demands", "acme")["demands"]}


def shred(node: Node, person: str) -> Any:
    return told(node, "person", "shred", person, "--yes")


def test_a_recipient_is_asked_verifies_it_and_acknowledges_signed(node: Node, tmp_path: Path) -> None:
    _, person = furnish(node)
    own = Ed25519PrivateKey.generate()
    handles = export(node, tmp_path / "out.parquet", "Parcels", "Mailers")
    with Receiver(says(202)) as receiver:
        public = base64url(own.public_key().public_bytes_raw())
        told(node, "recipient", "add", "acme", "Parcels", "--url", receiver.url, "--key", public)
        shredded = shred(node, person)
        assert {(one["recipient"], one["state"]) for one in shredded["demands"]} == {
            ("Parcels", "queued"),
            ("Mailers", "no_address"),
        }
        (got,) = receiver.wait()
    assert genuine(node, got)
    said = got.json
    assert (said["type"], said["organization"], said["customers"]) == (
        "deletion-demand",
        "acme",
        [handles["ada@example.com"]],
    )
    assert said["reason"] == "erasure"
    assert not {"ada", person} & set(json.dumps(said).replace('"', " ").split())
    assert "example.com" not in json.dumps(said)
    eventually(lambda: demands(node)["Parcels"]["state"] == "sent")

    body = json.dumps({"acknowledged": True, "token": said["token"], "id": said["id"]}).encode()
    unknown = said["acknowledge"].replace(said["id"], "dem_" + "0" * 26)
    url = f"{node.url}/v1/demands/{said['id']}/acknowledge"
    assert said["acknowledge"].endswith(url.removeprefix(node.url))
    forged = [
        http("POST", unknown.replace("localhost", "127.0.0.1"), body.replace(said["id"].encode(), b"dem_" + b"0" * 26)),
        http("POST", url, body.replace(said["token"].encode(), b"ack_forged")),
        http("POST", url, body, {"Rapport-Signature": base64url(Ed25519PrivateKey.generate().sign(body))}),
    ]
    assert [one.status for one in forged] == [404, 404, 404]
    assert len({one.body for one in forged}) == 1
    assert demands(node)["Parcels"]["state"] == "sent"
    signed = {"Rapport-Signature": base64url(own.sign(body))}
    first = http("POST", url, body, signed)
    assert (first.status, first.json["state"], first.json["signed"]) == (200, "acknowledged", True)
    again = http("POST", url, body)
    assert (again.status, again.json) == (200, first.json)
    one = demands(node)["Parcels"]
    assert (one["state"], one["signed"], one["acknowledged_at"]) == (
        "acknowledged",
        True,
        first.json["acknowledged_at"],
    )

    with Receiver(otherwise=acknowledges) as late:
        sent = told(node, "recipient", "add", "acme", "Mailers", "--url", late.url)
        assert (sent["sent"], sent["declared"]) == (1, True)
        (got,) = late.wait()
        assert got.json["customers"] == [handles["ada@example.com"]]
        eventually(lambda: demands(node)["Mailers"]["state"] == "acknowledged")
    assert said["token"] not in json.dumps(told(node, "outbox", "list", "acme"))
    assert handles["ada@example.com"] not in json.dumps(told(node, "demands", "acme"))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        (b"[]", 400, "bad_type"),
        (b'{"acknowledged": false, "token": "x"}', 400, "bad_type"),
        (b'{"acknowledged": true}', 400, "bad_type"),
        (b'{"acknowledged": true, "token": "x", "id": "dem_other"}', 400, "bad_id"),
        (b'{"acknowledged": true, "token": "x"}', 404, "not_found"),
        (b'{"acknowledged": true, "token": "' + b"x" * 70_000 + b'"}', 413, "too_large"),
    ],
)
def test_what_is_no_acknowledgement_is_refused(shared: Node, body: bytes, status: int, code: str) -> None:
    answer = http("POST", f"{shared.url}/v1/demands/dem_{'0' * 26}/acknowledge", body)
    assert (answer.status, answer.json["code"]) == (status, code)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("demands") / "data", env=PRIVATE)
    try:
        yield node
    finally:
        node.stop()


def test_an_organization_that_signs_for_itself_still_has_its_demands_verified(node: Node, tmp_path: Path) -> None:
    """The node cannot promise in its name; what it sends, it signs with a key for that alone."""
    _, person = furnish(node)
    export(node, tmp_path / "out.parquet", "Parcels")
    own = tmp_path / "own.json"
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    own.write_text(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": base64url(public)}))
    told(node, "declaration", "key", "acme", "--set", str(own))
    key = http("GET", f"{node.url}/.well-known/rapport/acme/key.json").json
    assert (key["held_by"], key["key"]["x"] != key["sends"]["x"]) == ("organization", True)
    with Receiver(otherwise=acknowledges) as receiver:
        told(node, "recipient", "add", "acme", "Parcels", "--url", receiver.url)
        shred(node, person)
        (got,) = receiver.wait()
        assert genuine(node, got)
        assert got.headers["rapport-key"] == key["sends"]["x"]
        eventually(lambda: demands(node)["Parcels"]["state"] == "acknowledged")


def test_an_erasure_that_is_killed_anywhere_demands_once_when_it_is_asked_for_again(tmp_path: Path) -> None:
    """The command is killed at several moments of its time; asked for again, everyone is asked for once."""
    node = Node(tmp_path / "data", env=PRIVATE)
    try:
        org, _ = furnish(node)
        persons = []
        for number in range(PEOPLE):
            org.send({"type": "identify", "userId": f"p{number}", "traits": {"email": f"p{number}@example.com"}})
            persons.append(told(node, "person", "add", "--claim", f"acme:user_id:p{number}")["person"])
        org.view(f"user_id:p{PEOPLE - 1}")
        handles = export(node, tmp_path / "out.parquet", "Parcels")
        with Receiver(otherwise=acknowledges) as receiver:
            told(node, "recipient", "add", "acme", "Parcels", "--url", receiver.url)
            started = time.monotonic()
            shred(node, persons[0])
            took = time.monotonic() - started
            for number, person in enumerate(persons[1:]):
                words = [*RAPPORT, "person", "shred", person, "--yes", "--data", str(node.data)]
                shredding = subprocess.Popen(words, env={**os.environ, **PRIVATE}, stdout=subprocess.DEVNULL)
                time.sleep(took * (0.6 + 0.25 * number))
                shredding.send_signal(signal.SIGKILL)
                shredding.wait()
                run("person", "shred", person, "--yes", "--data", str(node.data), env=PRIVATE)  # or it is done already
            wanted = {handles[f"p{number}@example.com"] for number in range(PEOPLE)}
            eventually(lambda: {one for got in receiver.got for one in got.json["customers"]} == wanted)
            book = DemandFile(open_ledger(Settings(data=str(node.data))))
            eventually(lambda: book.counted("acme") == {"Parcels": {"acknowledged": PEOPLE}})
            ids = [got.json["id"] for got in receiver.got]
            assert len(set(ids)) == PEOPLE
            assert book._db.execute("SELECT count(*) FROM demanded").fetchone() == (0,)
    finally:
        node.stop()


def test_what_waits_when_the_node_is_killed_is_sent_by_the_next(tmp_path: Path) -> None:
    node = Node(tmp_path / "data", env=PRIVATE)
    try:
        _, person = furnish(node)
        export(node, tmp_path / "out.parquet", "Parcels")
        with Receiver(otherwise=says(503)) as receiver:
            told(node, "recipient", "add", "acme", "Parcels", "--url", receiver.url)
            shred(node, person)
            receiver.wait()
            node.stop(signal.SIGKILL)
            receiver.answers(acknowledges)
            node = Node(tmp_path / "data", env=PRIVATE)
            eventually(lambda: demands(node)["Parcels"]["state"] == "acknowledged")
            assert len({got.json["id"] for got in receiver.got}) == 1
            assert len({got.headers["rapport-delivery"] for got in receiver.got}) == 1
    finally:
        node.stop()


def test_no_demand_reaches_the_inside_of_a_network_without_leave(tmp_path: Path) -> None:
    node = Node(tmp_path / "data")
    try:
        _, person = furnish(node)
        export(node, tmp_path / "out.parquet", "Parcels")
        with Receiver(otherwise=acknowledges) as receiver:
            refused = run("recipient", "add", "acme", "Parcels", "--url", receiver.url, "--data", str(node.data))
            assert refused.returncode == 2
            assert "RAPPORT_PRIVATE_DESTINATIONS" in refused.stderr
            told(node, "recipient", "add", "acme", "Parcels", "--url", receiver.url)  # who gives leave to itself
            shred(node, person)
            eventually(lambda: "is inside a network" in demands(node)["Parcels"]["error"])
            assert receiver.got == []
    finally:
        node.stop()
