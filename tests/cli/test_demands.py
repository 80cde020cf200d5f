"""`rapport recipient`, `demands`, `outbox` and `source webhook`, as they are typed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from rapport.act.delivery import Answer
from rapport.adapters.embedded.demands import DemandFile
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.app.embedded import open_ledger, open_promises
from rapport.app.settings import Settings
from rapport.app.webhooks import tell_sources
from rapport.cli import command_line
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import now
from rapport.terms import Declaration, Promise
from rapport.terms.exports import Held
from rapport.terms.promises import base64url, canonical

URL = "https://parcels.example/deletions"
Typed = Callable[..., str]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerFile]:
    ledger = open_ledger(Settings(data=str(tmp_path)))
    ledger.add_org("acme")
    ledger.add_source("acme", "crm")
    promise = Promise("contract", recipients=("Parcels",), alternative=Promise("contract", recipients=("Mailers",)))
    open_promises(Settings(data=str(tmp_path)), ledger).put(
        "acme", canonical(Declaration("Acme", {"service": promise}))
    )
    yield ledger
    ledger.close()


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    """What a command prints; raises what it raises."""

    def typed(*words: str) -> str:
        result = CliRunner().invoke(command_line(["demands", "outbox", "org"]), [*words, "--data", str(tmp_path)])
        if result.exception is not None:
            raise result.exception
        return result.output

    return typed


def as_json(text: str) -> Any:
    return json.loads(text)


@pytest.mark.usefixtures("ledger")
def test_recipients_are_told_with_where_they_take_demands(typed: Typed, tmp_path: Path) -> None:
    assert typed("recipient", "list", "acme").count("no address yet") == 2
    key = Ed25519PrivateKey.generate().public_key()
    assert "takes demands at" in typed("recipient", "add", "acme", "Parcels", "--url", URL)
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    assert "names this recipient" in typed("recipient", "add", "acme", "Strangers", "--url", URL, "--key", str(pem))
    raw = base64url(key.public_bytes_raw())
    typed("recipient", "add", "acme", "Mailers", "--url", URL, "--key", raw)
    typed("recipient", "add", "acme", "Mailers", "--url", URL)  # it moved, and keeps its key
    listed = {one["recipient"]: one for one in as_json(typed("recipient", "list", "acme", "--json"))}
    assert {name: (one["url"], one["key"], one["declared"]) for name, one in listed.items()} == {
        "Parcels": (URL, None, True),
        "Mailers": (URL, raw, True),
        "Strangers": (URL, raw, False),
    }
    typed("recipient", "remove", "acme", "Mailers")
    assert "no address yet" in typed("recipient", "list", "acme")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("recipient", "add", "nobody", "P", "--url", URL), NotFound),
        (("recipient", "add", "acme", "P", "--url", "http://10.0.0.1/"), BadInput),
        (("recipient", "add", "acme", "P", "--url", URL, "--key", "AAAA"), BadInput),
        (("recipient", "add", "acme", "", "--url", URL), BadInput),
        (("recipient", "remove", "acme", "P"), NotFound),
        (("recipient", "list", "nobody"), NotFound),
        (("demands", "nobody"), NotFound),
        (("outbox", "list", "nobody"), NotFound),
        (("outbox", "retry", "msg_nothing"), NotFound),
        (("source", "webhook", "acme", "crm"), BadInput),
        (("source", "webhook", "acme", "crm", "--url", URL, "--off"), BadInput),
        (("source", "webhook", "acme", "till", "--url", URL), NotFound),
        (("source", "webhook", "acme", "crm", "--url", "http://localhost:1/"), BadInput),
        (("source", "webhook", "acme", "crm", "--off"), NotFound),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_what_is_wrong_is_said_and_nothing_is_kept(
    typed: Typed, words: tuple[str, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        typed(*words)
    assert typed("recipient", "list", "acme").count("no address yet") == 2


def test_demands_are_listed_with_what_came_of_them(ledger: LedgerFile, typed: Typed) -> None:
    assert "No erasure" in typed("demands", "acme")
    book = DemandFile(ledger)
    book.put("acme", b"a" * 16, [Held("exp_1", ("Parcels", "Mailers"), "cus_canary", "rcp_1", now(), None)])
    assert "waits for an address" in typed("demands", "acme")
    assert "on its way: 1 demand." in typed("recipient", "add", "acme", "Parcels", "--url", URL)
    (delivery,) = book._outbox.listed()
    book._outbox.done(delivery, lambda: book.answered(delivery, Answer(200, b'{"acknowledged": true}')))
    text, told = typed("demands", "acme"), as_json(typed("demands", "acme", "--json"))
    assert "Parcels, 1 customer of export exp_1: was acknowledged on" in text
    assert told["recipients"] == {"Mailers": {"no_address": 1}, "Parcels": {"acknowledged": 1}}
    assert [one["state"] for one in told["demands"]] == ["no_address", "acknowledged"]
    assert "cus_canary" not in text + json.dumps(told)
    assert len(as_json(typed("demands", "acme", "--limit", "1", "--json"))["demands"]) == 1


def test_the_outbox_is_listed_without_what_it_says_and_tried_again(ledger: LedgerFile, typed: Typed) -> None:
    assert "Nothing was put in yet" in typed("outbox", "list")
    secret = as_json(typed("source", "webhook", "acme", "crm", "--url", URL, "--json"))["secret"]
    assert secret.startswith("whsec_")
    assert "whsec_" in typed("source", "webhook", "acme", "crm", "--url", URL)
    (handle,) = tell_sources(ledger, "acme", "x", {"said": "canary"})
    box = OutboxFile(ledger)
    box.tried(box.delivery(handle), Answer(410), now())
    text, told = typed("outbox", "list", "acme"), as_json(typed("outbox", "list", "--status", "failed", "--json"))
    assert "failed   acme  webhook (crm)  https://parcels.example/deletions  after 1 try: it answered 410" in text
    assert [(one["id"], one["status"], one["next_at"]) for one in told] == [(handle, "failed", None)]
    assert "canary" not in text + json.dumps(told)
    assert "tried again at once" in typed("outbox", "retry", handle)
    assert as_json(typed("outbox", "list", "--status", "failed", "--json")) == []
    box.done(box.delivery(handle))
    with pytest.raises(Conflict):
        typed("outbox", "retry", handle)
    assert "told nothing more" in typed("source", "webhook", "acme", "crm", "--off")
