"""Whatever a few people do, link, unlink, join, part, verify, let expire, recover, tell of purchases, while addresses
and phones go from one to another and receipts are found: nobody is shown another's data, and nobody is signed in as
another.

The model knows what no node can: who reads which mailbox or phone at the moment, who has seen which receipt, and which
person is behind which account.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from rapport.app.purchasing import Purchasing
from rapport.kernel import times
from rapport.kernel.errors import Conflict, NotFound, Unauthorized
from rapport.kernel.times import DAY
from rapport.profile import view
from rapport.signin.passkeys import Proved
from rapport.terms.own import own_parts
from rapport.terms.purchases import Rule
from tests.app.hall import MODULES, Hall
from tests.conftest import PROVE
from tests.profile.house import ORG, told

PEOPLE = 3
STEPS, FULL = 50, 1_000_000
SAMPLE, FULL_WALK = 40, 500
WHO = st.integers(0, PEOPLE - 1)
WHICH = st.integers(0, 1)
BOX = st.integers(0, 2 * PEOPLE - 1)
"""Mailboxes, and after them as many phones."""
ORGS = st.sampled_from([ORG, "corner"])


def mail(number: int) -> str:
    return f"box{number}@example.com" if number < PEOPLE else f"+44770090000{number - PEOPLE}"


def kind_of(box: int) -> str:
    return "email" if box < PEOPLE else "phone"


class Node:
    """One house for all examples, since making one takes longer than a whole example."""

    def __init__(self) -> None:
        self.hall = Hall(recovery_hours=0)
        for box in range(2 * PEOPLE):
            self._say(anonymousId=f"b{box}", traits={kind_of(box): mail(box), "secret": f"behind box {box}"})
        for number in range(PEOPLE):
            self._say(userId=f"u{number}", traits={"secret": f"behind user {number}"})
            self._say(anonymousId=f"till{number}", traits={"secret": f"behind order {number}"})
        self.buying = Purchasing(self.hall.proofs, self.hall.reader)
        self.hall.proofs.purchases.set(ORG, Rule("Bought", "order_id", days=365))
        self.ahead = 0
        self.sold_at = 0
        self.steps = 0
        """All that were walked."""
        self.ones = itertools.count(1)

    def _say(self, **said: Any) -> None:
        """What a system of the company's own knows, whose word counts."""
        named = said.get("userId") or said["anonymousId"]
        self.hall.send(told(type="identify", messageId=named, **said), source="crm")

    def sell(self) -> None:
        """Everybody buys something at a till, by their card: their last purchase is too long ago, or there is none."""
        at = times.now() + self.ahead
        if at - self.sold_at < 300 * DAY:
            return
        self.sold_at = at
        for number in range(PEOPLE):
            named = [{"type": "order_id", "id": self.order(number)}, {"type": "loyalty_id", "id": f"card{number}"}]
            bought = told(
                at - 1, type="track", event="Bought", anonymousId=f"till{number}", messageId=self.order(number),
                properties={"total": 10 + number}, context={"externalIds": named},
            )  # fmt: skip
            self.hall.send(bought, source="crm", received_at=at)
        self.hall.settle()

    def order(self, number: int) -> str:
        """The number of somebody's last purchase, which ends with theirs."""
        return f"A{self.sold_at}-{number}"

    @property
    def day(self) -> str:
        return times.rfc3339(self.sold_at - 1)[:10]


node: Node


@pytest.fixture(scope="module", autouse=True)
def one_node() -> Iterator[None]:
    global node  # noqa: PLW0603 (a state machine is made by Hypothesis, which hands it nothing)
    node = Node()
    patch, present = pytest.MonkeyPatch(), times.now
    for module in MODULES:
        patch.setattr(f"rapport.adapters.embedded.{module}.now", lambda: present() + node.ahead)
    patch.setattr("rapport.adapters.embedded.purchases.now", lambda: present() + node.ahead)
    patch.setattr("rapport.app.purchasing.now", lambda: present() + node.ahead)
    patch.setattr("rapport.adapters.embedded.purchases.MOST", ())
    yield
    patch.undo()
    node.hall.close()


