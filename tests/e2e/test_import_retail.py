"""The real retail file, against what DuckDB computes from it: every customer's orders, refunds, revenue and dates."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from rapport.adapters.files import SealedSpill, open_files
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.collect import mapping_toml
from rapport.collect.grouping import Groups
from rapport.collect.importing import Importer, Tally
from rapport.collect.mapping import Mapping
from rapport.terms import Gate, Pending, Request
from tests.e2e.running import run

ROOT = Path(__file__).parents[2]
RETAIL = ROOT.parent / "shared/data/retail/online_retail.parquet"
MAPPING = ROOT / "examples/online_retail.toml"

pytestmark = [
    pytest.mark.skipif(not RETAIL.exists(), reason=f"the real retail file is not on this machine ({RETAIL})"),
    pytest.mark.timeout(600),
]


class Purchases(NamedTuple):
    """One customer's, by name of event: how many, how much (exactly), the first and the last."""

    orders: int
    refunds: int
    ordered: Decimal
    refunded: Decimal
    first: str
    last: str


@pytest.fixture(scope="module")
def truth() -> dict[str, Purchases]:
    """From the file, by DuckDB: an invoice happened when its first line was written."""
    rows = duckdb.execute(
        """
        WITH invoice AS (
            SELECT CustomerID AS who, InvoiceNo LIKE 'C%' AS refund, min(InvoiceDate) AS happened,
                   sum(Quantity * CAST(UnitPrice AS DECIMAL(12, 3))) AS amount
            FROM read_parquet(?) WHERE CustomerID IS NOT NULL GROUP BY CustomerID, InvoiceNo
        )
        SELECT CAST(who AS VARCHAR), count(*) FILTER (NOT refund), count(*) FILTER (refund),
               coalesce(sum(amount) FILTER (NOT refund), 0), coalesce(-sum(amount) FILTER (refund), 0),
               strftime(min(happened), '%Y-%m-%dT%H:%M:%SZ'), strftime(max(happened), '%Y-%m-%dT%H:%M:%SZ')
        FROM invoice GROUP BY who
        """,
        [str(RETAIL)],
    ).fetchall()
    return {row[0]: Purchases(*row[1:]) for row in rows}


def purchases(events: list[tuple[str, str, Decimal]]) -> Purchases:
    """Of (name, time, revenue)."""
    orders = [revenue for name, _, revenue in events if name == "Order Completed"]
    refunds = [revenue for name, _, revenue in events if name == "Order Refunded"]
    times = [time for _, time, _ in events]
    return Purchases(len(orders), len(refunds), sum(orders, Decimal()), sum(refunds, Decimal()), min(times), max(times))


def test_the_file_is_the_one_that_is_described(truth):
    assert len(truth) == 4372
    assert sum(one.orders + one.refunds for one in truth.values()) == 22190


def events_by(mapping: Mapping, tmp_path: Path) -> tuple[dict[tuple[str, str], dict[str, Any]], Tally]:
    """The file's events by name and order, without what only names the mapping, the currency and the key's manner."""
    table = open_files([RETAIL], mapping)
    spill = SealedSpill(tmp_path)
    importer = Importer(mapping, mapping.columns(), Groups(spill), lambda *_: None)
    found = {}
    for batch in importer.batches(table.read):
        for event in json.loads(batch.body, parse_float=Decimal, parse_int=Decimal)["batch"]:
            properties = {key: value for key, value in event.pop("properties").items() if key != "currency"}
            kept = {key: event.get(key) for key in ("userId", "timestamp", "context")}
            found[event["event"], f"{properties['order_id']} {event['userId']}"] = kept | {"properties": properties}
    spill.close()
    return found, importer.tally


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[tuple[str, str], dict[str, Any]], Tally]:
    """What the mapping of the examples makes of the file: to read it takes seconds."""
    return events_by(mapping_toml.load(MAPPING), tmp_path_factory.mktemp("written"))


def test_every_customer_has_the_purchases_of_the_file_to_the_penny(truth, written):
    events, tally = written
    found = defaultdict(list)
    largest = 0
    for (name, _), event in events.items():
        properties = event["properties"]
        lines = sum(product["quantity"] * product["price"] for product in properties["products"])
        assert lines == properties["revenue"]
        largest = max(largest, len(properties["products"]))
        found[event["userId"]].append((name, event["timestamp"], properties["revenue"]))
    assert {who: purchases(events) for who, events in found.items()} == truth
    assert (tally.lines, tally.events, tally.in_events) == (541_909, 22_190, 406_829)
    assert len(events) == tally.events
    assert {reason: refused.lines for reason, refused in tally.refused.items()} == {"missing_id": 135_080}
    assert largest == 542


def test_the_suggested_mapping_gives_the_events_of_the_written_one_and_refuses_nothing(tmp_path, written):
    out = tmp_path / "suggested.toml"
    done = run("import", "--suggest", str(RETAIL), "--out", str(out))
    assert done.returncode == 0, done.stderr
    suggested, tally = events_by(mapping_toml.load(out), tmp_path)
    assert suggested == written[0]
    assert tally.refused == {}
    assert (tally.events, tally.left_out) == (22_190, 135_080)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A data directory with the file in its views."""
    data = tmp_path_factory.mktemp("retail") / "data"
    run("org", "add", "acme", "--data", str(data), "--json")
    command = ["import", str(RETAIL), "--org", "acme", "--source", "till", "--mapping", str(MAPPING), "--wait"]
    done = run(*command, "--data", str(data), "--json", timeout=500)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["events"] == 22_190
    assert told["rejected"] == {"missing_id": 135_080}
    return Settings(data=str(data))


class Book:
    async def commit(self, pending: Sequence[Pending]) -> None:
        """This test reads thousands of views and proves nothing about receipts."""


def events_of(gate: Gate, customer: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        request = Request("acme", customer, "service", "test", "events")
        page = asyncio.run(gate.events(request, cursor, 200))
        yield from page["events"]
        cursor = page["next"]
        if cursor is None:
            return


def test_views_and_timelines_hold_the_purchases_of_the_file(truth, imported, proof_size):
    reader = embedded.open_reader(imported, embedded.Sources(embedded.open_ledger(imported)).by_name)
    gate = Gate(reader, embedded.open_people(imported), Book())
    customers = random.Random(5).sample(sorted(truth), proof_size(1000, len(truth)))
    for who in ["17850", *customers]:
        customer = f"user_id:{who}"
        view = asyncio.run(gate.view(Request("acme", customer, "service", "test", "view")))
        names = view["events"]["by_name"]
        counted = [names.get(name, {"count": 0})["count"] for name in ("Order Completed", "Order Refunded")]
        assert counted == [truth[who].orders, truth[who].refunds]
        assert (view["events"]["first_at"], view["events"]["last_at"]) == (truth[who].first, truth[who].last)
        assert view["traits"]["country"]["value"]
        told = [(e["name"], e["time"], Decimal(repr(e["properties"]["revenue"]))) for e in events_of(gate, customer)]
        assert purchases(told) == truth[who]
