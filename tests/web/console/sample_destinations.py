"""Destinations in every state, in memory."""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

import msgspec

from rapport.act import webhooks
from rapport.act.activation import Delivery, Destination, Health, Tried, Wish, checked
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import DAY, MINUTE, SECOND, now
from rapport.terms.exports import Export
from rapport.terms.exports import Wish as FileWish

AUDIENCES = [("gold", "offers"), ("seldom_seen", "service")]
ODD = "Order <b>Completed</b> \u202eesrever"


EVENTS = (ODD, "Page Seen", "a", "b", "c")
LONG = f"crm_{'x' * 59}"


class Placed(msgspec.Struct, frozen=True):
    destination: Destination
    health: Health
    secret: str | None
    fresh: bool
    warnings: tuple[str, ...] = ()


def _destination(number: int, name: str, kind: str, **more: object) -> Destination:
    plain = Destination(
        number, "demo", name, "webhook", f"https://{name.replace('_', '-')}.example/in", "service", now() - 9 * DAY
    )
    return msgspec.structs.replace(plain, kind=kind, has_secret=kind == "webhook", **more)


def _failure(number: int) -> Delivery:
    at = now() - number * DAY // 10
    what = ("entered", "left", "event", "deleted")[number % 4]
    error = "it answered 400" if number % 2 else "given up: the destination did not take anything for days"
    return Delivery(number, f"msg_{number:026}", 2, number, what, at, at, at, 1 + number, dead=True, error=error)  # type: ignore[arg-type]  # one of them


def _samples() -> list[tuple[Destination, Health]]:
    fields = {"plan": "traits.plan", "orders": 'count("Order Completed", days(90))', "<b>": "identifiers.email[0]"}
    at = now()
    return [
        (_destination(1, "cdp", "segment", audience="gold", fields=fields, recipient="Parcel & Partner <Ltd>"),
         Health(0, None, 0, 12_345, 67, at - 3 * SECOND)),
        (_destination(2, LONG, "webhook", events=EVENTS, per_second=20, at_once=4),
         Health(1_204, at - 7 * MINUTE, 23, 99, 0, at - 8 * MINUTE, "it answered <503>", at - MINUTE)),
        (_destination(3, "gone", "cloudevents", audience="seldom_seen", paused=True, why="it is gone (410)"),
         Health(3, at - 2 * DAY, 0, 5, 1, at - 2 * DAY, "it answered 410", at - 2 * DAY)),
        (_destination(4, "table", "file", audience="gold", url="", format="parquet", every_hours=24, fields=fields),
         Health(sent=4, sent_at=at - DAY, error="<too many>", failed_at=at - MINUTE)),
        (_destination(5, "waits", "webhook", audience="gold", paused=True), Health(2, at - MINUTE)),
        (_destination(6, "wary", "webhook", audience="gold"), Health(0, None, 2, 1, 0, at - DAY)),
    ]  # fmt: skip


class SampleDestinations:
    def __init__(self, *, empty: bool = False) -> None:
        self.rows = {} if empty else {one.name: (one, health) for one, health in _samples()}
        self.dead = [] if empty else [_failure(number) for number in range(1, 24)]
        self.secrets: list[str] = []

    async def put(self, org: str, name: str, wish: Wish) -> Placed:
        right = checked(name, wish, private=False)
        if right.recipient and right.recipient != "Parcel & Partner <Ltd>":
            raise BadInput("the declaration does not name it", code="unknown_recipient", field="recipient")
        before = self.rows.get(name)
        secret = right.secret
        if right.kind == "webhook" and secret is None and (before is None or not before[0].has_secret):
            secret = webhooks.fresh_secret()
        if secret is not None:
            self.secrets.append(secret)
        known = {each: getattr(right, each) for each in Wish.__struct_fields__ if each != "secret"}
        number = before[0].number if before is not None else len(self.rows) + 1
        has_secret = secret is not None or (before is not None and before[0].has_secret)
        one = Destination(number=number, org=org, name=name, made_at=now(), has_secret=has_secret, **known)
        self.rows[name] = (one, before[1] if before is not None else Health())
        return Placed(one, self.rows[name][1], None if right.secret is not None else secret, before is None)

    async def listed(self, org: str) -> list[tuple[Destination, Health]]:
        return [self.rows[name] for name in sorted(self.rows)]

    async def named(self, org: str, name: str) -> tuple[Destination, Health]:
        if name not in self.rows:
            raise NotFound("there is no such destination")
        return self.rows[name]

    async def remove(self, org: str, name: str) -> None:
        await self.named(org, name)
        del self.rows[name]

    async def failures(self, org: str, name: str, cursor: str | None, limit: int) -> tuple[list[Delivery], str | None]:
        one, _ = await self.named(org, name)
        rows = [each for each in self.dead if each.destination == one.number]
        if cursor is not None:
            if cursor not in [each.id for each in rows]:
                raise BadInput("the cursor is not one that this list gave out", code="bad_cursor", field="cursor")
            rows = rows[[each.id for each in rows].index(cursor) + 1 :]
        return rows[:limit], rows[limit - 1].id if len(rows) > limit else None

    async def replay(self, org: str, name: str, handle: str | None) -> int:
        one, _ = await self.named(org, name)
        some = [each for each in self.dead if each.destination == one.number and handle in (None, each.id)]
        if handle is not None and not some:
            raise NotFound("there is no such dead letter")
        self.dead = [each for each in self.dead if each not in some]
        return len(some)

    async def trial(self, org: str, name: str) -> Tried:
        one, _ = await self.named(org, name)
        if one.kind == "file":
            raise Conflict("this destination is a file: nothing is sent to it", code="no_address")
        return Tried(503, 1_042, "it answered <503>") if name.startswith("crm") else Tried(204, 31)

    async def make(self, org: str, name: str) -> Export:
        one, _ = await self.named(org, name)
        if one.kind != "file":
            raise Conflict("this destination is sent to: it has no file", code="no_file")
        return Export(1, f"exp_{1:026}", org, "node", "waiting", FileWish("service", "csv"), now())

    async def pause(self, org: str, name: str) -> None:
        await self._turn(name, paused=True)

    async def resume(self, org: str, name: str) -> None:
        await self._turn(name, paused=False)

    async def _turn(self, name: str, *, paused: bool) -> None:
        one, health = await self.named("", name)
        self.rows[name] = (msgspec.structs.replace(one, paused=paused, why=""), health)

    async def audiences(self, org: str) -> list[tuple[str, str]]:
        return AUDIENCES
