"""Agreements: exactly where the gate would let an organization in, and nothing in them to tell who a person is."""

import json
from random import Random
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from rapport.kernel.vocabulary import names_in
from rapport.terms import agreements, promises
from rapport.terms.agreements import Agreed, Parties, meet, purposes_between, verify
from rapport.terms.clauses import Clause, Criterion, Elsewhere, Terms
from rapport.terms.consent_receipts import NOT_STATED, consent_receipt
from rapport.terms.declaration import DEFAULT, Declaration, Promise, Standing
from rapport.terms.notices import notice
from rapport.terms.policy import Judge, promise_for
from rapport.terms.presets import PRESETS
from tests.terms.strategies import Asked, a_promise, asked, drawn

SECRET, AT = b"k" * 32, 1_800_000_000_000_000
OFFERS = Promise("consent", ("purchases",), retention_days=900, onward=False, recipients=("courier",))
SERVICE = Promise("contract", ("everything", "unclassified"), retention_days=90, onward=False)


def stands(declaration: Declaration, version: int = 1, org: str = "shop") -> Standing:
    return promises.standing(org, declaration, version, AT, {})


@given(drawn(asked))
def test_any_terms_and_promise_agree_exactly_on_what_the_gate_lets_through(wish: Asked) -> None:
    judge = Judge()
    agreed = {one.purpose: one for one in meet(judge, wish.terms, b"", wish.standing, wish.at)}
    for purpose in purposes_between(wish.terms, wish.standing):
        verdict = Judge().decide(wish.terms, b"", wish.standing, purpose, wish.at)
        own = bool(wish.terms.clauses)
        assert (purpose in agreed) == (verdict.permitted and own)
        if purpose in agreed:
            promise = promise_for(wish.standing, purpose)
            assert promise is not None
            offered = promise.alternative if verdict.offer == "alternative" else promise
            assert agreed[purpose].categories == names_in(verdict.collected)
            assert (agreed[purpose].offer, agreed[purpose].retention_days) == (verdict.offer, offered.retention_days)
    assert agreed.keys() <= set(purposes_between(wish.terms, wish.standing))


@given(drawn(asked))
def test_any_content_is_read_back_as_it_was(wish: Asked) -> None:
    agreed = meet(Judge(), wish.terms, b"", wish.standing, wish.at)
    assert msgspec.json.decode(agreements.content(agreed), type=tuple[Agreed, ...]) == agreed


def test_default_terms_proffer_nothing_and_a_law_asks_nobody() -> None:
    assert meet(Judge(), Terms(), b"", stands(DEFAULT), AT) == ()
    law = Declaration(purposes={"service": Promise("legal_obligation", law="a tax law")})
    assert meet(Judge(), PRESETS["open"], b"", stands(law), AT) == ()


def test_the_other_offer_is_agreed_where_only_it_meets() -> None:
    long = Promise("consent", ("purchases",), retention_days=3_000, onward=False, alternative=OFFERS)
    terms = Terms("own", (Clause("mine", "allow", when=(Criterion("retention", days=1_000),)),))
    (one,) = meet(Judge(), terms, b"", stands(Declaration(purposes={"offers": long})), AT)
    assert (one.offer, one.retention_days, one.clauses) == ("alternative", 900, ("clause 1",))


def unsigned(org: str, terms: Terms, person: int = 7) -> dict[str, Any]:
    agreed = meet(Judge(), terms, b"", stands(Declaration(purposes={"service": SERVICE}), org=org), AT)
    parties = Parties(
        org,
        "",
        agreements.pseudonym(SECRET, person, org),
        agreements.commitment(SECRET, person, org, terms),
    )
    return agreements.document(f"agr_{org}", parties, agreed, (1, "sha256:00"), AT)


def signed(org: str, terms: Terms) -> dict[str, Any]:
    document = unsigned(org, terms)
    person = agreements.person_key(b"p" * 32, org)
    return {
        **document,
        "signatures": [
            agreements.signature(Ed25519PrivateKey.generate(), document, "organization", "the node"),
            agreements.signature(person, document, "person", agreements.HELD_FOR_THE_PERSON),
        ],
    }


