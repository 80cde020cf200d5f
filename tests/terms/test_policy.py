"""The policy held to a plain reading of its rules, which works on sets of names and knows nothing of masks."""

from random import Random

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rapport.kernel.times import DAY, HOUR, MINUTE, SECOND, parse_rfc3339
from rapport.kernel.vocabulary import (
    ALL,
    CATEGORIES,
    NAMES,
    SPECIAL,
    UNCLASSIFIED,
    below,
    bit,
    purposes_covered,
    purposes_denied,
)
from rapport.terms.clauses import Clause, Criterion, Elsewhere, Frequency, Terms
from rapport.terms.criteria import is_quiet, quiet_ends, truth
from rapport.terms.declaration import Benefit, Declaration, Promise, Standing
from rapport.terms.policy import Judge, Verdict, compile_terms, promise_for
from tests.terms.strategies import NOON, Asked, a_clause, asked, drawn

MANY = settings(max_examples=max(200, settings.default.max_examples))
UNDER = {name: {other for other in NAMES if bit(other) & below(name)} for name in (*NAMES, "everything")}
ALL_NAMES = set(NAMES)

Truths = list[bool | None]


def decided(wish: Asked) -> Verdict:
    return Judge().decide(
        wish.terms, b"", wish.standing, wish.purpose, wish.at, reaching_out=wish.reaching_out, used=wish.used
    )


def named(mask: int) -> set[str]:
    return {name for name in NAMES if bit(name) & mask}


# -- the plain reading


def spoken_of(clause: Clause) -> set[str]:
    covered = set().union(*(UNDER[name] for name in clause.categories))
    return ALL_NAMES if clause.effect == "deny" and covered >= UNDER["everything"] else covered


def truths(clause: Clause, wish: Asked, promise: Promise) -> Truths:
    return [truth(criterion, promise, wish.standing, wish.at) for criterion in clause.when]


def concerned(wish: Asked, effect: str) -> list[Clause]:
    reach = purposes_covered if effect == "allow" else purposes_denied
    return [
        clause
        for clause in wish.terms.clauses
        if clause.effect == effect
        and (clause.who == () or wish.standing.org in clause.who)
        and wish.purpose in set().union(*map(reach, clause.purposes))
    ]


def plainly(wish: Asked, promise: Promise, side: str) -> set[str]:
    """The categories of one side that may be read."""
    promised = set().union(*(UNDER[name] for name in promise.categories))
    denied: set[str] = set()
    for clause in concerned(wish, "deny"):
        # An unknown criterion does not keep a deny from biting.
        if clause.data in {side, "all"} and all(known is not False for known in truths(clause, wish, promise)):
            denied |= spoken_of(clause)
    allowed: set[str] = set()
    for clause in concerned(wish, "allow"):
        used_up = clause.frequency is not None and wish.used(clause.frequency) >= clause.frequency.times
        asleep = clause.quiet != "" and wish.reaching_out and is_quiet(clause.quiet, wish.terms.zone, wish.at)
        # An unknown criterion does not help an allow.
        met = all(known is True for known in truths(clause, wish, promise))
        if clause.data in {side, "all"} and met and not used_up and not asleep:
            allowed |= spoken_of(clause)
    return (allowed & promised) - denied


def missing_plainly(wish: Asked, promise: Promise) -> list[tuple[str, Criterion]]:
    """The smallest set of criteria that stand between the promise and something that is promised and not denied anyway;
    of two as small, the one of the clause that comes first."""
    promised = set().union(*(UNDER[name] for name in promise.categories))
    sets: list[list[tuple[str, Criterion]]] = []
    for clause in concerned(wish, "allow"):
        unmet = [
            (clause.id, criterion)
            for criterion, known in zip(clause.when, truths(clause, wish, promise), strict=True)
            if known is not True
        ]
        if not unmet:
            return []
        for side in ("collected", "elsewhere"):
            flatly = [d for d in concerned(wish, "deny") if d.when == () and d.data in {side, "all"}]
            left = (spoken_of(clause) & promised).difference(*map(spoken_of, flatly))
            if clause.data in {side, "all"} and left:
                sets.append(unmet)
                break
    return min(sets, key=len) if sets else []


