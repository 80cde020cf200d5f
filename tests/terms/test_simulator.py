"""The simulator: what the gate would do by another promise, in numbers that tell of no one."""

from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.terms import promises
from rapport.terms.aggregates import FLOOR, Crowd, Guard, union
from rapport.terms.clauses import Clause, Criterion, Terms
from rapport.terms.declaration import DEFAULT, Declaration, Promise, Standing
from rapport.terms.doors import DAYS, Door, candidates_of, changed, doors_for, words
from rapport.terms.policy import Judge, compile_terms, promise_for
from rapport.terms.presets import PRESETS
from rapport.terms.simulator import Group, Sheet, Simulation, simulate
from tests.terms.strategies import Asked, asked, drawn, some_terms

AT = 1_800_000_000_000_000
GUARD = Guard(b"s" * 32)


class Exact(Guard):
    """Tells every number as it is, so that a test can see what was counted."""

    def __init__(self) -> None:
        super().__init__(b"")

    def told(self, crowd: Crowd) -> int | None:
        return crowd.people if crowd.people >= FLOOR else None


def stands(purposes: dict[str, Promise], version: int) -> Standing:
    return promises.standing("shop", Declaration(purposes=purposes), version, 0, {})


def group(terms: Terms, people: int, seed: int = 1) -> Group:
    return Group(terms, str(terms).encode(), Crowd(people, Random(f"{terms}{seed}").getrandbits(128)))


def tried(groups: list[Group], purposes: dict[str, Promise], guard: Guard | None = None) -> Simulation:
    return simulate(groups, promises.standing("shop", DEFAULT, 0, 0, {}), stands(purposes, -1), guard or Exact(), AT)


def test_it_counts_who_would_come_and_who_would_go() -> None:
    groups = [group(PRESETS["balanced"], 300), group(PRESETS["alone"], 100), group(Terms(), 50)]
    good = Promise("consent", onward=False, retention_days=90)
    told = tried(groups, {"service": Promise("contract", onward=False), "personalisation": good})
    by_purpose = {each.purpose: each for each in told.purposes}
    assert told.people == 450
    assert (by_purpose["personalisation"].now, by_purpose["personalisation"].then) == (None, 300)
    assert (by_purpose["service"].now, by_purpose["service"].then) == (450, 450)
    assert by_purpose["personalisation"].categories["purchases"] == 300
    gone = {each.purpose: each for each in tried(groups, {}).purposes}
    assert (gone["service"].then, gone["service"].lost) == (None, 450)


def test_the_single_promise_that_opens_most_doors_comes_first() -> None:
    mine = Terms("own", (Clause("short", "allow", when=(Criterion("retention", days=137),)),))
    groups = [group(PRESETS["balanced"], 300), group(mine, 40)]
    bad = Promise("consent", ("everything",), retention_days=2_000, onward=False)
    told = tried(groups, {"personalisation": bad})
    (door,) = told.doors
    assert (door.change, door.gained) == ({"retention_days": 90}, 340)
    assert door.words == "keep it at most 90 days"
    onward = Promise("consent", ("everything",), retention_days=90, onward=True)
    told = tried(groups, {"personalisation": onward})
    assert [(door.words, door.gained) for door in told.doors] == [("promise that nothing is passed on", 300)]


def test_what_one_person_wrote_is_never_proposed() -> None:
    odd = Terms("own", (Clause("odd", "allow", when=(Criterion("value", value="no_geese"),)),))
    few = Terms("own", (Clause("few", "allow", when=(Criterion("retention", days=10),)),))
    groups = [group(PRESETS["balanced"], 300), group(odd, 1), group(few, 19)]
    told = tried(groups, {"personalisation": Promise("consent", retention_days=2_000, onward=False)})
    assert [door.change for door in told.doors] == [{"retention_days": 365}]


def test_a_few_who_come_or_go_do_not_show() -> None:
    groups = [group(PRESETS["alone"], 500), group(PRESETS["balanced"], 7)]
    extra = {"service": DEFAULT.purposes["service"], "personalisation": Promise("consent", onward=False)}
    for purposes in ({"service": Promise("contract", onward=False, retention_days=3)}, extra):
        told = {each.purpose: each for each in tried(groups, purposes, GUARD).purposes}
        assert told["service"].now == told["service"].then
        assert told.get("personalisation") is None or told["personalisation"].then is None


@settings(max_examples=25)
@given(st.lists(st.tuples(drawn(some_terms), st.integers(1, 60)), max_size=8), drawn(asked))
def test_any_simulation_counts_what_the_gate_would_do(sharing: list[tuple[Terms, int]], wish: Asked) -> None:
    groups = [group(terms, people, number) for number, (terms, people) in enumerate(sharing)]
    groups = [each._replace(key=b"%d" % number) for number, each in enumerate(groups)]
    candidate = msgspec.structs.replace(wish.standing, org="shop", version=-1)
    told = simulate(groups, promises.standing("shop", DEFAULT, 0, 0, {}), candidate, Exact(), wish.at)
    for opening in told.purposes:
        let_in = [
            each.crowd
            for each in groups
            if each.terms.clauses and Judge().decide(each.terms, b"", candidate, opening.purpose, wish.at).permitted
        ]
        if opening.gained is not None or opening.lost is not None:
            exact = union(let_in).people
            assert opening.purpose == "service" or opening.then == (exact if exact >= FLOOR else None)


@given(drawn(asked))
def test_any_door_that_is_named_opens(wish: Asked) -> None:
    promise = promise_for(wish.standing, wish.purpose)
    if (
        promise is None
        or compile_terms(wish.terms, wish.standing, promise, wish.purpose, wish.at).decide(wish.at).permitted
    ):
        return

    def opens(door: Door) -> bool:
        other, standing = changed(door, promise, wish.standing)
        return compile_terms(wish.terms, standing, other, wish.purpose, wish.at).decide(wish.at).permitted

    candidates = {door for clause in wish.terms.clauses for door in candidates_of(clause, promise)}
    for door in doors_for(candidates, opens):
        other, _ = changed(door, promise, wish.standing)
        assert opens(door)
        assert words(door)
        assert door.kind != "retention" or other.retention_days in DAYS


@given(drawn(asked))
def test_any_sheet_comes_to_what_the_gate_decides(wish: Asked) -> None:
    promise = promise_for(wish.standing, wish.purpose)
    if promise is None:
        return
    clauses = wish.terms.clauses
    verdict = compile_terms(wish.terms, wish.standing, promise, wish.purpose, wish.at).decide(wish.at)
    sheet = Sheet(clauses, wish.standing, promise, wish.purpose, wish.at)
    assert sheet.mask(range(len(clauses))) == verdict.collected | verdict.elsewhere
