"""Import of a file, from the command to the last view; of the real retail file where it is there."""

import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from bench import machine
from bench.bench import Bench
from bench.row import Row, against
from tests.e2e.running import run

REAL = Path("../shared/data/retail/online_retail.parquet")
MAPPING = "examples/online_retail.toml"

_MADE = """
COPY (SELECT (536365 + i // 22)::VARCHAR AS InvoiceNo,
             (10000 + hash(i) % 4000)::VARCHAR AS StockCode,
             'PRODUCT NUMBER ' || (hash(i) % 4000) AS Description, 1 + hash(i * 3) % 12 AS Quantity,
             TIMESTAMP '2010-12-01 08:00' + to_minutes((i // 22)::BIGINT) AS InvoiceDate,
             (1 + hash(i * 7) % 900) / 100 AS UnitPrice,
             CASE WHEN (i // 22) % 4 > 0 THEN 12346 + hash(i // 22) % 4372 END AS CustomerID,
             'United Kingdom' AS Country
      FROM range({rows}) AS t(i)) TO '{path}' (FORMAT parquet)
"""
_GROUPED = """
SELECT CustomerID, InvoiceNo, min(InvoiceDate), sum(Quantity * UnitPrice),
       list({{'product_id': StockCode, 'name': Description, 'quantity': Quantity, 'price': UnitPrice}})
FROM '{path}' GROUP BY ALL
"""


def _file(bench: Bench) -> Path:
    if REAL.exists() and bench.scale.full:
        return REAL
    path = bench.place("import") / "invoices.parquet"
    with duckdb.connect() as db:
        db.execute(_MADE.format(rows=bench.scale.rows, path=path)).fetchall()
    return path


def _grouped(path: Path) -> tuple[int, float]:
    """Rows of a file, and the seconds in which DuckDB reads and groups it."""
    with duckdb.connect() as db:
        rows = db.execute(f"SELECT count(*) FROM '{path}'").fetchall()[0][0]
        started = time.perf_counter()
        db.execute(_GROUPED.format(path=path)).fetchall()
        return rows, time.perf_counter() - started


def measure(bench: Bench) -> Iterator[Row]:
    path = _file(bench)
    machine.say(f"importing {path.name} …")
    company = bench.founded("imported")
    with company.node():
        started = time.perf_counter()
        where = ("--org", "bench", "--source", "till", "--mapping", MAPPING, "--data", str(company.data))
        done = run("import", str(path), *where, "--wait", timeout=600)
        seconds = time.perf_counter() - started
    if done.returncode:
        raise machine.Unmeasurable(f"rapport import failed: {done.stderr.strip().splitlines()[-1:]}")
    rows, bare = _grouped(path)
    yield Row(
        f"import of {rows:,} rows, file to views",
        rows / seconds,
        "rows/s",
        floor=against("DuckDB reading and grouping the file", rows / bare, "rows/s"),
        ratio=bare / seconds,
    )
