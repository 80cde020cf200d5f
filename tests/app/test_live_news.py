"""What the live page hears of customers that come together or apart."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.app.worker import Worker
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import now


class Listening:
    """A worker whose datagrams are kept."""

    def __init__(self, data: Path) -> None:
        settings = Settings(data=str(data))
        ledger = embedded.open_ledger(settings)
        ledger.add_org("shop")
        ledger.add_source("shop", "web")
        self._log = embedded.open_log(settings)
        self.news: list[dict[str, Any]] = []
        self._worker = Worker(settings, lambda datagram: self.news.extend(msgspec.msgpack.decode(datagram)))

    def send(self, **event: Any) -> None:
        body = msgspec.json.encode({"batch": [event]})
        self._log.append([LogEntry("shop", "web", "segment", "batch", now(), body)])
        while self._worker.step():
            pass

    def regroupings(self) -> list[tuple[str, int, str]]:
        told = [item for item in self.news if item["kind"] in ("merged", "split")]
        self.news.clear()
        return [(item["kind"], item["count"], item["why"]) for item in told]


@pytest.fixture
def listening(tmp_path: Path) -> Listening:
    return Listening(tmp_path)


def test_a_visitor_who_signs_in_is_news(listening: Listening) -> None:
    listening.send(type="page", messageId="1", anonymousId="a")
    assert listening.regroupings() == []
    listening.send(type="identify", messageId="2", anonymousId="a", userId="ada")
    assert listening.regroupings() == [("merged", 2, "they share one device")]


def test_a_shared_address_that_joins_two_customers_is_news(listening: Listening) -> None:
    listening.send(type="identify", messageId="1", userId="ada", traits={"email": "ada@example.com"})
    listening.send(type="identify", messageId="2", anonymousId="b", traits={"phone": "+44 20 7946 0018"})
    assert listening.regroupings() == []
    listening.send(type="identify", messageId="3", anonymousId="b", traits={"email": "ada@example.com"})
    assert listening.regroupings() == [("merged", 2, "they share one e-mail address")]


def test_news_holds_no_identifier_in_the_clear(listening: Listening) -> None:
    listening.send(type="identify", messageId="1", userId="canary-user", traits={"email": "canary@example.com"})
    told = msgspec.json.encode(listening.news)
    assert b"canary" not in told
