"""How pages, forms and routes that need no more than their address are tried, with every value a canary."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from tests.e2e.offered import ALL, Offered

Tries = Iterator[tuple[int, bytes, tuple[str, ...]]]
"""What is yielded is (status, content), with what was asked for."""


def page(it: Offered, _: str) -> Tries:
    yield *it.go(f"/console/customers/{it.handle}"), ()


def older(it: Offered, _: str) -> Tries:
    for cursor in ("", it.cursor, "forged"):
        yield *it.go(f"/console/customers/{it.handle}/events?{urlencode({'cursor': cursor})}"), ()


def preview(it: Offered, _: str) -> Tries:
    for evidence in it.evidence:
        yield *it.go(f"/console/evidence/{evidence}"), ()


def back(it: Offered, _: str) -> Tries:
    yield *it.send(f"/console/evidence/{it.evidence[0]}/link", why="x"), ()


def unlink(it: Offered, _: str) -> Tries:
    yield *it.send(f"/console/evidence/{it.evidence[0]}/retract", why=""), ()


def agreements(it: Offered, _: str) -> Tries:
    it.browser.go("/console/agreements")
    for path in ("/console/agreements/agr_nothing", *re.findall(r"/console/agreements/[a-z0-9_]+", it.browser.page)):
        yield *it.go(path), ()


def refusals(it: Offered, _: str) -> Tries:
    yield *it.go("/console/rejected"), ()


def refusal(it: Offered, _: str) -> Tries:
    it.browser.go("/console/rejected")
    for number in sorted(set(re.findall(r"/console/rejected/(\d+)", it.browser.page))):
        yield *it.go(f"/console/rejected/{number}"), ()


def plain(*paths: str) -> Any:
    def tries(it: Offered, _: str) -> Tries:
        for path in paths:
            yield *it.go(path), ()
            yield *it.api("GET", path), ()

    return tries


def editor(it: Offered, _: str) -> Tries:
    """It completes names of traits and events that any source ever sent: they are the company's own words, and say
    nothing of whom they were about, nor that there is anybody."""
    for path in ("/console/edit/audience", "/console/edit/trait", "/console/edit/action"):
        yield *it.go(path), (ALL["event"],)
        yield *it.go(f"{path}?name=nothing"), (ALL["event"],)


def form(path: str, **fields: str) -> Any:
    def tries(it: Offered, _: str) -> Tries:
        yield *it.send(path, **fields), ()

    return tries


def body(method: str, path: str, content: bytes = b"{}") -> Any:
    def tries(it: Offered, _: str) -> Tries:
        yield *it.api(method, path, content), ()

    return tries


def live(it: Offered, _: str) -> Tries:
    yield *it.stream(), ()
