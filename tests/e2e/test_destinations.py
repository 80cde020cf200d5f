"""Destinations of a running node: from an event to a real receiver, to a second node, and back out of both."""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rapport.act import webhooks
from rapport.act.delivery import TIMEOUT_S
from rapport.app.embedded import open_people
from rapport.app.settings import Settings
from rapport.kernel.times import now
from tests.act.receiving import Got, Receiver, drips_to_the_end, eventually, garbage, huge, never, says
from tests.e2e.api import bearer, is_problem
from tests.e2e.running import Answer, Node, Org, http

INSIDE = {"RAPPORT_PRIVATE_DESTINATIONS": "1"}
GOLD = {"expression": 'traits.plan == "gold"', "purpose": "service"}


@contextlib.contextmanager
def running(directory: Path, **env: str) -> Iterator[Node]:
    node = Node(directory, env={**INSIDE, **env})
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    with running(tmp_path_factory.mktemp("destinations") / "data") as node:
        org = node.org("acme")
        assert put(org, "audiences/gold", GOLD).status in {200, 201}
        yield org


def ask(org: Org, method: str, path: str, body: Any = None) -> Answer:
    import json

    raw = None if body is None else json.dumps(body).encode()
    headers = {**bearer(org.api_token), "content-type": "application/json"}
    return http(method, f"{org.node.url}/v1/{path}", raw, headers)


def put(org: Org, path: str, body: Any) -> Answer:
    return ask(org, "PUT", path, body)


def destination(org: Org, name: str, url: str, **more: Any) -> Any:
    body = {"kind": "webhook", "url": url, "audience": "gold", "purpose": "service", **more}
    answer = put(org, f"destinations/{name}", body)
    assert answer.status in {200, 201}, answer.body
    return answer.json


def plan(org: Org, user: str, value: str) -> None:
    assert org.send({"type": "identify", "userId": user, "traits": {"plan": value}}).status == 200


def named(receiver: Receiver, handle: str) -> list[str]:
    """The types of what came of a customer, each delivery once, in the order in which it came first."""
    first: dict[str, Got] = {}
    for got in receiver.got:
        if got.json["data"]["customer"] == handle:
            first.setdefault(got.headers["webhook-id"], got)
    return [got.json["type"] for got in first.values()]


def lock(org: Org, user: str) -> None:
    people = open_people(Settings(data=str(org.node.data)))
    people.lock(people.add([f"{org.name}:user_id:{user}"]).handle)


def test_an_event_becomes_a_signed_message_within_moments_and_a_lock_a_deletion(acme: Org) -> None:
    with Receiver() as receiver:
        made = destination(acme, "hook", receiver.url, fields={"plan": "traits.plan"})
        secret = made["secret"]
        shown = ask(acme, "GET", "destinations/hook").json
        assert (shown["has_secret"], "secret" in shown) == (True, False)
        plan(acme, "ada", "gold")
        (got,) = receiver.wait()
        assert webhooks.verified(got.headers, got.body, secret, now())
        assert got.json["data"]["fields"] == {"plan": "gold"}
        assert got.json["data"]["customer"] == acme.view("user_id:ada")["customer"]
        handle = got.json["data"]["customer"]
        plan(acme, "ada", "none")
        plan(acme, "ada", "gold")
        eventually(
            lambda: named(receiver, handle)[-1:] == ["audience.entered"] and len(named(receiver, handle)) in {1, 3}
        )
        lock(acme, "ada")
        eventually(lambda: named(receiver, handle)[-1:] == ["customer.deleted"])
        assert ask(acme, "DELETE", "destinations/hook").status == 204
        assert ask(acme, "GET", "destinations/hook").status == 404


def test_a_second_node_takes_what_is_forwarded_and_lets_it_go(acme: Org, tmp_path: Path) -> None:
    with running(tmp_path / "there") as there:
        other = there.org("other")
        fields = {"email": "identifiers.email[0]", "tier": "traits.plan"}
        destination(acme, "cdp", f"{there.url}/v1/batch", kind="segment", secret=other.write_key, fields=fields)
        sent = {"type": "identify", "userId": "bea", "traits": {"plan": "gold", "email": "bea@example.com"}}
        assert acme.send(sent).status == 200
        handle = acme.view("user_id:bea", events=1)["customer"]
        view = other.view(f"user_id:{handle}", events=2)
        assert {name: one["value"] for name, one in view["traits"].items()} == {
            "email": "bea@example.com", "tier": "gold", "gold": True,
        }  # fmt: skip
        assert view["events"]["by_name"]["Audience Entered"]["count"] == 1
        lock(acme, "bea")
        eventually(lambda: "Customer Deleted" in other.view(f"user_id:{handle}")["events"]["by_name"])
        assert other.view(f"user_id:{handle}")["traits"] == {}
        ask(acme, "DELETE", "destinations/cdp")


