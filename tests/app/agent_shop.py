"""A house whose customers send an agent, and the desk that it asks: what the tests of agents share."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from rapport.adapters.embedded.agents import AgentFile
from rapport.app.agent_work import AgentWork
from rapport.app.agents import AgentDesk
from rapport.app.embedded import open_ledger
from rapport.kernel.errors import NotFound
from rapport.kernel.times import HOUR
from rapport.terms.data_rights import TICK, Told, agent_key
from tests.app.agent_client import Signer, by_email
from tests.profile.house import ORG, TEN, House, at, told

ADA = "ada@example.com"
OTHER = "other"
STRANGER = "nobody@example.com"


class Shop(House):
    """A house with customers, an agent that is trusted there, and a clock that can be set."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(agent_erasure_days=settings.pop("wait", 0), **settings)
        self.send(
            told(at("10:00"), type="identify", userId="ada", traits={"email": ADA, "name": "Ada Example"}),
            told(at("10:01"), type="track", userId="ada", event="Order Completed", properties={"sku": "s1"}),
            told(at("10:00"), type="identify", userId="bo", traits={"email": "bo@example.com"}),
            *(
                told(at("10:02"), type="identify", userId=f"kin{n}", traits={"email": "fam@example.com"})
                for n in range(2)
            ),
            source="crm",
        )
        self.settle()
        self.time = TEN + 12 * HOUR
        self.signer = Signer()
        self.ledger = open_ledger(self.settings)
        self.ledger.add_org(OTHER)
        self.agents = AgentFile(self.ledger)
        self.trust(self.signer)
        self.desk = AgentDesk(self.settings, lambda: None, lambda: self.time)
        self.token = self.set_up(self.signer)
        self.work = AgentWork(self.settings, lambda: self.time)

    def trust(self, signer: Signer, *orgs: str, attests: bool = True) -> None:
        self.agents.add(signer.name, agent_key(signer.verify_key), orgs or (ORG,), attests=attests, at=self.time)

    def set_up(self, signer: Signer, org: str = ORG) -> str:
        head = signer.head(org, self.time)
        self.time += 1000
        return asyncio.run(self.desk.set_up(org, signer.name, signer.sign(head)))

    def ask(self, exercise: str, address: str = ADA, signer: Signer | None = None, **more: Any) -> Told:
        signer = signer or self.signer
        self.time += 1000
        message = signer.asking(ORG, exercise, self.time, **{**by_email(address), **more})
        return self.send_signed(signer.sign(message))

    def send_signed(self, body: bytes, token: str | None = None, org: str = ORG) -> Told:
        return asyncio.run(self.desk.exercise(org, token or self.token, body))

    def status(self, told: Told, token: str | None = None) -> Told:
        return asyncio.run(self.desk.status(ORG, token or self.token, told.id))

    def revoke(self, told: Told) -> Told:
        return asyncio.run(self.desk.revoke(ORG, self.token, told.id, self.signer.sign({"reason": "no"})))

    def later(self, micros: int = TICK) -> None:
        """What is due by then is done; a house without a node has its worker in whoever erases."""
        self.time += micros
        self.worker.close()
        self.work.round()
        self.restart()

    def ended(self, told: Told, wait: int = 0) -> Told:
        """A request, once its outcome shows."""
        self.later(wait + TICK)
        self.later(TICK)
        return self.status(told)

    def fetch(self, told: Told) -> bytes:
        secret = told.results_url.rpartition("/")[2]
        return asyncio.run(fetched(self.desk, secret))

    def cases(self) -> list[tuple[str, str, str]]:
        rows = self.ledger.db.execute("SELECT kind, status, org FROM rights ORDER BY id").fetchall()
        return [tuple(row) for row in rows]

    def knows(self, address: str = ADA) -> bool:
        try:
            self.view(f"email:{address}")
        except NotFound:
            return False
        return True


async def fetched(desk: AgentDesk, secret: str, *, whole: bool = True) -> bytes:
    results = await desk.results(ORG, secret)
    content = b"".join(results.pieces) if whole else next(results.pieces)
    await results.done(whole=whole)
    return content


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as house:
        yield house


@pytest.fixture
def patient() -> Iterator[Shop]:
    with Shop(wait=3) as house:
        yield house
