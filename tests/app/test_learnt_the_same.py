"""Whatever happens, and whenever a process starts: what was learnt up to a lesson is the same bits to all of them, and
a logged decision comes out the same, or is said to rest on somebody who was erased."""

import contextlib

import msgspec
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.outcomes import MINDS, OutcomeBook
from rapport.adapters.embedded.priors import OPEN
from rapport.app.lapsing import keep_what_was_learnt
from rapport.app.minds import Minds
from rapport.app.operator import Shred, erasure_entry
from rapport.app.outliving import outlive
from rapport.app.recomputing import recomputed
from rapport.decide.decision import Decision
from rapport.decide.kinds import Units
from rapport.decide.priors import Scales
from rapport.kernel.errors import NotFound
from rapport.kernel.keys import SealKey, fresh_key
from rapport.kernel.times import DAY, now
from rapport.profile.erasure import Claim
from tests.app.desk import HELP, SELL, Desk
from tests.profile.house import ORG, House, at, told

USERS = ("ada", "bo", "cy")
THANK = msgspec.structs.replace(HELP, id="thank", kind="thank", benefit=None, value=1.0)
values = st.floats(-50, 50)
steps = st.one_of(
    st.tuples(st.just("decide"), st.sampled_from(USERS)),
    st.tuples(st.just("decide"), st.sampled_from(USERS)),
    st.tuples(st.just("report"), st.integers(0, 9), values),
    st.tuples(st.just("report"), st.integers(0, 9), values),
    st.tuples(st.just("lapse")),
    st.tuples(st.just("erase"), st.sampled_from(USERS)),
    st.tuples(st.just("declare"), values),
    st.tuples(st.just("keep")),
    st.tuples(st.just("look"), st.integers(0, 1), st.integers(1, 5)),
    st.tuples(st.just("start"), st.integers(0, 1)),
    st.tuples(st.just("anew")),
    st.tuples(st.just("outlive"), st.integers(0, 9)),
)

TOLD_AND_ERASED = [
    ("decide", "bo"),
    ("report", 0, 5.0),
    ("report", 1, 9.0),
    ("decide", "cy"),
    ("look", 0, 1),
    ("look", 1, 5),
    ("erase", "bo"),
    ("report", 2, 3.0),
    ("decide", "ada"),
    ("look", 0, 2),
]


TOLD_AND_OUTLIVED = [
    ("decide", "bo"),
    ("report", 1, 5.0),
    ("report", 0, 9.0),
    ("look", 0, 1),
    ("outlive", 1),
    ("decide", "cy"),
    ("report", 2, 3.0),
    ("erase", "bo"),
    ("decide", "ada"),
    ("outlive", 3),
    ("look", 0, 2),
    ("decide", "ada"),
]


class Processes:
    """A desk, and two other processes that learn at their own pace. `seen`: what anybody knew up to a lesson."""

    def __init__(self, house: House) -> None:
        self.house = house
        for number, user in enumerate(USERS):
            said = told(
                at("10:00"), type="identify", userId=user, traits={"name": user, "plan": "gold"}, messageId=str(number)
            )
            house.send(said)
        self.desk = Desk(house.settle(), HELP, THANK, SELL)
        self.others = [self.started(), self.started()]
        self.made: list[dict] = []
        self.seen: dict[tuple, tuple[bytes, bytes]] = {}

    def started(self) -> Minds:
        return Minds(OutcomeBook(self.house._open_ledger()))

    def do(self, what, *more):
        getattr(self, what)(*more)

    def decide(self, user):
        with contextlib.suppress(NotFound):  # was erased
            self.made.append(self.desk.decide(f"user_id:{user}"))
            self.know(self.desk.decisions.learnt(ORG))

    def report(self, which, value):
        if self.made:
            made = self.made[which % len(self.made)]
            self.desk.report(made, f"bought {value}", company_value=value, customer_benefit=value / 2)

    def lapse(self):
        self.desk.lessons.lapse(now() + 8 * DAY, 100)

    def erase(self, user):
        self.house.append(erasure_entry(Shred(f"per_{user}", (Claim(ORG, "user_id", user),), ())))
        self.house.settle()

    def declare(self, value):
        ActionBook(self.desk.ledger).put(msgspec.structs.replace(HELP, value=abs(value)), "eve")

    def keep(self):
        keep_what_was_learnt(self.desk.lessons, self.started(), ORG)

    def look(self, which, most):
        self.know(self.others[which].of(ORG, most))

    def start(self, which):
        self.others[which] = self.started()

    def anew(self):
        self.desk.lessons.priors.anew(ORG, "eve")

    def outlive(self, most):
        """Some decisions, the first, have outlived their time."""
        some = [self.desk.kept(one) for one in self.made[:most]]
        if some:
            outlive(self.desk.ledger, Minds(self.desk.lessons), ORG, some[-1].at + 1)

    def know(self, learnt):
        standing = self.desk.lessons.priors.at(ORG, learnt.lesson)
        if standing.since != OPEN and learnt.lesson > standing.begins:
            bits = (learnt.customer.packed(), learnt.company.packed())
            assert self.seen.setdefault(learnt.lesson, bits) == bits

    def recomputed(self):
        return [recomputed(self.house._open_ledger(), ORG, one["decision"]).status for one in self.made]

    def end(self):
        self.desk.close()


