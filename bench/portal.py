"""The person's pages for somebody whom many companies know well: the node's whole application, without a network.

Which pages there are is asked of the application, so that none is forgotten.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from statistics import median

from starlette.routing import BaseRoute, Mount, Route

from bench import machine
from bench.asking import Asked, ask
from bench.bench import Bench
from bench.row import Row, against
from bench.somebody import Somebody, known
from rapport.app.node import Counted, application
from rapport.app.serving import settled
from rapport.app.settings import Settings
from rapport.web import cookies
from rapport.web.portal.visit import AREA, Portal

COMPANIES, FACTS = 20, 50_000
ROUNDS = 100
WARM = 3
NEWCOMER = 1, 2
"""Companies and facts of the peer: the same pages for somebody of whom little is known."""

ADDRESSES: Mapping[str, str] = {
    "/": "",
    "/known/{org}": "/known/c0",
    "/known/{org}/correct": "/known/c0/correct?trait=crm_0",
    "/rights/review": "/rights/review?receipt={use}",
    "/rights/stop": "/rights/stop?org=c0&purpose=offers",
    "/sharing/{org}": "/sharing/c0",
    "/terms/change": "/terms/change?way=preset&value=open",
}
"""Page → an address of it, where it is not its own."""
NO_PAGES = {
    "/agreements/{agreement}": "a file",
    "/erased/{token}": "a file",
    "/export": "a file, measured by `own`",
    "/manifest.webmanifest": "a file",
    "/open": "it needs no session",
    "/paper/{name}": "a file",
    "/static/{name}": "a file",
    "/tap": "it asks nothing of what is known",
}
"""What is there for GET besides pages of what is known, and what it is."""


def measure(bench: Bench) -> Iterator[Row]:
    machine.say(f"a person of {COMPANIES} companies and {FACTS:,} facts opens their pages …")
    well, little = asyncio.run(_both(bench))
    for page, asked in well.items():
        slow, peer = (_p99([one.cpu for one in of]) for of in (asked, little[page]))
        floor = against("the same page of who is hardly known, p99", peer * 1e3, "ms")
        name = f"portal: {AREA}{page if page != '/' else ''}, p99 of its CPU time"
        yield Row(name, slow * 1e3, "ms", 100, "at most", floor=floor, ratio=slow / peer)
    everything = [one for asked in well.values() for one in asked]
    yield Row("all pages by the clock, median", median(one.clock for one in everything) * 1e3, "ms")
    yield Row("the slowest page by the clock, p99", max(map(_by_clock, well.values())) * 1e3, "ms")


def pages_of(routes: Iterable[BaseRoute]) -> dict[str, str]:
    """Which pages there are under `/me`, each with an address. Raises Unmeasurable where one has none."""
    (mount,) = (route for route in routes if isinstance(route, Mount) and route.path == AREA)
    found = [one.path for one in mount.routes if isinstance(one, Route) and "GET" in (one.methods or ())]
    pages = {page: ADDRESSES.get(page, page) for page in found if page not in NO_PAGES}
    if strange := [page for page, address in pages.items() if "{" in address.replace("{use}", "")]:
        raise machine.Unmeasurable(f"no address is known for {', '.join(strange)}")
    return pages


async def _both(bench: Bench) -> tuple[dict[str, list[Asked]], dict[str, list[Asked]]]:
    """What each page took, of somebody who is known well, and of somebody who is not."""
    measured = []
    for companies, facts in ((COMPANIES, FACTS), NEWCOMER):
        settings = Settings(data=str(bench.place("portal")))
        somebody = known(settings, companies, facts)
        async with application(settings) as app:
            with settled():
                measured.append(await _opened(app, settings, somebody))
    return measured[0], measured[1]


async def _opened(app: Counted, settings: Settings, somebody: Somebody) -> dict[str, list[Asked]]:
    found = {}
    for page, address in pages_of(app.app.routes).items():
        path = AREA + address.format(use=somebody.use)
        cookie = f"{cookies.named(Portal.name, settings.url)}={somebody.session()}"
        asked = [await ask(app, path, cookie=cookie) for _ in range(WARM + ROUNDS)]
        for one in asked:
            if one.status != 200:
                raise machine.Unmeasurable(f"{path} answered {one.status}")
        found[page] = asked[WARM:]
    return found


def _p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100 - 1]


def _by_clock(asked: list[Asked]) -> float:
    return _p99([one.clock for one in asked])
