"""Erased is gone: what an erasure takes, what it leaves, and what comes in no more."""

import sqlite3

import pytest

from rapport.adapters.embedded.erasures import ErasureReader
from rapport.adapters.embedded.state_rows import MIGRATIONS
from rapport.app import erasing
from rapport.app.embedded import open_keys
from rapport.app.operator import Lift, Settle, Shred, erasure_entry
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.times import DAY, HOUR, now
from rapport.profile.erasure import Claim, Legal
from tests.profile.house import ORG, TEN, House, at, told
from tests.profile.unsealing import readable, sealed_under_organizations

ADA = ("email", "ada@example.com")


@pytest.fixture
def house():
    with House() as house:
        yield house


def shred(house, *pairs, legal=()):
    house.append(erasure_entry(Shred("per_ada", tuple(Claim(ORG, *pair) for pair in pairs or [ADA]), tuple(legal))))
    house.settle()
    return last(house)


def last(house):
    reader = ErasureReader(house.directory, open_keys(house.settings), MIGRATIONS)
    try:
        return reader.outcome(house.log.last())
    finally:
        reader.close()


def refused(house):
    reader = ErasureReader(house.directory, open_keys(house.settings), MIGRATIONS)
    try:
        return reader.refused(ORG)
    finally:
        reader.close()


def identify(user, message, **traits):
    return told(at("10:00"), type="identify", userId=user, messageId=message, traits=traits)


def gone(house, *customers):
    for customer in customers:
        with pytest.raises(NotFound):
            house.view(customer)
    return True


def test_a_record_that_holds_a_claimed_identifier_is_gone_and_others_are_untouched(house):
    house.send(identify("ada", "m1", email="ada@example.com", name="Ada"))
    house.send(identify("bo", "m2", email="bo@example.com", name="Bo"))
    before = house.settle().view("user_id:bo")
    erased = shred(house)
    assert (erased.records, erased.events, erased.identifiers) == (1, 1, 2)
    assert gone(house, "user_id:ada", "email:ada@example.com")
    after = house.view("user_id:bo")
    assert {k: v for k, v in after.items() if k not in ("receipt", "as_of")} == {
        k: v for k, v in before.items() if k not in ("receipt", "as_of")
    }


@pytest.mark.parametrize(
    "again",
    [
        identify("ada", "m1", email="ada@example.com", name="Ada"),
        identify("ada", "m9", email="ada@example.com", name="Ada"),
        identify("someone", "m9", email="ADA@example.com"),
        told(at("11:00"), type="track", event="Viewed", userId="ada", messageId="m9"),
        told(at("11:00"), type="track", event="Viewed", anonymousId="laptop", messageId="m9"),
        told(at("11:00"), type="alias", userId="new", previousId="ada", messageId="m9"),
    ],
)
def test_what_carries_an_erased_identifier_comes_in_no_more_and_is_only_counted(house, again):
    house.send(identify("ada", "m1", email="ada@example.com", name="Ada") | {"anonymousId": "laptop"})
    shred(house)
    house.send(again)
    house.settle()
    assert house.found() == []
    assert house.rejected() == []
    assert refused(house) == 1


def test_the_console_counts_what_came_in_no_more(house):
    shred(house)
    for received_at in (now(), now() - 8 * DAY):
        house.send(identify("ada", "m1", email="ada@example.com"), received_at=received_at)
    house.send({"type": "track", "event": "Nobody"})
    house.settle()
    with house.reader.snapshot():
        assert house.reader.rejected_codes(ORG) == [("erased", 1), ("missing_id", 1)]


def test_an_exact_copy_without_a_time_stays_away_from_a_shared_device(house):
    """It carries nothing of hers, and its content could be anybody's: it is known by having been taken in before."""
    house.send(identify("ada", "m1", email="ada@example.com") | {"anonymousId": "tablet"})
    house.send(told(at("15:00"), type="identify", userId="bo", anonymousId="tablet", messageId="m2"))
    tick = {"type": "track", "event": "Viewed", "anonymousId": "tablet", "messageId": "t1"}
    house.send(tick, received_at=at("10:05"))
    house.settle()
    assert shred(house, ADA, ("user_id", "ada")).events == 2
    house.send(tick, received_at=at("14:55"))
    house.settle()
    assert house.view("user_id:bo")["events"]["total"] == 1
    house.send({**tick, "messageId": "t2"}, received_at=at("14:56"))
    house.settle()
    assert house.view("user_id:bo")["events"]["total"] == 2, "another that looks like it is another"


