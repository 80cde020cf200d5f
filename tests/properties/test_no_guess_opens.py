"""A guess never opens a door (design §3, rule 5): unproved links widen nothing, consent stays with its record, and of
several persons each is heard."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.reader import StateReader
from rapport.kernel.errors import NotFound
from rapport.kernel.vocabulary import EVERYTHING, SPECIAL, UNCLASSIFIED
from rapport.profile.record import OWN, Fact, Record
from rapport.profile.view import Part
from rapport.terms import Clause, Declaration, Ground, Holder, Promise, Request, Standing, Terms
from rapport.terms.deciding import decide
from rapport.terms.policy import Judge
from tests.conftest import sample
from tests.profile.house import ORG, House, at_once, told

DECLARED = Declaration(
    purposes={
        "service": Promise("contract", ("everything", "unclassified"), onward=False),
        "offers": Promise("legitimate_interest", ("everything",), onward=False),
    },
    consent={"marketing": ("offers",)},
)
COME_IN = Terms("own", (Clause("all", "allow", purposes=("any",), categories=("everything", "unclassified")),))
TRUSTED = {"crm"}

USERS, EMAILS, DEVICES = ("ada", "bo"), ("ada@example.com", "fam@example.com"), ("tablet", "handset")
CLAIMS = [
    *(f"user_id:{user}" for user in USERS),
    *(f"email:{email}" for email in EMAILS),
    *(f"anonymous_id:{device}" for device in DEVICES),
]


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """(source, event) of a few people who share mailboxes and devices."""
    drawn = []
    for number in range(draw(st.integers(1, 7))):
        event: dict[str, Any] = {"type": "identify", "messageId": f"m{number}", "traits": {"plan": f"of m{number}"}}
        user, device = draw(st.sampled_from([*USERS, None])), draw(st.sampled_from([*DEVICES, None]))
        event |= {"userId": user} if user or not device else {}
        event |= {"anonymousId": device} if device or not user else {}
        if event.get("userId", "") is None:
            event["userId"] = "bo"
        email = draw(st.sampled_from([*EMAILS, None]))
        if email:
            event["traits"]["email"] = email
        consent = draw(st.sampled_from([None, None, True, False]))
        if consent is not None:
            event["context"] = {"consent": {"categoryPreferences": {"marketing": consent}}}
        drawn.append((draw(st.sampled_from(["web", "crm", "app"])), event))
    return drawn


def furnished(house: House, events: list[tuple[str, dict[str, Any]]]) -> None:
    house.declare(DECLARED)
    for number, (source, event) in enumerate(events):
        house.send(told(1_772_445_600_000_000 + number * 60_000_000, **event), source=source)
    house.settle()


def opened(house: House, purpose: str = "offers") -> set[str]:
    """Handles of the records of which anything is told for a purpose, by any part of any answer."""
    seen: set[str] = set()
    for found in house.found():
        request = Request(ORG, found.customer, purpose, "test")
        try:
            view = at_once(house.gate.view(request))
        except NotFound:
            continue
        seen |= {record["record"] for record in view["records"]}
        seen |= {trait["record"] for trait in view["traits"].values()}
        seen |= {other["record"] for trait in view["traits"].values() for other in trait["others"]}
        seen |= {event["record"] for event in at_once(house.gate.events(request, None, 100))["events"]}
        seen |= {item["record"] for item in at_once(house.gate.evidence(request, None, 500))["evidence"]}
    return seen


def consent_of(part: Part) -> bool | None:
    said = part.record.consent
    return None if said is None else said.value["categoryPreferences"]["marketing"]


def by_consent(house: House) -> set[str]:
    """What consent alone opens, as plainly as it can be told."""
    fine: set[str] = set()
    for found in house.found():
        said = {part.handle: consent_of(part) for part in found.parts}
        if False not in said.values():
            fine |= {handle for handle, given_ in said.items() if given_}
    return fine


def firmly(part: Part, claim: str) -> bool:
    """Whether a record is of whoever proved a claim, as plainly as it can be told."""
    kind, _, value = claim.partition(":")
    record = part.record
    if kind == "user_id" and value in (record.user, record.key_value if record.key_type == "user_id" else None):
        return True
    says_so = claim in record.links and not record.unlinked.get(claim)
    if says_so and record.source in TRUSTED:
        return True
    return (record.key_type, record.key_value) == (kind, value) and not record.shared


@sample(40)
@given(happenings(), st.sets(st.sampled_from(CLAIMS), min_size=1, max_size=3))
def test_terms_open_no_record_that_holds_what_was_claimed_by_a_guess(
    events: list[tuple[str, dict[str, Any]]], claims: set[str]
) -> None:
    with House() as house:
        furnished(house, events)
        before = opened(house)
        assert before == by_consent(house)
        person = house.people.add([f"{ORG}:{claim}" for claim in claims])
        assert opened(house) == before
        house.people.set_terms(person.handle, COME_IN)
        holders = {
            claim: {found.customer for found in house.found() for part in found.parts if firmly(part, claim)}
            for claim in claims
        }
        proved = [claim for claim in claims if claim.startswith("user_id:") or len(holders[claim]) == 1]
        refused = {part.handle for found in house.found() for part in found.parts if consent_of(part) is False}
        for handle in opened(house) - before:
            part = next(part for found in house.found() for part in found.parts if part.handle == handle)
            assert any(firmly(part, claim) for claim in proved), (handle, claims)
        house.people.lock(person.handle)
        assert not {h for h in opened(house) if any(firmly(_part(house, h), claim) for claim in claims)}
        house.people.unlock(person.handle)
        house.people.set_terms(person.handle, Terms())
        assert opened(house) == before
        assert not before & refused


def _part(house: House, handle: str) -> Part:
    return next(part for found in house.found() for part in found.parts if part.handle == handle)


def test_some_doors_do_open() -> None:
    """The sentinel of the property above."""
    with House() as house:
        furnished(house, [("web", {"type": "identify", "messageId": "1", "userId": "ada", "traits": {"plan": "x"}})])
        person = house.people.add([f"{ORG}:user_id:ada"])
        assert opened(house) == set()
        house.people.set_terms(person.handle, COME_IN)
        assert len(opened(house)) == 1


def test_a_mailbox_of_two_opens_neither_ones_records_and_locks_both() -> None:
    with House() as house:
        both = [
            ("crm", {"type": "identify", "messageId": user, "userId": user, "traits": {"email": "fam@example.com"}})
            for user in USERS
        ]
        furnished(house, both)
        person = house.people.add([f"{ORG}:email:fam@example.com"])
        house.people.set_terms(person.handle, COME_IN)
        assert opened(house) == set()
        house.people.lock(person.handle)
        assert opened(house, "service") == set()


def test_a_tablet_of_two_opens_neither_ones_slice() -> None:
    with House() as house:
        shared = [
            ("web", {"type": "identify", "messageId": user, "userId": user, "anonymousId": "tablet"}) for user in USERS
        ]
        looked = ("web", {"type": "track", "event": "Looked", "messageId": "3", "anonymousId": "tablet"})
        furnished(house, [*shared, looked])
        person = house.people.add([f"{ORG}:anonymous_id:tablet"])
        house.people.set_terms(person.handle, COME_IN)
        assert opened(house) == set()


@sample(40)
@given(happenings(), st.data())
def test_consent_spreads_over_no_merge_and_an_un_merge_gives_each_record_its_own_back(
    events: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    with House() as house:
        furnished(house, events)
        assert opened(house) == by_consent(house)
        parts = [part.handle for found in house.found() for part in found.parts]
        if len(parts) > 1:
            one, another = data.draw(st.permutations(parts))[:2]
            house.link(one, another)
            house.settle()
            assert opened(house) == by_consent(house)
            edge = next(
                (item for found in house.found() for item in raw(house.reader, found) if item["kind"] == "must_link"),
                None,
            )
            if edge is not None:
                house.retract(edge["id"])
                house.settle()
                assert opened(house) == by_consent(house)


def raw(reader: StateReader, found: Any) -> list[dict[str, Any]]:
    with reader.snapshot():
        return reader.evidence(found)


# -- several persons

MASKS = {"name": EVERYTHING, "special": SPECIAL, "unclassified": UNCLASSIFIED}
CATEGORIES = ("everything", "contact", "purchases", "health", "unclassified", "behaviour")
clauses = st.builds(
    Clause,
    id=st.sampled_from("abc"),
    effect=st.sampled_from(["allow", "allow", "deny"]),
    purposes=st.lists(st.sampled_from(["any", "service", "offers"]), min_size=1, max_size=2).map(tuple),
    categories=st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=2).map(tuple),
    data=st.sampled_from(["collected", "all"]),
)
own_terms = st.builds(Terms, preset=st.just("own"), clauses=st.lists(clauses, max_size=4).map(tuple))
persons_terms = st.just(Terms()) | own_terms


class Nobody:
    """A ledger in which nothing was ever used."""

    def uses(self, *_: object) -> int:
        return 0


def holder(number: int, terms: Terms, link: str) -> Holder:
    return Holder(number, f"per_{number}", 1, False, terms, msgspec.msgpack.encode(terms), frozenset({link}))


def masks(parts: tuple[Part, ...], holders: tuple[Holder, ...], purpose: str) -> tuple[int, ...]:
    ground = Ground(1, ORG, Standing(ORG, DECLARED, 1, "h", 0), holders)
    people: Any = Nobody()
    return decide(Judge(), people, parts, ground, purpose, 0, reaching_out=False).masks


def a_part(number: int, user: str, consent: bool | None) -> Part:
    record = Record(ORG, "crm", "user_id", user, links={f"user_id:{user}": OWN, "email:fam@example.com": OWN})
    if consent is not None:
        record.consent = Fact({"categoryPreferences": {"marketing": consent}}, 0, "m", 0)
    return Part(number, f"rec_{number}", record, trusted=True)


@given(
    persons_terms,
    persons_terms,
    st.sampled_from(["service", "offers"]),
    st.lists(st.sampled_from([None, True, False]), min_size=2, max_size=2),
)
@settings(max_examples=300)
def test_of_several_persons_nobody_is_read_beyond_what_each_allows(
    one: Terms, another: Terms, purpose: str, consents: list[bool | None]
) -> None:
    parts = (a_part(1, "ada", consents[0]), a_part(2, "bo", consents[1]))
    ada, bo = holder(1, one, "user_id:ada"), holder(2, another, "user_id:bo")
    both = masks(parts, (ada, bo), purpose)
    for part, together, alone, other in zip(
        parts, both, masks(parts, (ada,), purpose), masks(parts, (bo,), purpose), strict=True
    ):
        # What a person's own record is opened to by their own terms, the other's terms may only narrow.
        mine, theirs = (alone, other) if part.number == 1 else (other, alone)
        assert not together & ~mine
        default = masks(parts, (), purpose)[part.number - 1]
        assert not together & ~(theirs | mine)
        assert not together & ~default or not together & ~mine
    assert both == masks(parts, (bo, ada), purpose)
