"""The desk of authorised agents: what they may ask over HTTP, checked and made durable. The work is done elsewhere
(`agent_work`), when its time has come."""

import asyncio
import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from rapport.act.delivery import Delivery, Dressed
from rapport.act.destinations import usable
from rapport.adapters.embedded.agent_requests import AgentRequests, Row
from rapport.adapters.embedded.agent_results import AgentResults
from rapport.adapters.embedded.agents import AgentFile
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.sqlite import translating
from rapport.adapters.files import sealed
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Forbidden
from rapport.kernel.keys import keyed_hash
from rapport.kernel.times import DAY, now
from rapport.terms import data_rights
from rapport.terms.data_rights import TICK, Agent, Asked, Told

RESULTS = "agent-results"
"""Under the data directory: results that wait to be fetched, sealed under their persons' keys."""

Answer = TypeVar("Answer")


class Parts(msgspec.Struct, frozen=True):
    """Over one ledger connection."""

    ledger: LedgerFile
    agents: AgentFile
    requests: AgentRequests
    results: AgentResults


def open_parts(settings: Settings) -> Parts:
    ledger = open_ledger(settings)
    return Parts(ledger, AgentFile(ledger), AgentRequests(ledger), AgentResults(ledger))


class Results:
    """Results as they are fetched, for one reader at a time. `done` must be called in the end."""

    def __init__(self, size: int, pieces: Iterator[bytes], done: Callable[[bool], None]) -> None:
        self.size = size
        self.pieces = pieces
        self._done = done

    async def done(self, *, whole: bool) -> None:
        """All of it was sent, and is gone; or not, and the link can be used again."""
        await asyncio.to_thread(self._done, whole)


