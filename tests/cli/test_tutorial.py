"""The tutorial, followed to the letter by somebody who copies every command."""

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rapport.terms.reading import parse_terms
from tests.e2e.forking import forked
from tests.e2e.running import Node, run

ROOT = Path(__file__).parents[2]


def blocks(page: str, since: str = "## 3.") -> list[str]:
    """The shell blocks of a tutorial, from a heading on; by default, from the company of one's own."""
    text = (ROOT / page).read_text("utf-8")
    return re.findall(r"```sh\n(.*?)```", text[text.index(since) :], re.DOTALL)


class Reader:
    """Somebody at a terminal, whose variables stay from one command to the next."""

    def __init__(self, node: Node, place: Path = ROOT) -> None:
        self.node = node
        self.place = place
        self.known = {"KEY": "", "TOKEN": "", "TILL": "", "evidence": ""}

    def follow(self, block: str) -> str:
        """Do what a block says; what it leaves to the reader (`…`) is filled in from earlier answers."""
        lines = [line for line in block.splitlines() if not re.match(r"[A-Z]+=\w+…|alias ", line)]
        script = (
            "\n".join(lines).replace("http://localhost:8080", self.node.url).replace("evi_…", self.known["evidence"])
        )
        before = [f"{name}={shlex.quote(value)}" for name, value in self.known.items()]
        command = f'rapport() {{ {shlex.join(forked())} "$@" --data {shlex.quote(str(self.node.data))}; }}'
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", "\n".join([command, *before, script])],
            cwd=self.place, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return f"{done.stdout}\n{done.stderr}" if done.returncode in (0, 1) else pytest.fail(f"{script}\n{done.stderr}")

    def learn(self, org: str = "acme") -> None:
        told = json.loads(run("org", "show", org, "--data", str(self.node.data), "--json").stdout)
        self.known |= {"KEY": told["write_key"], "TOKEN": told["api_token"]}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    node = Node(tmp_path_factory.mktemp("tutorial") / "data")
    yield Reader(node)
    node.stop()


def view_of(reader: Reader, customer: str) -> Any:
    return reader.node.org("acme").view(customer)


def test_the_tutorial_does_what_it_says(reader: Reader) -> None:
    made, _keep, looks, asks, signs_in, till, imports, why, back, bo = blocks("docs/tutorial/first-view.md")

    assert "wk_" in reader.follow(made)
    reader.learn()
    assert '{"success":true,"accepted":1,"rejected":[]}' in reader.follow(looks)
    reader.node.org("acme").view("anonymous_id:browser-1")
    answer = reader.follow(asks)
    assert '"total":1' in answer
    assert '"receipt":"rcp_' in answer

    reader.follow(signs_in)
    assert view_of(reader, "user_id:ada")["events"]["total"] == 2, "what the browser did before is hers now"

    key = json.loads(
        run("source", "add", "acme", "till", "--trusted", "--data", str(reader.node.data), "--json").stdout
    )
    reader.known["TILL"] = key["write_key"]
    reader.follow("\n".join(till.splitlines()[1:]))
    reader.node.org("acme").view("email:ada@example.com", events=4)
    reader.follow("\n".join(till.splitlines()[1:]))
    seen = view_of(reader, "email:ada@example.com")
    assert seen["events"]["total"] == 4, "exact copies count once"
    names = seen["traits"]["name"]
    assert {names["value"], *(other["value"] for other in names["others"])} == {"Ada", "A. Lamb"}

    assert "Refused lines" in reader.follow(imports)

    explained = reader.follow(why)
    assert "evi_" in explained
    listed = json.loads(
        run("explain", "user_id:ada", "--org", "acme", "--data", str(reader.node.data), "--json").stdout
    )["evidence"]
    of_till = [e for e in listed if e["source"] == "till" and (e["identifier"] or {}).get("type") == "email"]
    assert len(of_till) == 1
    reader.known["evidence"] = of_till[0]["id"]
    assert '"retracted":true' in reader.follow(back)
    after = view_of(reader, "user_id:ada")
    assert "till" not in {record["source"] for record in after["records"]}
    assert view_of(reader, "anonymous_id:card-77")["events"]["total"] == 2, "nothing was lost"

    reader.follow(bo)
    reader.node.org("acme").view("user_id:bo")
    assert "customers" in reader.follow(bo.splitlines()[-1])
    ada, bo_seen = view_of(reader, "user_id:ada"), view_of(reader, "user_id:bo")
    assert ada["customer"] != bo_seen["customer"]
    assert "Product Viewed" in ada["events"]["by_name"], "the teapot stays hers"
    assert "Product Viewed" not in bo_seen["events"]["by_name"]


def test_the_tutorial_of_terms_does_what_it_says(tmp_path: Path) -> None:
    node = Node(tmp_path / "data")
    try:
        follow_the_terms(Reader(node, tmp_path))
    finally:
        node.stop()


def follow_the_terms(reader: Reader) -> None:
    page = blocks("docs/tutorial/first-terms.md", "## 1.")
    made, _keep, buys, serves, offers, promises, added, chosen, gives, own, locks, unlocks, opens = page
    assert "wk_" in reader.follow(made)
    reader.learn("corner-shop")
    assert '"accepted":2' in reader.follow(buys)
    reader.node.org("corner-shop").view("user_id:ada", events=2)
    assert '"name"' in reader.follow(serves)
    assert "not_found" in reader.follow(offers)

    assert "Version 1 is in force" in reader.follow(promises)
    assert "not_found" in reader.follow(offers), "nobody has consented"

    found = re.search(r"per_\w+", reader.follow(added))
    assert found is not None
    assert "not_found" in reader.follow(offers), "nothing has changed by that"
    reader.known["PERSON"] = found.group()
    assert "discount of at least 5 %" in reader.follow(chosen)
    assert "not_found" in reader.follow(offers), "the shop gives nothing"

    let_in = reader.follow(gives)
    assert '"Order Completed"' in let_in
    assert "ada@example.com" in let_in
    assert "user_id" not in json.dumps(json.loads(let_in[let_in.index("{") : let_in.rindex("}") + 1])["identifiers"])

    less = reader.follow(own)
    assert "Order Completed" not in less
    assert "Ada" in less
    assert "no such customer" in reader.follow(locks)
    assert "Ada" in reader.follow(unlocks)
    assert "/me/open?code=" in reader.follow(opens)
    told = run("agreement", "list", "--person", reader.known["PERSON"], "--data", str(reader.node.data)).stdout
    assert "corner-shop" in told


def test_the_terms_of_the_reference_can_be_used() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/reference/terms.md").read_text("utf-8"), re.DOTALL)
    terms = parse_terms(json.dumps(tomllib.loads(example)).encode())
    assert [clause.id for clause in terms.clauses] == ["serve-me", "fair-offers", "not-the-insurer"]
