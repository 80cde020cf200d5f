"""`rapport import` as a company would use it: with a node and without, killed, repeated, with files that are wrong."""

import csv
import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from rapport.app import embedded
from rapport.app.settings import Settings
from tests.e2e.running import RAPPORT, run

EXAMPLES = Path(__file__).parents[2] / "examples"

ORDERS_KILLED = 12_000
ORDERS = """
[time]
column = "at"
[identifiers]
user_id = "who"
[[event]]
name = "Order Completed"
group_by = "order"
[event.properties]
revenue = { sum = "quantity * price" }
[event.lists.products]
sku = "sku"
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with organization acme, and no node on it."""
    directory = tmp_path / "data"
    run("org", "add", "acme", "--data", str(directory), "--json")
    return directory


def importing(data: Path, *arguments: str | Path, mapping: Path, source: str = "till", code: int = 0) -> dict[str, Any]:
    """Run an import with `--json`; what it printed."""
    done = run(*command(data, *arguments, mapping=mapping, source=source))
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else {"error": done.stderr}


def command(data: Path, *arguments: str | Path, mapping: Path, source: str = "till") -> list[str]:
    target = ["--org", "acme", "--source", source, "--mapping", mapping, "--data", data, "--json"]
    return [str(word) for word in ["import", *arguments, *target]]


def view(data: Path, customer: str) -> dict[str, Any]:
    done = run("show", customer, "--org", "acme", "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def order_lines(path: Path, orders: int) -> Path:
    """Orders of one to seven lines each, of 50 customers, their lines scattered over the file."""
    seeded = random.Random(7)
    rows = [
        (
            f"o{order}",
            f"u{order % 50}",
            f"sku{seeded.randrange(99)}",
            seeded.randrange(1, 9),
            seeded.randrange(999) / 100,
        )
        for order in range(orders)
        for _ in range(order % 7 + 1)
    ]
    seeded.shuffle(rows)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("order", "who", "sku", "quantity", "price", "at"))
        writer.writerows((*row, f"2026-01-{1 + int(row[0][1:]) % 28:02}") for row in rows)
    return path


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_contacts_come_into_the_views_without_a_node(data, tmp_path):
    report = tmp_path / "refused.csv"
    file = EXAMPLES / "crm_contacts.csv"
    told = importing(data, file, "--wait", "--report", report, mapping=EXAMPLES / "crm_contacts.toml", source="crm")
    assert (told["file"], told["rows"], told["events"], told["log"]) == (str(file), 6, 4, 1)
    assert told["rejected"] == {"bad_time": 1, "missing_id": 1}
    lines = [(line["line"], line["reason"]) for line in csv.DictReader(report.read_text().splitlines())]
    assert lines == [("5", "bad_time"), ("6", "missing_id")]
    found = view(data, "email:ada@example.com")
    assert found["traits"]["store_credit"]["value"] == 1250
    assert found["traits"]["birthday"]["value"] == "1985-12-10"
    assert found["traits"]["name"]["observed_at"] == "2026-11-03T09:30:00Z"
    assert {"phone:+442079460018", "crm_id:C-1001"} <= {f"{i['type']}:{i['value']}" for i in found["identifiers"]}
    assert "phone" not in view(data, "email:grace@example.com")["traits"]


def test_tickets_come_into_the_views_of_a_running_node(start):
    node = start()
    acme = node.org("acme")
    mapping = EXAMPLES / "support_tickets.toml"
    told = importing(node.data, EXAMPLES / "support_tickets.ndjson", "--wait", mapping=mapping, source="support")
    assert (told["events"], told["left_out"]) == (3, 1)
    seen = acme.read("email:ada@example.com").json["events"]["by_name"]
    assert {name: seen[name]["count"] for name in seen} == {"Ticket Opened": 1, "answered": 1}


def test_an_import_that_is_repeated_changes_nothing(data, tmp_path):
    mapping, file = written(tmp_path / "m.toml", ORDERS), order_lines(tmp_path / "f.csv", 300)
    importing(data, file, "--wait", mapping=mapping)
    before = view(data, "user_id:u7")
    assert importing(data, file, "--wait", mapping=mapping)["events"] == 300
    after = view(data, "user_id:u7")
    for changing in ("receipt", "as_of"):
        del before[changing], after[changing]
    assert before == after
    assert before["events"]["total"] == 6


def test_a_changed_file_under_the_same_keys_is_rejected_rather_than_guessed(data, tmp_path):
    mapping = written(tmp_path / "m.toml", ORDERS)
    header = "order,who,sku,quantity,price,at\n"
    importing(data, written(tmp_path / "1.csv", f"{header}o1,u1,a,1,2.50,2026-01-01\n"), "--wait", mapping=mapping)
    importing(data, written(tmp_path / "2.csv", f"{header}o1,u1,a,1,9.99,2026-01-01\n"), "--wait", mapping=mapping)
    assert view(data, "user_id:u1")["events"]["total"] == 1
    settings = Settings(data=str(data))
    reader = embedded.open_reader(settings, embedded.Sources(embedded.open_ledger(settings)).by_name)
    assert reader.rejected_codes("acme") == [("duplicate_id", 1)]