class AgentDesk:
    """What the protocol's addresses do; each waits for the disk in a thread. `wake`: there is work."""

    def __init__(self, settings: Settings, wake: Callable[[], None], clock: Callable[[], int] = now) -> None:
        self._settings = settings
        self._wake = wake
        self._now = clock
        self._turn = threading.Lock()
        self._parts: Parts | None = None

    async def set_up(self, org: str, name: str, body: bytes) -> str:
        """A token for an agent (section 2.05). Raises Forbidden, whatever is wrong."""

        def work(parts: Parts) -> str:
            at = self._now()
            agent = parts.agents.named(name, org)
            try:
                said = data_rights.opened(agent, body)
                data_rights.meant_for(said, agent, org, at)
                expires_at = data_rights.expiry_of(said)
            except BadInput as error:
                raise Forbidden(error.message, code=error.code) from None
            return parts.agents.set_up(agent, org, data_rights.content_of(said), expires_at, at)

        return await self._with_parts(work)

    async def information(self, org: str, name: str, token: str) -> None:
        """Whether a token is good for an agent (section 2.06). Raises Unauthorized, Forbidden."""

        def work(parts: Parts) -> None:
            if parts.agents.calling(token, org, self._now()).name != name:
                raise Forbidden("this token is another agent's", code="wrong_agent")

        await self._with_parts(work)

    async def exercise(self, org: str, token: str, body: bytes) -> Told:
        """Take a request in, durably (section 2.01); one that came before is answered as it is now.

        Raises Unauthorized, Forbidden, BadInput, Conflict, TooMany.
        """

        def work(parts: Parts) -> Told:
            at = self._now()
            agent, said = self._signed(parts, org, token, body)
            data_rights.meant_for(said, agent, org, at)
            asked = data_rights.asked(said, agent)
            self._check_callback(asked.callback)
            row = parts.requests.take(agent, org, asked, at, at + self._wait(asked))
            return self._told(parts, row)

        told = await self._with_parts(work)
        self._wake()
        return told

    def _check_callback(self, url: str) -> None:
        """A status may hold the link to results: it goes nowhere in the clear, and nowhere inside a network."""
        private = self._settings.private_destinations
        why = "" if private or not url or url.startswith("https://") else "it must begin with https://"
        try:
            usable(url or "https://nowhere.example/", private=private)
        except BadInput as error:
            why = error.message
        if why:
            raise BadInput(f"statuses cannot be sent there: {why}", code="bad_url", field="status_callback")

    def _wait(self, asked: Asked) -> int:
        """An erasure cannot be undone, so it waits; all else is done at the next step."""
        return TICK + (self._settings.agent_erasure_days * DAY if asked.exercise == "deletion" else 0)

    async def status(self, org: str, token: str, request: str) -> Told:
        """A request as it is now (section 2.02). Raises Unauthorized, Forbidden."""

        def work(parts: Parts) -> Told:
            agent = parts.agents.calling(token, org, self._now())
            return self._told(parts, parts.requests.of_agent(agent, org, request))

        return await self._with_parts(work)

    async def revoke(self, org: str, token: str, request: str, body: bytes) -> Told:
        """Take a request back (section 2.04). Raises Unauthorized, Forbidden, BadInput, Conflict where it is too
        late."""

        def work(parts: Parts) -> Told:
            agent, said = self._signed(parts, org, token, body)
            row = parts.requests.of_agent(agent, org, request)
            if not isinstance(said.get("reason", ""), str | None):
                raise BadInput("reason must be a text", code="bad_type", field="reason")
            at = self._now()
            # The protocol asks for the reason alone; where the message says more of itself, it must be true.
            if {"agent-id", "business-id", "issued-at", "expires-at"} & said.keys():
                data_rights.meant_for(said, agent, org, at)
            return self._told(parts, parts.requests.revoke(row, at))

        told = await self._with_parts(work)
        self._wake()
        return told

    def _signed(self, parts: Parts, org: str, token: str, body: bytes) -> tuple[Agent, dict[str, object]]:
        agent = parts.agents.calling(token, org, self._now())
        return agent, data_rights.opened(agent, body)

    def _told(self, parts: Parts, row: Row) -> Told:
        return told(self._settings, parts.ledger, row, self._now())

    # -- results

    async def size_of(self, org: str, secret: str) -> int:
        """How large results are. Raises Forbidden."""
        return await self._with_parts(lambda parts: parts.results.peek(org, ids.hashed(secret), self._now()).size)

    async def results(self, org: str, secret: str) -> Results:
        """What an access came to, for whoever has the link, once. Raises Forbidden, alike for a link that is none, that
        was used, or whose time is over."""

        def work(parts: Parts) -> Results:
            row = parts.results.claim(org, ids.hashed(secret), self._now())
            key = parts.ledger.keys.person(row.person)
            path = results_path(self._settings, row.id)
            file = path.open("rb") if key is not None and path.exists() else None
            if key is None or file is None:
                parts.results.fetched(row, whole=True)
                raise Forbidden("this link was used, or its time is over")

            def done(whole: bool) -> None:
                file.close()
                self._at_the_ledger(lambda parts: parts.results.fetched(row, whole=whole))
                if whole:
                    path.unlink(missing_ok=True)

            return Results(row.size, sealed.opened(file, key), done)

        return await self._with_parts(work)

    async def _with_parts(self, work: Callable[[Parts], Answer]) -> Answer:
        return await asyncio.to_thread(self._at_the_ledger, work)

    def _at_the_ledger(self, work: Callable[[Parts], Answer]) -> Answer:
        with self._turn:
            if self._parts is None:
                self._parts = open_parts(self._settings)
            with translating(self._settings.directory / "ledger.db"):
                return work(self._parts)


class StatusLetters:
    """Statuses as they are sent to the agents that asked for it (section 2.03)."""

    def dress(self, _: Delivery, body: bytes) -> Dressed:
        return Dressed(body, {})


def told(settings: Settings, ledger: LedgerFile, row: Row, at: int) -> Told:
    """A request as its agent sees it at a time (µs)."""
    return row.told(at, f"{settings.url}{base_of(row.org)}/results/{results_secret(ledger, row.id)}")


def base_of(org: str) -> str:
    """Where an organization's addresses of the protocol begin."""
    return f"/drp/{org}"


def results_secret(ledger: LedgerFile, request: str) -> str:
    """What opens the results of a request: known to whoever asks for its status, and to no disk."""
    raw = keyed_hash(ledger.keys.secret("agent-results"), request.encode())
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def results_hash(ledger: LedgerFile, request: str) -> bytes:
    return ids.hashed(results_secret(ledger, request))


def results_path(settings: Settings, request: str) -> Path:
    return settings.directory / RESULTS / f"{request}.sealed"


def directory_entry(settings: Settings, org: str, name: str) -> dict[str, object]:
    """What a service directory of the protocol says of an organization (section 3.05.2)."""
    return {
        "id": data_rights.business_ids(org)[1],
        "name": name,
        "logo": None,
        "api_base": f"{settings.url}{base_of(org)}",
        "supported_actions": list(data_rights.ACTIONS),
        "supported_verifications": list(data_rights.VERIFICATIONS),
    }