def test_a_lift_lets_it_in_again(house):
    event = identify("ada", "m1", email="ada@example.com", name="Ada")
    house.send(event)
    shred(house)
    house.send(event)
    house.append(erasure_entry(Lift("per_ada")))
    house.settle()
    assert last(house).identifiers == 2
    assert house.found() == []
    house.send(event)
    assert house.settle().view("email:ada@example.com")["events"]["total"] == 1


def test_a_lift_takes_back_one_persons_tombstones_alone(house):
    claims = (Claim(ORG, *ADA),)
    house.append(erasure_entry(Shred("per_ada", claims)), erasure_entry(Shred("per_other", claims)))
    house.append(erasure_entry(Lift("per_ada")))
    house.send(identify("ada", "m1", email="ada@example.com"))
    house.settle()
    assert house.found() == []


def test_other_organizations_know_nothing_of_it(house):
    house.append(erasure_entry(Shred("per_ada", (Claim("elsewhere", *ADA),))))
    house.send(identify("ada", "m1", email="ada@example.com"))
    assert house.settle().view("user_id:ada")["events"]["total"] == 1


def test_an_identifier_that_a_record_that_stays_holds_goes_on_coming_in(house):
    house.send(identify("ada", "m1", email="ada@example.com") | {"anonymousId": "tablet"})
    house.send(identify("bo", "m2", email="bo@example.com") | {"anonymousId": "tablet"})
    shred(house)
    house.send(told(at("11:00"), type="track", event="Viewed", anonymousId="tablet", messageId="m3"))
    house.settle()
    assert house.view("user_id:bo")["events"]["total"] == 2


def test_a_shared_device_is_sliced_anew_as_if_she_had_never_been_there(house):
    house.send(identify("ada", "m1", email="ada@example.com") | {"anonymousId": "tablet"})
    house.send(told(at("15:00"), type="identify", userId="bo", anonymousId="tablet", messageId="m2"))
    tick = {"type": "track", "event": "Viewed", "anonymousId": "tablet"}
    house.send(*(told(at(clock), **tick, messageId=f"t{clock}") for clock in ("10:10", "12:00", "14:50")))
    house.settle()
    erased = shred(house, ADA, ("user_id", "ada"))
    assert erased.records == 2
    assert house.view("user_id:bo")["events"]["total"] == 3
    house.send(told(at("10:10"), **tick, messageId="t10:10"), told(at("10:10"), **tick, messageId="new"))
    house.settle()
    assert house.view("user_id:bo")["events"]["total"] == 3, "what was hers on the tablet stays away"
    assert refused(house) == 2


def test_a_link_that_was_taken_back_is_found_as_well(house):
    house.send(identify("bo", "m1", email="ada@example.com"))
    house.settle()
    evidence = house.evidence("user_id:bo")
    house.retract(next(item["id"] for item in evidence if item["identifier"]["type"] == "email"))
    house.settle()
    assert shred(house).records == 1
    assert gone(house, "user_id:bo")


def test_a_record_that_was_only_joined_waits_for_a_review(house):
    house.send(identify("ada", "m1", email="ada@example.com", phone="+442079460018"))
    house.send(told(at("10:00"), type="identify", anonymousId="x", messageId="m2", traits={"phone": "+442079460018"}))
    house.settle()
    other = house.view("anonymous_id:x")["records"]
    shred(house)
    (review,) = erasing.review(house.settings, org=ORG)
    assert review.handle in [record["record"] for record in other]
    assert review.why == "it names the same phone as an erased record"
    assert 29 * DAY < review.deadline - now() <= 30 * DAY
    assert house.view("phone:+442079460018")["events"]["total"] == 1
    house.append(erasure_entry(Settle("per_other", (review.id,), erase=True)))
    house.settle()
    assert len(erasing.review(house.settings)) == 1, "another person's reviews are not hers to settle"
    house.append(erasure_entry(Settle("per_ada", (review.id,), erase=True)))
    house.settle()
    assert (last(house).records, erasing.review(house.settings)) == (1, [])
    assert gone(house, "phone:+442079460018", "anonymous_id:x")