def test_a_stuck_destination_delays_the_others_by_nothing(acme: Org) -> None:
    with Receiver(otherwise=never) as mute, Receiver(otherwise=drips_to_the_end) as slow, Receiver() as well:
        destination(acme, "well", well.url)

        def took(user: str) -> float:
            came = len(well.got)
            began = time.monotonic()
            plan(acme, user, "gold")
            well.wait(came + 1)
            return time.monotonic() - began

        alone = took("a")
        for number in range(12):
            destination(acme, f"mute{number}", (mute, slow)[number % 2].url)
        mute.wait(6)
        slow.wait(6)
        beside = sorted(took(f"b{n}") for n in range(7))[3]
        assert beside < alone + TIMEOUT_S / 2  # whoever waited for one of them would wait twice as long
        for name in ["well", *(f"mute{number}" for number in range(12))]:
            ask(acme, "DELETE", f"destinations/{name}")


def test_whatever_a_destination_answers_it_gets_each_under_one_id_and_leads_nowhere(acme: Org) -> None:
    def slow(handler: Any, got: Got) -> None:
        time.sleep(3)
        says(200)(handler, got)

    def hears_and_hangs_up(handler: Any, _: Got) -> None:
        handler.connection.close()

    with contextlib.ExitStack() as open_ones:
        inside = open_ones.enter_context(Receiver())
        redirects = {f"says {code}": says(code, location=inside.url) for code in (301, 302, 303, 307, 308)}
        moods = {
            "slow": slow, "garbage": garbage, "never": never, "twice": hears_and_hangs_up, "huge": huge,
            "unauthorized": says(401), "unavailable": says(503, **{"retry-after": "1"}), **redirects,
        }  # fmt: skip
        receivers = {mood: open_ones.enter_context(Receiver(behaves)) for mood, behaves in moods.items()}
        for mood, receiver in receivers.items():
            destination(acme, f"m_{mood.replace(' ', '_')}", receiver.url)
        members = {member for got in receivers["slow"].wait() for member in [got.json["data"]["customer"]]}
        plan(acme, "moody", "gold")
        handle = acme.view("user_id:moody")["customer"]
        for receiver in receivers.values():
            eventually(lambda receiver=receiver: "audience.entered" in named(receiver, handle))
        names = [f"destinations/m_{mood.replace(' ', '_')}" for mood in moods]
        eventually(lambda: all(ask(acme, "GET", name).json["health"]["waiting"] == 0 for name in names), 120)
        for mood, receiver in receivers.items():
            ids = [got.headers["webhook-id"] for got in receiver.got]
            assert len(ids) - len(set(ids)) == (mood not in {"slow", "huge"}), mood
            entered = [got.json["data"]["customer"] for got in receiver.got if got.headers["webhook-id"] in set(ids)]
            assert members <= set(entered), mood
            assert receiver.visited == [], mood
        assert (inside.got, inside.visited) == ([], [])
        errors = {mood: ask(acme, "GET", name).json["health"]["error"] for mood, name in zip(moods, names, strict=True)}
        assert errors["slow"] is None
        assert errors["never"] == "it did not answer within 10 seconds"
        assert errors["garbage"] == "it answered with what is no HTTP"
        assert errors["says 307"] == "it answered 307: redirects are not followed"
        for name in names:
            ask(acme, "DELETE", name)


def test_whatever_is_killed_whenever_each_delivery_comes_and_one_more_per_kill_at_most(tmp_path: Path) -> None:
    def slowly(handler: Any, got: Got) -> None:
        time.sleep(0.02)
        says(204)(handler, got)

    kills = 0
    with Receiver(otherwise=slowly) as receiver, running(tmp_path / "data") as node:
        org = node.org("acme")
        put(org, "audiences/gold", GOLD)
        destination(org, "hook", receiver.url)
        users = [f"u{number}" for number in range(120)]
        for start in range(0, len(users), 40):
            events = [
                {"type": "identify", "userId": user, "traits": {"plan": "gold"}} for user in users[start : start + 40]
            ]
            assert org.send(*events).status == 200
        for part in ("evaluator", "evaluator", "worker", "evaluator"):
            time.sleep(0.7)
            with contextlib.suppress(KeyError, ProcessLookupError):
                os.kill(node.children()[part], signal.SIGKILL)
                kills += 1
        eventually(lambda: len({got.headers["webhook-id"] for got in receiver.got}) >= len(users), 120)
        time.sleep(1)
    ids = [got.headers["webhook-id"] for got in receiver.got]
    assert len(set(ids)) == len(users)
    assert len({got.json["data"]["customer"] for got in receiver.got}) == len(users)
    assert len(ids) - len(set(ids)) <= kills


