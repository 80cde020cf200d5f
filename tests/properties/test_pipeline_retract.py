"""Merging is reversible: retracting evidence leaves exactly what the remaining evidence gives, whenever it was said,
and what operators said of two records holds for as long as it was not taken back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel import ids
from rapport.resolve import cannot_link, must_link
from tests.conftest import sample
from tests.profile.house import ORG, House, told
from tests.profile.plain import World
from tests.profile.stories import SOURCES_BY_NAME, carry_out, comparable, deliveries, expected, plans

FINAL = {"key", "attribution"}
"""Rules of evidence that cannot be retracted: a record's own key, and what follows from other evidence."""


def evidence_id(handle: str) -> bytes:
    return (ids.bytes_of("evi", handle) or b"")[16:]


def retractable(house: House) -> list[str]:
    """All evidence that an operator may take back now."""
    items = [item for view in house.customers().values() for item in view["evidence"]]
    return sorted({item["id"] for item in items if item["rule"] not in FINAL})


class Operator:
    """Says things of two records, takes evidence back, and remembers both."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.links = []
        self.retracted = set()

    def link(self, one: int, another: int, kind: str) -> None:
        parts = sorted((part for found in self.house.found() for part in found.parts), key=lambda p: p.handle)
        a, b = parts[one % len(parts)], parts[another % len(parts)]
        if a.number != b.number:
            make = must_link if kind == "must_link" else cannot_link
            nodes = self.house.reader.node_of(a), self.house.reader.node_of(b)
            self.links.append(make(ORG, *nodes, operator="eve"))
            self.house.link(a.handle, b.handle, kind)
            self.house.settle()

    def retract(self, which: int) -> None:
        evidence = retractable(self.house)
        if evidence:
            self.take_back(evidence[which % len(evidence)])

    def take_back(self, handle: str) -> None:
        self.retracted.add(evidence_id(handle))
        self.house.retract(handle)
        self.house.settle()

    def said(self):
        return {"retracted": frozenset(self.retracted), "links": self.links}


@sample(40)
@given(st.data())
def test_what_operators_say_and_take_back_between_events_holds_in_the_end(data):
    plan = data.draw(plans(data.draw(deliveries(10))))
    with House() as house:
        eve = Operator(house)
        for entry, after in zip(plan.entries, plan.after, strict=True):
            house.append(entry)
            if after == "go on":
                continue
            house.settle()
            if after == "restart":
                house.restart()
            for _ in range(data.draw(st.integers(0, 2))):
                if data.draw(st.booleans()):
                    eve.retract(data.draw(st.integers(0, 30)))
                else:
                    kind = data.draw(st.sampled_from(["must_link", "must_link", "cannot_link"]))
                    eve.link(data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9)), kind)
        assert comparable(house.settle().customers()) == expected(plan.entries, **eve.said())


@sample(40)
@given(st.data())
def test_a_retraction_may_come_before_the_evidence_and_more_than_once(data):
    plan = data.draw(plans(data.draw(deliveries(8))))
    world = World(ORG, plan.entries, SOURCES_BY_NAME)
    evidence = sorted(
        world.evidence_handle(edge) for edges in world.edges.values() for _, edge in edges if edge.rule not in FINAL
    )
    if not evidence:
        return
    chosen = data.draw(st.lists(st.sampled_from(evidence), min_size=1, max_size=3))
    with House() as house:
        house.retract(*chosen)
        carry_out(house, plan)
        house.retract(*chosen)
        retracted = frozenset(map(evidence_id, chosen))
        assert comparable(house.settle().customers()) == expected(plan.entries, retracted=retracted)


@sample(40)
@given(st.data())
def test_un_merging_gives_every_record_the_customer_it_had(data):
    plan = data.draw(plans(data.draw(deliveries(8, copies=False))))
    with House() as house:
        carry_out(house, plan)
        before = handles(house)
        eve = Operator(house)
        for _ in range(data.draw(st.integers(1, 3))):
            eve.link(data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9)), "must_link")
        house.settle()
        for customer in before.values():
            view = house.view(customer)
            assert view["customer"] == customer or view["changed"] == "merged"
        evidence = [item for found in house.found() for item in house.evidence(found.customer)]
        house.retract(*{item["id"] for item in evidence if item["rule"] == "operator"})
        assert handles(house.settle()) == before


def handles(house: House) -> dict[str, str]:
    """Record → the customer it shows as."""
    return {part.handle: found.customer for found in house.found() for part in found.parts}


def test_an_address_that_joined_two_records_lets_them_go_again():
    with House() as house:
        house.send(told(type="identify", anonymousId="laptop", messageId="m1", traits={"name": "Ada"}))
        house.send(told(type="identify", anonymousId="kiosk", messageId="m2", traits={"name": "Bo"}))
        before = house.settle().customers(), handles(house)
        house.send(told(type="identify", anonymousId="laptop", messageId="m3", traits={"email": "fam@example.com"}))
        house.send(told(type="identify", anonymousId="kiosk", messageId="m4", traits={"email": "fam@example.com"}))
        (both,) = house.settle().customers().values()
        link = next(i["id"] for i in both["evidence"] if i["identifier"]["type"] == "email")
        house.retract(link)
        house.settle()
        assert handles(house) == before[1]
        assert house.customers().keys() == before[0].keys()


@pytest.mark.parametrize("other", ["mobile", "kiosk"])
def test_what_was_said_of_a_device_can_be_taken_back_after_it_ceased_to_be_the_users(other):
    """The word stays with the node that the device went by as hers; which end keeps it is up to their hashes."""
    with House() as house:
        eve = Operator(house)
        house.send(told(type="identify", userId="ada", anonymousId="laptop", messageId="m1"))
        house.send(told(type="track", anonymousId="laptop", event="Viewed", messageId="m2"))
        house.send(told(type="track", anonymousId=other, event="Viewed", messageId="m3"))
        house.settle()
        laptop, far = (record_named(house, f"anonymous_id:{value}") for value in ("laptop", other))
        house.link(laptop, far)
        house.settle()
        eve.take_back(next(i["id"] for i in house.evidence(customer_of(house, laptop)) if i["rule"] == "named"))
        (word,) = words_about(house, far)
        assert customer_of(house, laptop) != customer_of(house, far)
        eve.take_back(word)
        assert words_about(house, far) == []
        house.send(told(type="identify", userId="ada", anonymousId="laptop", messageId="m4"), source="crm")
        house.settle()
        assert customer_of(house, laptop) == customer_of(house, record_named(house, "user_id:ada"))
        assert customer_of(house, laptop) != customer_of(house, far)


def record_named(house: House, key: str) -> str:
    """The first record that goes by this key."""
    parts = (part for found in house.found() for part in found.parts)
    return next(p.handle for p in parts if f"{p.record.key_type}:{p.record.key_value}" == key)


def customer_of(house: House, record: str) -> str:
    return handles(house)[record]


def words_about(house: House, record: str) -> list[str]:
    """What operators said of a record's customer, by evidence id."""
    return [item["id"] for item in house.evidence(customer_of(house, record)) if item["rule"] == "operator"]