@contextlib.contextmanager
def processes():
    with House() as house:
        found = Processes(house)
        try:
            yield found
        finally:
            found.end()


@settings(max_examples=15, deadline=None)
@given(st.lists(steps, min_size=6, max_size=25))
@example(TOLD_AND_ERASED)
@example(TOLD_AND_OUTLIVED)
def test_any_series_of_decisions_outcomes_and_erasures_is_learnt_to_the_same_bits(series):
    with processes() as it:
        it.decide("ada")
        for step in series:
            it.do(*step)
        for minds in (*it.others, it.started()):
            it.know(minds.all_of(ORG))
        statuses = it.recomputed()
        assert "differs" not in statuses
        event("+".join(sorted({one["action"] for one in it.made})))
        if not any(step[0] in ("erase", "outlive") for step in series):
            assert set(statuses) == {"agrees"}


def test_until_the_first_lesson_the_scale_follows_the_catalogue_and_is_fixed_from_then_on():
    with processes() as it:
        it.decide("ada")
        it.declare(40.0)
        it.decide("ada")
        before = [it.desk.kept(one).content.scales for one in it.made]
        assert before[0] != before[1]
        it.report(1, 3.0)
        it.declare(4_000.0)
        ActionBook(it.desk.ledger).put_units(ORG, Units("GBP", minute=9.0), "eve")
        it.decide("ada")
        assert it.desk.kept(it.made[2]).content.scales == before[1] == it.desk.lessons.priors.standing(ORG).scales
        assert it.recomputed() == ["agrees"] * 3


def test_of_two_first_lessons_at_once_one_fixes_the_priors_for_both():
    with processes() as it:
        it.decide("ada")
        it.decide("bo")
        books = [OutcomeBook(it.house._open_ledger()) for _ in range(2)]
        open_ones = [book.priors.standing(ORG) for book in books]
        it.report(0, 3.0)
        it.declare(4_000.0)
        it.report(1, 4.0)
        assert {book.priors.standing(ORG) for book in books} == {open_ones[0]._replace(since=0)}
        assert it.desk.ledger.db.execute("SELECT count(*) FROM prior").fetchone() == (1,)


