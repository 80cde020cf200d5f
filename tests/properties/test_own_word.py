"""A person's own word: it wins in any order, going back on it leaves no trace in what is shown, and whatever is said
tells nothing about who anybody is."""

import asyncio
from collections import Counter
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app.correcting import Corrector
from rapport.app.embedded import open_ledger
from rapport.app.receipting import DirectReceipts
from rapport.collect import Correction, correction_entry
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.ports import YOU
from rapport.kernel.times import MINUTE
from rapport.resolve import MemoryStore
from rapport.resolve.evidence import identifier_node, names, record_node
from rapport.resolve.rules import LAST
from rapport.resolve.twin import Said, active, partition
from rapport.terms import Gate
from rapport.terms.deciding import holds_firmly
from rapport.terms.own import OwnLooks
from tests.conftest import sample
from tests.profile.house import ORG, TEN, House, told
from tests.resolve.strategies import RECORDS, USERS, books, take_in, worlds, write_down

# -- who is who


def own_record(kind: str, value: str) -> bytes:
    return record_node(ORG, YOU, kind, value)


def own_edge(kind: str, value: str):
    level = 0 if kind == "user_id" else LAST
    node = identifier_node(ORG, kind, value)
    return names(ORG, own_record(kind, value), kind, node, level=level, rule="key", origin=YOU)


@given(st.data())
def test_a_correction_changes_nothing_about_who_the_others_are(data):
    """Whatever the evidence and the limits: but for a user id on just so many records that one more makes it none (ten
    thousand, by the rules of the house). It is said by a user id only where that is some record's."""
    kind = data.draw(worlds())
    of = kind.rules
    book = data.draw(books(kind))
    edges = active(book)
    known = Counter(user for _, user in {(edge.record, edge.other) for edge in edges if edge.level == 0})
    users = [key for key in USERS if 0 < known[identifier_node(ORG, *key)] != of.records_per_user]
    others = [key for key in dict.fromkeys(kind.flavour.named) if key[0] not in ("anonymous_id", "user_id")]
    keys = [*users, *others]
    said = [own_edge(*key) for key in data.draw(st.lists(st.sampled_from(keys), min_size=1, unique=True))]
    own = [edge.record for edge in said]
    before, after = partition(edges, RECORDS, of), partition([*edges, *said], [*RECORDS, *own], of)
    without = frozenset(frozenset(group - set(own)) for group in after.groups) - {frozenset()}
    assert without == before.groups
    assert {edge.id: after.reasons[edge.id] for edge in edges} == before.reasons
    store = MemoryStore()
    resolver = write_down(book, store, of)
    take_in(resolver, [Said("assert", edge) for edge in said])
    together = frozenset(frozenset(store.members(store.group_of(record))) for record in [*RECORDS, *own])
    assert together == after.groups


# -- what is shown


class Step(NamedTuple):
    """`value` is said of `phone` by a source, or by the person (None: they take it back), at a minute."""

    source: str
    value: Any
    minute: int


