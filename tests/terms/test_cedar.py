"""The policy that decides at every read gives the answers of Cedar, to which the same clauses are written out."""

import json
import multiprocessing
import os
from collections import Counter
from random import Random
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings

from rapport.kernel.vocabulary import CATEGORIES, NAMES, bit
from rapport.terms import cedar
from rapport.terms.clauses import Clause, Criterion, Terms
from rapport.terms.declaration import DEFAULT, Standing
from rapport.terms.policy import Judge, Verdict, promise_for
from rapport.terms.presets import PRESETS
from tests.conftest import PROVE
from tests.terms.strategies import Asked, asked, drawn

ENTITIES = cedarpy.Entities.from_json_str(json.dumps(cedar.entities()))
SIDES = ("collected", "elsewhere")
QUESTIONS = [(kind, data) for kind in CATEGORIES for data in SIDES]
UNNAMED = [(kind, data) for kind in NAMES if kind not in CATEGORIES for data in SIDES]

Answers = frozenset[tuple[str, str]]
"""(category, side) of all that may be read."""


def native(wish: Asked) -> tuple[Verdict, Answers]:
    """The gate's own decision, made out over all plain categories."""
    verdict = Judge().decide(
        wish.terms, b"", wish.standing, wish.purpose, wish.at, reaching_out=wish.reaching_out, used=wish.used
    )
    side = {"collected": verdict.collected, "elsewhere": verdict.elsewhere}
    return verdict, frozenset((kind, data) for kind, data in QUESTIONS if side[data] & bit(kind))


def by_cedar(wish: Asked, *, unnamed: bool) -> tuple[str, Answers]:
    """Cedar's decision for each category, under the promise or else under the alternative to it, which counts where the
    promise opens nothing. `unnamed`: the gate says that it does open something, of a kind that only DPV has a name for.
    """
    promise = promise_for(wish.standing, wish.purpose)
    for offer, held in (("promise", promise), ("alternative", promise and promise.alternative)):
        if held is None:
            break
        policies = cedarpy.PolicySet.from_str(cedar.policies(wish.terms, held))
        around = cedar.context(wish.terms, wish.standing, held, wish.at, reaching_out=wish.reaching_out, used=wish.used)
        allowed = allowed_by_cedar(wish, policies, around, QUESTIONS)
        if allowed or (unnamed and allowed_by_cedar(wish, policies, around, UNNAMED)):
            return offer, allowed
    return "promise", frozenset()


def allowed_by_cedar(
    wish: Asked, policies: cedarpy.PolicySet, around: dict[str, Any], questions: list[tuple[str, str]]
) -> Answers:
    requests = [cedar.request(wish.standing.org, wish.purpose, *question, around) for question in questions]
    written = {data: json.dumps({**around, "data": data}) for data in SIDES}  # once, not for each question
    for request, (_, data) in zip(requests, questions, strict=True):
        request["context"] = written[data]
    answers = cedarpy.is_authorized_batch(requests, policies, ENTITIES)
    assert not any(answer.diagnostics.errors for answer in answers), wish
    return frozenset(question for question, answer in zip(questions, answers, strict=True) if answer.allowed)


def agree(wish: Asked) -> Verdict:
    verdict, ours = native(wish)
    offer, theirs = by_cedar(wish, unnamed=verdict.permitted and not ours)
    assert ours == theirs, (wish, sorted(ours ^ theirs))
    assert verdict.offer == offer, wish
    return verdict


@settings(max_examples=max(300, settings.default.max_examples))
@given(drawn(asked))
def test_any_terms_declaration_and_request_are_decided_as_cedar_decides_them(wish: Asked) -> None:
    agree(wish)


def agreed(task: tuple[int, int]) -> Counter[str]:
    """How so many random triples of one seed came out; each agrees with Cedar."""
    seed, number = task
    random = Random(seed)
    outcomes: Counter[str] = Counter()
    for _ in range(number):
        verdict = agree(asked(random))
        outcomes["permitted" if verdict.permitted else "refused"] += 1
        outcomes["by the alternative"] += verdict.offer == "alternative"
        outcomes["with an unmet criterion"] += bool(verdict.unmet)
        outcomes["elsewhere"] += bool(verdict.elsewhere)
    return outcomes


LOT = 2_000


@pytest.mark.prove
@pytest.mark.skipif(not PROVE, reason="a million: under `make prove`")
@pytest.mark.timeout(4 * 3600)
def test_a_million_random_triples_are_decided_as_cedar_decides_them() -> None:
    lots = [(seed, LOT) for seed in range(1_000_000 // LOT)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        outcomes = sum(pool.imap_unordered(agreed, lots), Counter())
    assert outcomes["permitted"] + outcomes["refused"] == 1_000_000
    assert min(outcomes.values()) > 1_000  # none of the ways out was left untried


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_cedar_under_the_ids_of_its_clauses(name: str) -> None:
    text = cedar.policies(PRESETS[name], DEFAULT.purposes["service"])
    written = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values()
    told = [(policy["annotations"]["id"], policy["effect"]) for policy in written]
    effects = {"allow": "permit", "deny": "forbid"}
    assert told == [
        *((clause.id, effects[clause.effect]) for clause in PRESETS[name].clauses),
        ("as promised", "forbid"),
    ]


def test_no_text_of_a_clause_becomes_a_policy_of_its_own() -> None:
    breakout = 'x"];\n};\u2028permit (principal, action, resource);\r\n// \\'
    terms = Terms("own", (Clause("c", "deny", who=(breakout,), when=(Criterion("value", value=breakout),)),))
    assert len(json.loads(cedarpy.policies_to_json_str(cedar.policies(terms)))["staticPolicies"]) == 1


def test_an_unknown_criterion_fails_a_permit_and_triggers_a_forbid() -> None:
    standing = Standing("shop", DEFAULT, 1, "", 0)
    promise = DEFAULT.purposes["service"]
    terms = Terms(
        "own", tuple(Clause(effect, effect, when=(Criterion("retention", days=9),)) for effect in ("allow", "deny"))
    )
    assert cedar.context(terms, standing, promise, 0)["met"] == {"allow.1": False, "deny.1": True}
