"""The demo beside a real node: what a newcomer meets after `make up`."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.cli.demo.history import Call, story
from rapport.cli.demo.moments import Moments
from rapport.cli.demo.people import household
from rapport.cli.demo.sending import Sender
from rapport.cli.demo.using import Company
from rapport.kernel.times import MINUTE, now
from tests.e2e.running import RAPPORT, Answer, Node, Org, http, run

ALICE, BEN, MAILBOX = "email:alice@example.com", "email:ben@example.com", "email:ashmarshes@example.com"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """The demo organization on a node that was started with `--demo` and has taken in the history."""
    node = Node(tmp_path_factory.mktemp("demo") / "data", "--demo")
    until(lambda: "visits are sent as they happen" in node.output())
    org = node.org("demo")
    # What was sent is taken in, too, once it is what came last.
    assert org.send({"type": "track", "userId": "the-last", "event": "Looked"}).status == 200
    org.view("user_id:the-last", within_s=120)
    yield org
    node.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Start a node of a test's own over `tmp_path/data`, once or again; all are stopped at the end."""
    nodes: list[Node] = []

    def begin(*arguments: str) -> Node:
        nodes.append(Node(tmp_path / "data", *arguments))
        return nodes[-1]

    yield begin
    for node in nodes:
        node.stop()


