"""Every clause reads as one sentence that its person would say."""

from random import Random

import pytest
from hypothesis import given

from rapport.kernel.errors import BadInput
from rapport.kernel.vocabulary import purposes_covered
from rapport.terms.clauses import Clause, Criterion, Elsewhere, Frequency, Terms
from rapport.terms.declaration import Benefit, Declaration, Promise, Standing
from rapport.terms.policy import Judge, Unmet, Verdict
from rapport.terms.presets import LINES, PRESETS, TITLES
from rapport.terms.reading import checked
from rapport.terms.sentences import clause_sentence, criterion_words, named, purpose_words, unmet_words
from tests.terms.strategies import NOON, a_clause, drawn

OFFERS = ("offers",)
SENTENCES = {
    "Anyone may use everything but sensitive data for any purpose.": Clause("c", "allow"),
    "Nobody may use anything for any purpose.": Clause("c", "deny", data="all"),
    "Nobody may use anything that it collected itself for any purpose.": Clause("c", "deny"),
    "Nobody may use my health or my genes to show me advertising or to make me offers.": Clause(
        "c", "deny", purposes=("advertising", "offers"), categories=("health", "genetics"), data="all"
    ),
    "Nobody may use what I bought from other companies to serve me.": Clause(
        "c", "deny", purposes=("service",), categories=("purchases",), data="elsewhere"
    ),
    "Anyone who gives me a discount of at least 5 % and keeps my data at most 365 days may use what I bought and what I"
    " like to make me offers, at most four times a month, not reaching me between 21:00 and 08:00.": Clause(
        "c",
        "allow",
        purposes=OFFERS,
        categories=("purchases", "preference"),
        when=(Criterion("benefit", benefit="discount", amount=5, unit="%"), Criterion("retention", days=365)),
        frequency=Frequency(4, "month"),
        quiet="21:00-08:00",
    ),
    "bakery may use my name, my age and everything else but sensitive data to serve me, at most once a day.": Clause(
        "c",
        "allow",
        who=("bakery",),
        purposes=("service",),
        categories=("everything", "name", "age"),
        frequency=Frequency(1, "day"),
    ),
    "bakery and shop may use all sensitive data for delivery of goods, at most 12 times a week.": Clause(
        "c",
        "allow",
        who=("bakery", "shop"),
        purposes=("dpv:DeliveryOfGoods",),
        categories=("special",),
        frequency=Frequency(12, "week"),
    ),
    "bakery, if it passes nothing on, may use my income to develop something new, at most twice a week.": Clause(
        "c",
        "allow",
        who=("bakery",),
        purposes=("research",),
        categories=("pd:Income",),
        when=(Criterion("onward", negated=True),),
        frequency=Frequency(2, "week"),
    ),
    "bakery or shop, if it passes my data on to others, or does not say, may not use anything for any purpose.": Clause(
        "c", "deny", who=("bakery", "shop"), data="all", when=(Criterion("onward"),)
    ),
    "Anyone who does not give me a service may not use anything to make me offers.": Clause(
        "c", "deny", data="all", purposes=OFFERS, when=(Criterion("benefit", negated=True, benefit="service"),)
    ),
    "Anyone may use where I am from other companies, in rough outline, without their names, to serve me.": Clause(
        "c", "allow", purposes=("service",), categories=("location",), data="elsewhere"
    ),
    "Anyone may use what I bought from bakery, in detail, with its name, to make me offers.": Clause(
        "c",
        "allow",
        purposes=OFFERS,
        categories=("purchases",),
        data="elsewhere",
        elsewhere=Elsewhere("exact", named=True, of=("bakery",)),
    ),
    "Anyone may use what I bought, from itself and from bakery and shop (in detail, without their names), to make me"
    " offers.": Clause(
        "c",
        "allow",
        purposes=OFFERS,
        categories=("purchases",),
        data="all",
        elsewhere=Elsewhere("exact", of=("bakery", "shop")),
    ),
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_clause_reads_as_a_sentence(sentence: str) -> None:
    assert clause_sentence(SENTENCES[sentence]) == sentence


EUROS = Criterion("benefit", benefit="money", amount=2.5, unit="EUR")
WAGE = Criterion("value", value="living_wage")
ATTESTED = Criterion("value", value="living_wage", attested=True)
WEEK = Criterion("retention", days=7)
PLACE = Criterion("place", places=("EEA", "CH"))


def no(criterion: Criterion) -> Criterion:
    return Criterion(**{**{name: getattr(criterion, name) for name in criterion.__struct_fields__}, "negated": True})


CRITERIA = [
    (EUROS, "gives me at least 2.5 EUR", "it does not give at least 2.5 EUR", None),
    (no(EUROS), "does not give me at least 2.5 EUR", "it gives at least 2.5 EUR", None),
    (
        Criterion("benefit", benefit="money", amount=1),
        "gives me at least 1 in money",
        "it does not give at least 1 in money",
        None,
    ),
    (
        Criterion("benefit", benefit="time", amount=10, unit="minutes"),
        "saves me at least 10 minutes",
        "it does not save at least 10 minutes",
        None,
    ),
    (Criterion("benefit"), "gives me something", "it does not give something", None),
    (WAGE, "says that it stands for living wage", None, "it does not say that it stands for living wage"),
    (
        no(WAGE),
        "does not say that it stands for living wage",
        "it says that it stands for living wage",
        "it does not say whether it stands for living wage",
    ),
    (
        ATTESTED,
        "has it confirmed that it stands for living wage",
        None,
        "nobody known confirms that it stands for living wage",
    ),
    (
        WEEK,
        "keeps my data at most 7 days",
        "it keeps it for longer than 7 days",
        "it does not say how long it keeps it",
    ),
    (
        no(WEEK),
        "keeps my data for longer than 7 days",
        "it keeps it at most 7 days",
        "it does not say how long it keeps it",
    ),
    (
        Criterion("onward"),
        "passes my data on to others",
        "it passes nothing on",
        "it does not say whether it passes it on",
    ),
    (
        Criterion("onward", negated=True),
        "passes nothing on",
        "it passes it on to others",
        "it does not say whether it passes it on",
    ),
    (
        PLACE,
        "handles my data only in the EEA or CH",
        "it also handles it outside the EEA or CH",
        "it does not say where it handles it",
    ),
    (
        no(PLACE),
        "also handles my data outside the EEA or CH",
        "it handles it only in the EEA or CH",
        "it does not say where it handles it",
    ),
]


@pytest.mark.parametrize(("criterion", "does", "known", "unknown"), CRITERIA)
def test_a_criterion_reads_as_what_an_organization_does_and_as_what_it_lacks(
    criterion: Criterion, does: str, known: str | None, unknown: str | None
) -> None:
    assert criterion_words(criterion) == does
    if known is not None:
        assert unmet_words([Unmet("c", criterion, True)]) == (known,)
    if unknown is not None:
        assert unmet_words([Unmet("c", criterion, False)]) == (unknown,)


@given(drawn(lambda random: a_clause(random, 1)))
def test_any_clause_reads_as_one_sentence_in_the_first_person(clause: Clause) -> None:
    sentence = clause_sentence(clause)
    assert sentence.endswith(".")
    assert "  " not in sentence
    assert ",," not in sentence
    assert not {"you", "your", "None"} & set(sentence.replace(",", " ").split())


def test_every_purpose_has_words() -> None:
    for purpose in purposes_covered("any"):
        assert purpose_words(purpose).startswith(("to ", "for "))


# -- presets


def held(preset: str, promise: Promise, purpose: str) -> Verdict:
    standing = Standing("shop", Declaration(purposes={purpose: promise}), 1, "", 0)
    return Judge().decide(PRESETS[preset], preset.encode(), standing, purpose, NOON)


FAIR = Promise(
    "consent", ("everything", "unclassified"), 365, (), onward=False, benefits=(Benefit("discount", 5.0, "%"),)
)
PAID = Promise("consent", ("everything",), 730, (), onward=False, benefits=(Benefit("money", 1.0, "EUR"),))
GREEDY = Promise("consent", ("everything",))
SELLING = Promise("consent", ("everything",), 365, onward=True, benefits=(Benefit("discount", 50.0, "%"),))

OPENED = [
    ("open", "service", GREEDY, False, False),  # it does not say whether it passes data on
    ("open", "service", FAIR, True, False),
    *(("open", purpose, FAIR, True, True) for purpose in ("personalisation", "offers", "analytics", "research")),
    ("open", "offers", PAID, True, True),
    ("open", "offers", GREEDY, False, False),
    ("open", "offers", SELLING, False, False),
    ("open", "advertising", FAIR, False, False),
    ("balanced", "service", GREEDY, True, False),
    ("balanced", "personalisation", FAIR, True, False),
    ("balanced", "personalisation", PAID, False, False),
    ("balanced", "offers", FAIR, True, False),
    ("balanced", "offers", SELLING, False, False),
    ("balanced", "research", FAIR, False, False),
    ("balanced", "advertising", FAIR, False, False),
    ("alone", "service", GREEDY, True, False),
    ("alone", "fraud", GREEDY, True, False),
    *(
        ("alone", purpose, FAIR, False, False)
        for purpose in ("personalisation", "offers", "analytics", "dpv:Marketing")
    ),
    ("locked", "service", FAIR, False, False),
    ("locked", "fraud", FAIR, False, False),
]


@pytest.mark.parametrize(("preset", "purpose", "promise", "collected", "elsewhere"), OPENED)
def test_a_preset_opens_what_its_title_promises(
    preset: str, purpose: str, promise: Promise, collected: bool, elsewhere: bool
) -> None:
    verdict = held(preset, promise, purpose)
    assert (bool(verdict.collected), bool(verdict.elsewhere)) == (collected, elsewhere)


def test_every_preset_has_a_title_a_line_and_few_clauses_that_may_be_handed_in_as_they_are() -> None:
    assert PRESETS.keys() == TITLES.keys() == LINES.keys()
    for name, terms in PRESETS.items():
        assert terms.preset == name
        assert len(terms.clauses) <= 4
        assert checked(terms) == terms
        assert LINES[name].endswith(".")


def test_what_the_properties_draw_may_be_handed_in() -> None:
    random = Random(3)
    for number in range(200):
        try:
            checked(Terms("own", (a_clause(random, number),)))
        except BadInput as refused:
            pytest.fail(str(refused))


def test_companies_are_said_by_the_names_that_they_go_by() -> None:
    clause = Clause("tell", "allow", ("o1", "o2"), data="elsewhere", elsewhere=Elsewhere(of=("o3",)))
    said = clause_sentence(named(clause, {"o1": "Acme", "o2": "Bolt & Sons", "o3": "Corner"}.__getitem__))
    assert said.startswith("Acme and Bolt & Sons may use ")
    assert "from Corner" in said
    assert not any(name in said for name in ("o1", "o2", "o3"))
