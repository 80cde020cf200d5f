"""Who is in an audience follows from what is known now and from nothing else: however it came to be known (late, twice,
by merging and parting, by what a person allows, by time alone, over restarts), live equals recomputed."""

import contextlib
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.app.embedded import open_ledger
from rapport.app.evaluating import Evaluator
from rapport.app.operator import Shred, erasure_entry
from rapport.decide import expressed
from rapport.kernel.times import DAY, HOUR, MINUTE
from rapport.profile.erasure import Claim
from rapport.terms import Clause, Declaration, Promise, Terms
from tests.conftest import sample
from tests.profile.house import ORG, TEN, House, told

WHO = "command line"
AUDIENCES = ("one", "two", "three")
USERS, DEVICES, EMAILS = ("ada", "bo"), ("tab", "phone"), ("ada@example.com", "fam@example.com")
EVENTS = ("Order Completed", "Page Seen")
PURPOSES = ("service", "offers")
OFFERED = {
    "service": Promise("contract", ("everything", "unclassified")),
    "offers": Promise("legitimate_interest", ("everything", "unclassified")),
}
DECLARED = [
    Declaration(purposes=OFFERED, consent={"marketing": ("offers",)}),
    Declaration(purposes={**OFFERED, "offers": Promise("legitimate_interest", ("purchases",))}),
    Declaration(purposes={"service": OFFERED["service"]}),
]
TERMS = [
    Terms(),
    Terms("own", (Clause("none", "deny", purposes=("any",), categories=("everything", "unclassified")),)),
    Terms("own", (Clause("all", "allow", purposes=("any",), categories=("everything", "unclassified")),)),
    Terms("own", (Clause("some", "deny", purposes=("offers",), categories=("purchases",)),)),
]

