"""Deletion demands in the ledger: once for each customer, and what came of each on record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rapport.act.delivery import Answer
from rapport.act.demands import ANSWER_WITHIN, HANDLES_KEPT, Demand, Wanted
from rapport.adapters.embedded import demands as books
from rapport.adapters.embedded.demands import DemandFile
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.times import DAY, now
from rapport.terms.exports import Held
from rapport.terms.promises import base64url
from tests.conftest import sample

ADA, BO = b"a" * 16, b"b" * 16
URL = "https://parcels.example/deletions"


def held(export: str = "exp_1", customer: str = "cus_canary4825", *recipients: str, expires: int | None = None) -> Held:
    return Held(export, recipients or ("Parcels",), customer, "rcp_1", 1_700_000_000_000_000, expires)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerFile]:
    ledger = open_ledger(Settings(data=str(tmp_path)))
    for org in ("acme", "rival"):
        ledger.add_org(org)
    yield ledger
    ledger.close()


@pytest.fixture
def book(ledger: LedgerFile) -> DemandFile:
    return DemandFile(ledger)


def listed(book: DemandFile, org: str = "acme") -> list[Demand]:
    return [demand for _, demand in book.listed(org)]


def wanted(book: DemandFile) -> Wanted:
    """What the newest delivery says."""
    box = book._outbox
    body = box.body(box.listed()[0])
    assert body is not None
    return msgspec.msgpack.decode(body, type=Wanted)


def deliver(book: DemandFile, answer: Answer) -> None:
    (delivery,) = book._outbox.listed(status="waiting")
    book._outbox.done(delivery, lambda: book.answered(delivery, answer))


def test_every_recipient_of_every_export_is_asked_for_all_its_customers_at_once(book: DemandFile) -> None:
    for name in ("Parcels", "Mailers"):
        book.set_recipient("acme", name, f"https://{name.lower()}.example/")
    book.put("acme", ADA, [held(), held("exp_1", "cus_2"), held("exp_2", "cus_2", "Parcels", "Mailers", "Unknown")])
    got = {(one.recipient, one.export): (one.customers, one.state) for one in listed(book)}
    assert got == {
        ("Parcels", "exp_1"): (2, "queued"),
        ("Parcels", "exp_2"): (1, "queued"),
        ("Mailers", "exp_2"): (1, "queued"),
        ("Unknown", "exp_2"): (1, "no_address"),
    }
    assert listed(book, "rival") == []
    assert book.counted("acme")["Parcels"] == {"queued": 2}


def test_what_is_over_is_asked_of_nobody(book: DemandFile) -> None:
    book.put("acme", ADA, [held(expires=now() - 1), held("exp_2", expires=now() + DAY)])
    assert [one.export for one in listed(book)] == ["exp_2"]


handles = st.lists(st.sampled_from(["cus_1", "cus_2", "cus_3"]), max_size=4)
asked = st.lists(st.tuples(st.sampled_from([ADA, BO]), st.sampled_from(["exp_1", "exp_2"]), handles), max_size=8)


@sample(30)
@given(asked)
def test_however_often_an_erasure_begins_again_each_customer_is_asked_for_once(rows: Any) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        ledger = open_ledger(Settings(data=directory))
        ledger.add_org("acme")
        book = DemandFile(ledger)
        book.set_recipient("acme", "Parcels", URL)
        for whose, export, customers in rows:
            for _ in range(2):
                book.put("acme", whose, [held(export, customer) for customer in customers])
        said = []
        for delivery in book._outbox.listed():
            body = book._outbox.body(delivery)
            assert body is not None
            one = msgspec.msgpack.decode(body, type=Wanted)
            said += [(one.export, customer) for customer in one.customers]
        unique = {(whose, export, customer) for whose, export, customers in rows for customer in customers}
        assert sorted(said) == sorted((export, customer) for _, export, customer in unique)
        ledger.close()


def test_nothing_says_whose_it_was_once_the_erasure_is_complete(ledger: LedgerFile, book: DemandFile) -> None:
    book.put("acme", ADA, [held()])
    assert [one.id for one in book.of_erasure(ADA)] == [one.id for one in listed(book)]
    book.unlink(ADA)
    assert book.of_erasure(ADA) == []
    assert ledger.db.execute("SELECT count(*) FROM demanded").fetchone() == (0,)
    assert len(listed(book)) == 1


# -- answers


def test_an_answer_may_acknowledge_and_then_the_handles_are_dropped(ledger: LedgerFile, book: DemandFile) -> None:
    book.set_recipient("acme", "Parcels", URL)
    book.put("acme", ADA, [held()])
    deliver(book, Answer(200, b'{"acknowledged": true}'))
    (one,) = listed(book)
    assert (one.state, one.signed, one.customers) == ("acknowledged", False, 1)
    assert one.acknowledged_at is not None
    assert ledger.db.execute("SELECT handles FROM demand").fetchone() == (None,)
    assert ledger.db.execute("SELECT body FROM delivery").fetchone() == (None,)


@pytest.mark.parametrize("answer", [Answer(202), Answer(200, b"ok"), Answer(200, b'{"acknowledged": true}', cut=True)])
def test_any_other_answer_leaves_it_open_until_the_deadline_makes_it_silence(
    book: DemandFile, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.set_recipient("acme", "Parcels", URL)
    book.put("acme", ADA, [held()])
    said = wanted(book)
    deliver(book, answer)
    assert [one.state for one in listed(book)] == ["sent"]
    monkeypatch.setattr(books, "now", lambda: said.deadline + 1)
    assert [one.state for one in listed(book)] == ["silent"]
    assert book.counted("acme") == {"Parcels": {"silent": 1}}
    book.acknowledge(said.id, said.token, b"{}")  # late is better than never
    assert [one.state for one in listed(book)] == ["acknowledged"]


def test_handles_that_nobody_acknowledged_are_dropped_in_the_end(ledger: LedgerFile, book: DemandFile) -> None:
    book.put("acme", ADA, [held()])
    book.sweep(now() + ANSWER_WITHIN + HANDLES_KEPT - DAY)
    assert ledger.db.execute("SELECT handles IS NULL FROM demand").fetchone() == (0,)
    book.sweep(now() + ANSWER_WITHIN + HANDLES_KEPT + DAY)
    assert ledger.db.execute("SELECT handles IS NULL FROM demand").fetchone() == (1,)
    assert book.set_recipient("acme", "Parcels", URL) == 0  # nothing is left that could be sent
    assert [one.state for one in listed(book)] == ["no_address"]


def test_a_token_acknowledges_its_own_demand_again_and_again_and_no_other(book: DemandFile) -> None:
    book.set_recipient("acme", "Parcels", URL)
    book.put("acme", ADA, [held()])
    first = wanted(book)
    book.put("acme", BO, [held()])
    second = wanted(book)
    assert first.token != second.token
    for demand, token in ((first.id, second.token), (first.id, ""), (first.id, "ack_\ud800"), ("dem_x", first.token)):
        with pytest.raises(NotFound, match=r"^there is no such demand$"):
            book.acknowledge(demand, token, b"{}")
    assert {one.state for one in listed(book)} == {"queued"}
    at, _ = book.acknowledge(first.id, first.token, b"{}")
    assert book.acknowledge(first.id, first.token, b"{}") == (at, False)
    assert {one.id: one.state for one in listed(book)} == {first.id: "acknowledged", second.id: "queued"}
    assert [one.status for one in book._outbox.listed()] == ["waiting", "done"]  # it need not be sent any more


def test_a_demand_that_was_never_sent_cannot_be_acknowledged(book: DemandFile) -> None:
    book.put("acme", ADA, [held()])
    (one,) = listed(book)
    with pytest.raises(NotFound):
        book.acknowledge(one.id, "", b"{}")


def test_an_acknowledgement_is_signed_only_by_the_registered_key(book: DemandFile) -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    book.set_recipient("acme", "Parcels", URL, key.public_key().public_bytes_raw())
    book.put("acme", ADA, [held()])
    said = wanted(book)
    body = b'{"acknowledged": true}'
    for wrong in (base64url(other.sign(body)), base64url(key.sign(body + b" ")), "AAAA", "!"):
        with pytest.raises(NotFound):
            book.acknowledge(said.id, said.token, body, wrong)
    assert book.acknowledge(said.id, said.token, body)[1] is False
    assert book.acknowledge(said.id, said.token, body, base64url(key.sign(body)))[1] is True
    assert book.acknowledge(said.id, said.token, body)[1] is True  # what was proved once stays so
    assert listed(book)[0].signed


@pytest.mark.parametrize(
    ("named", "right", "state", "signed"),
    [
        (True, True, "acknowledged", True),
        (False, True, "acknowledged", False),
        (True, False, "sent", False),
    ],
)
def test_a_signed_answer_counts_where_it_names_the_demand(
    book: DemandFile, named: bool, right: bool, state: str, signed: bool
) -> None:
    """A signature over a bare yes could be one that was given to another demand."""
    key = Ed25519PrivateKey.generate()
    book.set_recipient("acme", "Parcels", URL, key.public_key().public_bytes_raw())
    book.put("acme", ADA, [held()])
    body = msgspec.json.encode({"acknowledged": True, **({"id": wanted(book).id} if named else {})})
    signature = base64url((key if right else Ed25519PrivateKey.generate()).sign(body))
    deliver(book, Answer(200, body, {"rapport-signature": signature}))
    (one,) = listed(book)
    assert (one.state, one.signed) == (state, signed)


# -- addresses


def test_an_address_that_comes_later_sends_what_waited_with_a_month_of_its_own(
    book: DemandFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.put("acme", ADA, [held(), held("exp_2")])
    started = now()
    monkeypatch.setattr(books, "now", lambda: started + 20 * DAY)
    assert book.set_recipient("acme", "Parcels", URL) == 2
    assert book.set_recipient("acme", "Parcels", URL) == 0
    assert [one.state for one in listed(book)] == ["queued", "queued"]
    assert {one.deadline for one in listed(book)} == {started + 20 * DAY + ANSWER_WITHIN}
    assert book.recipients("rival") == []


def test_a_recipient_that_moved_gets_what_waits_and_what_failed(book: DemandFile) -> None:
    book.set_recipient("acme", "Parcels", URL)
    book.put("acme", ADA, [held()])
    assert book.set_recipient("acme", "Parcels", "https://new.example/") == 0
    (delivery,) = book._outbox.listed(status="waiting")
    assert delivery.url == "https://new.example/"
    book._outbox.tried(delivery, Answer(410), now())
    assert [one.state for one in listed(book)] == ["undeliverable"]
    assert [one.error for one in listed(book)] == ["it answered 410"]
    assert book.set_recipient("acme", "Parcels", "https://newest.example/") == 1
    assert [one.state for one in listed(book)] == ["queued"]


def test_without_its_address_a_recipient_is_waited_for_again(book: DemandFile) -> None:
    book.set_recipient("acme", "Parcels", URL)
    book.put("acme", ADA, [held()])
    old = wanted(book)
    book.remove_recipient("acme", "Parcels")
    assert [one.state for one in listed(book)] == ["no_address"]
    assert OutboxFile(book._ledger).listed(status="waiting") == []
    with pytest.raises(NotFound):
        book.acknowledge(old.id, old.token, b"{}")
    with pytest.raises(NotFound):
        book.remove_recipient("acme", "Parcels")
    assert book.set_recipient("acme", "Parcels", URL) == 1


@pytest.mark.parametrize("name", ["", " Parcels", "Par\ncels", "x" * 201])
def test_a_recipient_needs_a_name_that_can_be_read(book: DemandFile, name: str) -> None:
    with pytest.raises(BadInput):
        book.set_recipient("acme", name, URL)


def test_an_organization_that_is_none_has_no_recipients(book: DemandFile) -> None:
    with pytest.raises(NotFound):
        book.set_recipient("nobody", "Parcels", URL)


def test_handles_are_on_no_disk_in_the_clear(ledger: LedgerFile, book: DemandFile) -> None:
    book.set_recipient("acme", "Parcels", URL)
    book.put("acme", ADA, [held()])
    assert wanted(book).customers == ("cus_canary4825",)
    files = [file.read_bytes() for file in ledger.path.parent.iterdir() if file.is_file()]
    assert not [raw for raw in files if b"canary4825" in raw]
