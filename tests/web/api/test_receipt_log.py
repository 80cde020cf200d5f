"""The public log: whoever has nothing but its addresses can rebuild it, and finds what the checkpoint signs."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from rapport.app.embedded import open_ledger
from rapport.app.receipting import DirectReceipts
from rapport.kernel import verify
from rapport.kernel.errors import RapportError
from rapport.terms import Pending, Receipt
from rapport.web.api.problems import on_error, on_http_error
from rapport.web.api.receipt_log import receipt_log_routes
from tests.profile.house import ORG, House, at_once

ENTRIES = 513


@pytest.fixture(scope="module")
def app() -> Iterator[Starlette]:
    with House() as house:
        ledger = open_ledger(house.settings)
        house.send({"type": "identify", "userId": "ada", "messageId": "1"})
        house.settle()
        (found,) = house.found()
        number = found.parts[0].number
        ground = house.people.ground(ORG, ())
        book = DirectReceipts(ledger)
        for count in range(ENTRIES):
            receipt = Receipt(f"rcp_{count}", ORG, 1, "service", "view", "permitted", "ok", "test")
            at_once(book.commit([Pending(receipt, ground, customer=number)]))
        handlers = {RapportError: on_error, HTTPException: on_http_error}
        yield Starlette(routes=receipt_log_routes(ledger.receipt_log), exception_handlers=handlers)  # type: ignore[arg-type]  # narrower than its own


def got(app: Starlette, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node.test") as client:
            return await client.get(f"/log/{path}")

    return asyncio.run(ask())


def hashes(raw: bytes) -> list[bytes]:
    return [raw[at : at + 32] for at in range(0, len(raw), 32)]


def test_the_entries_make_the_tree_that_the_checkpoint_signs(app: Starlette) -> None:
    note = got(app, "checkpoint")
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    size, root = verify.read_checkpoint(note.text, *verify.read_vkey(got(app, "key").text))
    assert size == ENTRIES
    entries = b"".join(got(app, f"tile/entries/{tile}").content for tile in ("000", "001", f"002.p/{size % 256}"))
    assert {entries[at : at + 2] for at in range(0, len(entries), 50)} == {b"\0\x30"}
    leaves = [verify.leaf_hash(entries[at + 2 : at + 50]) for at in range(0, len(entries), 50)]
    assert verify.root_of(leaves) == root
    tiles = [hashes(got(app, f"tile/0/{tile}").content) for tile in ("000", "001", f"002.p/{size % 256}")]
    assert [leaf for tile in tiles for leaf in tile] == leaves
    assert hashes(got(app, "tile/1/000.p/2").content) == [verify.root_of(tile) for tile in tiles[:2]]


def test_what_was_served_once_may_be_kept_for_good_and_read_from_anywhere(app: Starlette) -> None:
    for path in ("tile/0/000", "tile/entries/001.p/7"):
        served = got(app, path)
        assert served.headers["content-type"] == "application/octet-stream"
        assert "immutable" in served.headers["cache-control"]
        assert served.headers["access-control-allow-origin"] == "*"
    assert got(app, "checkpoint").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/002", "tile/0/002.p/2", "tile/1/000", "tile/2/000.p/1", "tile/0/003.p/1", "tile/0/000.p/256",
        "tile/0/000.p/0", "tile/0/000.p/01", "tile/0/0", "tile/0/0000", "tile/0/x000/000", "tile/0/x999/x999/x999/999",
        "tile/00/000", "tile/64/000", "tile/-1/000", "tile/entries/-01", "tile/entries/003", "tile/entries/000.p/",
        "tile/0/000/", "tile/0/٠٠٠", "tile/x/000", "tile/0/", "tile", "",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
    ],
)  # fmt: skip
def test_what_is_not_there_or_has_another_address_is_not_found(app: Starlette, path: str) -> None:
    assert got(app, path).status_code == 404


def test_an_empty_log_has_a_head_and_no_tile() -> None:
    with House() as house:
        app = Starlette(
            routes=receipt_log_routes(open_ledger(house.settings).receipt_log),
            exception_handlers={RapportError: on_error},  # type: ignore[dict-item]  # narrower than Starlette's own
        )
        size, root = verify.read_checkpoint(got(app, "checkpoint").text, *verify.read_vkey(got(app, "key").text))
        assert (size, root) == (0, verify.root_of([]))
        assert got(app, "tile/0/000.p/1").status_code == got(app, "tile/entries/000.p/1").status_code == 404
