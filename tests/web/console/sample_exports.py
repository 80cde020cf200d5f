"""Exports of every kind, in memory; what is asked for waits for ever."""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

from collections.abc import Iterator

import msgspec

from rapport.kernel.errors import NotFound
from rapport.kernel.times import DAY, HOUR, MINUTE, now
from rapport.terms.exports import Export, Wish

TABLE = b"customer,receipt\ncus_1,rcp_1\n"


class SampleExports:
    def __init__(self, *, empty: bool = False) -> None:
        at = now()
        declared = "sha256:" + "5e1f" * 16
        wish = Wish("offers", "parquet", None, ("Parcel Post", "<b>Ümläut</b> & Co"))
        running = Export(5, _id(5), "acme", "node", "running", wish, at - 20_000_000, customers=4_250, walked=5_113)
        waiting = Export(6, _id(6), "acme", "node", "waiting", Wish("service", "csv", 1_000), at - 5_000_000)
        done = Export(
            number=4,
            id=_id(4),
            org="acme",
            place="node",
            status="done",
            wish=Wish("service", "csv"),
            asked_at=at - 3 * HOUR,
            declaration=declared,
            exported_at=at - 3 * HOUR + MINUTE,
            expires_at=at + 30 * DAY,
            kept_until=at + 7 * DAY,
            customers=12_345,
            walked=14_000,
            size=len(TABLE),
            fetched=1,
        )
        by_hand = msgspec.structs.replace(done, number=3, id=_id(3), place="command line", kept_until=None, wish=wish)
        why = "what the organization promises changed meanwhile: export again"
        failed = Export(2, _id(2), "acme", "node", "failed", wish, at - 2 * DAY, customers=250, walked=251, reason=why)
        over = msgspec.structs.replace(
            done, number=1, id=_id(1), status="expired", customers=1, asked_at=at - 40 * DAY, expires_at=None
        )
        self.all = [] if empty else [waiting, running, done, by_hand, failed, over]

    async def ask(self, org: str, wish: Wish) -> Export:
        number = len(self.all) + 1
        asked = Export(number, _id(number), "acme", "node", "waiting", wish, now())
        self.all.insert(0, asked)
        return asked

    async def named(self, org: str, handle: str) -> Export:
        for one in self.all:
            if one.id == handle:
                return one
        raise NotFound("there is no such export")

    async def page(self, org: str, after: str | None, limit: int) -> list[Export]:
        before = 1 << 62 if after is None else (await self.named(org, after)).number
        return [one for one in self.all if one.number < before][:limit]

    async def file(self, org: str, handle: str) -> tuple[Export, Iterator[bytes]]:
        one = await self.named(org, handle)
        if one.status != "done" or one.kept_until is None:
            raise NotFound("this export has no file here")
        return one, iter([TABLE])

    async def delete(self, org: str, handle: str) -> None:
        one = await self.named(org, handle)
        self.all[self.all.index(one)] = msgspec.structs.replace(one, status="deleted")


def _id(number: int) -> str:
    return f"exp_{number:026}"
