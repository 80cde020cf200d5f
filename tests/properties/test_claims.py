"""Whatever a few people do, link, unlink, join, part, verify, let expire, recover, while addresses go from one to
another: nobody is shown another's data, and nobody is signed in as another.

The model knows what no node can: who reads which mailbox at the moment, and which person is behind which account.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from rapport.kernel import times
from rapport.kernel.errors import Conflict, NotFound, Unauthorized
from rapport.kernel.times import DAY
from rapport.profile import view
from rapport.signin.passkeys import Proved
from rapport.terms.own import own_parts
from tests.app.test_proving import MODULES, Hall
from tests.conftest import PROVE
from tests.profile.house import ORG, told

PEOPLE = 3
STEPS, FULL = 50, 1_000_000
SAMPLE, FULL_WALK = 40, 500
WHO = st.integers(0, PEOPLE - 1)
WHICH = st.integers(0, 1)
ORGS = st.sampled_from([ORG, "corner"])


def mail(number: int) -> str:
    return f"box{number}@example.com"


class Node:
    """One house for all examples, since making one takes longer than a whole example."""

    def __init__(self) -> None:
        self.hall = Hall(recovery_hours=0)
        for number in range(PEOPLE):
            traits = {"email": mail(number), "secret": f"behind box {number}"}
            self.hall.send(told(type="identify", anonymousId=f"b{number}", messageId=f"b{number}", traits=traits))
            known = {"secret": f"behind user {number}"}
            self.hall.send(
                told(type="identify", userId=f"u{number}", messageId=f"u{number}", traits=known), source="crm"
            )
        self.hall.settle()
        self.ahead = 0
        self.steps = 0
        """All that were walked."""
        self.ones = itertools.count(1)


node: Node


@pytest.fixture(scope="module", autouse=True)
def one_node() -> Iterator[None]:
    global node  # noqa: PLW0603 (a state machine is made by Hypothesis, which hands it nothing)
    node = Node()
    patch, present = pytest.MonkeyPatch(), times.now
    for module in MODULES:
        patch.setattr(f"rapport.adapters.embedded.{module}.now", lambda: present() + node.ahead)
    yield
    patch.undo()
    node.hall.close()


class Claiming(RuleBasedStateMachine):
    """Two accounts a person: (person, which). `reads[box]`: whose mailbox it is; `shown[box]`: which person has shown
    last that they read it; `inbox`: every code that a person ever read."""

    def __init__(self) -> None:
        super().__init__()
        self.hall, self.proofs = node.hall, node.hall.proofs
        node.steps -= 1  # what always holds is looked at before the first one, too
        self.accounts = {(who, n): self.hall.person() for who in range(PEOPLE) for n in range(2)}
        self.behind = {account: who for (who, _), account in self.accounts.items()}
        for account in self.accounts.values():
            self.hall.enrol(account)
        self.reads = list(range(PEOPLE))
        self.shown: list[int | None] = [None] * PEOPLE
        self.inbox: list[list[str]] = [[] for _ in range(PEOPLE)]
        self.papers: list[list[str]] = [[] for _ in range(PEOPLE)]
        self.waiting: list[tuple[int, str, str, int]] = []
        self.begun: list[tuple[int, str]] = []

    # -- addresses

    @rule(who=WHO, which=WHICH, box=WHO, moves=st.booleans())
    def ask_for_a_code(self, who: int, which: int, box: int, moves: bool) -> None:
        """Of any address; now and then one becomes the asker's at this moment."""
        if moves:
            self.reads[box] = who
        account = self.accounts[who, which]
        waiting = self.proofs.contacts.start(account, "email", mail(box))
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
            except Unauthorized:
                continue

    @rule(who=WHO, which=WHICH, box=WHO, moves=st.booleans())
    def verify(self, who: int, which: int, box: int, moves: bool) -> None:
        self.ask_for_a_code(who, which, box, moves)
        self._type(*self.waiting[-1])
        assert self.reads[box] != who or self.shown[box] == who

    @rule(who=WHO, which=WHICH, box=WHO, org=ORGS)
    def verify_and_claim(self, who: int, which: int, box: int, org: str) -> None:
        self.verify(who, which, box, moves=True)
        self.proofs.claims.claim_by_contact(self.accounts[who, which], org, self._contact(who, which, box) or "")
        assert (org, "email", mail(box)) in self.hall.held(self.accounts[who, which])

    def _contact(self, who: int, which: int, box: int) -> str | None:
        contacts = self.proofs.contacts.contacts(self.accounts[who, which])
        return next((one.id for one in contacts if one.value == mail(box)), None)

    @rule(who=WHO, which=WHICH, one=st.integers(0, 9))
    def let_an_address_go(self, who: int, which: int, one: int) -> None:
        held = self.proofs.contacts.contacts(self.accounts[who, which])
        if held:
            self.proofs.contacts.let_go(self.accounts[who, which], held[one % len(held)].id)

    @rule(box=WHO, who=WHO)
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

    @rule(who=WHO, which=WHICH, box=WHO, org=ORGS, whose=WHO)
    def claim(self, who: int, which: int, box: int, org: str, whose: int) -> None:
        """By an address of one's own, or one that somebody else has."""
        found = self._contact(whose, which, box)
        try:
            self.proofs.claims.claim_by_contact(self.accounts[who, which], org, found or "00" * 16)
            assert who == whose
        except (NotFound, Conflict):
            pass

    @rule(who=WHO, which=WHICH)
    def open_a_companys_link(self, who: int, which: int) -> None:
        """The company gives it to whom it has signed in as that customer."""
        code, _ = self.proofs.claims.mint(ORG, "user_id", f"u{who}")
        self.proofs.claims.claim_by_link(self.accounts[who, which], code)
        with pytest.raises(Unauthorized):
            self.proofs.claims.claim_by_link(self.accounts[(who + 1) % PEOPLE, which], code)

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
        self.proofs.claims.join(account, key, Proved(0, synced=True), (next(node.ones).to_bytes(41, "big"), 1 << 62))

    @rule(who=WHO, which=WHICH)
    def part(self, who: int, which: int) -> None:
        self.proofs.claims.part(self.accounts[who, which])

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
                assert self._is(who, "email", contact.value)

    def _is(self, who: int, kind: str, value: str) -> bool:
        return value == f"u{who}" if kind == "user_id" else self.shown[int(value[3])] == who

    def teardown(self) -> None:
        reader = self.hall.reader
        for account, who in self.behind.items():
            held = [(kind, value) for org, kind, value in self.hall.held(account) if org == ORG]
            with reader.snapshot():
                parts, _ = own_parts(reader, ORG, held)
                seen = {view.traits([part])["secret"]["value"] for part in parts}
            theirs = {f"behind user {who}", *(f"behind box {n}" for n, one in enumerate(self.shown) if one == who)}
            assert seen <= theirs
            self.proofs.people.set_status(account, "erasing")
            self.proofs.people.forget_claims(account)


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
        walk(FULL_WALK)
