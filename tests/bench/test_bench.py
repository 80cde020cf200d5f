"""The bench itself, at toy size: it measures, and its output has the promised shape. No timing is judged."""

import gc
import json
import random
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from bench import __main__ as command
from bench import bench as running
from bench import (
    decisions,
    declarations,
    duplicates,
    gate,
    memory,
    pipeline,
    portal,
    presence,
    receipts,
    revoking,
    row,
    shred,
    traffic,
    view,
)
from bench.bench import Bench, Scale
from bench.row import Row
from rapport.decide.catalogue import Ready
from rapport.decide.traits import Computation
from rapport.kernel.expressions import Facts

TOY = Scale(200, 100, 10_000, 100, 1, 1, 300, 100, 500)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench whose company is shared by this module's tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "VAR", tmp_path_factory.mktemp("var"))
        for module, name, size in (
            (gate, "ROUNDS", 2),
            (pipeline, "MANY_SESSIONS", 1_000),
            (portal, "COMPANIES", 2),
            (portal, "FACTS", 40),
            (portal, "ROUNDS", 2),
            (presence, "REQUESTS", 100),
            (presence, "WARM", 10),
            (receipts, "RECEIPTS", 100),
            (receipts, "ROUNDS", 1),
        ):
            patch.setattr(module, name, size)
        # A collection of all that the tests before left costs more than what is measured: one claim is a difference.
        gc.collect()
        gc.freeze()
        toy = Bench(TOY)
        yield toy
        toy.close()
        gc.unfreeze()
        assert not toy.directory.exists()


def claims(rows: list[Row]) -> list[Row]:
    return [found for found in rows if found.target is not None]


@pytest.mark.parametrize(
    "claim", [pipeline, memory, duplicates, view, gate, receipts, shred, declarations, portal, presence]
)
def test_a_claim_has_a_figure_a_target_and_a_floor_of_the_same_run(bench: Bench, claim: object) -> None:
    rows = list(claim.measure(bench))  # type: ignore[attr-defined]  # the claims are modules
    assert claims(rows)
    for found in claims(rows):
        assert found.value > 0 or "more than" in found.name  # of two that are hardly measured here
        assert found.floor
        assert found.ratio is not None
        assert found.ratio > 0
        assert found.met is (found.value >= found.target if found.wanted == "at least" else found.value <= found.target)
    assert all(found.name in row.table(rows) for found in rows)


def test_what_is_written_holds_the_claims_alone_in_the_promised_shape(tmp_path: Path) -> None:
    claim = Row("pipeline", 31_000.0, "events/s", 30_000, floor="a bare loop: 300,000 events/s", ratio=0.1)
    late = Row("freshness", 120.0, "ms", 100, "at most", floor="one read: 3 ms", ratio=40.0)
    row.write([claim, late, Row("context", 1.0, "ms")], tmp_path / "results.json")
    written = json.loads((tmp_path / "results.json").read_text())
    assert [list(found) for found in written] == [["name", "value", "unit", "target", "floor", "ratio", "met"]] * 2
    assert [found["met"] for found in written] == [True, False]


def test_every_claim_has_a_name_on_the_command_line_and_an_unknown_one_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["speed"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in command.CLAIMS)


def test_a_claim_that_cannot_be_measured_is_named_and_the_others_go_on(bench: Bench) -> None:
    def broken(_: Bench) -> Iterator[Row]:
        raise running.machine.Unmeasurable("no such part")

    def sound(_: Bench) -> Iterator[Row]:
        yield Row("context", 1.0, "ms")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "CLAIMS", {"broken": broken, "sound": sound})
        rows, missing = command.measured(bench, ["broken", "sound"])
    assert [found.name for found in rows] == ["context"]
    assert missing == ["broken"]


def test_steady_traffic_is_mixed_as_told_and_never_repeats_a_message() -> None:
    events = [json.loads(event) for event in islice(iter(traffic.Steady(1_000, seed=3)), 20_000)]
    assert len({event["messageId"] for event in events}) == len(events)
    anonymous = sum("userId" not in event for event in events) / len(events)
    assert 0.17 < anonymous < 0.23
    identified = sum(event["type"] == "identify" for event in events) / len(events)
    assert 0.015 < identified < 0.025  # one in ten sessions of five events begins with one
    assert all(event["traits"]["email"] for event in events if event["type"] == "identify")
    size = sum(len(json.dumps(event, separators=(",", ":"))) for event in events) / len(events)
    assert 550 < size < 720


def asked(*answers: tuple[float, int]) -> revoking.Asking:
    """Somebody who asked at these times, and was answered so, half a second later."""
    asking = revoking.Asking(1, "127.0.0.1", "/", dict, threading.Event())
    asking.answers = [(at, at + 0.5, status) for at, status in answers]
    return asking


def test_revoking_counts_until_the_first_refusal_and_fails_where_anybody_is_let_in_again() -> None:
    assert asked((1, 200), (2, 401), (3, 401)).shut_out(since=1.5) == 1.0
    for wrong in (((1, 200), (2, 401), (3, 200)), ((1, 200),), ((2, 401),), ((1, 200), (2, 500), (3, 401))):
        with pytest.raises(running.machine.Unmeasurable):
            asked(*wrong).shut_out(since=1.5)


def test_a_page_that_needs_something_in_its_address_is_not_passed_over() -> None:
    async def page(_: Request) -> Response:
        return Response()

    def below(*paths: str) -> list[Mount]:
        return [Mount("/me", routes=[Route(path, page) for path in paths])]

    assert portal.pages_of(below("/", "/new", "/export")) == {"/": "", "/new": "/new"}
    with pytest.raises(running.machine.Unmeasurable, match="/new/"):
        portal.pages_of(below("/", "/new/{what}"))


def test_every_action_that_is_decided_among_may_be_done_for_every_customer() -> None:
    told = json.loads(traffic.identify(7, traffic.customer(7), "m", traffic.stamp()))["traits"]
    rng = random.Random(1)
    for number in range(50):
        ready = Ready(decisions._action(number, rng), Computation({}))
        assert ready.excluded(Facts(told), 0, "web", ("en",)) is None