def test_both_signatures_verify_and_no_changed_word_does() -> None:
    document = signed("shop", PRESETS["balanced"])
    assert verify(document)
    assert verify(json.loads(json.dumps(document)))
    assert not verify({**document, "since": "2020-01-01"})
    assert not verify({**document, "signatures": document["signatures"][:1]})
    assert not verify({**document, "signatures": []})
    assert not verify({**document, "signatures": [{"party": "person"}, {"party": "organization", "key": None}]})


def test_two_organizations_find_nothing_of_the_same_person_in_common() -> None:
    own = Clause(
        "my-very-own-words", "allow", ("shop", "bakery"), elsewhere=Elsewhere(of=("bakery", "shop")), data="all"
    )
    one, other = (signed(org, Terms("own", (own,))) for org in ("shop", "bakery"))
    for each, another in ((one, "bakery"), (other, "shop")):
        assert "my-very-own-words" not in json.dumps(each)
        assert another not in json.dumps(each)
    mine, theirs = one["first_party"], other["first_party"]
    assert mine["pseudonym"] != theirs["pseudonym"]
    assert mine["terms"] != theirs["terms"]
    keys = [next(s for s in each["signatures"] if s["party"] == "person")["key"] for each in (one, other)]
    assert keys[0] != keys[1]
    assert len(str(one["since"])) == len("2026-11-21")


def test_a_receipt_has_the_mandatory_fields_and_says_no_more_than_was_promised() -> None:
    receipt = consent_receipt(signed("shop", PRESETS["balanced"]), AT, "https://node.example")
    assert receipt["schema_version"] == "ISO/IEC TS 27560:2023"
    assert receipt["record_id"] == "agr_shop"
    (purpose,) = receipt["pii_processing"]["purposes"]
    assert purpose["lawful_basis"] == "dpv:Contract"
    assert purpose["retention_period"] == "P90D"
    assert purpose["recipient_third_parties"] == [NOT_STATED]
    assert purpose["jurisdiction"] == NOT_STATED
    assert [event["event_state"] for event in receipt["events"]] == ["dpv:ConsentGiven", "dpv:ConsentInvalidated"]
    assert receipt["party_identification"][0]["party_id"] == "shop"


def test_a_notice_says_what_changed_and_what_follows() -> None:
    short = Declaration("Shop", purposes={"personalisation": Promise("consent", retention_days=90, onward=False)})
    long = Declaration("Shop", purposes={"personalisation": Promise("consent", retention_days=400, onward=False)})
    terms, judge = PRESETS["balanced"], Judge()
    old, new = stands(short), stands(long, 2)
    agreed = (meet(judge, terms, b"", old, AT), meet(judge, terms, b"", new, AT))
    told = notice(judge, terms, b"", short, new, agreed, AT)
    assert told.kind == "ended"
    assert told.changed == ("keeps your data for 400 days instead of 90 for personalisation",)
    (follows,) = told.follows
    assert follows.startswith("It is locked out of personalisation: it no longer meets your clause 'make-it-mine'")
    back = notice(judge, terms, b"", long, stands(short, 3), (agreed[1], agreed[0]), AT)
    assert back.kind == "began"
    assert back.follows[0].startswith("It meets your terms for personalisation now")


@given(drawn(asked))
def test_any_change_is_told_without_failing(wish: Asked) -> None:
    new = stands(Declaration(purposes={wish.purpose: a_promise(Random(1))}), 2, wish.standing.org)
    judge = Judge()
    agreed = tuple(meet(judge, wish.terms, b"", each, wish.at) for each in (wish.standing, new))
    told = notice(judge, wish.terms, b"", wish.standing.declaration, new, (agreed[0], agreed[1]), wish.at)
    assert told.kind in {"began", "changed", "ended"}