def given_up(org: Org) -> int:
    """What waits is given up, as it were after five days; how much that was."""
    with contextlib.closing(sqlite3.connect(org.node.data / "decide.db", timeout=30)) as db, db:
        return db.execute("UPDATE queue SET dead = 1, tries = 29, error = 'it answered 503' WHERE NOT dead").rowcount


def test_what_was_given_up_is_listed_and_replayed_one_or_all_and_read_anew(acme: Org) -> None:
    with Receiver() as receiver:
        destination(acme, "tired", receiver.url, fields={"plan": "traits.plan"})
        plan(acme, "clara", "gold")  # told after whoever was in before
        clara = acme.view("user_id:clara")["customer"]
        eventually(lambda: any(got.json["data"]["customer"] == clara for got in receiver.got))
        eventually(lambda: ask(acme, "GET", "destinations/tired").json["health"]["waiting"] == 0)
        came = len(receiver.got)
        assert ask(acme, "POST", "destinations/tired/pause").status == 200
        for user in ("dora", "emil", "fia"):
            plan(acme, user, "gold")
        eventually(lambda: ask(acme, "GET", "destinations/tired").json["health"]["waiting"] == 3)
        assert given_up(acme) == 3
        assert ask(acme, "POST", "destinations/tired/resume").status == 200
        failures = ask(acme, "GET", "destinations/tired/failures?limit=2").json
        assert [(one["what"], one["tries"], one["error"], one["state"]) for one in failures["failures"]] == [
            ("entered", 29, "it answered 503", "failed")
        ] * 2
        rest = ask(acme, "GET", f"destinations/tired/failures?limit=2&cursor={failures['next']}").json
        ids = [one["id"] for one in [*failures["failures"], *rest["failures"]]]
        assert (len(set(ids)), rest["next"]) == (3, None)
        assert receiver.got[came:] == []

        assert ask(acme, "POST", "destinations/tired/replay", {"id": ids[1]}).json == {"replayed": 1}
        receiver.wait(came + 1)
        lock(acme, "dora")  # who may not be told by now is not
        assert ask(acme, "POST", "destinations/tired/replay", {}).json == {"replayed": 2}
        eventually(lambda: ask(acme, "GET", "destinations/tired").json["health"]["waiting"] == 0)
        told = [got for got in receiver.got[came:] if got.json["type"] == "audience.entered"]
        emil, fia = (acme.view(f"user_id:{user}")["customer"] for user in ("emil", "fia"))
        assert {got.json["data"]["customer"] for got in told} == {emil, fia}
        assert told[0].headers["webhook-id"] == ids[1]
        assert ask(acme, "GET", "destinations/tired/failures").json == {"failures": [], "next": None}
        ask(acme, "DELETE", "destinations/tired")


def test_one_that_says_it_is_gone_is_paused_and_goes_on_with_what_waits(acme: Org) -> None:
    with Receiver(otherwise=says(410)) as receiver:
        destination(acme, "gone", receiver.url)
        plan(acme, "cleo", "gold")
        eventually(lambda: ask(acme, "GET", "destinations/gone").json["paused"])
        shown = ask(acme, "GET", "destinations/gone").json
        assert "410" in shown["why"]
        assert shown["health"]["waiting"] >= 1
        receiver.answers(says(200))
        assert ask(acme, "POST", "destinations/gone/resume").json["paused"] is False
        eventually(lambda: ask(acme, "GET", "destinations/gone").json["health"]["waiting"] == 0)
        assert ask(acme, "GET", "destinations/gone/failures").json == {"failures": [], "next": None}
        assert ask(acme, "POST", "destinations/gone/replay", {}).json == {"replayed": 0}
        is_problem(ask(acme, "POST", "destinations/gone/replay", {"id": "msg_x"}), 404, "not_found")
        ask(acme, "DELETE", "destinations/gone")


