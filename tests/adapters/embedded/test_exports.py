"""The registry of exports: whatever comes in whatever order, it knows exactly who is in a file that somebody may
have."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.export_files import ExportFiles
from rapport.adapters.embedded.exports import MOST_KEPT, MOST_WAITING, NODE, OUTSIDE, ExportBook
from rapport.app.embedded import open_ledger
from rapport.kernel import ids
from rapport.kernel.errors import Busy, Conflict, NotFound
from rapport.kernel.times import DAY, now
from rapport.terms.exports import Entry, Export, Wish
from tests.profile.house import ORG, House

OTHER = "corner"
ORGS = st.sampled_from([ORG, OTHER])
RECORDS = range(1, 13)
SOME = st.lists(st.sampled_from(RECORDS), min_size=1, max_size=3)
WHICH = st.integers(0, 2)
KEY = bytes(32)
STEPS = st.one_of(
    st.tuples(st.just("ask"), ORGS, st.sampled_from([NODE, OUTSIDE])),
    st.tuples(st.just("add"), WHICH, st.lists(SOME, min_size=1, max_size=3)),
    st.tuples(st.just("finish"), WHICH, st.sampled_from([None, 1, 30])),
    st.tuples(st.sampled_from(["fail", "fetch", "delete"]), WHICH, st.none()),
    st.tuples(st.just("forget"), ORGS, SOME),
    st.tuples(st.just("sweep"), st.sampled_from([0, 2, 8, 40]), st.none()),
    st.tuples(st.just("cut_short"), st.none(), st.none()),
)


class One:
    """An export as one would tell of it: (record, customer) → receipt, and what became of it."""

    def __init__(self, handle: str, org: str, place: str) -> None:
        self.id, self.org, self.place = handle, org, place
        self.status = "running"
        self.held = self.fetched = False
        self.rows: dict[tuple[int, int], str] = {}
        self.expires: int | None = None
        self.kept: int | None = None

    @property
    def on_node(self) -> bool:
        return self.place == NODE and self.status in ("running", "done")

    def end(self, status: str) -> None:
        self.status = status
        if not self.fetched:
            self.let_go()

    def let_go(self) -> None:
        self.held = False
        self.rows = {}


class Twins:
    """The registry, and the same told plainly; each step goes to both."""

    def __init__(self, registry: ExportBook) -> None:
        self.registry = registry
        self.exports: list[One] = []
        self.start = now()

    def take(self, what: str, which: Any, more: Any) -> None:
        if what in ("add", "finish", "fail", "fetch", "delete"):
            if self.exports:
                one = self.exports[which % len(self.exports)]
                getattr(self, what)(one, self.registry.named(one.id), more)
        else:
            getattr(self, what)(which, more)

    def ask(self, org: str, place: str) -> None:
        waiting = [one for one in self.exports if one.org == org and one.place == NODE and one.status == "running"]
        full = place == NODE and len(waiting) >= MOST_WAITING
        handle = ids.fresh("exp")
        try:
            asked = self.registry.ask(org, Wish("service", "csv"), place, handle)
        except Busy:
            assert full
            return
        assert not full
        assert self.registry.start(asked.number) == (place == NODE)
        self.exports.append(One(handle, org, place))

    def add(self, one: One, asked: Export, several: list[list[int]]) -> None:
        entries = [Entry(tuple(records), min(records), ids.fresh("rcp")) for records in several]
        try:
            self.registry.add(asked.number, entries, 1, 1)
        except Conflict:
            assert one.status != "running"
            return
        # A record that was read twice for one customer is told by the last receipt.
        one.rows |= {(number, entry.customer): entry.receipt for entry in entries for number in entry.records}

    def finish(self, one: One, asked: Export, days: int | None) -> None:
        expires = None if days is None else self.start + days * DAY
        week = self.start + 7 * DAY
        kept = None if one.place == OUTSIDE else min(week, expires or week)
        whole = msgspec.structs.replace(asked, exported_at=self.start, expires_at=expires, kept_until=kept, size=1)
        try:
            self.registry.finish(whole, KEY if kept else None)
        except Conflict:
            assert one.status != "running"
            return
        one.status, one.held, one.expires, one.kept = "done", True, expires, kept

    def fail(self, one: One, asked: Export, _: None) -> None:
        self.registry.fail(asked.number, "why")
        one.status = "deleted" if one.status == "deleted" else "failed"
        if one.status == "failed":
            one.let_go()

    def fetch(self, one: One, asked: Export, _: None) -> None:
        try:
            assert self.registry.fetch(asked).raw == KEY
        except NotFound:
            assert one.status in ("expired", "deleted") or one.place == OUTSIDE
            return
        except Conflict:
            assert one.status in ("waiting", "running", "failed")
            return
        one.fetched = True

    def delete(self, one: One, asked: Export, _: None) -> None:
        if one.on_node:
            self.registry.end(asked, "deleted")
            one.end("deleted")

    def forget(self, org: str, records: list[int]) -> None:
        self.registry.forget(org, records)
        for one in self.exports:
            if one.org == org:
                reached = one.status == "running" or one.on_node
                if reached and any(number in records for number, _ in one.rows):
                    one.end("deleted")
                one.rows = {row: receipt for row, receipt in one.rows.items() if row[0] not in records}

    def sweep(self, days: int, _: None) -> None:
        present = self.start + days * DAY
        self.registry.sweep(present)
        for one in self.exports:
            if one.status == "done" and one.kept is not None and one.kept <= present:
                one.end("expired")
            if one.held and one.expires is not None and one.expires <= present:
                one.let_go()
                one.status = "expired" if one.status == "done" else one.status

    def cut_short(self, _: None, __: None) -> None:
        self.registry.cut_short(lambda _: False, "cut short")
        for one in self.exports:
            if one.status == "running":
                one.status = "failed"
                one.let_go()

    def held(self, org: str, record: int) -> set[tuple[str, str]]:
        return {
            (one.id, receipt)
            for one in self.exports
            if one.org == org and one.held
            for (number, _), receipt in one.rows.items()
            if number == record
        }

    def agree(self) -> None:
        db = self.registry._db
        for org in (ORG, OTHER):
            expected = {record: self.held(org, record) for record in RECORDS}
            every = {(one.export_id, one.receipt) for one in self.registry.holding(org, RECORDS)}
            assert every == set().union(*expected.values())
            statuses = [one.status for one in self.registry.of_org(org)]
            assert statuses == [one.status for one in reversed(self.exports) if one.org == org]
        # And of nobody else is anything kept.
        assert db.execute("SELECT count(*) FROM export_row").fetchone()[0] == sum(len(one.rows) for one in self.exports)


@settings(max_examples=50)
@given(st.lists(STEPS, max_size=30))
def test_it_knows_exactly_who_is_in_a_file_that_somebody_may_have(steps: list[tuple[str, Any, Any]]) -> None:
    with House() as house:
        ledger = open_ledger(house.settings)
        ledger.add_org(OTHER)
        twins = Twins(ExportBook(ledger))
        for org in (ORG, ORG, OTHER):
            twins.take("ask", org, NODE)
            twins.take("add", len(twins.exports) - 1, [[1, 2], [3]])
        for step in steps:
            twins.take(*step)
            twins.agree()
        for org in (ORG, OTHER):
            for record in RECORDS:
                told = {(one.export_id, one.receipt) for one in twins.registry.holding(org, [record])}
                assert told == twins.held(org, record)
        ledger.close()


def test_a_file_whose_time_is_over_is_not_given_out_even_before_it_is_swept() -> None:
    with House() as house:
        ledger = open_ledger(house.settings)
        registry = ExportBook(ledger)
        asked = registry.ask(ORG, Wish("service", "csv"), NODE, ids.fresh("exp"))
        registry.start(asked.number)
        past = msgspec.structs.replace(asked, exported_at=now() - DAY, kept_until=now() - 1, size=1)
        registry.finish(past, KEY)
        with pytest.raises(NotFound):
            registry.fetch(asked)
        ledger.close()


def test_the_node_keeps_so_many_files_of_an_organization_and_no_more() -> None:
    with House() as house:
        ledger = open_ledger(house.settings)
        registry = ExportBook(ledger)
        for _ in range(MOST_KEPT):
            asked = registry.ask(ORG, Wish("service", "csv"), NODE, ids.fresh("exp"))
            registry.start(asked.number)
            registry.finish(msgspec.structs.replace(asked, exported_at=now(), kept_until=now() + DAY, size=1), KEY)
        with pytest.raises(Conflict) as refused:
            registry.ask(ORG, Wish("service", "csv"), NODE, ids.fresh("exp"))
        assert refused.value.code == "too_many_exports"
        # The command line keeps its files elsewhere, and other organizations theirs.
        registry.ask(ORG, Wish("service", "csv"), OUTSIDE, ids.fresh("exp"))
        registry.end(asked, "deleted")
        registry.ask(ORG, Wish("service", "csv"), NODE, ids.fresh("exp"))
        ledger.close()


@pytest.mark.parametrize("moment", ["done, and its file not named yet", "finished while what lies there is listed"])
def test_tidying_up_takes_no_file_that_is_finished_meanwhile(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with House() as house:
        ledger = open_ledger(house.settings)
        registry, files = ExportBook(ledger), ExportFiles(house.directory)
        asked = registry.ask(ORG, Wish("service", "csv"), NODE, ids.fresh("exp"))
        whole = msgspec.structs.replace(asked, exported_at=now(), kept_until=now() + DAY, size=1)

        def finish() -> None:
            with files.at_work(asked.id):
                registry.start(asked.number)
                registry.finish(whole, KEY)
                if moment.startswith("done"):
                    registry.tidy()
                files.sealed(asked.id).write_bytes(b"sealed")

        if moment.startswith("done"):
            finish()
        else:
            listed = ExportBook._exports

            def late(book: ExportBook, *what: Any) -> list[Export]:
                monkeypatch.setattr(ExportBook, "_exports", listed)
                found = list(listed(book, *what))
                finish()
                return found

            monkeypatch.setattr(ExportBook, "_exports", late)
        registry.tidy()
        monkeypatch.undo()
        assert files.sealed(asked.id).exists()
        assert registry.named(asked.id).status == "done"
        ledger.close()