def test_a_run_that_is_killed_at_any_instant_and_started_again_ends_alike(data, tmp_path, proof_size):
    mapping, file = written(tmp_path / "m.toml", ORDERS), order_lines(tmp_path / "f.csv", ORDERS_KILLED)
    whole = importing(data, file, "--wait", mapping=mapping, source="whole")
    seeded = random.Random(11)
    started = time.monotonic()
    importing(data, file, mapping=mapping, source="timed")
    lasting = time.monotonic() - started
    for _ in range(proof_size(2, 100)):
        child = subprocess.Popen(
            [*RAPPORT, *command(data, file, mapping=mapping, source="killed")], stdout=subprocess.PIPE
        )
        time.sleep(seeded.uniform(0.3, 1.1) * lasting)
        child.send_signal(signal.SIGKILL)
        child.communicate()
    again = importing(data, file, "--wait", mapping=mapping, source="killed")
    assert (again["rows"], again["events"], again["rejected"]) == (whole["rows"], whole["events"], whole["rejected"])
    settings = Settings(data=str(data))
    reader = embedded.open_reader(settings, embedded.Sources(embedded.open_ledger(settings)).by_name)
    taken: dict[str, int] = {}
    for source, _, accepted, rejected in reader.volumes("acme", 0):
        taken[source] = taken.get(source, 0) + accepted
        assert rejected == 0
    assert taken == dict.fromkeys(("whole", "timed", "killed"), ORDERS_KILLED)
    assert not list((data / "imports").glob("*.json"))


def test_what_is_imported_lies_nowhere_in_the_clear(data, tmp_path):
    mapping = written(tmp_path / "m.toml", ORDERS)
    lines = "".join(f"o{n},canary{n},sku,1,1,2026-01-01\n" for n in range(50))
    importing(data, written(tmp_path / "f.csv", "order,who,sku,quantity,price,at\n" + lines), "--wait", mapping=mapping)
    files = [path for path in data.rglob("*") if path.is_file()]
    assert [path.name for path in files if b"canary" in path.read_bytes()] == []
    assert any(path.name == "log.db" for path in files)


def test_a_dry_run_shows_events_and_writes_nothing(tmp_path):
    data, mapping = tmp_path / "data", EXAMPLES / "crm_contacts.toml"
    file = str(EXAMPLES / "crm_contacts.csv")
    done = run("import", file, "--mapping", str(mapping), "--dry-run", "--json", "--data", str(data))
    told = json.loads(done.stdout)
    assert [event["key"] for event in told["sample"]] == [["crm_id", f"C-100{n}"] for n in (1, 2, 3, 5)]
    assert told["rejected"] == {"bad_time": 1, "missing_id": 1}
    assert not data.exists()
    spoken = run("import", file, "--mapping", str(mapping), "--dry-run", "--data", str(data))
    assert '"event"' not in spoken.stdout
    assert "Refused lines" in spoken.stdout
    assert "missing_id" in spoken.stdout


def test_the_summary_is_readable_without_json(data, tmp_path):
    mapping, file = written(tmp_path / "m.toml", ORDERS), order_lines(tmp_path / "f.csv", 40)
    words = [word for word in command(data, file, mapping=mapping) if word != "--json"]
    assert "40 events of 155 lines (in the log, entry 1)" in run(*words).stdout


@pytest.mark.parametrize(
    ("file", "mapping", "said"),
    [
        ("order,who\n", ORDERS, "no column 'at'"),
        ("", ORDERS, "is empty"),
        (None, ORDERS, "does not exist"),
        ("x", ORDERS + "[nonsense]\n", "nonsense is not known here"),
        ("x", None, "cannot be read"),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_writes_nothing(data, tmp_path, file, mapping, said):
    path, wanted = tmp_path / "f.csv", tmp_path / "m.toml"
    if file is not None:
        path.write_text(file)
    if mapping is not None:
        wanted.write_text(mapping)
    error = importing(data, path, mapping=wanted, code=2)["error"]
    assert said in error
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert embedded.open_log(Settings(data=str(data))).last() == 0


def test_a_file_that_turns_out_damaged_writes_nothing(data, tmp_path):
    mapping = written(tmp_path / "m.toml", '[identifiers]\nuser_id = "id"\n[[event]]\nname = "Seen"\n')
    objects = ",".join(json.dumps({"id": f"u{n}", "note": "x" * 100}) for n in range(30_000))
    error = importing(data, written(tmp_path / "f.json", f"[{objects}"), mapping=mapping, code=2)["error"]
    assert "it was cut short" in error
    assert embedded.open_log(Settings(data=str(data))).last() == 0


def test_an_unknown_organization_is_named_with_those_there_are(data, tmp_path):
    mapping, file = written(tmp_path / "m.toml", ORDERS), order_lines(tmp_path / "f.csv", 3)
    words = command(data, file, mapping=mapping)
    done = run(*("acne" if word == "acme" else word for word in words))
    assert done.returncode == 1
    assert "acne" in done.stderr


def test_without_an_organization_or_a_source_nothing_is_written(data, tmp_path):
    mapping, file = written(tmp_path / "m.toml", ORDERS), order_lines(tmp_path / "f.csv", 3)
    done = run("import", str(file), "--mapping", str(mapping), "--data", str(data))
    assert done.returncode == 2
    assert "--org ORG --source SOURCE" in done.stderr


@pytest.mark.parametrize(
    ("report", "said"), [("f.csv", "is one of the files"), ("no/such/dir.csv", "cannot be written")]
)
def test_a_report_that_cannot_be_written_stops_the_run_before_it_begins(data, tmp_path, report, said):
    mapping, file = written(tmp_path / "m.toml", ORDERS), order_lines(tmp_path / "f.csv", 3)
    content = file.read_text()
    error = importing(data, file, "--report", tmp_path / report, mapping=mapping, code=2)["error"]
    assert said in error
    assert file.read_text() == content