STEPS = st.lists(
    st.builds(
        Step, st.sampled_from(["crm", "web", YOU, YOU]), st.sampled_from(["1", "2", "3", None]), st.integers(0, 90)
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda step: step.minute,
)
KEYS = [("user_id", "ada"), ("email", "ada@example.com")]


def entry_of(number: int, step: Step, key: tuple[str, str]) -> Any:
    said = Correction(f"rrq_{number}", "phone", step.value, "phone", TEN + step.minute * MINUTE, (key,))
    return correction_entry(ORG, said, TEN + 100 * MINUTE)


def played(steps: list[tuple[int, Step]], key: tuple[str, str]) -> dict[str, Any]:
    """The traits shown after these steps, in this order."""
    with House() as house:
        first = told(TEN, type="identify", userId="ada", messageId="first", traits={"email": "ada@example.com"})
        house.send(first, source="crm")
        for number, step in steps:
            if step.source == YOU:
                house.append(entry_of(number, step, key))
            else:
                traits = {"phone": step.value, "email": "ada@example.com"}
                time = TEN + step.minute * MINUTE
                event = told(time, type="identify", userId="ada", messageId=f"m{number}", traits=traits)
                house.send(event, source=step.source)
        traits: dict[str, Any] = house.settle().view("user_id:ada")["traits"]
        return traits


@sample(40)
@given(STEPS, st.sampled_from(KEYS), st.randoms(use_true_random=False))
def test_the_newest_correction_is_shown_in_whatever_order_all_came(steps, key, shuffling):
    numbered = list(enumerate(steps))
    shuffled = [*numbered, *numbered[::2]]
    shuffling.shuffle(shuffled)
    shown = played(numbered, key)
    assert played(shuffled, key) == shown
    own = [step for step in steps if step.source == YOU]
    newest = max(own, key=lambda step: step.minute, default=None)
    if newest is not None and newest.value is not None:
        assert (shown["phone"]["value"], shown["phone"]["source"]) == (newest.value, YOU)
        # Others stay beside it.
        without = played([(n, step) for n, step in numbered if step.source != YOU], key)
        beside = (
            []
            if "phone" not in without
            else [without["phone"]["value"], *(o["value"] for o in without["phone"]["others"])]
        )
        assert [other["value"] for other in shown["phone"]["others"]] == beside
    else:
        assert shown == played([(n, step) for n, step in numbered if step.source != YOU], key)


# -- by the desk, with whatever a person claims


def corrector(house: House, ledger: LedgerFile) -> Corrector:
    receipts = DirectReceipts(ledger)
    looks = OwnLooks(house.reader, house.people, receipts)
    return Corrector(ledger, house.people, house.reader, looks, Gate(house.reader, house.people, receipts), house)


HAPPENED = st.lists(
    st.tuples(
        st.sampled_from(["crm", "web", "app"]),
        st.sampled_from(
            [{"userId": "ada"}, {"userId": "bo"}, {"anonymousId": "tablet"}, {"userId": "ada", "anonymousId": "tablet"}]
        ),
        st.sampled_from([{}, {"email": "ada@example.com"}, {"email": "fam@example.com"}]),
        st.booleans(),
    ),
    min_size=1,
    max_size=7,
)
CLAIMED = ["user_id:ada", "email:ada@example.com", "email:fam@example.com", "anonymous_id:tablet"]


def partition_of(house: House) -> frozenset[frozenset[str]]:
    parts = [{part.handle for part in one.parts if part.record.source != YOU} for one in house.found()]
    return frozenset(frozenset(group) for group in parts if group)


@sample(40)
@given(HAPPENED, st.lists(st.sampled_from(CLAIMED), min_size=1, unique=True))
def test_whatever_is_claimed_a_correction_is_shown_to_be_ones_own_or_nothing_changes(happened, claims):
    with House() as house:
        for number, (source, who, traits, phone) in enumerate(happened):
            known = {**traits, **({"phone": f"+44 20 0000 00{number}"} if phone else {})}
            event = told(TEN + number * MINUTE, type="identify", messageId=f"m{number}", traits=known, **who)
            house.send(event, source=source)
        house.settle()
        before = house.customers()
        who_is_who = partition_of(house)
        ledger = open_ledger(house.settings)
        person = house.people.add([f"{ORG}:{claim}" for claim in claims])
        desk = corrector(house, ledger)
        try:
            case = asyncio.run(desk.correct(person.handle, ORG, "phone", "+44 99", "you"))
        except (BadInput, Conflict, NotFound):
            assert house.customers() == before
            return
        assert case.status == "done"
        assert partition_of(house) == who_is_who
        own = asyncio.run(OwnLooks(house.reader, house.people, DirectReceipts(ledger)).look(person.id, ORG))
        assert own.traits["phone"]["value"] == "+44 99"
        for found in house.found():
            shown = house.view(found.customer)["traits"]
            mine = any(part.record.source == YOU for part in found.parts)
            assert mine == (shown.get("phone", {}).get("source") == YOU)
            firm = [part for part in found.parts if part.record.source != YOU and holds_firmly(part, frozenset(claims))]
            assert bool(firm) or not mine
        asyncio.run(desk.correct(person.handle, ORG, "phone", None, "you"))
        known = frozenset().union(*before)
        restored = {group & known: view["traits"] for group, view in house.customers().items()}
        assert restored == {group: view["traits"] for group, view in before.items()}
