"""A declaration and a million people: trying one, and reviewing all agreements after one was put, beside reads."""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from bench import machine
from bench.bench import Bench
from bench.load import percentile
from bench.row import Row, against
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.sqlite import transaction
from rapport.app.agreeing import Agreeing, open_agreeing, review, simulated
from rapport.app.embedded import open_keys
from rapport.app.settings import Settings
from rapport.kernel.times import now
from rapport.profile.record import OWN, Record
from rapport.profile.view import Part
from rapport.terms import Terms, promises
from rapport.terms.clauses import Clause, Criterion
from rapport.terms.deciding import decide
from rapport.terms.declaration import Declaration, Promise
from rapport.terms.policy import Judge
from rapport.terms.presets import PRESETS

ORG = "shop"
MANY_TERMS = 100_000
READ_EVERY_S = 0.003
READ = "email:ada@example.com"
WARM = 200

GENTLE = Declaration(
    "Shop",
    {
        "service": Promise("contract", ("everything", "unclassified"), 90, onward=False),
        "personalisation": Promise("consent", ("everything",), 90, onward=False),
        "offers": Promise("consent", ("purchases", "email"), 365, onward=False),
        "analytics": Promise("consent", ("behaviour", "purchases"), 365, onward=False),
    },
)
GREEDY = Declaration(
    "Shop",
    {
        "service": Promise("contract", ("everything", "unclassified"), 900, onward=False),
        "personalisation": Promise("consent", ("everything",), 900, onward=True),
    },
)
_AS_BARE = """
    UPDATE agreement SET status = 'ended', ended_at = 1 WHERE status = 'active';
    INSERT INTO agreement (person, org, status, terms, declaration, at, content, previous)
    SELECT person, org, 'active', terms, 9, 1, content, id FROM agreement WHERE ended_at = 1;
    INSERT INTO notice (person, at, body) SELECT person, 1, content FROM agreement WHERE declaration = 9
"""


def measure(bench: Bench) -> Iterator[Row]:
    people = bench.scale.customers
    shared = [PRESETS[name] for name in ("open", "balanced", "alone")]
    with _node(bench.place("declarations"), shared, people) as node:
        yield from _simulation(node, f"simulate a declaration over {people:,} people", target=10)
        yield from _review(node, people)
    some = min(MANY_TERMS, people)
    with _node(bench.place("terms"), [_own(number) for number in range(some)], people) as node:
        yield from _simulation(node, f"the same of {some:,} different terms", target=None)


class _Node:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.settings = Settings(data=str(directory))
        self.parts: Agreeing = open_agreeing(self.settings)

    def __enter__(self) -> "_Node":
        return self

    def __exit__(self, *_: object) -> None:
        self.parts.ledger.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def _node(directory: Path, terms: Sequence[Terms], people: int) -> _Node:
    """A ledger with so many people who share these terms evenly and all claim to be customers."""
    machine.say(f"making {people:,} people with {len(terms):,} different terms …")
    node = _Node(directory)
    node.parts.ledger.add_org(ORG)
    db = node.parts.ledger.db
    rows = list(_kept(node.settings, terms))
    keys = [key for key, _ in rows]
    with transaction(db):
        db.executemany("INSERT OR IGNORE INTO terms VALUES (?, ?)", rows)
        db.executemany(
            "INSERT INTO person (id, handle, created_at, version, status, locked, terms) VALUES (?, ?, 1, 1, ?, 0, ?)",
            ((n, f"per_{n:026d}", "active", keys[n % len(keys)]) for n in range(1, people + 1)),
        )
        claims = ((os.urandom(16), number, ORG, bytes(60), 1) for number in range(1, people + 1))
        db.executemany("INSERT INTO claim VALUES (?, ?, ?, ?, ?)", claims)
    reader = node.parts.people.add([f"{ORG}:{READ}"])
    node.parts.people.set_terms(reader.handle, PRESETS["balanced"])
    return node