class Claiming(RuleBasedStateMachine):
    """Two accounts a person: (person, which). `reads[box]`: whose mailbox it is; `shown[box]`: which person has shown
    last that they read it; `inbox`: every code that a person ever read; `receipts[order]`: who has seen its receipt."""

    def __init__(self) -> None:
        super().__init__()
        self.hall, self.proofs = node.hall, node.hall.proofs
        node.steps -= 1  # what always holds is looked at before the first one, too
        self.accounts = {(who, n): self.hall.person() for who in range(PEOPLE) for n in range(2)}
        self.behind = {account: who for (who, _), account in self.accounts.items()}
        for account in self.accounts.values():
            self.hall.enrol(account)
        self.reads = [*range(PEOPLE), *range(PEOPLE)]
        self.shown: list[int | None] = [None] * (2 * PEOPLE)
        self.receipts = [{number} for number in range(PEOPLE)]
        node.sell()
        self.inbox: list[list[str]] = [[] for _ in range(PEOPLE)]
        self.papers: list[list[str]] = [[] for _ in range(PEOPLE)]
        self.waiting: list[tuple[int, str, str, int]] = []
        self.begun: list[tuple[int, str]] = []

    # -- addresses

    @rule(who=WHO, which=WHICH, box=BOX, moves=st.booleans())
    def ask_for_a_code(self, who: int, which: int, box: int, moves: bool) -> None:
        """Of any address; now and then one becomes the asker's at this moment."""
        if moves:
            self.reads[box] = who
        account = self.accounts[who, which]
        waiting = self.proofs.contacts.start(account, kind_of(box), mail(box))
        self.inbox[self.reads[box]].append(waiting.code or "")
        self.waiting.append((who, account, waiting.handle, box))

    @rule(one=st.integers(0, 4))
    def type_every_code_that_one_has_read(self, one: int) -> None:
        if len(self.waiting) > one:
            self._type(*self.waiting[-1 - one])

    def _type(self, who: int, account: str, made: str, box: int) -> None:
        for code in self.inbox[who][-3:]:
            try:
                self.proofs.contacts.verify(account, made, code, 0, self.hall.accounts.passkeys(account)[0].id)
                self.shown[box] = who
                node.buying.outweigh(account)
            except Unauthorized:
                continue

    @rule(who=WHO, which=WHICH, box=BOX, moves=st.booleans())
    def verify(self, who: int, which: int, box: int, moves: bool) -> None:
        self.ask_for_a_code(who, which, box, moves)
        self._type(*self.waiting[-1])
        assert self.reads[box] != who or self.shown[box] == who

    @rule(who=WHO, which=WHICH, box=BOX, org=ORGS)
    def verify_and_claim(self, who: int, which: int, box: int, org: str) -> None:
        self.verify(who, which, box, moves=True)
        account = self.accounts[who, which]
        self.proofs.claims.claim_by_contact(account, org, self._contact(who, which, box) or "")
        node.buying.outweigh(account)
        assert (org, kind_of(box), mail(box)) in self.hall.held(account)

    def _contact(self, who: int, which: int, box: int) -> str | None:
        contacts = self.proofs.contacts.contacts(self.accounts[who, which])
        return next((one.id for one in contacts if one.value == mail(box)), None)

    @rule(who=WHO, which=WHICH, one=st.integers(0, 9))
    def let_an_address_go(self, who: int, which: int, one: int) -> None:
        held = self.proofs.contacts.contacts(self.accounts[who, which])
        if held:
            self.proofs.contacts.let_go(self.accounts[who, which], held[one % len(held)].id)

    @rule(box=BOX, who=WHO)
    def an_address_goes_to_another(self, box: int, who: int) -> None:
        self.reads[box] = who

    @rule(rarely=st.integers(0, 4))
    def a_year_goes_by(self, rarely: int) -> None:
        node.ahead += 366 * DAY * (rarely == 0)
        self.proofs.claims.expire()
        if rarely == 0:
            for account in self.accounts.values():
                assert not [one for one in self.hall.claims(account) if one.until is not None and not one.suspended]

    # -- claims

    @rule(who=WHO, which=WHICH, box=BOX, org=ORGS, whose=WHO)
    def claim(self, who: int, which: int, box: int, org: str, whose: int) -> None:
        """By an address of one's own, or one that somebody else has."""
        found = self._contact(whose, which, box)
        try:
            self.proofs.claims.claim_by_contact(self.accounts[who, which], org, found or "00" * 16)
            assert who == whose
        except (NotFound, Conflict):
            pass

    @rule(who=WHO, which=WHICH)
    def show_a_card(self, who: int, which: int) -> None:
        """At a till, which gives a link for it."""
        self.open_a_companys_link(who, which, ("loyalty_id", f"card{who}"))

    @rule(who=WHO, which=WHICH)
    def sign_in_at_a_company(self, who: int, which: int) -> None:
        self.open_a_companys_link(who, which, ("user_id", f"u{who}"))

    def open_a_companys_link(self, who: int, which: int, customer: tuple[str, str]) -> None:
        """The company gives it to whom it has seen to be that customer."""
        code, _ = self.proofs.claims.mint(ORG, *customer)
        self.proofs.claims.claim_by_link(self.accounts[who, which], code)
        node.buying.outweigh(self.accounts[who, which])
        with pytest.raises(Unauthorized):
            self.proofs.claims.claim_by_link(self.accounts[(who + 1) % PEOPLE, which], code)

    @rule(who=WHO, which=WHICH, order=WHO, finds=st.booleans())
    def tell_of_a_purchase(self, who: int, which: int, order: int, finds: bool) -> None:
        """By what the receipt says, or by a guess."""
        if finds:
            self.receipts[order].add(who)
            if not self.proofs.contacts.contacts(self.accounts[who, which]):
                self.verify(who, which, who, moves=True)
        knows = who in self.receipts[order]
        total = f"{10 + order}.00" if knows else f"{11 + order}.00"
        held = self.hall.held(self.accounts[who, which])
        try:
            node.buying.prove(self.accounts[who, which], ORG, node.order(order), total, node.day, "")
            assert knows
        except (Unauthorized, Conflict):
            assert self.hall.held(self.accounts[who, which]) == held

    @rule()
    def look_at_purchases_again(self) -> None:
        node.buying.check()

    @rule(who=WHO, which=WHICH, one=st.integers(0, 9))
    def unclaim(self, who: int, which: int, one: int) -> None:
        account = self.accounts[who, which]
        held = self.hall.claims(account)
        if held:
            gone = held[one % len(held)]
            self.proofs.claims.unclaim(account, gone.id)
            assert self.hall.claims(account) == [other for other in held if other != gone]

    # -- accounts

    @rule(who=WHO, which=WHICH)
    def join(self, who: int, which: int) -> None:
        account, other = self.accounts[who, which], self.accounts[who, 1 - which]
        key = self.hall.accounts.passkeys(other)[0]
        self.proofs.joining.join(account, key, Proved(0, synced=True), (next(node.ones).to_bytes(41, "big"), 1 << 62))
        node.buying.outweigh(account)

    @rule(who=WHO, which=WHICH)
    def part(self, who: int, which: int) -> None:
        self.proofs.joining.part(self.accounts[who, which])

    @rule(who=WHO, which=WHICH)
    def make_recovery_codes(self, who: int, which: int) -> None:
        self.papers[who] += self.proofs.contacts.new_recovery_codes(self.accounts[who, which])[:2]

    @rule(box=WHO, reads=WHO, ready=st.booleans(), waits=st.booleans())
    def begin_to_recover(self, box: int, reads: int, ready: bool, waits: bool) -> None:
        """Whoever reads a mailbox now tries it with the codes on paper that they have."""
        who = self.reads[box] = reads
        if ready:
            for which in range(2):
                self.make_recovery_codes(who, which)
        waiting = self.proofs.contacts.start_recovery("email", mail(box))
        self.inbox[who].append(waiting.code or "")
        for paper in self.papers[who][-4:] or ["AAAA-AAAA-AAAA-AAAA"]:
            try:
                secret, _, _ = self.proofs.recovering.begin(waiting.handle, waiting.code or "", paper)
            except Unauthorized:
                continue
            self.begun.append((who, secret))
            if not waits:
                self.finish_recovering(len(self.begun) - 1)
            break

    @rule(one=st.integers(0, 1 << 30))
    def finish_recovering(self, one: int) -> None:
        if self.begun:
            who, secret = self.begun.pop(one % len(self.begun))
            try:
                token = self.hall.finish(secret)
            except Unauthorized:
                return
            session = self.hall.accounts.session(token)
            assert session is not None
            assert self.behind[session.person] == who

    # -- what always holds

    @invariant()
    def a_step_counts(self) -> None:
        node.steps += 1

    @invariant()
    def nobody_has_what_another_has_shown_last(self) -> None:
        for account, who in self.behind.items():
            for _, kind, value in self.hall.held(account):
                assert self._is(who, kind, value), (account, who, kind, value)
            for contact in self.proofs.contacts.contacts(account):
                assert self._is(who, contact.kind, contact.value)

    def _is(self, who: int, kind: str, value: str) -> bool:
        match kind:
            case "user_id":
                return value == f"u{who}"
            case "loyalty_id":
                return value == f"card{who}"
            case "order_id":
                return who in self.receipts[int(value[-1])]
            case "phone":
                return self.shown[PEOPLE + int(value[-1])] == who
            case _:
                return self.shown[int(value[3])] == who

    @invariant()
    def whoever_shows_more_has_it_before_whoever_found_a_receipt(self) -> None:
        held = [(who, claim) for account, who in self.behind.items() for claim in self.hall.held(account)]
        for order in range(PEOPLE):
            cards = {who for who, (_, kind, value) in held if (kind, value) == ("loyalty_id", f"card{order}")}
            told_of = {who for who, (_, kind, value) in held if kind == "order_id" and int(value[-1]) == order}
            assert len(told_of) <= 1
            assert not cards or told_of <= cards

    def teardown(self) -> None:
        reader = self.hall.reader
        for account, who in self.behind.items():
            held = [(kind, value) for org, kind, value in self.hall.held(account) if org == ORG]
            with reader.snapshot():
                parts, _ = own_parts(reader, ORG, held)
                seen = {view.traits([part])["secret"]["value"] for part in parts}
            theirs = {f"behind user {who}", *(f"behind box {n}" for n, one in enumerate(self.shown) if one == who)}
            theirs |= {f"behind order {n}" for n, who_saw in enumerate(self.receipts) if who in who_saw}
            assert seen <= theirs
            self.proofs.people.set_status(account, "erasing")
            self.proofs.people.forget_claims(account)


def begin_anew() -> None:
    """In another house, in the present: years go by, and a million steps in one would pass the last that a date can
    be of."""
    global node  # noqa: PLW0603 (a state machine is made by Hypothesis, which hands it nothing)
    walked = node.steps
    node.hall.close()
    node = Node()
    node.steps = walked


def walk(examples: int) -> None:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    how: Any = settings(
        max_examples=examples, stateful_step_count=STEPS, deadline=None, suppress_health_check=slow, database=None
    )
    run_state_machine_as_test(Claiming, settings=how)


@pytest.mark.hypothesis
@pytest.mark.timeout(7200 if PROVE else 300)
def test_nobody_is_shown_anothers_data_or_signed_in_as_another() -> None:
    """A million steps under `make prove`, in walks that each begin from another seed."""
    walk(SAMPLE)
    while PROVE and node.steps < FULL:
        begin_anew()
        walk(FULL_WALK)