def test_a_review_may_keep_the_record(house):
    house.send(identify("ada", "m1", email="ada@example.com", phone="+442079460018"))
    house.send(told(at("10:00"), type="identify", anonymousId="x", messageId="m2", traits={"phone": "+442079460018"}))
    house.settle()
    shred(house)
    (review,) = erasing.review(house.settings)
    house.append(erasure_entry(Settle("per_ada", (review.id,), erase=False)))
    house.settle()
    assert erasing.review(house.settings) == []
    assert house.view("anonymous_id:x")["events"]["total"] == 1


def test_rejected_parts_that_name_her_go(house):
    house.send({"type": "track", "event": "Nobody", "properties": {"who": "Ada@Example.com"}})
    house.send({"type": "track", "event": "Nobody", "properties": {"who": "bo@example.com"}})
    house.settle()
    assert shred(house).rejected == 1
    assert len(house.rejected()) == 1


def test_what_a_law_keeps_is_carved_out_and_goes_at_its_time(house, monkeypatch):
    house.send(
        told(at("10:00"), type="track", event="Order Completed", userId="ada", messageId="m1", properties={"total": 5}),
        told(at("10:00"), type="page", userId="ada", messageId="m2"),
        identify("ada", "m3", email="ada@example.com"),
    )
    house.settle()
    days = (now() - TEN) // DAY + 10
    law = Legal(ORG, ("fraud",), ("purchases",), "tax code § 147", days)
    erased = shred(house, legal=[law, Legal("elsewhere", (), ("purchases",), "other", days)])
    assert [(c.law, c.events, c.categories, c.until) for c in erased.carved] == [
        ("tax code § 147", 1, ("purchases",), at("10:00") + days * DAY)
    ]
    assert erasing.carved(house.settings, person="per_ada") == list(erased.carved)
    assert gone(house, "user_id:ada")
    keys = open_keys(house.settings)
    reader = ErasureReader(house.directory, keys, MIGRATIONS)
    ((_, body),) = reader.carved_events(ORG, "per_ada")
    assert b"Order Completed" in body
    assert b"ada@example.com" not in body
    monkeypatch.setattr("rapport.app.worker.now", lambda: now() + 11 * DAY)
    house.worker._housekept = 0
    with monkeypatch.context() as patched:
        patched.setattr(house.worker._keys, "destroy_carve_keys", _killed)
        with pytest.raises(KeyboardInterrupt):
            house.worker.step()
    house.restart()
    assert erasing.carved(house.settings) == []
    assert keys.carve(1) is None


def test_claims_are_normalised_and_nonsense_is_refused(house):
    house.send(identify("ada", "m1", email="ada@example.com"))
    house.settle()
    house.worker.close()  # now whoever asks is the worker
    erased = erasing.shred(house.settings, "per_ada", [(ORG, "email", " Ada@Example.COM ")])
    assert erased.records == 1
    with pytest.raises(BadInput, match="no email"):
        erasing.shred(house.settings, "per_ada", [(ORG, "email", "nobody")])
    with pytest.raises(BadInput, match="no category"):
        erasing.shred(house.settings, "per_ada", [(ORG, *ADA)], {ORG: [Legal(ORG, (), ("purchase",), "law", 9)]})
    assert erasing.lift(house.settings, "per_ada") == 2
    house.restart()


def test_search_finds_no_slice_by_what_an_erased_one_said(house):
    name = {"name": "Zelda"}
    house.send(told(at("10:10"), type="identify", anonymousId="tablet", messageId="m0", traits=name))
    house.send(told(at("18:00"), type="identify", anonymousId="tablet", messageId="m1", traits={"name": "Zoe"}))
    house.settle()
    house.send(identify("ada", "m2", email="ada@example.com") | {"anonymousId": "tablet"})
    house.send(told(at("15:00"), type="identify", userId="bo", anonymousId="tablet", messageId="m3"))
    house.settle()
    shred(house, ADA, ("user_id", "ada"))
    with house.reader.snapshot():
        assert house.reader.search(ORG, ["zel"]) == []
        assert house.reader.search(ORG, ["zoe"]) != []


def test_numbers_of_erased_records_never_come_again(house):
    house.send(identify("ada", "m1", email="ada@example.com"))
    customer = house.settle().view("user_id:ada")["customer"]
    shred(house)
    house.restart()
    house.send(identify("bo", "m2"))
    assert house.settle().view("user_id:bo")["customer"] != customer
    assert gone(house, customer)


