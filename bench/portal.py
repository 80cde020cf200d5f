"""The person's pages for somebody whom many companies know well: the node's whole application, without a network."""

import asyncio
import json
import time
from collections.abc import Iterator

import httpx

from bench import machine
from bench.bench import Bench
from bench.row import Row
from rapport.adapters.embedded.doors import Doors
from rapport.app import embedded
from rapport.app.node import application
from rapport.app.settings import Settings
from rapport.app.worker import Worker
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import now

COMPANIES = 20
FACTS = 50_000
"""In all companies together; a request of the log carries some hundred of them."""
_AT_ONCE = 250
ROUNDS = 100
PAGES = ("/me", "/me/known/c0", "/me/terms", "/me/terms/change?way=preset&value=open", "/me/goals", "/me/lock",
         "/me/asked", "/me/statement", "/me/agreements", "/me/rights", "/me/devices")  # fmt: skip


def measure(bench: Bench) -> Iterator[Row]:
    settings = Settings(data=str(bench.place("portal")))
    machine.say(f"a person of {COMPANIES} companies and {FACTS:,} facts opens their pages …")
    code = _known(settings)
    for path, times in asyncio.run(_opened(settings, code)).items():
        yield Row(f"portal: {path.partition('?')[0]}, p99 of {ROUNDS}", _p99(times) * 1000, "ms", 100, "at most")


def _known(settings: Settings) -> str:
    """Let companies know somebody who is a customer of them all; return the code that opens their page."""
    ledger = embedded.open_ledger(settings)
    log = embedded.open_log(settings)
    names = [f"c{number}" for number in range(COMPANIES)]
    for org in names:
        ledger.add_org(org)
        ledger.add_source(org, "crm", trusted=True)
        for first in range(0, FACTS // COMPANIES, _AT_ONCE):
            traits = {f"trait_{first + number}": f"a value of some length, {number}" for number in range(_AT_ONCE)}
            event = {"type": "identify", "userId": "ada", "messageId": f"{org} {first}", "traits": traits}
            body = json.dumps({"batch": [event]}).encode()
            log.append([LogEntry(org, "crm", "segment", "batch", now(), body)])
    worker = Worker(settings)
    while worker.step():
        pass
    worker.close()
    person = embedded.open_people(settings, ledger).add([f"{org}:user_id:ada" for org in names])
    return Doors(ledger).mint(person.handle)


async def _opened(settings: Settings, code: str) -> dict[str, list[float]]:
    """Path → seconds of each round."""
    async with application(settings) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=settings.url, timeout=60) as client:
            answer = await client.post("/me/open", data={"code": code}, headers={"Origin": settings.url})
            if answer.status_code != 303:
                raise RuntimeError(f"the page did not open: {answer.status_code}")
            goal = {"words": "Buy", "kind": "buy", "times": 5, "orgs": [f"c{number}" for number in range(COMPANIES)]}
            await client.post("/me/goals", json=goal, headers={"Origin": settings.url, "Accept": "application/json"})
            return {path: [await _timed(client, path) for _ in range(ROUNDS)] for path in PAGES}


async def _timed(client: httpx.AsyncClient, path: str) -> float:
    begun = time.perf_counter()
    answer = await client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}")
    return time.perf_counter() - begun


def _p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100 - 1]