def _kept(settings: Settings, terms: Iterable[Terms]) -> Iterator[tuple[bytes, bytes]]:
    """Terms as the ledger keeps them."""
    keys = open_keys(settings)
    seal, secret = keys.node("terms"), keys.secret("terms")
    for each in terms:
        body = msgspec.msgpack.encode(each)
        key = hashlib.blake2b(body, key=secret, digest_size=16).digest()
        yield key, seal.seal(body, key)


def _own(number: int) -> Terms:
    """Terms that are nobody else's."""
    when = (Criterion("retention", days=1 + number % 1_000), Criterion("onward", negated=True))
    return Terms(
        "own",
        (
            Clause("serve", "allow", purposes=("service",), categories=("everything", "unclassified")),
            Clause("earn", "allow", purposes=("personalisation", "offers"), when=when),
            Clause("gain", "allow", when=(Criterion("benefit", amount=float(number // 1_000), unit="%"),)),
            Clause("never", "deny", purposes=("advertising",)),
        ),
    )


def _simulation(node: _Node, name: str, target: float | None) -> Iterator[Row]:
    bare = _timed(lambda: _count(node))
    machine.say("trying a declaration …")
    took = _timed(lambda: simulated(node.parts, ORG, GENTLE))
    floor = against("counting them by their terms in SQL", bare, "s")
    yield Row(name, took, "s", target, "at most", floor=floor, ratio=took / bare)


def _count(node: _Node) -> None:
    query = (
        "SELECT person.terms, count(*) FROM (SELECT DISTINCT person FROM claim WHERE org = ?) AS claimed "
        "JOIN person ON person.id = claimed.person GROUP BY person.terms"
    )
    node.parts.ledger.db.execute(query, (ORG,)).fetchall()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _review(node: _Node, people: int) -> Iterator[Row]:
    machine.say("letting everybody agree …")
    node.parts.promises.put(ORG, promises.canonical(GENTLE))
    review(node.settings, ORG)
    (agreed,) = node.parts.ledger.db.execute("SELECT count(*) FROM agreement WHERE status = 'active'").fetchone()
    idle = _reads(node, lambda: time.sleep(3))
    node.parts.promises.put(ORG, promises.canonical(GREEDY))
    machine.say(f"reviewing {agreed:,} agreements beside reads …")
    took: list[float] = []
    beside = _reads(node, lambda: took.append(_timed(lambda: review(node.settings, ORG))))
    bare = _timed(lambda: _as_bare(node))
    yield Row(
        f"a changed declaration reviews {people:,} people, all of whose agreements change",
        took[0],
        "s",
        30,
        "at most",
        floor=against("the same rows written by three statements in one transaction", bare, "s"),
        ratio=took[0] / bare,
    )
    slow, quick = percentile(beside, 0.99) * 1000, percentile(idle, 0.99) * 1000
    yield Row(
        "a gate decision meanwhile, p99",
        slow,
        "ms",
        5,
        "at most",
        floor=against("with no review beside it, p99", quick, "ms"),
        ratio=slow / quick,
    )
    yield Row("p50", percentile(beside, 0.5) * 1000, "ms")
    yield Row("agreements that changed", agreed / took[0], "agreements/s")


def _as_bare(node: _Node) -> None:
    db = node.parts.ledger.db
    with transaction(db):
        for statement in _AS_BARE.split(";"):
            db.execute(statement)


def _reads(node: _Node, work: Callable[[], object]) -> list[float]:
    """Seconds of each decision (what it rests on read from the ledger, and terms held against the promise) while some
    work goes on in another thread, as in the web process."""
    people, judge = open_agreeing(node.settings).people, Judge()
    part = Part(0, "", Record(ORG, "crm", "user_id", "1", links={READ: OWN}), trusted=True)
    took: list[float] = []
    working = threading.Thread(target=work)
    working.start()
    while working.is_alive() or len(took) < WARM:
        took.append(_timed(lambda: _decide(people, judge, (part,))))
        time.sleep(READ_EVERY_S)
    working.join()
    return took


def _decide(people: PeopleFile, judge: Judge, parts: Sequence[Part]) -> None:
    ground = people.ground(ORG, {READ, "user_id:1"})
    decide(judge, people, parts, ground, "service", now(), reaching_out=False)