def test_nothing_is_stored_of_an_erased_record(house):
    house.send(identify("ada", "m1", email="ada@example.com", name="Ada Lovelace") | {"anonymousId": "tablet"})
    house.send(told(at("10:01"), type="track", event="Viewed", anonymousId="tablet", messageId="m2"))
    house.settle()
    shred(house, ADA, ("user_id", "ada"))
    db = sqlite3.connect(house.directory / "state.db")
    tables = ["record", "timeline", "word", "edge", "member", "former", "mark", "shared", "tied", "rejected", "doomed"]
    assert {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables} == dict.fromkeys(
        tables, 0
    )
    keys = sqlite3.connect(house.directory / "keys.db")
    assert keys.execute("SELECT count(*) FROM record_key").fetchone()[0] == 0


def test_what_waits_in_the_log_is_still_taken_in(house):
    house.send(identify("ada", "m1", email="ada@example.com"))
    house.append(erasure_entry(Shred("per_ada", (Claim(ORG, *ADA),))))
    house.send(identify("bo", "m2"), received_at=TEN + 12 * HOUR)
    house.settle()
    assert house.view("user_id:bo")["events"]["total"] == 1
    assert gone(house, "user_id:ada")


def test_what_a_barred_event_said_leaves_the_log_at_the_next_housekeeping(house):
    shred(house)
    house.send(identify("ada", "m9", email="ada@example.com"))
    house.settle()
    assert any(b"ada@example.com" in plain for _, plain in readable(house.settings))
    house.worker._housekept = 0
    house.worker.step()
    assert not any(b"ada@example.com" in plain for _, plain in readable(house.settings))


CANARY = {
    "email": "canary.mail@example.com",
    "phone": "+447700901234",
    "name": "Canaria Namington",
}


def test_nothing_readable_and_no_byte_is_left_of_her(house):
    canaries = [*CANARY.values(), "canary-user", "canary-tablet", "canary-event", "canary-message", "canary-rejected"]
    tick = {"type": "track", "event": "canary-event", "anonymousId": "canary-tablet"}
    house.send(identify("canary-user", "canary-message", **CANARY) | {"anonymousId": "canary-tablet"})
    house.send(told(at("12:00"), type="identify", userId="bo", anonymousId="family-tablet", messageId="m2"))
    house.send(told(at("12:10"), type="identify", userId="canary-user", anonymousId="family-tablet", messageId="m3"))
    house.send(told(at("12:15"), type="track", event="canary-event", anonymousId="family-tablet", messageId="m4"))
    house.send(*(told(at("10:10") + n, **tick, messageId=f"t{n}") for n in range(200)))
    house.send({"type": "track", "event": "canary-rejected", "properties": {"mail": CANARY["email"]}})
    house.settle()
    before = [sealed for _, sealed in sealed_under_organizations(house.settings)]
    assert len(before) == 2, "marks and a rejected part"
    assert {c for c in canaries if any(c.encode() in plain for _, plain in readable(house.settings))} == {*canaries}
    shred(house, ("email", CANARY["email"]), ("user_id", "canary-user"))
    places = [(place, plain) for place, plain in readable(house.settings)]
    assert [(p, c) for p, plain in places for c in canaries if c.encode() in plain] == []
    assert places, "others are still readable"
    files = {path.name: path.read_bytes() for path in house.directory.iterdir()}
    assert [(name, c) for name, raw in files.items() for c in canaries if c.encode() in raw] == []
    still = {sealed for _, sealed in sealed_under_organizations(house.settings)}
    gone = [sealed for sealed in before if sealed not in still]
    assert gone, "her marks and the rejected part"
    assert [name for name, raw in files.items() for sealed in gone if sealed[12:] in raw] == []


def test_a_worker_that_was_killed_before_the_keys_were_destroyed_destroys_them_first(house, monkeypatch):
    house.send(identify("ada", "m1", email="ada@example.com"))
    house.settle()
    for step in ("state.make_gone", "_keys.destroy_records", "_log.let_go"):
        with monkeypatch.context() as patched:
            part, _, method = step.rpartition(".")
            patched.setattr(getattr(house.worker, part), method, _killed)
            with pytest.raises(KeyboardInterrupt):
                shred(house)
        assert last(house) is None, step
        house.restart()
        assert last(house) is not None, step
        with sqlite3.connect(house.directory / "keys.db") as keys:
            assert keys.execute("SELECT count(*) FROM record_key").fetchone()[0] == 0


def _killed(*_):
    raise KeyboardInterrupt
