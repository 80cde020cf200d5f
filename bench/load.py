"""Open-loop load from a process of its own: `python -m bench.load PLAN` prints what was measured.

Everything is sent when it is due, whether or not earlier requests were answered, and a latency counts from the moment
at which the request was due: a server that stalls is charged for all who would have come meanwhile (who would otherwise
be left out: coordinated omission).
"""

import asyncio
import gc
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import msgspec
import uvloop

from bench import machine, traffic
from bench.client import Late, Lost, Pool, post

SINGLES = 0.5
"""So much of the events come one by one, as from browsers; the rest in batches, as from servers."""
SERVER_BATCH = 20
SAYS, SAID = 80, 9
"""Of the session, with each decision: so many things, of so many values each. With what is known of a customer it makes
all the features that a decision looks at."""
_POLL_SECONDS = 0.005
_GIVE_UP_SECONDS = 5.0


class Plan(msgspec.Struct, frozen=True):
    """What to send for how long, a second each; `closed` connections instead send single events as fast as they can."""

    port: int
    write_key: str
    token: str
    customers: int
    seconds: float
    events: float = 0
    views: float = 0
    marks: float = 0
    decisions: float = 0
    seed: int = 1
    closed: int = 0
    batch: int = 1


class Measured(msgspec.Struct):
    """What came of it. Latencies are in milliseconds; `failed` counts by status, or by how there was no answer."""

    sent: int = 0
    answered: int = 0
    failed: dict[str, int] = {}
    views: list[float] = []
    fresh: list[float] = []
    polls: list[float] = []
    decided: list[float] = []
    sample: str = ""


def percentile(values: list[float], part: float) -> float:
    """The smallest value that so much of all values do not exceed."""
    if not values:
        raise machine.Unmeasurable("nothing was answered")
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * part))]


class Load:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._random = random.Random(plan.seed)
        self._events = iter(
            traffic.Steady(plan.customers, plan.seed, open_sessions=min(traffic.OPEN_SESSIONS, plan.customers))
        )
        self._pool = Pool(plan.port)
        self.measured = Measured()

    async def run(self) -> Measured:
        plan = self._plan
        if plan.closed:
            await asyncio.gather(*(self._as_fast_as_answered() for _ in range(plan.closed)))
        else:
            async with asyncio.TaskGroup() as tasks:
                for rate, send in (
                    (plan.events * SINGLES, self._single),
                    (plan.events * (1 - SINGLES) / SERVER_BATCH, self._batch),
                    (plan.views, self._view),
                    (plan.marks, self._mark),
                    (plan.decisions, self._decide),
                ):
                    tasks.create_task(self._due(tasks, rate, send))
        self._pool.close()
        return self.measured

    async def _due(self, tasks: asyncio.TaskGroup, rate: float, send: Callable[[float], Awaitable[None]]) -> None:
        """Call `send` with each moment at which it is due: at random moments, `rate` a second on average."""
        if not rate:
            return
        due = start = time.perf_counter()
        while due < start + self._plan.seconds:
            due += self._random.expovariate(rate)
            wait = due - time.perf_counter()
            await asyncio.sleep(max(wait, 0))
            tasks.create_task(self._counted(send(due)))

    async def _counted(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except (Lost, Late, OSError) as error:
            self._failed(type(error).__name__.lower())

    def _failed(self, how: str) -> None:
        self.measured.failed[how] = self.measured.failed.get(how, 0) + 1

    async def _ask(self, request: bytes) -> bytes:
        status, body = await self._pool.ask(request)
        if status != 200:
            self._failed(str(status))
        return body

    # -- events

    async def _send(self, path: str, body: bytes, events: int) -> None:
        self.measured.sent += events
        status, _ = await self._pool.ask(post(path, self._plan.write_key, body))
        if status == 200:
            self.measured.answered += events
        else:
            self._failed(str(status))

    async def _single(self, _: float) -> None:
        event = next(self._events)
        await self._send("/v1/track" if '"type":"track"' in event[:20] else "/v1/identify", event.encode(), 1)

    async def _batch(self, _: float) -> None:
        await self._send("/v1/batch", next(traffic.batches(self._events, SERVER_BATCH)), SERVER_BATCH)

    async def _as_fast_as_answered(self) -> None:
        end = time.perf_counter() + self._plan.seconds
        while time.perf_counter() < end:
            if self._plan.batch == 1:
                await self._single(0)
            else:
                await self._send("/v1/batch", next(traffic.batches(self._events, self._plan.batch)), self._plan.batch)

    # -- views

    def _known(self) -> traffic.Who:
        """A signed-in customer, drawn uniformly."""
        number = self._random.randrange(self._plan.customers)
        return traffic.customer(number - (number % 10 == 9))

    def _request(self, who: traffic.Who) -> bytes:
        body = f'{{"id":"user_id:{who.user}","purpose":"service"}}'.encode()
        return post("/v1/customers/view", self._plan.token, body)

    async def _view(self, due: float) -> None:
        body = await self._ask(self._request(self._known()))
        self.measured.views.append((time.perf_counter() - due) * 1000)
        self.measured.sample = body.decode()

    async def _decide(self, due: float) -> None:
        session = ",".join(f'"s{number}":"{self._random.randrange(SAID)}"' for number in range(SAYS))
        who = f'"customer":"user_id:{self._known().user}","purpose":"service","channel":"web"'
        body = f'{{{who},"context":{{"session":{{{session}}}}}}}'
        answer = await self._ask(post("/v1/decisions", self._plan.token, body.encode()))
        self.measured.decided.append((time.perf_counter() - due) * 1000)
        self.measured.sample = answer.decode()

    async def _mark(self, _: float) -> None:
        """Send an event that can be told from all others; from its acknowledgement on, ask until the view shows it."""
        who = self._known()
        name = f"Marked {self._random.getrandbits(40):x}"
        event = traffic.track(who, name, traffic.stamp(), 0, name)
        await self._ask(post("/v1/track", self._plan.write_key, event.encode()))
        acknowledged = time.perf_counter()
        looked_for = f'"{name}"'.encode()
        request = self._request(who)
        while True:
            asked = time.perf_counter()
            body = await self._ask(request)
            answered = time.perf_counter()
            self.measured.polls.append((answered - asked) * 1000)
            if looked_for in body or answered - acknowledged > _GIVE_UP_SECONDS:
                break
            await asyncio.sleep(_POLL_SECONDS)
        self.measured.fresh.append((answered - acknowledged) * 1000)


def run(plan: Plan) -> Measured:
    """Run a plan in a process on the other core."""
    command = machine.on(
        machine.OTHER, sys.executable, "-m", "bench.load", msgspec.json.encode(plan).decode(), prompt=True
    )
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Measured)


async def _run(plan: Plan) -> Measured:
    load = Load(plan)
    gc.collect()
    gc.freeze()
    gc.disable()  # a pause of the clock would be charged to the server
    return await load.run()


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=Plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(msgspec.json.encode(runner.run(_run(given))))
