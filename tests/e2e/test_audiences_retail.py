"""Ten documented audiences of the real retail file have the members that DuckDB computes from it, as time goes by."""

import contextlib
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.app import embedded
from rapport.app.evaluating import Evaluator
from rapport.app.settings import Settings
from rapport.app.worker import Worker
from rapport.kernel.times import parse_rfc3339
from tests.e2e.running import run

ROOT = Path(__file__).parents[2]
RETAIL = ROOT.parent / "shared/data/retail/online_retail.parquet"
MAPPING = ROOT / "examples/online_retail.toml"
PAGE = (ROOT / "docs/how-to/retail-audiences.md").read_text("utf-8")
CUSTOMERS = 4372

pytestmark = [
    pytest.mark.skipif(not RETAIL.exists(), reason=f"the real retail file is not on this machine ({RETAIL})"),
    pytest.mark.timeout(600),
]


class Definition(NamedTuple):
    """As the page has it."""

    name: str
    expression: str
    condition: str


DEFINITIONS = [
    Definition(*found)
    for found in re.findall(r"^### (\w+)$.*?^```cel\n(.*?)^```$.*?^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
]
MOMENTS = {
    "10 December 2011": "2011-12-10T00:00:00Z",
    "1 January 2012": "2012-01-01T00:00:00Z",
    "10 March 2012": "2012-03-10T00:00:00Z",
    "since September 2012": "2012-09-01T00:00:00Z",
}
TOLD = {
    row[0]: dict(zip(MOMENTS, (int(cell.replace(",", "")) for cell in row[1:]), strict=True))
    for row in (
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in re.findall(r"^\| `\w+` \|.*$", PAGE, re.MULTILINE)
    )
}


class Shop(NamedTuple):
    """The file, or a part of its customers; a data directory with it in its views; and the page's view of it."""

    data: Path
    truth: duckdb.DuckDBPyConnection
    whole: bool

    def users(self, condition: str, moment: str) -> set[str]:
        """Those whom DuckDB finds in the file."""
        at = datetime.fromisoformat(moment.removesuffix("Z"))
        rows = self.truth.execute(
            f"SELECT who FROM purchase, (SELECT CAST(? AS TIMESTAMP) AS now) GROUP BY who, now HAVING {condition}", [at]
        ).fetchall()
        return {str(who) for (who,) in rows}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, proof_size: Callable[[int, int], int]) -> Iterator[Shop]:
    home = tmp_path_factory.mktemp("shop")
    every = CUSTOMERS // proof_size(600, CUSTOMERS)
    file = home / "online_retail.parquet"
    truth = duckdb.connect()
    some = f"SELECT * FROM read_parquet('{RETAIL}') WHERE hash(CustomerID) % {every} = 0"
    truth.execute(f"COPY ({some}) TO '{file}' (FORMAT parquet)")
    view = re.search(r"^```sql\n(CREATE VIEW .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert view is not None
    truth.execute(view[1].replace("'online_retail.parquet'", f"'{file}'"))
    run("org", "add", "acme", "--data", str(home / "data"), "--json")
    command = ["import", str(file), "--org", "acme", "--source", "till", "--mapping", str(MAPPING), "--wait"]
    done = run(*command, "--data", str(home / "data"), "--json", timeout=500)
    assert done.returncode == 0, done.stderr
    with contextlib.closing(truth):
        yield Shop(home / "data", truth, every == 1)


class Evaluated:
    """The shop's audiences, kept over a clock that is moved by hand."""

    def __init__(self, shop: Shop, moment: str) -> None:
        settings = Settings(data=str(shop.data))
        self.at = parse_rfc3339(moment)
        ledger = embedded.open_ledger(settings)
        for one in DEFINITIONS:
            Definitions(ledger).put_audience("acme", one.name, one.expression, "service", "test")
        with contextlib.closing(Worker(settings)) as worker:  # which follows from now on whom the audiences are of
            worker.step()
        reader = embedded.open_reader(settings, embedded.Sources(ledger).by_name)
        with contextlib.closing(ledger), contextlib.closing(reader), reader.snapshot():
            numbers = reader.newest_records("acme", 1 << 62, 10_000)
            found = {number: reader.found("acme", number) for number in numbers}
        self._users = {
            number: {part.record.key_value for part in one.parts} for number, one in found.items() if one is not None
        }
        self._read = DecideReader(shop.data)
        self._evaluator = Evaluator(settings, lambda: self.at)

    def go(self, moment: str) -> None:
        self.at = parse_rfc3339(moment)
        self._evaluator.settle()

    def users(self, name: str) -> set[str]:
        members = self._read.members("acme", name, limit=10_000)
        return set().union(*(self._users[customer] for customer, _ in members))

    def failing(self, name: str) -> tuple[set[str], set[str]]:
        """User ids of those on whom it fails, and what it says."""
        failing = self._read.failing("acme", name, limit=10_000)
        return set().union(*(self._users[customer] for customer, _ in failing)), {error for _, error in failing}

    def close(self) -> None:
        self._evaluator.close()
        self._read.close()


@pytest.fixture(scope="module")
def evaluated(shop: Shop) -> Iterator[Evaluated]:
    with contextlib.closing(Evaluated(shop, MOMENTS["10 December 2011"])) as evaluated:
        yield evaluated


def test_the_page_has_ten() -> None:
    assert len({one.name for one in DEFINITIONS}) == 10
    assert [one.name for one in DEFINITIONS] == list(TOLD)


@pytest.mark.parametrize("day", MOMENTS)
def test_members_are_those_that_duckdb_finds_in_the_file(shop: Shop, evaluated: Evaluated, day: str) -> None:
    """From one moment to the next only time goes by, so that timers alone move people."""
    evaluated.go(MOMENTS[day])
    for one in DEFINITIONS:
        expected = shop.users(one.condition, MOMENTS[day])
        assert evaluated.users(one.name) == expected, one.name
        if shop.whole:
            assert len(expected) == TOLD[one.name][day]
        elif TOLD[one.name][day] > 100:
            assert expected, one.name


def test_on_whom_it_fails_is_told_and_is_nobody_else(shop: Shop, evaluated: Evaluated) -> None:
    evaluated.go(MOMENTS["since September 2012"])
    nothing_bought = shop.users("coalesce(sum(revenue) FILTER (NOT refund), 0) = 0", MOMENTS["10 December 2011"])
    assert nothing_bought
    reason = "it divides by zero, in " + DEFINITIONS[4].expression.strip()
    assert evaluated.failing("send_back") == (nothing_bought, {reason})
    for one in DEFINITIONS:
        if one.name != "send_back":
            assert evaluated.failing(one.name) == (set(), set())