def until(done: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def demo_processes(port: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"rapport.cli.demo" in words and str(port).encode() in words:
                found.append(int(entry.name))
    return found


def test_alice_is_one_customer_across_every_channel(shop: Org) -> None:
    view = shop.view(ALICE, events=30)
    assert {record["source"] for record in view["records"]} == {"web", "app", "till", "crm", "support"}
    assert view["traits"]["name"]["value"] == "Alice Ashmarsh"
    assert {other["value"] for other in view["traits"]["name"]["others"]} >= {"Alice", "Mrs Ashmarsh"}
    assert view["traits"]["city"]["value"] == "Eastmere"
    assert {"Order Completed", "Order Refunded", "Call Received", "page"} <= view["events"]["by_name"].keys()
    why = " ".join(record["why"] for record in view["records"])
    for tie in ("user_id", "email:alice@example.com", "loyalty_id:", "phone:"):
        assert tie in why, f"something of hers is tied by {tie}"


def test_ben_shares_her_laptop_and_mailbox_and_is_another_customer(shop: Org) -> None:
    alice, ben = shop.view(ALICE), shop.view(BEN)
    assert alice["customer"] != ben["customer"]
    assert {record["record"] for record in alice["records"]}.isdisjoint(record["record"] for record in ben["records"])
    assert shop.read(MAILBOX).json["code"] == "ambiguous"
    assert {group["id"] for group in alice["groups"]} == {group["id"] for group in ben["groups"]} == {"household-0"}


def test_the_five_sources_are_known_for_what_they_are(shop: Org) -> None:
    listed = json.loads(run("source", "list", "demo", "--data", str(shop.node.data), "--json").stdout)
    assert {s["source"]: s["trusted"] for s in listed} == {
        "web": False, "app": False, "till": True, "crm": True, "support": True,
    }  # fmt: skip


def test_sending_the_history_again_changes_nothing(start: Callable[..., Node]) -> None:
    node = start()
    here = ("--data", str(node.data), "--port", str(node.port), "--customers", "12")
    assert run("demo", *here).returncode == 0
    shop = node.org("demo")
    note = node.data / "demo-demo.json"
    end = json.loads(note.read_text())["end"]
    # Where a clock is off, each sending corrects it by its own few milliseconds, and the smallest time counts.
    right = [number for number in range(5) if not any(call.skew for call in story(1, number, end))]
    people = [f"email:{who.email}" for number in right for who in household(1, number).people]
    before = views(shop, people)
    assert len(people) > 3
    note.write_text(json.dumps({**json.loads(note.read_text()), "households": 0}))
    done = run("demo", *here, "--json")
    assert json.loads(done.stdout)["events"] > 300, done.stderr
    assert views(shop, people) == before


def views(shop: Org, people: list[str]) -> list[object]:
    """What is known of people once everything sent before has been taken in, less what each look adds."""
    shop.send({"type": "track", "userId": "the-last", "event": "Looked", "messageId": f"look-{time.monotonic_ns()}"})
    seen = shop.view("user_id:the-last")["events"]["total"]
    shop.send({"type": "track", "userId": "the-last", "event": "Looked", "messageId": f"look-{time.monotonic_ns()}"})
    shop.view("user_id:the-last", events=seen + 1)
    answers = [shop.read(customer).json for customer in people]
    return [{k: v for k, v in answer.items() if k not in ("receipt", "as_of")} for answer in answers]


def test_visits_go_on_now(shop: Org) -> None:
    def sent() -> int:
        lines = http("GET", f"{shop.node.url}/metrics").body.decode().splitlines()
        metrics = dict(line.split() for line in lines if not line.startswith("#"))
        return int(float(metrics["rapport_events_accepted_total"]))

    before = sent()
    until(lambda: sent() > before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_demo_ends_with_its_node_however_that_ends(start: Callable[..., Node], number: signal.Signals) -> None:
    node = start("--demo")
    until(lambda: demo_processes(node.port))
    if number == signal.SIGKILL:  # one that has not looked for its parent yet ends when its patience does, after 30 s
        until(lambda: "as they happen" in node.output())
    node.stop(number)
    until(lambda: not demo_processes(node.port), 25)
    assert "Traceback" not in node.output()


def test_a_node_that_starts_again_doubles_nothing_and_leaves_what_was_changed(start: Callable[..., Node]) -> None:
    node = start("--demo")
    until(lambda: "visits are sent as they happen" in node.output())
    shop = node.org("demo")
    changed = {"kind": "thank", "purpose": "service", "content": {"web": {"en": "Thank you!"}}}
    assert asked(shop, "PUT", "/v1/actions/thank_for_ordering", changed).json["version"] == 2
    assert asked(shop, "DELETE", "/v1/actions/offer_candles").status == 204
    node.stop()
    node = start("--demo")
    until(lambda: "nothing was sent" in node.output())
    listed = asked(node.org("demo"), "GET", "/v1/actions").json["actions"]
    versions = {one["id"]: one["version"] for one in listed}
    assert versions.pop("thank_for_ordering") == 2
    assert "offer_candles" not in versions
    assert set(versions.values()) == {1}


def asked(shop: Org, method: str, path: str, content: object = None) -> Answer:
    headers = {"authorization": f"Bearer {shop.api_token}", "content-type": "application/json"}
    return http(method, f"{shop.node.url}{path}", None if content is None else json.dumps(content).encode(), headers)


def test_of_whoever_comes_by_it_is_asked_what_to_do_and_said_what_came_of_it(shop: Org) -> None:
    sender = Sender("localhost", shop.node.port, lambda _: shop.write_key)
    came: list[str] = []

    def tokens() -> str:
        came.append("token")
        return shop.api_token

    with Company("localhost", shop.node.port, tokens) as company:
        moments = Moments(company, sender, 1, "test")
        signs_in = Call(0, 0, "web", 0, {"type": "identify", "userId": "C-000000"})
        before, at = decided(shop, "web"), now()

        def more() -> bool:
            moments.pass_by([signs_in], at)  # what comes of it is due later
            return len(decided(shop, "web")) > len(before)

        until(more)
        told = sum(map(len, decided(shop, "web")))
        moments.pass_by([], at + MINUTE)
    sender.close()
    made = decided(shop, "web")
    assert sum(map(len, made)) > told
    assert {kind for kinds in made for kind in kinds} <= {"taken", "passed over"}
    assert came == ["token"]


def decided(shop: Org, channel: str) -> list[list[str]]:
    """What came of each decision on a channel that was not silence."""
    with contextlib.closing(open_ledger(Settings(data=str(shop.node.data)))) as ledger:
        outcomes = OutcomeBook(ledger)
        kept = [one for one in DecisionBook(ledger).page(shop.name, 1 << 62, 1_000) if one.content is not None]
        made = [outcomes.awaited(one) for one in kept if one.content and one.content.channel == channel]
    return [[each.kind for each in one.outcomes] for one in made if one is not None and one.action != "silence"]


def test_a_demo_without_a_node_says_how_to_start_one_and_makes_nothing(tmp_path: Path) -> None:
    done = run("demo", "--data", str(tmp_path / "data"), "--port", "1")
    assert done.returncode == 1
    assert "rapport up" in done.stderr
    assert not (tmp_path / "data").exists()


def test_demo_data_never_enters_a_directory_of_others_unless_it_is_meant(start: Callable[..., Node]) -> None:
    node = start()
    node.org("acme")
    here = ("--data", str(node.data), "--port", str(node.port), "--customers", "3")
    refused = run("demo", *here)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "acme" in refused.stderr
    assert run("demo", *here, "--org", "acme", "--yes").returncode == 0
    assert node.org("acme").view(ALICE)["traits"]["city"]["value"] == "Eastmere"


def test_ctrl_c_ends_live_visits_without_complaint(shop: Org) -> None:
    command = [*RAPPORT, "demo", "--live", "--rate", "20", "--data", str(shop.node.data), "--port", str(shop.node.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert "as they happen" in running.stdout.readline()
            time.sleep(1)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        finally:
            running.kill()  # (of one that goes on, nothing may be left to a later test)
    assert (running.returncode, err) == (0, "")
    assert "events of visits sent" in out


def test_the_demo_company_has_a_declaration_and_customers_with_terms_of_their_own(shop: Org) -> None:
    here = ("--data", str(shop.node.data), "--json")
    assert json.loads(run("declaration", "show", "demo", *here).stdout)["version"] == 2, "it changed its promise"
    persons = json.loads(run("person", "list", *here).stdout)
    assert 20 < len(persons) <= 120
    ben = json.loads(run("person", "show", persons[0]["person"], *here).stdout)
    assert (ben["preset"], [claim["value"] for claim in ben["claims"]][-1]) == ("alone", "ben@example.com")
    assert shop.read(BEN, purpose="offers").status == 404, "he wants to be left alone"
    assert shop.read(BEN).status == 200, "and served"
    assert shop.read(ALICE, purpose="offers").status in (200, 404), "as her newsletter's consent has it"
    assert shop.read(ALICE, purpose="advertising").status == 404
    assert run("demo", "--data", str(shop.node.data), "--port", str(shop.node.port)).returncode == 0
    assert json.loads(run("person", "list", *here).stdout) == persons, "once is enough"


def test_what_somebody_declared_themselves_is_left_alone(start: Callable[..., Node], tmp_path: Path) -> None:
    node = start()
    node.org("demo")
    (tmp_path / "own.toml").write_text('[purposes.service]\nbasis = "contract"\n')
    here = ("--data", str(node.data))
    assert run("declaration", "put", "demo", str(tmp_path / "own.toml"), *here).returncode == 0
    done = run("demo", *here, "--port", str(node.port), "--customers", "3")
    assert done.returncode == 0, done.stderr
    assert json.loads(run("declaration", "show", "demo", *here, "--json").stdout)["version"] == 1
