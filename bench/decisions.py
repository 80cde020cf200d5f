"""Deciding over HTTP for customers of a large company, each decision with its receipt synced, while events come in.

Every customer may get each of 50 actions, of seven kinds, and 100 features are known of them and of the moment. The
core of it alone is measured in `deciding`.
"""

import random
from collections.abc import Iterator
from contextlib import closing

import msgspec

from bench import deciding, floor, load, machine
from bench.bench import Bench
from bench.company import ORG, Company
from bench.load import Plan, percentile
from bench.row import Row, against
from rapport.adapters.embedded.actions import ActionBook
from rapport.app import embedded
from rapport.decide.actions import Action, Benefit
from rapport.decide.features import MOST
from rapport.decide.kinds import KINDS, Units

DECISIONS = 200
EVENTS = 1_000
MOST_MS = 15.0
_CONDITIONS = (
    'traits.plan != "gold"',
    "!has(traits.vip)",
    'traits.city != "Nowhere" && has(traits.newsletter)',
    'size(traits.name) > 0 || traits.plan == "2"',
    "true",
)
"""Each holds for everybody."""
_CHOSEN = tuple(name for name, kind in KINDS.items() if not kind.mandatory)


def measure(bench: Bench) -> Iterator[Row]:
    company, scale = bench.company(), bench.scale
    _stock(company)
    with company.node() as node:
        plan = Plan(
            node.port,
            company.write_key,
            company.token,
            company.customers,
            scale.long_seconds,
            EVENTS,
            decisions=DECISIONS,
            seed=bench.seed(),
        )
        load.run(msgspec.structs.replace(plan, seconds=scale.seconds))  # what is cold at first is not what is claimed
        machine.say(f"deciding {DECISIONS} times a second, at {EVENTS:,} events/s …")
        measured = load.run(msgspec.structs.replace(plan, seed=bench.seed()))
        alone = msgspec.structs.replace(plan, seed=bench.seed(), seconds=scale.seconds, events=0)
        web = node.children()["web"]
        before = machine.cpu(web)
        took = len(load.run(alone).decided)
        spent = (machine.cpu(web) - before) / took
    _check(measured.sample)
    with floor.bare_server(bench.place("bare"), measured.sample.encode()) as port:
        machine.say("the same of a bare server …")
        bare = load.run(msgspec.structs.replace(plan, port=port, seconds=scale.seconds))
    slow, floor_ms = percentile(measured.decided, 0.99), percentile(bare.decided, 0.99)
    what = f"{deciding.ACTIONS} actions × {MOST} features"
    yield Row(
        f"decision among {what} at {DECISIONS} requests/s, {EVENTS:,} events/s coming in, p99",
        slow,
        "ms",
        MOST_MS,
        "at most",
        floor=against("a bare server answering the same bytes, p99", floor_ms, "ms"),
        ratio=slow / floor_ms,
    )
    yield Row("p50", percentile(measured.decided, 0.5), "ms")
    yield Row("decisions answered", len(measured.decided) / scale.long_seconds, "decisions/s")
    yield Row("events that came in", measured.answered / scale.long_seconds, "events/s")
    yield Row("CPU of a decision, in the web process, while nothing else comes", spent * 1e3, "ms")
    for how, number in measured.failed.items():
        yield Row(f"requests that failed ({how})", number, "requests")


def _stock(company: Company) -> None:
    """Write the actions, where they are not there yet."""
    rng = random.Random(1)
    with closing(embedded.open_ledger(company.settings)) as ledger:
        book = ActionBook(ledger)
        if not book.actions(ORG):
            made = [_action(number, rng) for number in range(deciding.ACTIONS)]
            book.put_all(ORG, made, Units("GBP"), "bench")


def _action(number: int, rng: random.Random) -> Action:
    name, kind = f"action-{number}", _CHOSEN[number % len(_CHOSEN)]
    text = f'Dear {{traits.name or "customer"}}, this is {name}, for {{traits.city or "you"}}.'
    return Action(
        ORG,
        name,
        kind,
        "service",
        {"web": {"en": {"text": text}, "de": {"text": f"{name}, auf Deutsch."}}},
        eligible=_CONDITIONS[number % len(_CONDITIONS)],
        benefit=Benefit("minutes_saved", minutes=rng.uniform(1, 60)),
        value=rng.uniform(0, 8),
    )


def _check(sample: str) -> None:
    """That it was all that it is to be: of all candidates none was out by any rule but arbitration's."""
    answer = msgspec.json.decode(sample)
    out = {one["rule"] for one in answer["excluded"]} - {"customer_loses", "company_loses"}
    if out:
        raise machine.Unmeasurable(f"not all actions were eligible: {', '.join(sorted(out))}")
