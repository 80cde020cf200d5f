"""`python -m bench [CLAIM…]`: measure all claims, or some, and print one table; a whole run writes `results.json`."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench import (
    audiences,
    collect,
    deciding,
    decisions,
    declarations,
    duplicates,
    freshness,
    gate,
    handing,
    hillstrom,
    importing,
    intervals,
    machine,
    memory,
    own,
    pipeline,
    portal,
    presence,
    reaching,
    receipts,
    recovery,
    revoking,
    row,
    scaling,
    shred,
    signin,
    view,
)
from bench.bench import FULL_CUSTOMERS, Bench, Scale, quick
from bench.row import Row
from bench.town import measure as town
from rapport.kernel.errors import RapportError

Claim = Callable[[Bench], Iterator[Row]]

CLAIMS: Mapping[str, Claim] = {
    "collect": collect.measure,
    "pipeline": pipeline.measure,
    "scaling": scaling.measure,
    "freshness": freshness.measure,
    "audiences": audiences.measure,
    "handing": handing.measure,
    "reaching": reaching.measure,
    "view": view.measure,
    "gate": gate.measure,
    "receipts": receipts.measure,
    "own": own.measure,
    "portal": portal.measure,
    "signin": signin.measure,
    "presence": presence.measure,
    "revoking": revoking.measure,
    "memory": memory.measure,
    "recovery": recovery.measure,
    "duplicates": duplicates.measure,
    "import": importing.measure,
    "declarations": declarations.measure,
    "deciding": deciding.measure,
    "decisions": decisions.measure,
    "shred": shred.measure,
    "intervals": intervals.measure,
    "hillstrom": hillstrom.measure,
    "town": town.measure,
}
RESULTS = Path(__file__).with_name("results.json")


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m bench", description="Measure Rapport's claims of speed, memory and quality."
    )
    parser.add_argument(
        "claims", nargs="*", metavar="CLAIM", help=f"which to measure (default: all): {', '.join(CLAIMS)}"
    )
    parser.add_argument(
        "--customers", type=int, default=FULL_CUSTOMERS, help="customers present (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="a minute's run, to see that everything works")
    arguments = parser.parse_args(given)
    for name in arguments.claims:
        if name not in CLAIMS:
            parser.error(f"there is no claim {name!r}; there are {', '.join(CLAIMS)}")
    if arguments.customers < 100:
        parser.error("at least 100 customers are needed")
    return arguments


def measured(bench: Bench, names: list[str]) -> tuple[list[Row], list[str]]:
    """The rows of these claims, and which claims could not be measured."""
    rows: list[Row] = []
    missing: list[str] = []
    for name in names:
        machine.say(f"— {name} —")
        try:
            rows += CLAIMS[name](bench)
        except (machine.Unmeasurable, RapportError, OSError, AssertionError, subprocess.SubprocessError) as error:
            machine.say(f"{name} could not be measured: {error}")
            missing.append(name)
    return rows, missing


def main(given: list[str]) -> int:
    arguments = _arguments(given)
    scale = quick(min(arguments.customers, 10_000)) if arguments.quick else Scale(customers=arguments.customers)
    bench = Bench(scale)
    started = time.monotonic()
    try:
        rows, missing = measured(bench, arguments.claims or list(CLAIMS))
    finally:
        bench.close()
    print(row.table(rows))
    machine.say(f"took {(time.monotonic() - started) / 60:.1f} minutes")
    if missing:
        print(f"\nNot measured: {', '.join(missing)} (see above).")
    if not scale.full:
        print("\nScaled down: no claim is met or missed by these figures, and results.json was not written.")
    elif not arguments.claims and not missing:
        row.write(rows, RESULTS)
        print(f"\nWritten to {RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
