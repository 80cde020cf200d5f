"""The cost of an event must hardly depend on how many customers there are."""

from collections.abc import Iterator

from bench import machine
from bench.bench import Bench, best_of
from bench.pipeline import Pace, pace
from bench.row import Row, against


def measure(bench: Bench) -> Iterator[Row]:
    many, few = bench.company(), bench.company(bench.scale.few)
    machine.say("the same traffic with few customers and with many …")
    cheap = best_of(2, lambda: pace(bench, few), lambda taken: taken.cost)
    dear = best_of(2, lambda: pace(bench, many), lambda taken: taken.cost)
    yield Row(
        f"cost per event, from {few.customers:,} to {many.customers:,} customers",
        dear.cost / cheap.cost,
        "×",
        1.5,
        "at most",
        floor=against(f"an event with {few.customers:,} customers", cheap.cost, "µs"),
        ratio=dear.cost / cheap.cost,
    )
    yield _context(few.customers, cheap)
    yield _context(many.customers, dear)


def _context(customers: int, taken: Pace) -> Row:
    return Row(f"an event with {customers:,} customers", taken.cost, "µs")
