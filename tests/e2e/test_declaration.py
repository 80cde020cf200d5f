"""A company's first declaration on a real node, by the guide to the letter; verified by somebody who trusts nobody."""

import base64
import json
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.e2e.forking import forked
from tests.e2e.running import Node, http, run

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/how-to/first-declaration.md"
REFERENCE = ROOT / "docs/reference/declaration.md"


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(url: str) -> dict[str, Any]:
    """The document at an address, whose signature holds; written here from the reference, with nothing of Rapport's."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        document: dict[str, Any] = json.load(answer)
    signature = document.pop("signature")
    signed = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    Ed25519PublicKey.from_public_bytes(raw(signature["key"]["x"])).verify(raw(signature["value"]), signed)
    return {**document, "signature": signature}


def put(node: Node, token: str, body: bytes, media: str = "application/json") -> Any:
    headers = {"authorization": f"Bearer {token}", "content-type": media}
    return http("PUT", f"{node.url}/v1/declaration", body, headers)


def test_what_is_put_is_published_and_verifies(node: Node) -> None:
    acme = node.org("putting")
    at = f"{node.url}/.well-known/rapport/putting"
    example = (ROOT / "examples/declaration.toml").read_bytes()
    done = put(node, acme.api_token, example, "application/toml")
    assert done.status == 200
    document = verified(f"{at}/declaration.json")
    assert document == done.json["published"] == acme.get("/v1/declaration").json
    assert document["signature"]["key"] == http("GET", f"{at}/key.json").json["key"]

    second = put(node, acme.api_token, json.dumps({**document["declaration"], "name": "Ümläut & Co 😀"}).encode())
    assert second.json["changes"] == ["calls itself Ümläut & Co 😀 instead of Acme Outdoor"]
    chained = verified(f"{at}/declaration.json")
    assert (chained["version"], chained["previous"]) == (2, document["hash"])
    assert verified(f"{at}/declaration/1.json") == document

    tampered = {**chained, "version": 3}
    signature = tampered.pop("signature")
    signed = json.dumps(tampered, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(raw(signature["key"]["x"])).verify(raw(signature["value"]), signed)


def test_the_node_follows_what_the_command_line_declares(node: Node) -> None:
    acme = node.org("beside")
    assert acme.get("/v1/declaration").json["version"] == 0
    example = str(ROOT / "examples/declaration.toml")
    done = run("declaration", "put", "beside", example, "--data", str(node.data), "--json")
    assert done.returncode == 0, done.stderr
    assert acme.get("/v1/declaration").json == json.loads(done.stdout)["published"]
    shown = run("declaration", "show", "beside", "--data", str(node.data), "--json")
    assert json.loads(shown.stdout) == acme.get("/v1/declaration").json


def test_a_declaration_outlives_the_node(start: Any) -> None:
    first = start("lasting")
    acme = first.org()
    published = put(first, acme.api_token, b'{"name": "Acme"}').json["published"]
    first.stop(9)
    again = start("lasting")
    assert verified(f"{again.url}/.well-known/rapport/acme/declaration.json") == published


def test_the_reference_verifies_in_the_lines_that_it_shows(node: Node, tmp_path: Path) -> None:
    put(node, node.org("acme").api_token, b'{"name": "Acme"}')
    [script] = re.findall(r"```python\n(.*?)```", REFERENCE.read_text("utf-8"), re.DOTALL)
    file = tmp_path / "verify.py"
    file.write_text(script.replace("http://localhost:8080", node.url))
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(300)
def test_the_guide_does_what_it_says(start: Any, tmp_path: Path) -> None:
    node = start("guided")
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)

    def follow(block: str, *, fails: bool = False) -> str:
        command = f'rapport() {{ {shlex.join(forked())} "$@"; }}; export RAPPORT_DATA={shlex.quote(str(node.data))}'
        script = block.replace("http://localhost:8080", node.url)
        before = f"set -eu; {command}; TOKEN={token}"
        words = ["bash", "-c", f"{before}\n{script}"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    token = ""
    began, writes, checks, declares, more, values, attests, others, signs = blocks
    assert "version 0" in follow(began)
    token = node.org("acme").api_token
    follow(writes)
    assert "is a valid declaration: service" in follow(checks)
    told = re.findall(r"```\n(Version 1.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert follow(declares) == told[0]
    assert "also uses your data for offers" in follow(more)
    assert "stands for repair before replace" in follow(values)
    follow("""sed -i 's/"EEA"/"UK"/' promise.toml""")
    assert "did you mean 'GB'" in follow(checks, fails=True)
    follow("""sed -i 's/"UK"/"EEA"/' promise.toml""")
    assert "repair_before_replace    attested, until 2031-01-01T00:00:00Z" in follow(attests)
    assert '"changes":[]' in follow(others)
    follow(signs)
    other = """printf 'name = "Other"' > other.toml; rapport declaration put acme other.toml"""
    assert "a signature is needed" in follow(other, fails=True)
    document = verified(f"{node.url}/.well-known/rapport/acme/declaration.json")
    key = json.loads(run("declaration", "key", "acme", "--data", str(node.data), "--json").stdout)
    assert (document["signature"]["key"], key["held_by"]) == (key["key"], "organization")