def test_who_learns_anew_knows_nothing_of_before_and_all_decisions_still_come_out_the_same():
    with processes() as it:
        priors = it.desk.lessons.priors
        assert priors.anew(ORG, "eve").since == OPEN
        for turn in range(3):
            it.decide("ada")
            it.report(turn, 30.0)
        it.declare(400.0)
        standing = priors.anew(ORG, "eve")
        assert priors.anew(ORG, "eve") == standing, "there is nothing to forget"
        assert it.started().of(ORG).customer.learnt == 0
        it.decide("ada")
        it.report(3, 5.0)
        it.decide("ada")
        assert it.started().of(ORG).customer.learnt == 1
        assert it.desk.kept(it.made[-1]).content.scales == standing.scales != Scales()
        assert it.recomputed() == ["agrees"] * 5


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("instant", ["hold_back", "destroy_records", "release"])
def test_an_erasure_that_is_killed_at_any_instant_leaves_all_with_the_same_knowledge(monkeypatch, instant):
    with processes() as it:
        for turn, user in enumerate(("ada", "bo", "ada", "bo")):
            it.decide(user)
            it.report(turn, 10.0 + turn)
        it.decide("bo")
        it.look(0, 1)  # which has learnt of bo nothing yet
        it.look(1, 4)
        forgetting = it.house.worker._erasures._forgetting
        owner = forgetting._keys if instant == "destroy_records" else forgetting._book

        def killed(*_):
            raise _Killed

        monkeypatch.setattr(owner, instant, killed)
        with pytest.raises(_Killed):
            it.erase("bo")
        it.decide("ada")
        it.report(5, 3.0)
        it.report(4, -9.0)  # of whom is being erased
        it.look(0, 1)
        monkeypatch.undo()
        it.house.restart().settle()
        for minds in (*it.others, it.started()):
            it.know(minds.all_of(ORG))
        assert it.desk.kept(it.made[1]).content is None
        assert it.desk.ledger.db.execute("SELECT count(*) FROM held_back").fetchone() == (0,)
        statuses = it.recomputed()
        assert statuses[1] == statuses[3] == "erased"
        assert "differs" not in statuses


def test_what_comes_of_somebody_while_their_key_is_being_destroyed_is_learnt_by_nobody(monkeypatch):
    with processes() as it:
        it.decide("ada")
        it.report(0, 10.0)
        it.decide("bo")
        keys = it.house.worker._keys
        destroy = keys.destroy_records

        def meanwhile(records):
            it.report(1, 20.0)
            it.look(0, 5)
            destroy(records)

        monkeypatch.setattr(keys, "destroy_records", meanwhile)
        it.erase("bo")
        it.decide("ada")
        it.report(2, 30.0)
        for minds in (*it.others, it.started()):
            it.know(minds.all_of(ORG))
        assert it.started().of(ORG).company.learnt == 2


def test_an_organization_whose_models_cannot_be_rebuilt_is_told_of_and_holds_up_no_erasure(caplog):
    with processes() as it:
        for turn, user in enumerate(("ada", "bo")):
            it.decide(user)
            it.report(turn, 10.0 + turn)
        keys, db = it.desk.ledger.keys, it.desk.ledger.db
        # Another's, with a lesson and a customer of its own, which comes first.
        it.desk.ledger.add_org("acme")
        keys.put_records([("acme", 9_001, SealKey(fresh_key()))])
        db.execute(
            "INSERT INTO decision (seq, id, org, record, at, action, kind, channel, delivery, receipt, body) "
            "SELECT 9001, 'dec_other', 'acme', 9001, at, action, kind, channel, delivery, receipt, body FROM decision "
            "WHERE seq = 1"
        )
        db.execute("INSERT INTO lesson (org, decision, at, body) VALUES ('acme', 9001, 0, x'00')")
        db.execute("INSERT INTO prior VALUES ('acme', 0, 0, 'nonsense', 1.0)")
        before = it.started().all_of(ORG)
        bo = it.desk.kept(it.made[1]).record
        it.house.worker._erasures._forgetting.destroy([9_001, bo])
        assert keys.record("acme", 9_001) is keys.record(ORG, bo) is None
        assert [record.message.split(" is not kept")[0] for record in caplog.records if record.exc_info] == [
            "what acme learnt of customers who are erased"
        ]
        after = it.started().all_of(ORG)
        assert (after.lesson, after.company.packed()) == (before.lesson, before.company.packed())
        assert db.execute("SELECT count(*) FROM held_back").fetchone() == (0,)


def test_of_whom_nothing_is_to_be_learnt_waits_for_nobodys_models(monkeypatch):
    with processes() as it:
        it.decide("bo")
        it.report(0, 10.0)
        keys, bo = it.desk.ledger.keys, it.desk.kept(it.made[0]).record
        cy = next(part.number for found in it.house.found() for part in found.parts if part.number != bo)
        all_of, there = Minds.all_of, []

        def watched(minds, org):
            there.append((keys.record(org, bo) is not None, keys.record(org, cy) is not None))
            return all_of(minds, org)

        monkeypatch.setattr(Minds, "all_of", watched)
        it.house.worker._erasures._forgetting.destroy([bo, cy])
        assert set(there) == {(True, False)}
        assert keys.record(ORG, bo) is None


