"""The outbox: put in with what caused it, sealed, tried again, given up, and forgotten."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.act import webhooks
from rapport.act.delivery import GIVE_UP, KEPT, Answer
from rapport.adapters.embedded import outbox as outboxes
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outbox import AT_ONCE, OutboxFile
from rapport.adapters.embedded.sqlite import transaction
from rapport.adapters.embedded.webhooks import WebhookFile
from rapport.app.embedded import open_keys, open_ledger
from rapport.app.settings import Settings
from rapport.app.webhooks import tell_sources
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.keys import SealKey, fresh_key
from rapport.kernel.times import now

URL = "https://crm.example.com/in"
SECRET = b"canarysecret4824"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerFile]:
    ledger = open_ledger(Settings(data=str(tmp_path)))
    for org in ("acme", "rival"):
        ledger.add_org(org)
        for source in ("web", "crm"):
            ledger.add_source(org, source)
    yield ledger
    ledger.close()


@pytest.fixture
def box(ledger: LedgerFile) -> OutboxFile:
    return OutboxFile(ledger)


def put(box: OutboxFile, url: str = URL, body: bytes = SECRET, **more: int) -> str:
    return box.put("acme", url, "webhook", "crm", body, **more)


def test_what_is_put_in_is_due_at_its_destination_until_it_is_done(box: OutboxFile) -> None:
    first, second = put(box), put(box)
    assert list(box.places()) == [("acme", URL)]
    due = box.due(("acme", URL), now())
    assert due is not None
    assert (due.id, box.body(due)) == (first, SECRET)
    box.done(due)
    assert (box.delivery(first).status, box.body(due)) == ("done", None)
    following = box.due(("acme", URL), now())
    assert following is not None
    assert following.id == second
    box.done(following)
    assert list(box.places()) == []


def test_it_is_put_in_with_what_caused_it_or_not_at_all(ledger: LedgerFile, box: OutboxFile) -> None:
    with contextlib.suppress(ZeroDivisionError), transaction(ledger.db):
        put(box)
        raise ZeroDivisionError
    assert box.listed() == []
    with transaction(ledger.db):
        put(box)
    assert len(box.listed()) == 1


def test_what_it_says_is_on_no_disk_and_in_no_list(ledger: LedgerFile, box: OutboxFile) -> None:
    put(box)
    assert SECRET.decode() not in repr(box.listed())
    files = [file.read_bytes() for file in ledger.path.parent.iterdir() if file.is_file()]
    assert not [raw for raw in files if SECRET in raw]


def test_what_tells_of_a_record_goes_with_its_key(ledger: LedgerFile, box: OutboxFile) -> None:
    keys = open_keys(Settings(data=str(ledger.path.parent)))
    keys.put_records([("acme", 7, SealKey(fresh_key()))])
    put(box, record=7)
    due = box.due(("acme", URL), now())
    assert due is not None
    assert box.body(due) == SECRET
    keys.destroy_records([7])
    assert box.body(due) is None
    with pytest.raises(NotFound):
        put(box, record=7)
    box.drop(due, "what it told of was erased")
    assert (box.delivery(due.id).status, box.delivery(due.id).error) == ("failed", "what it told of was erased")
    with pytest.raises(Conflict):
        box.retry(due.id)


def test_what_is_not_taken_is_tried_again_and_given_up_after_days(
    box: OutboxFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(box)
    waiting = put(box)
    started = now()
    due = box.due(("acme", URL), started)
    assert due is not None
    box.tried(due, Answer(500), started + 1_000)
    after = box.delivery(due.id)
    assert (after.status, after.tries, after.error, after.next_at) == (
        "waiting",
        1,
        "it answered 500",
        started + 1_000,
    )
    monkeypatch.setattr(outboxes, "now", lambda: started + GIVE_UP + 1)
    fresh = put(box)
    box.tried(after, Answer(0, error="nobody is there"), started)
    states = {one.id: (one.status, one.error) for one in box.listed()}
    assert states[due.id] == ("failed", "nobody is there")
    assert states[waiting][0] == "failed"  # its time is over too
    assert states[fresh] == ("waiting", "")


def test_who_is_gone_for_good_is_not_tried_again(box: OutboxFile) -> None:
    put(box)
    due = box.due(("acme", URL), now())
    assert due is not None
    box.tried(due, Answer(410), now())
    assert box.delivery(due.id).status == "failed"
    again = box.retry(due.id)
    assert (again.status, again.next_at, box.body(again)) == ("waiting", AT_ONCE, SECRET)
    box.done(again)
    with pytest.raises(Conflict, match="delivered already"):
        box.retry(due.id)
    with pytest.raises(NotFound):
        box.retry("msg_nothing")


def test_facts_are_forgotten_but_those_that_last(box: OutboxFile) -> None:
    one, lasting, waiting = put(box), put(box, lasting=True), put(box)
    for handle in (one, lasting):
        box.done(box.delivery(handle))
    box.sweep(now() + KEPT - 1_000_000)
    assert len(box.listed()) == 3
    box.sweep(now() + KEPT + 1_000_000)
    assert {each.id for each in box.listed()} == {lasting, waiting}


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.booleans()), max_size=12),
)
def test_any_destination_with_something_waiting_is_named_once(rows: list[tuple[str, str, bool]]) -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for statement in outboxes.SCHEMA.split(";"):
        db.execute(statement)
    for number, (org, url, waiting) in enumerate(rows):
        row = (str(number), org, url, "waiting" if waiting else "done")
        db.execute(
            "INSERT INTO delivery (id, org, url, kind, about, status, made_at, since, next_at, tries, error, lasting) "
            "VALUES (?, ?, ?, '', '', ?, 0, 0, 0, 0, '', 0)",
            row,
        )
    box = OutboxFile.__new__(OutboxFile)
    box._db = db
    assert list(box.places()) == sorted({(org, url) for org, url, waiting in rows if waiting})
    db.close()


# -- webhooks of sources


def test_every_source_with_a_webhook_is_told_or_those_that_are_named(ledger: LedgerFile, box: OutboxFile) -> None:
    hooks = WebhookFile(ledger)
    assert tell_sources(ledger, "acme", "x", {}) == []
    for org, source in (("acme", "crm"), ("acme", "web"), ("rival", "web")):
        hooks.set(org, source, f"https://{source}.example/{org}")
    assert len(tell_sources(Settings(data=str(ledger.path.parent)), "acme", "corrected", {"a": 1})) == 2
    assert len(tell_sources(ledger, "acme", "corrected", {"a": 1}, only={"web", "till"})) == 1
    assert [one.about for one in box.listed()] == ["web", "web", "crm"]
    assert {one.org for one in box.listed()} == {"acme"}


def test_a_message_is_signed_with_the_secret_that_was_printed(ledger: LedgerFile, box: OutboxFile) -> None:
    hooks = WebhookFile(ledger)
    secret = hooks.set("acme", "crm", URL)
    hooks.set("acme", "web", URL)
    (handle,) = tell_sources(ledger, "acme", "corrected", {"email": "ada@example.com"}, only=["crm"])
    due = box.delivery(handle)
    body = box.body(due)
    assert body is not None
    dressed = hooks.dress(due, body)
    assert dressed.headers["webhook-id"] == handle
    assert webhooks.verified(dressed.headers, dressed.body, secret, now())
    fresh = hooks.set("acme", "crm", "https://new.example/")
    assert box.delivery(handle).url == "https://new.example/"
    assert not webhooks.verified(hooks.dress(due, body).headers, body, secret, now())
    assert webhooks.verified(hooks.dress(due, body).headers, body, fresh, now())


def test_a_source_that_is_off_is_told_nothing_not_what_waits_either(ledger: LedgerFile, box: OutboxFile) -> None:
    hooks = WebhookFile(ledger)
    hooks.set("acme", "crm", URL)
    (handle,) = tell_sources(ledger, "acme", "corrected", {})
    hooks.off("acme", "crm")
    assert (box.delivery(handle).status, box.body(box.delivery(handle))) == ("failed", None)
    assert tell_sources(ledger, "acme", "corrected", {}) == []
    for org, source in (("acme", "crm"), ("acme", "nothing"), ("nobody", "crm")):
        with pytest.raises(NotFound):
            hooks.off(org, source)
    with pytest.raises(NotFound):
        hooks.set("acme", "nothing", URL)
