"""A house with somebody whose devices are known there: what the tests of pairing and presence share."""

import asyncio
import json
from typing import Any

from rapport.app.embedded import open_keys, open_ledger
from rapport.app.presence import HousePresence
from rapport.web.api.presence import Here, Signed
from rapport.web.portal.told import Session
from tests.profile.house import ORG, House
from tests.signin.device import SoftDevice
from tests.web.portal.person import Straight

ORIGIN = "https://rapport.example"


class Lobby(House):
    """A house with Ada and Bo, who are customers there, and the desk that devices ask."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = open_ledger(self.settings)
        for user in ("ada", "bo"):
            self.send({"type": "identify", "userId": user, "messageId": user, "traits": {"name": user}})
        self.settle()
        self.ada, self.bo = (Session(self.people.add([f"{ORG}:user_id:{user}"]).handle) for user in ("ada", "bo"))
        self.nobody = Session(self.people.add([]).handle)
        self.desks: list[HousePresence] = []
        self.desk = self.another()

    def another(self, secret: str = "presence") -> HousePresence:
        """The desk of another process."""
        key = open_keys(self.settings).secret(secret)
        desk = HousePresence(
            lambda: open_ledger(self.settings), key, ORIGIN, self.people, self.reader, self.gate, Straight(self)
        )
        self.desks.append(desk)
        return desk

    def close(self) -> None:
        for desk in self.desks:
            desk.close()
        self.ledger.close()
        super().close()

    def bound(self, session: Session, kind: str = "watch", desk: HousePresence | None = None) -> SoftDevice:
        device, desk = SoftDevice(ORIGIN), desk or self.desk
        code = pair(desk, device, kind)["code"]
        run(desk.enter(session, code))
        run(desk.approve(session, code, poll(desk, device)["number"]))
        return device

    def present(self, customer: str = "user_id:ada") -> list[dict[str, Any]]:
        self.settle()
        return [event for event in self.timeline(customer) if event["name"] == "Presence Recognised"]


def run(work: Any) -> Any:
    return asyncio.run(work)


def signed(device: SoftDevice, path: str, body: Any = None, method: str = "POST", **wrong: Any) -> Signed:
    raw = b"" if body is None else json.dumps(body).encode()
    return Signed(device.proof(method, path, raw, **wrong), method, path, raw, "here")


def pair(desk: HousePresence, device: SoftDevice, kind: str = "watch", name: str = "Mine") -> dict[str, Any]:
    asked = {"kind": kind, "name": name}
    return dict(run(desk.pair(signed(device, "/presence/pair", asked), kind, name)))


def poll(desk: HousePresence, device: SoftDevice) -> dict[str, Any]:
    return dict(run(desk.poll(signed(device, "/presence/pair/poll"))))


def here(desk: HousePresence, device: SoftDevice, org: str = ORG, **more: Any) -> dict[str, Any]:
    body = {"organization": org, **more}
    return dict(run(desk.here(signed(device, "/presence/here", body), Here(org, **more))))


def tap(desk: HousePresence, device: SoftDevice, code: str) -> int:
    return int(run(desk.tap(signed(device, "/presence/tap", {"tap": code}), code))["level"])
