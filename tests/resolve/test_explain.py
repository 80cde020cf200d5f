"""Why two records are together, or not, and what a retraction would do."""

import pytest

from rapport.resolve import Explainer, Reason, Regrouped, preview_retract, regrouped
from tests.resolve.strategies import rules
from tests.resolve.world import World


@pytest.fixture
def world() -> World:
    """web –email– crm –phone– till, and a stranger at the same e-mail as nobody."""
    world = World()
    world.said("web", email="ada@example.com")
    world.said("crm", email="ada@example.com")
    world.said("crm", phone="+44123")
    world.said("till", phone="+44123")
    world.said("stranger", email="zoe@example.com")
    return world


def why(world: World, one: str, another: str):
    return Explainer(world.store, world.rules).why(world.node(one), world.node(another))


def test_the_path_from_one_record_to_another_is_told_step_by_step(world):
    answer = why(world, "web", "till")
    assert answer.together
    assert [(world.names[f.edge.record], f.edge.type) for f in answer.findings] == [
        ("web", "email"),
        ("crm", "email"),
        ("crm", "phone"),
        ("till", "phone"),
    ]
    assert {f.sentence for f in answer.findings} == {"this e-mail address joins them", "this phone number joins them"}


def test_the_path_between_a_users_records_goes_over_the_user_id(world):
    world.said("web", user_id="u1")
    world.said("app", user_id="u1")
    answer = why(world, "till", "app")
    assert [f.edge.type for f in answer.findings] == ["phone", "phone", "email", "email", "user_id", "user_id"]


def test_records_that_nothing_ties_have_nothing_between_them(world):
    answer = why(world, "web", "stranger")
    assert not answer.together
    assert answer.findings == ()


def test_what_two_groups_have_in_common_is_told_with_the_reason_why_it_does_not_join(world):
    world.said("web", user_id="u1")
    world.said("stranger", user_id="u2")
    world.said("web", loyalty_id="7")
    world.said("stranger", loyalty_id="7")
    answer = why(world, "till", "stranger")
    assert not answer.together
    assert [f.sentence for f in answer.findings] == ["this loyalty id is on records of more than one user id"] * 2


def test_an_operators_refused_link_is_told_between_two_users(world):
    world.said("web", user_id="u1")
    world.said("stranger", user_id="u2")
    link = world.linked("web", "stranger")
    (finding,) = why(world, "till", "stranger").findings
    assert finding.edge == link
    assert finding.reason is Reason.TWO_USERS


def test_a_refused_alias_is_told_between_two_users(world):
    world.said("web", user_id="u1")
    world.said("stranger", user_id="u2")
    world.aliased("stranger", "u1")
    sentences = {f.sentence for f in why(world, "web", "stranger").findings}
    assert sentences == {"this alias would join two user ids", "this user id joins them"}


def test_records_kept_apart_say_so(world):
    world.kept_apart("web", "till")
    findings = why(world, "web", "till").findings
    assert "an operator said that these records are of different customers" in {f.sentence for f in findings}


def test_all_evidence_of_a_record_is_told_strongest_first_with_what_did_not_count():
    world = World(rules(identifiers_per_record=2))
    for number in range(3):
        world.said("web", custom_id=str(number))
    world.said("web", email="ada@example.com", trusted=True)
    explainer = Explainer(world.store, world.rules)
    findings = explainer.evidence(world.node("web"))
    assert [f.edge.level for f in findings] == [2, 3, 3, 3]
    assert [f.reason for f in findings].count(Reason.TOO_MANY_IDENTIFIERS) == 2


def test_every_reason_has_a_plain_sentence(world):
    edge = world.said("web", custom_id="1")
    from rapport.resolve import sentence

    for reason in Reason:
        text = sentence(reason, edge, world.rules)
        assert text
        assert not any(sign in text for sign in "{}_")


def test_a_retraction_is_previewed_without_being_made(world):
    edge = world.said("crm", phone="+44123")
    before = world.customers()
    web, crm, till = (world.node(record) for record in ("web", "crm", "till"))
    preview = preview_retract(world.store, world.rules, edge.id)
    assert preview == (Regrouped((frozenset({web, crm, till}),), tuple(sorted([{web, crm}, {till}], key=min))),)
    assert world.customers() == before


def test_what_changes_nothing_previews_as_nothing(world):
    assert preview_retract(world.store, world.rules, world.said("stranger", email="zoe@example.com").id) == ()
    assert preview_retract(world.store, world.rules, b"never asserted..") == ()


def test_a_new_record_is_in_no_group_before(world):
    evidence = World().said("new", email="ada@example.com")
    change = world.resolver.plan([evidence])
    (news,) = regrouped(world.store, change)
    together = frozenset(world.node(record) for record in ("web", "crm", "till"))
    assert news == Regrouped((together,), (together | {world.node("new")},))


def test_a_users_first_record_is_no_regrouping_of_others():
    world = World()
    change = world.resolver.plan([World().said("new", user_id="u1")])
    assert regrouped(world.store, change) == (Regrouped((), (frozenset({world.node("new")}),)),)
