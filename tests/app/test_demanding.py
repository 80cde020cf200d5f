"""An erasure that is cut short anywhere, and begun again, demands each customer once of everyone who has them."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from rapport.act.demands import Wanted
from rapport.adapters.embedded.demands import DemandFile
from rapport.adapters.embedded.exports import ExportBook
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.adapters.embedded.people import PeopleFile
from rapport.app import backing_up, erasing, rights
from rapport.app.embedded import open_ledger
from rapport.app.exporting import open_exporter
from rapport.app.rights import Shredded
from rapport.app.worker import Worker
from rapport.kernel.errors import Conflict
from rapport.terms import Declaration, Promise
from tests.profile.house import ORG, House, at, told

URL = "https://parcels.example/deletions"


class Shop(House):
    """Two customers, one of whom is a person, and an export that two recipients have."""

    def __init__(self) -> None:
        super().__init__()
        self.declare(
            Declaration(
                name="Shop", purposes={"service": Promise("contract", retention_days=30, recipients=("P", "M"))}
            )
        )
        for name in ("ada", "bo"):
            traits = {"email": f"{name}@example.com"}
            self.send(told(at("10:00"), type="identify", userId=name, messageId=name, traits=traits))
        self.send(told(at("11:00"), type="track", userId="ada", messageId="x", event="Seen"), source="crm")
        self.settle()
        self.person = self.people.add([f"{ORG}:user_id:ada"]).handle
        self.ledger = open_ledger(self.settings)
        self.book = DemandFile(self.ledger)
        self.book.set_recipient(ORG, "P", URL)

    def export(self, name: str = "out.parquet") -> None:
        exporter = open_exporter(self.settings, ORG)
        asyncio.run(exporter.export(ORG, "service", self.directory / name, recipients=("P", "M")))

    def shred(self) -> Shredded:
        with self.without_worker():
            return rights.shred_person(self.settings, self.person)

    @contextlib.contextmanager
    def without_worker(self) -> Iterator[None]:
        """The command is the worker."""
        self.worker.close()
        try:
            yield
        finally:
            self.worker = Worker(self.settings)

    def letters(self) -> list[Wanted]:
        box = OutboxFile(self.ledger)
        bodies = [box.body(one) for one in box.listed()]
        return [msgspec.msgpack.decode(body, type=Wanted) for body in bodies if body is not None]

    def states(self) -> list[tuple[str, str, int]]:
        return sorted((one.recipient, one.state, one.customers) for _, one in self.book.listed(ORG))


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop


def test_everyone_who_has_the_erased_is_asked_and_of_nobody_else(shop: Shop) -> None:
    ada, bo = (shop.view(f"user_id:{name}")["customer"] for name in ("ada", "bo"))
    shop.export()
    assert shop.states() == []
    shredded = shop.shred()
    assert shop.states() == [("M", "no_address", 1), ("P", "queued", 1)]
    assert {one.id for one in shredded.demands} == {one.id for _, one in shop.book.listed(ORG)}
    (letter,) = shop.letters()
    assert letter.customers == (ada,)
    assert bo not in letter.customers
    assert ExportBook(shop.ledger).holding(ORG, range(1, 1_000)) != []  # bo stays in it
    with pytest.raises(Conflict):
        shop.shred()
    assert len(shop.states()) == 2


def test_who_is_in_no_export_is_asked_of_nobody(shop: Shop) -> None:
    assert shop.shred().demands == ()
    shop.export()
    assert shop.states() == []


def test_each_export_is_asked_about_for_itself(shop: Shop) -> None:
    shop.export()
    shop.export("again.parquet")
    shop.shred()
    assert shop.states() == [("M", "no_address", 1)] * 2 + [("P", "queued", 1)] * 2
    assert len({one.export for one in shop.letters()}) == 2


class _Cut(BaseException):
    """A kill: nothing that comes after it is done, and nobody catches it."""


STEPS: list[tuple[Any, str]] = [
    (erasing, "shred"),
    (ExportBook, "withdraw"),
    (DemandFile, "_make"),
    (DemandFile, "put"),
    (DemandFile, "of_erasure"),
    (ExportBook, "forget"),
    (DemandFile, "unlink"),
    (PeopleFile, "forget_claims"),
    (backing_up, "renew_backup_key"),
    (PeopleFile, "set_status"),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("place", "step"), STEPS, ids=[step for _, step in STEPS])
def test_cut_short_before_or_after_any_step_each_is_asked_for_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, place: Any, step: str, after: bool
) -> None:
    shop.export()
    whole: Callable[..., Any] = getattr(place, step)

    def cut(*words: Any, **more: Any) -> None:
        if after:
            whole(*words, **more)
        raise _Cut

    with monkeypatch.context() as patch:
        patch.setattr(place, step, cut)
        with pytest.raises(_Cut):
            shop.shred()
    try:
        shop.shred()
    except Conflict:
        assert (step, after) == ("set_status", True)
    assert shop.states() == [("M", "no_address", 1), ("P", "queued", 1)]
    assert len(shop.letters()) == 1
    assert shop.ledger.db.execute("SELECT count(*) FROM demanded").fetchone() == (0,)
    assert shop.ledger.db.execute("SELECT count(*) FROM demand WHERE whose IS NOT NULL").fetchone() == (0,)


def test_what_a_review_erases_is_demanded_too(shop: Shop) -> None:
    shop.send(told(at("12:00"), type="identify", anonymousId="tab", messageId="y", traits={"email": "ada@example.com"}))
    shop.settle()
    shop.export()
    waiting = shop.shred().erased.reviews
    assert len(waiting) == 1
    (ada,) = shop.letters()[0].customers
    assert ExportBook(shop.ledger).holding(ORG, [waiting[0].record]) != []
    with shop.without_worker():
        rights.erase_reviewed(shop.settings, shop.person, [waiting[0].id])
    # It was in the file under the same handle: a later erasure says so again, for it may have been kept there.
    assert [one.customers for one in shop.letters()] == [(ada,), (ada,)]
    assert ExportBook(shop.ledger).holding(ORG, [waiting[0].record]) == []


def test_the_words_of_a_demand_name_nobody(shop: Shop) -> None:
    shop.export()
    shop.shred()
    (letter,) = shop.letters()
    raw = msgspec.json.encode(letter).decode()
    assert "ada" not in raw.replace(letter.token, "").replace(letter.customers[0], "").replace(letter.id, "").lower()
    assert shop.person not in raw


@pytest.mark.parametrize("erase", ["person", "claims"])
@pytest.mark.parametrize("moment", ["before it is on record who was read", "after"])
def test_whoever_is_erased_while_an_export_is_made_is_in_no_file(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, moment: str, erase: str
) -> None:
    """An export that a process makes slowly has read what is erased meanwhile."""
    add = ExportBook.add

    def erased() -> None:
        if erase == "person":
            rights.shred_person(shop.settings, shop.person)
        else:
            rights.shred_claims(shop.settings, shop.person, [(ORG, "user_id", "ada")])

    def erasing_add(book: ExportBook, *what: Any) -> None:
        if moment == "after":
            add(book, *what)
        monkeypatch.setattr(ExportBook, "add", add)
        another = threading.Thread(target=erased)  # this one runs the export's loop
        another.start()
        another.join()
        if moment != "after":
            add(book, *what)

    monkeypatch.setattr(ExportBook, "add", erasing_add)
    with shop.without_worker(), pytest.raises(Conflict) as refused:
        shop.export()
    assert not (shop.directory / "out.parquet").exists()
    assert refused.value.code in ("erased", "deleted")
    assert shop.states() == []
    shop.export()
    ledger = open_ledger(shop.settings)
    assert [one.customers for one in ExportBook(ledger).of_org(ORG)][:1] == [1]
    ledger.close()