@MANY
@given(drawn(asked))
def test_any_decision_is_that_of_the_plain_reading(wish: Asked) -> None:
    verdict = decided(wish)
    promise = promise_for(wish.standing, wish.purpose)
    if promise is None:
        assert not verdict.permitted
        return
    offer = "promise"
    collected, elsewhere = (plainly(wish, promise, side) for side in ("collected", "elsewhere"))
    if not collected and not elsewhere:
        assert [(one.clause, one.criterion) for one in verdict.unmet if not verdict.permitted] == (
            [] if verdict.permitted else missing_plainly(wish, promise)
        )
        if promise.alternative is not None:
            collected, elsewhere = (plainly(wish, promise.alternative, side) for side in ("collected", "elsewhere"))
            offer = "alternative" if collected or elsewhere else "promise"
    assert (named(verdict.collected), named(verdict.elsewhere), verdict.offer) == (collected, elsewhere, offer)
    assert verdict.permitted == bool(collected or elsewhere)
    assert verdict.reason


# -- what always holds


def under_one_promise(wish: Asked, terms: Terms) -> tuple[int, int]:
    """Masks under the promise itself. (What an alternative to it opens is asked for only where it opens nothing.)"""
    promise = promise_for(wish.standing, wish.purpose)
    assume(promise is not None)
    assert promise is not None
    compiled = compile_terms(terms, wish.standing, promise, wish.purpose, wish.at)
    verdict = compiled.decide(wish.at, reaching_out=wish.reaching_out, used=wish.used)
    return verdict.collected, verdict.elsewhere


@MANY
@given(drawn(asked), drawn(lambda random: a_clause(random, 99)), st.integers(0, 6))
def test_adding_a_deny_never_widens_and_adding_an_allow_never_narrows(wish: Asked, more: Clause, place: int) -> None:
    before = under_one_promise(wish, wish.terms)
    clauses = (*wish.terms.clauses[:place], more, *wish.terms.clauses[place:])
    after = under_one_promise(wish, msgspec.structs.replace(wish.terms, clauses=clauses))
    smaller, larger = (after, before) if more.effect == "deny" else (before, after)
    assert all(less & ~much == 0 for less, much in zip(smaller, larger, strict=True))


@MANY
@given(drawn(asked), st.randoms(use_true_random=False))
def test_any_order_of_clauses_decides_the_same(wish: Asked, random: Random) -> None:
    shuffled = list(wish.terms.clauses)
    random.shuffle(shuffled)
    first = decided(wish)
    second = decided(msgspec.structs.replace(wish, terms=msgspec.structs.replace(wish.terms, clauses=tuple(shuffled))))
    assert (first.collected, first.elsewhere, first.offer) == (second.collected, second.elsewhere, second.offer)
    assert set(first.clauses) == set(second.clauses)
    assert len(first.unmet) == len(second.unmet)


@MANY
@given(drawn(asked))
def test_what_is_special_is_read_only_where_a_clause_and_the_promise_both_name_it(wish: Asked) -> None:
    verdict = decided(wish)
    promise = promise_for(wish.standing, wish.purpose)
    if promise is None:
        return
    promise = promise.alternative if verdict.offer == "alternative" and promise.alternative else promise
    said_by_person = {name for clause in wish.terms.clauses if clause.effect == "allow" for name in clause.categories}
    for name in named((verdict.collected | verdict.elsewhere) & (SPECIAL | UNCLASSIFIED)):
        for said in (said_by_person, set(promise.categories)):
            assert any(name in UNDER[one] and bit(one) & (SPECIAL | UNCLASSIFIED) for one in said)


# -- single rules, told once each

PROMISE = Promise("consent", ("everything", "health", "unclassified"), benefits=(Benefit("discount", 5, "%"),))
ALLOW = Clause("yes", "allow", categories=("everything", "health", "unclassified"), data="all")


def held(*clauses: Clause, purpose: str = "offers", promise: Promise = PROMISE) -> Verdict:
    standing = Standing("shop", Declaration(purposes={purpose: promise}), 1, "", 0)
    return Judge().decide(Terms("own", clauses), b"", standing, purpose, NOON)


def test_deny_wins_over_an_allow_that_comes_before_or_after() -> None:
    deny = Clause("no", "deny", categories=("purchases",), data="all")
    for clauses in ((ALLOW, deny), (deny, ALLOW)):
        verdict = held(*clauses)
        assert named(verdict.collected) == named(verdict.elsewhere)
        assert "purchases" not in named(verdict.collected)
        assert {"name", "health", "unclassified"} < named(verdict.collected)


def test_denying_everything_denies_what_everything_leaves_out_too() -> None:
    assert held(ALLOW, Clause("no", "deny", data="all")).collected == 0
    assert held(ALLOW, Clause("no", "deny", data="collected")).elsewhere == held(ALLOW).elsewhere != 0


