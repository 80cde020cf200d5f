import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.cli.demo import play, premises
from rapport.cli.demo.history import story
from rapport.cli.demo.live import Street
from rapport.cli.demo.people import household
from rapport.cli.demo.premises import Note
from rapport.cli.demo.sending import Sender
from rapport.kernel.errors import BadInput, Conflict
from rapport.kernel.times import MINUTE, SECOND, now, parse_rfc3339
from tests.cli.listening import Listener

END = parse_rfc3339("2026-11-21T20:00:00Z")


def sender(listener: Listener) -> Sender:
    return Sender("127.0.0.1", listener.port, lambda source: source)


def tell(listener: Listener, note: Note, extent: play.Extent, speed: float | None = None) -> int:
    sending = sender(listener)
    people = play.history(sending, note, extent, speed, keep=lambda: None, tell=lambda _share, _events: None)
    sending.close()
    return people


def said(listener: Listener) -> set[str]:
    return {event["messageId"] for event in listener.events}


def all_of(households: int) -> set[str]:
    return {call.body["messageId"] for number in range(households) for call in story(1, number, END)}


def test_the_history_has_as_many_customers_as_asked_and_alice_first(listener: Listener) -> None:
    note = Note(1, END)
    assert 25 <= tell(listener, note, play.Extent(25)) <= 28, "whole households"
    assert said(listener) == all_of(note.households)
    assert listener.events[0]["messageId"].startswith("demo-1-h0-")


def test_a_history_that_was_sent_is_not_sent_again(listener: Listener) -> None:
    note = Note(1, END)
    tell(listener, note, play.Extent(10))
    before = len(listener.taken)
    tell(listener, note, play.Extent(10))
    assert len(listener.taken) == before


def test_more_customers_are_added_to_those_that_are_there(listener: Listener) -> None:
    note = Note(1, END)
    tell(listener, note, play.Extent(10))
    first = said(listener)
    listener.taken.clear()
    tell(listener, note, play.Extent(30))
    assert said(listener).isdisjoint(first)
    assert said(listener) | first == all_of(note.households)


def test_what_was_not_noted_is_sent_again_as_exact_copies(listener: Listener) -> None:
    tell(listener, Note(1, END), play.Extent(10))
    first = {event["messageId"]: event for event in listener.events}
    listener.taken.clear()
    tell(listener, Note(1, END), play.Extent(10))
    assert {event["messageId"]: event for event in listener.events} == first


def test_so_many_events_can_be_asked_for_instead(listener: Listener) -> None:
    tell(listener, Note(1, END), play.Extent(300, events=1000))
    assert 1000 <= len(listener.events) < 1600


def test_with_a_speed_the_history_plays_in_its_own_order_and_time(listener: Listener) -> None:
    begun = time.monotonic()
    tell(listener, Note(1, END), play.Extent(2), speed=90 * 24 * 3600)
    assert time.monotonic() - begun > 0.3, "62 days of Alice at 90 days a second"
    times = [parse_rfc3339(event["timestamp"]) for event in listener.events]
    late = sum(later < earlier - 12 * 60 * MINUTE for earlier, later in pairwise(times))
    assert late < len(times) / 20
    assert times[0] < times[-1] - 50 * 24 * 60 * MINUTE


def test_visits_are_as_many_as_asked_and_lively_at_once() -> None:
    opened, street = now(), Street(1, 60, rate=20.0, run="test")
    minutes = [
        len([c for tick in range(300) for c in street.due(opened + m * MINUTE + tick * 200_000)]) for m in range(6)
    ]
    assert 15 < sum(minutes) / 360 < 25
    assert minutes[0] > 300, "not only after the first visits have got under way"


def test_visits_are_told_when_they_happen_and_not_before() -> None:
    opened, street = now() // SECOND * SECOND, Street(1, 60, rate=5.0, run="test")
    for tick in range(600):
        present = opened + tick * SECOND
        for call in street.due(present):
            assert opened <= call.leaves <= present
            assert call.at <= call.leaves


def test_after_a_closed_laptop_wakes_up_the_street_does_not_catch_up() -> None:
    opened, street = now(), Street(1, 60, rate=5.0, run="test")
    street.due(opened)
    a_day_later = opened + 24 * 60 * MINUTE
    pending = street.due(a_day_later)
    assert len(pending) < 5 * 600 + 500, "what was under way, not a day's worth"


def test_a_run_of_visits_can_be_repeated() -> None:
    def run(name: str) -> list[object]:
        street = Street(1, 60, rate=20.0, run=name)
        return [call for tick in range(60) for call in street.due(END + tick * SECOND)]

    assert run("a") == run("a") != run("b")


def settings(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path))


def orgs(of: Settings) -> list[str]:
    ledger = embedded.open_ledger(of)
    try:
        return ledger.orgs()
    finally:
        ledger.close()


def add(of: Settings, org: str) -> None:
    ledger = embedded.open_ledger(of)
    ledger.add_org(org)
    ledger.close()


def test_the_demo_makes_its_own_organization(tmp_path: Path) -> None:
    premises.admit(settings(tmp_path), "demo", sure=False)
    premises.admit(settings(tmp_path), "demo", sure=False)
    assert orgs(settings(tmp_path)) == ["demo"]


@pytest.mark.parametrize("org", ["demo", "acme", "new"])
def test_the_demo_enters_nobodys_directory_unless_it_is_meant(tmp_path: Path, org: str) -> None:
    here = settings(tmp_path)
    add(here, "acme")
    with pytest.raises(Conflict, match="acme"):
        premises.admit(here, org, sure=False)
    assert orgs(here) == ["acme"]
    premises.admit(here, org, sure=True)
    assert set(orgs(here)) == {"acme", org}


def test_sources_are_made_once_and_keep_their_keys(tmp_path: Path) -> None:
    here = settings(tmp_path)
    premises.admit(here, "demo", sure=False)
    keys = {source: premises.write_key(here, "demo", source) for source in premises.SOURCES}
    assert keys == {source: premises.write_key(here, "demo", source) for source in premises.SOURCES}
    ledger = embedded.open_ledger(here)
    assert {s.name for s in ledger.sources("demo") if s.trusted} == {"crm", "till", "support"}
    ledger.close()


def test_a_history_keeps_its_seed_and_its_end(tmp_path: Path) -> None:
    here = settings(tmp_path)
    note = premises.recall(here, "demo", 7)
    note.households = 5
    premises.keep(here, "demo", note)
    assert premises.recall(here, "demo", None) == note
    assert premises.recall(here, "demo", 7) == note
    with pytest.raises(BadInput, match="seed 7"):
        premises.recall(here, "demo", 8)
    assert json.loads((tmp_path / "demo-demo.json").read_text())["households"] == 5


def test_there_are_enough_people_for_the_size_of_a_demo() -> None:
    assert sum(len(household(1, number).people) for number in range(200)) > 300