BAD: list[tuple[Callable[[dict[str, Any]], Any], str, str]] = [
    (lambda b: b.update(url="http://[::1/"), "bad_url", "url"),
    (lambda b: b.update(kind="owl"), "bad_kind", "kind"),
    (lambda b: b.update(events=["x"]), "bad_trigger", "audience"),
    (lambda b: b.update(audience="nobody"), "unknown_audience", "audience"),
    (lambda b: b.update(purpose="offers"), "other_purpose", "purpose"),
    (lambda b: b.update(recipient="Stranger Ltd"), "unknown_recipient", "recipient"),
    (lambda b: b.update(secret="x"), "bad_secret", "secret"),
    (lambda b: b.update(fields={"x": "1 +"}), "bad_expression", "fields.x"),
]


@pytest.mark.parametrize(("change", "code", "field"), BAD, ids=[code for _, code, _ in BAD])
def test_bad_input_is_told_and_leaves_nothing(
    acme: Org, change: Callable[[dict[str, Any]], Any], code: str, field: str
) -> None:
    body: dict[str, Any] = {"kind": "webhook", "url": "https://x.example/", "audience": "gold", "purpose": "service"}
    change(body)
    is_problem(put(acme, "destinations/bad", body), 400, code, field)
    assert ask(acme, "GET", "destinations/bad").status == 404


def test_addresses_inside_are_refused_by_default(tmp_path: Path) -> None:
    with running(tmp_path / "data", RAPPORT_PRIVATE_DESTINATIONS="0") as node:
        org = node.org("acme")
        put(org, "audiences/gold", GOLD)
        for host in ("127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]"):
            body = {"kind": "webhook", "url": f"http://{host}/", "audience": "gold", "purpose": "service"}
            is_problem(put(org, "destinations/bad", body), 400, "bad_url", "url")


def test_duckdb_reads_the_members_of_an_audience_from_the_files_that_are_made(acme: Org, tmp_path: Path) -> None:
    import duckdb

    for user, tier in (("f1", "gold"), ("f2", "gold"), ("f3", "none")):
        plan(acme, user, tier)
    fields = {"seen": 'count("*")', "plan": "traits.plan"}
    for form in ("parquet", "csv"):
        body = {"kind": "file", "format": form, "audience": "gold", "purpose": "service", "fields": fields}
        assert put(acme, f"destinations/table_{form}", {**body, "every_hours": 24}).status == 201
        asked = ask(acme, "POST", f"destinations/table_{form}/file")
        assert asked.status == 202
        where = f"exports/{asked.json['export']}"
        eventually(lambda where=where: ask(acme, "GET", where).json["status"] not in {"waiting", "running"}, 60)
        assert ask(acme, "GET", where).json["audience"] == "gold"
        file = tmp_path / f"members.{form}"
        file.write_bytes(ask(acme, "GET", f"{where}/file").body)
        rows = duckdb.sql(f"SELECT customer, plan FROM '{file}'").fetchall()
        everybody = {acme.view(f"user_id:{user}")["customer"] for user in ("f1", "f2")}
        assert everybody <= {customer for customer, _ in rows}
        assert {tier for _, tier in rows} == {"gold"}
        assert [name for name, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM '{file}'").fetchall()] == [
            "customer", "receipt", "seen", "plan",
        ]  # fmt: skip
    is_problem(ask(acme, "POST", "destinations/nothing/file"), 404, "not_found")
    is_problem(
        ask(acme, "POST", "exports", {"purpose": "offers", "format": "csv", "audience": "gold"}),
        400,
        "other_purpose",
        "purpose",
    )


@pytest.mark.timeout(180)
def test_a_node_that_is_killed_as_a_whole_goes_on_where_it_was(tmp_path: Path) -> None:
    def slowly(handler: Any, got: Got) -> None:
        time.sleep(0.02)
        says(204)(handler, got)

    users = [f"u{number}" for number in range(90)]
    kills = 3
    with Receiver(otherwise=slowly) as receiver:
        for kill in range(kills):
            node = Node(tmp_path / "data", env=INSIDE)
            try:
                org = node.org("acme")
                put(org, "audiences/gold", GOLD)
                destination(org, "hook", receiver.url)
                some = users[kill * 30 : kill * 30 + 30]
                came = len(receiver.got)
                assert (
                    org.send(*({"type": "identify", "userId": u, "traits": {"plan": "gold"}} for u in some)).status
                    == 200
                )
                receiver.wait(came + 5)
            finally:
                for child in node.children().values():
                    os.kill(child, signal.SIGKILL)
                node.stop(signal.SIGKILL)
        with running(tmp_path / "data"):
            eventually(lambda: len({got.json["data"]["customer"] for got in receiver.got}) == len(users), 120)
            time.sleep(1)
    ids = [got.headers["webhook-id"] for got in receiver.got]
    assert len(set(ids)) == len(users)
    assert len(ids) - len(set(ids)) <= kills