def test_an_unknown_criterion_fails_an_allow_and_triggers_a_deny() -> None:
    for criterion in (Criterion("onward"), Criterion("onward", negated=True), Criterion("retention", days=900)):
        refused = held(msgspec.structs.replace(ALLOW, when=(criterion,)))
        assert not refused.permitted
        assert [(one.criterion, one.known) for one in refused.unmet] == [(criterion, False)]
        assert not held(ALLOW, Clause("no", "deny", when=(criterion,), data="all")).permitted


def test_the_smallest_unmet_set_is_named_and_of_two_as_small_the_first() -> None:
    value = [Criterion("value", value=name) for name in "abc"]
    two, one, other = (
        Clause(name, "allow", when=tuple(when))
        for name, when in (("two", value[:2]), ("one", value[2:]), ("other", value[:1]))
    )
    assert [unmet.clause for unmet in held(two, one, other).unmet] == ["one"]
    assert [unmet.clause for unmet in held(two, other, one).unmet] == ["other"]
    assert [unmet.clause for unmet in held(two).unmet] == ["two", "two"]


def test_no_criterion_is_named_where_meeting_it_would_open_nothing() -> None:
    wanted = Clause("earn", "allow", when=(Criterion("value", value="a"),))
    verdict = held(wanted, Clause("never", "deny", data="all"))
    assert (verdict.unmet, verdict.reason) == ((), "your clause 'never' denies it")
    unpromised = held(wanted, promise=msgspec.structs.replace(PROMISE, categories=("health",)))
    assert (unpromised.unmet, unpromised.reason) == ((), "no clause of your terms allows it")


def test_an_allow_covers_what_is_below_its_purpose_and_a_deny_what_is_above_it_too() -> None:
    below_it, above_it = "dpv:TargetedAdvertising", "dpv:Marketing"
    narrow = Clause("no", "deny", purposes=(below_it,), data="all")
    wide = msgspec.structs.replace(ALLOW, purposes=("advertising",))
    assert held(wide, purpose=below_it).permitted
    assert not held(wide, purpose=above_it).permitted
    assert not held(wide, purpose="service").permitted
    assert not held(wide, narrow, purpose=below_it).permitted
    assert not held(wide, narrow, purpose="advertising").permitted  # who advertises might target


def test_nothing_is_read_beyond_the_promise() -> None:
    verdict = held(ALLOW, promise=msgspec.structs.replace(PROMISE, categories=("contact",)))
    assert named(verdict.collected) & set(CATEGORIES) == {"contact", "email", "phone", "address"}
    assert held(ALLOW).collected & ~ALL == 0


@pytest.mark.parametrize(("times", "used", "permitted"), [(4, 3, True), (4, 4, False), (1, 0, True)])
def test_a_frequency_is_used_up_after_so_many_times(times: int, used: int, permitted: bool) -> None:
    terms = Terms("own", (msgspec.structs.replace(ALLOW, frequency=Frequency(times, "month")),))
    standing = Standing("shop", Declaration(purposes={"offers": PROMISE}), 1, "", 0)
    verdict = Judge().decide(terms, b"", standing, "offers", NOON, used=lambda _: used)
    assert verdict.permitted is permitted
    assert permitted or verdict.reason == f"it was used {times} times this month already"


def test_a_grant_says_how_much_of_what_was_done_elsewhere_is_shown() -> None:
    share = Elsewhere("exact", named=True, of=("bakery",))
    verdict = held(msgspec.structs.replace(ALLOW, elsewhere=share))
    assert verdict.grants == ((verdict.elsewhere, share),)


@given(
    st.sampled_from(("22:00-08:00", "00:00-23:59", "01:30-02:30", "22:00-02:30", "12:00-13:00", "02:10-02:20")),
    st.sampled_from(("Europe/Vienna", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "Nowhere/There")),
    st.sampled_from(("2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z", "2026-04-04T06:00:00Z", "2026-10-03T06:00:00Z")),
    st.integers(0, 30 * 60 * 60),
)
def test_quiet_hours_end_at_the_first_minute_after_them_where_clocks_are_set_too(
    quiet: str, zone: str, start: str, seconds: int
) -> None:
    at = parse_rfc3339(start) + seconds * SECOND
    end = quiet_ends(quiet, zone, at)
    assert at < end <= at + DAY + HOUR
    if is_quiet(quiet, zone, at):
        later = range(at - at % MINUTE + MINUTE, end + MINUTE, MINUTE)
        assert next(one for one in later if not is_quiet(quiet, zone, one)) == end