windows = st.sampled_from([", hours(6)", ", days(1)", ", days(7)", ""])
counted = st.builds(
    'count("{}"{}) {} {}'.format,
    st.sampled_from(EVENTS),
    windows,
    st.sampled_from([">=", "==", "<"]),
    st.sampled_from([1, 2, 0]),
)
summed = st.builds('sum("Order Completed", "revenue"{}) > {}'.format, windows, st.integers(0, 30))
known = st.sampled_from(
    [
        'traits.plan == "gold"',
        "traits.score > 1",
        "traits.score / traits.zero > 1",
        "has(traits.plan)",
        "computed.loyal",
        "computed.orders >= 2",
        'last("Order Completed") > now - days(2)',
        'first("Page Seen") < now - hours(3)',
        "true",
    ]
)
expressions = st.recursive(
    st.one_of(counted, counted, summed, known),
    lambda inner: st.one_of(
        st.builds("({}) && ({})".format, inner, inner),
        st.builds("({}) || ({})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=2,
)

Step = tuple[str, Any]


@st.composite
def happenings(draw: st.DrawFn) -> dict[str, Any]:
    """An event of somebody: now, late, early or at no known time."""
    user, device = draw(st.sampled_from([*USERS, *USERS, None])), draw(st.sampled_from([None, None, *DEVICES]))
    event: dict[str, Any] = {}
    event |= {"userId": user} if user or not device else {}
    event |= {"anonymousId": device} if device or not user else {}
    if event.get("userId", "") is None:
        event["userId"] = "bo"
    if draw(st.booleans()):
        traits = st.fixed_dictionaries(
            {},
            optional={
                "plan": st.sampled_from(["gold", "basic", None]),
                "score": st.sampled_from([1, 2, "many", None]),
                "zero": st.just(0),
                "email": st.sampled_from(EMAILS),
            },
        )
        event |= {"type": "identify", "traits": draw(traits)}
    else:
        event |= {"type": "track", "event": draw(st.sampled_from(EVENTS))}
        if draw(st.booleans()):
            event["properties"] = {"revenue": draw(st.sampled_from([5, 10.5, "much", None]))}
    consent = draw(st.sampled_from([None, None, None, True, False]))
    if consent is not None:
        event["context"] = {"consent": {"categoryPreferences": {"marketing": consent}}}
    return {"event": event, "ago": draw(st.sampled_from([0, 0, 0, HOUR, DAY, 6 * DAY, -HOUR]))}


events = st.tuples(st.just("event"), happenings())
puts = st.tuples(st.just("put"), st.tuples(st.sampled_from(AUDIENCES), expressions, st.sampled_from(PURPOSES)))
claims = st.sampled_from([*(f"user_id:{user}" for user in USERS), *(f"email:{email}" for email in EMAILS)])
changes = st.one_of(
    puts,
    st.tuples(st.just("retract"), st.integers(0, 5)),
    st.tuples(st.just("link"), st.none()),
    st.tuples(st.just("lock"), st.booleans()),
    st.tuples(st.just("terms"), st.sampled_from(TERMS)),
    st.tuples(st.just("claim"), claims),
    st.tuples(st.just("declare"), st.sampled_from(DECLARED)),
    st.tuples(st.just("delete"), st.sampled_from(AUDIENCES)),
    st.tuples(st.just("trait"), st.tuples(st.sampled_from(["loyal", "orders"]), st.integers(0, 2))),
    st.tuples(st.just("erase"), st.sampled_from(USERS)),
    st.tuples(st.just("restart"), st.sampled_from(["worker", "evaluator"])),
)
settles = st.tuples(st.just("settle"), st.sampled_from(["both", "both", "both", "worker", "step"]))
waits = st.tuples(st.just("wait"), st.sampled_from([MINUTE, 5 * HOUR, 23 * HOUR, 3 * DAY, 8 * DAY]))


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """Chapters, each of some events, some changes of mind, whatever is dealt with by then, and a while."""
    told_of: list[Step] = draw(st.lists(puts, min_size=2, max_size=3))
    for chapter in range(draw(st.sampled_from([2, 3, 5]))):
        several = draw(st.lists(events, min_size=2, max_size=5))
        for number, (_, one) in enumerate(several):
            # Now and then an event comes again, or another one under its name.
            one["event"]["messageId"] = f"m{chapter}-{0 if draw(st.integers(0, 9)) == 9 else number}"
        told_of += several
        told_of += draw(st.lists(settles, max_size=2))
        told_of += draw(st.lists(changes, max_size=2))
        told_of += draw(st.lists(settles, max_size=1))
        told_of.append(draw(waits))
    return told_of


TRAITS = {
    "loyal": ['count("Order Completed", days(7)) >= 2', 'traits.plan == "gold"', "computed.orders > 0"],
    "orders": ['count("Order Completed")', 'count("Page Seen", days(1))', "traits.score"],
}


class Story:
    """A house whose audiences are followed, and a clock that goes on as it is told."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.at = TEN
        self.ledger = open_ledger(house.settings)
        self.kept = Definitions(self.ledger)
        self.evaluator = self._opened()
        self.person = house.people.add([f"{ORG}:user_id:ada"])
        self.gone = False

    def _opened(self) -> Evaluator:
        return Evaluator(self.house.settings, lambda: self.at)

    def close(self) -> None:
        self.evaluator.close()
        self.ledger.close()

    def tell(self, step: Step) -> None:
        getattr(self, "_" + step[0])(step[1])

    def worker(self) -> None:
        self.house.worker._following._looked = 0.0
        self.house.worker.step()
        self.house.settle()
        self.house._reader = None

    def settle(self) -> None:
        self.worker()
        self.evaluator.settle()

    def _event(self, told_of: dict[str, Any]) -> None:
        self.house.send(told(self.at - told_of["ago"], **told_of["event"]), received_at=self.at)

    def _wait(self, time: int) -> None:
        self.at += time

    def _settle(self, how: str) -> None:
        if how == "step":
            self.evaluator.step()
        else:
            self.worker()
        if how == "both":
            self.evaluator.settle()

    def _restart(self, what: str) -> None:
        if what == "worker":
            self.house.restart()
        else:
            self.evaluator.close()
            self.evaluator = self._opened()

    def _retract(self, number: int) -> None:
        self.worker()
        evidence = [
            one["id"]
            for found in self.house.found()
            if (view := self._evidence(found.customer)) is not None
            for one in view
            if one["rule"] != "key"
        ]
        if number < len(evidence):
            self.house.retract(evidence[number])

    def _evidence(self, customer: str) -> Any:
        try:
            return self.house.evidence(customer)
        except Exception:  # noqa: BLE001 (whoever may not be read has none to show)
            return None

    def _link(self, _: None) -> None:
        self.worker()
        handles = sorted(part.handle for found in self.house.found() for part in found.parts)
        if len(handles) >= 2:
            self.house.link(handles[0], handles[-1])

    def _lock(self, locked: bool) -> None:
        if not self.gone:
            (self.house.people.lock if locked else self.house.people.unlock)(self.person.handle)

    def _terms(self, terms: Terms) -> None:
        if not self.gone:
            self.house.people.set_terms(self.person.handle, terms)

    def _claim(self, claim: str) -> None:
        if not self.gone:
            self.house.people.claim(self.person.handle, [f"{ORG}:{claim}"])

    def _declare(self, declaration: Declaration) -> None:
        self.house.declare(declaration)

    def _put(self, what: tuple[str, str, str]) -> None:
        name, expression, purpose = what
        self.kept.put_audience(ORG, name, expression, purpose, WHO)

    def _delete(self, name: str) -> None:
        with contextlib.suppress(Exception):
            self.kept.delete_audience(ORG, name, WHO)

    def _trait(self, what: tuple[str, int]) -> None:
        name, number = what
        with contextlib.suppress(Exception):  # a circle
            self.kept.put_trait(expressed(ORG, name, TRAITS[name][number], "service"), WHO)

    def _erase(self, user: str) -> None:
        self.house.append(erasure_entry(Shred("per_1", (Claim(ORG, "user_id", user),), ())))

    # -- what must hold

    def hold(self) -> None:
        self._found_alike()
        read = DecideReader(self.house.directory)
        with contextlib.closing(read):
            for one in self.kept.audiences(ORG):
                recomputed = self.evaluator.recomputed(ORG, one.name)
                live = {customer for customer, _ in read.members(ORG, one.name, limit=1000)}
                assert live == {number for number, verdict in recomputed.items() if verdict.inside}, one
                failing = {customer for customer, _ in read.failing(ORG, one.name, limit=1000)}
                assert failing == {number for number, verdict in recomputed.items() if verdict.error}, one
                state = read.state(ORG, one.name)
                assert state is not None
                assert (state.inside, state.filling, state.version) == (len(live), False, one.version)
                days = read.daily(ORG, one.name)
                assert not days or days[-1][1] == len(live)
                assert sum(entered - left for _, _, entered, left in days) == len(live)
                self._told_in_turn(read, one.name, live)

    def _found_alike(self) -> None:
        """Customers that are found many at once are as each is found."""
        reader = self.house.reader
        with reader.snapshot():
            numbers = [*reader.newest_records(ORG, 1 << 62, 1000), 1 << 40]
            assert reader.found_many(ORG, numbers) == [reader.found(ORG, number) for number in numbers]

    def _told_in_turn(self, read: DecideReader, name: str, live: set[int]) -> None:
        """Nobody enters twice without leaving, and whoever is in has entered."""
        inside: set[int] = set()
        for move in reversed(read.history(ORG, name, limit=10_000)):
            assert (move.customer in inside) == (move.kind == "left"), move
            (inside.remove if move.kind == "left" else inside.add)(move.customer)
        assert inside == live


def told_through(story: list[Step]) -> None:
    with House() as house, contextlib.closing(Story(house)) as told_of:
        told_of.tell(("declare", DECLARED[0]))
        for step in story:
            told_of.tell(step)
        told_of.settle()
        told_of.hold()


@sample(40)
@given(stories())
def test_live_equals_recomputed(story: list[Step]) -> None:
    told_through(story)


class Dice:
    """Longer stories than strategies draw, of one seed each."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._messages = 0

    def story(self) -> list[Step]:
        steps: list[Step] = [("put", self._audience(name)) for name in AUDIENCES]
        for _ in range(self._dice.randint(2, 6)):
            steps += [("event", self._event()) for _ in range(self._dice.randint(1, 6))]
            steps += [("settle", self._one("both", "both", "worker", "step"))] if self._dice.random() < 0.7 else []
            steps += [self._change() for _ in range(self._one(0, 0, 1, 2))]
            steps += [("settle", "both")] if self._dice.random() < 0.6 else []
            steps.append(("wait", self._one(MINUTE, HOUR, 7 * HOUR, 23 * HOUR, 2 * DAY, 8 * DAY)))
        return steps

    def _one(self, *several: Any) -> Any:
        return self._dice.choice(several)

    def _event(self) -> dict[str, Any]:
        self._messages += self._dice.random() < 0.95
        event: dict[str, Any] = {"messageId": f"m{self._messages}"}
        event |= self._one({"userId": "ada"}, {"userId": "bo"}, {"anonymousId": "tab"}, {"anonymousId": "phone"})
        if "userId" in event and self._dice.random() < 0.25:
            event["anonymousId"] = self._one(*DEVICES)
        if self._dice.random() < 0.3:
            said = {"plan": self._one("gold", "basic"), "score": self._one(1, 2, "many", None), "zero": 0}
            said["email"] = self._one(*EMAILS)
            event |= {"type": "identify", "traits": {name: said[name] for name in said if self._dice.random() < 0.5}}
        else:
            event |= {"type": "track", "event": self._one(*EVENTS), "properties": {"revenue": self._one(5, 20, "no")}}
        if self._dice.random() < 0.1:
            event["context"] = {"consent": {"categoryPreferences": {"marketing": self._one(True, False)}}}
        return {"event": event, "ago": self._one(0, 0, 0, 0, HOUR, DAY, 6 * DAY, -HOUR)}

    def _change(self) -> Step:
        return self._one(
            ("put", self._audience(self._one(*AUDIENCES))),
            ("retract", self._dice.randint(0, 5)),
            ("retract", self._dice.randint(0, 5)),
            ("link", None),
            ("lock", self._one(True, False)),
            ("lock", self._one(True, False)),
            ("terms", self._one(*TERMS)),
            ("claim", self._one("user_id:bo", "email:ada@example.com")),
            ("declare", self._one(*DECLARED)),
            ("delete", self._one(*AUDIENCES)),
            ("trait", (self._one("loyal", "orders"), self._dice.randint(0, 2))),
            ("erase", self._one(*USERS)),
            ("restart", self._one("worker", "evaluator")),
            ("restart", self._one("worker", "evaluator")),
        )

    def _audience(self, name: str) -> tuple[str, str, str]:
        window = self._one("", ", hours(6)", ", days(1)", ", days(7)")
        count = f'count("{self._one(*EVENTS)}"{window}) {self._one(">=", "<", "==")} {self._one(1, 1, 2, 3)}'
        other = self._one(
            'traits.plan == "gold"',
            'traits.plan == "gold"',
            f'sum("Order Completed", "revenue"{window}) > 10',
            "traits.score / traits.zero > 1",
            "computed.loyal",
            "computed.orders >= 2",
            'last("Order Completed") > now - days(2)',
            'first("Page Seen") < now - hours(3)',
        )
        both = self._one(count, count, other, f"{count} && {other}", f"{count} || {other}", f"!({other})")
        return name, both, self._one("service", "service", "offers")


@sample(40)
@given(st.integers(0, 1 << 32))
def test_live_equals_recomputed_after_long_stories(seed: int) -> None:
    told_through(Dice(seed).story())