def test_where_nothing_can_be_learnt_the_worker_erases_all_the_same():
    with processes() as it:
        for turn, user in enumerate(("ada", "bo")):
            it.decide(user)
            it.report(turn, 10.0 + turn)
        it.desk.ledger.db.execute("UPDATE prior SET company = 'nonsense'")
        it.erase("bo")
        assert it.desk.kept(it.made[1]).content is None
        assert it.desk.kept(it.made[0]).content is not None
        assert not it.house.worker.state.erasures.unfinished()
        it.erase("cy")
        with pytest.raises(NotFound):
            it.house.view("user_id:cy")


@pytest.mark.parametrize("content", [b"nonsense", b"rapport posterior 99\n"])
def test_a_model_that_nobody_can_read_is_learnt_anew_and_no_erasure_waits_for_it(content):
    with processes() as it:
        it.decide("bo")
        it.report(0, 10.0)
        it.keep()
        it.decide("bo")
        it.report(1, 10.0)
        before = it.started().all_of(ORG)
        it.desk.ledger.db.execute("UPDATE mind SET customer = ?", (content,))
        again = it.started().all_of(ORG)
        assert (again.lesson, again.customer.packed()) == (before.lesson, before.customer.packed())
        it.erase("bo")
        assert it.desk.kept(it.made[0]).content is None
        after = it.started().all_of(ORG)
        assert (after.lesson, after.company.packed()) == (before.lesson, before.company.packed())


def test_what_can_be_recomputed_after_an_erasure_is_what_was_decided_since_or_before_them():
    with processes() as it:
        for turn, user in enumerate(("ada", "bo", "ada")):
            it.decide(user)
            it.report(turn, 10.0 + turn)
        it.erase("bo")
        it.decide("ada")
        assert it.recomputed() == ["agrees", "erased", "erased", "agrees"]
        found = recomputed(it.desk.ledger, ORG, it.made[2]["decision"])
        assert "cannot be learnt again" in found.said
        with pytest.raises(NotFound):
            recomputed(it.desk.ledger, "other", it.made[2]["decision"])


def test_minds_that_were_kept_before_let_what_rests_on_the_erased_be_recomputed_and_are_few():
    with processes() as it:
        it.decide("bo")
        it.report(0, 10.0)
        it.keep()
        it.decide("ada")  # what was kept holds all that it rests on
        it.report(1, 11.0)
        it.erase("bo")
        it.decide("ada")
        assert it.recomputed() == ["erased", "agrees", "agrees"]
        for turn in range(2, 3 + MINDS):
            it.report(turn, 1.0)
            it.keep()
            it.decide("ada")
        assert it.desk.ledger.db.execute("SELECT count(*) FROM mind_then").fetchone() == (MINDS,)
        assert it.recomputed() == ["erased"] * 3 + ["agrees"] * (1 + MINDS)


def test_a_decision_that_was_tampered_with_does_not_come_out_the_same():
    with processes() as it:
        it.decide("ada")
        kept = it.desk.kept(it.made[0])
        seal = it.desk.ledger.receipt_log.sealing_key(ORG, kept.record)
        other = msgspec.structs.replace(kept.content, propensity=0.123)
        body = seal.seal(msgspec.msgpack.encode(other), b"decision")
        it.desk.ledger.db.execute("UPDATE decision SET body = ? WHERE seq = ?", (body, kept.seq))
        found = recomputed(it.desk.ledger, ORG, kept.id)
        assert (found.status, found.agreement) == ("differs", (True, True, False))


def test_decisions_of_before_there_were_scales_have_the_ones_that_all_had():
    with processes() as it:
        it.decide("ada")
        raw = msgspec.msgpack.decode(msgspec.msgpack.encode(it.desk.kept(it.made[0]).content))
        del raw["scales"]
        assert msgspec.convert(raw, Decision, strict=False).scales == Scales(10.0, 10.0)
