"""The statement: what came of a person's data in a month or since ever, for one page that a person would read.

It is built from receipts, settled benefits and notices, and adds nothing to them. Uses that differ in their time alone
are one line with a count. What each side got stands beside the other and is never added to it; what is only estimated
stands by itself, and is "not yet known" until there is an estimate.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from rapport.kernel.errors import BadInput
from rapport.kernel.times import SECOND, rfc3339
from rapport.profile.store import ProfileReader
from rapport.terms.benefits import Estimate, Settled, by_kind, totals
from rapport.terms.estimates import METHODS
from rapport.terms.handing import DELETION
from rapport.terms.notices import Notice
from rapport.terms.own import CALLER, own_parts
from rapport.terms.receipts import SILENCE, Receipt
from rapport.terms.settling import ACTION, Settling, by_themselves, has_news

NOT_YET = "not yet known"
MOST_BENEFITS = 200
"""Told one by one, the newest; the sums are over all."""
_BY_CLAUSE = re.compile("(?:it does not meet )?your clause '(.+?)'(?: denies it)?")
_MONTH = re.compile(r"[1-2][0-9]{3}-(0[1-9]|1[0-2])")
EVER = (0, 1 << 62)


class Words(msgspec.Struct, frozen=True):
    """How things are said: a company's name, a purpose as the end of a sentence, categories, a clause by its id."""

    name: Callable[[str], str]
    why: Callable[[str], str]
    what: Callable[[Sequence[str]], str]
    clauses: Mapping[str, str]


class Ground(msgspec.Struct, frozen=True):
    """What a statement is built from, all of one span of time; `estimates` of what came to the person, too."""

    receipts: Sequence[Receipt]
    benefits: Sequence[Settled]
    notices: Sequence[tuple[int, Notice]]
    estimates: Mapping[str, Sequence[Estimate]] = {}
    """By organization."""


def month_span(month: str | None) -> tuple[int, int]:
    """The span of `YYYY-MM` in UTC, µs; all time for None. Raises BadInput."""
    if month is None:
        return EVER
    if not _MONTH.fullmatch(month):
        raise BadInput("a month is written as 2026-11", code="bad_month", field="month")
    first = dt.datetime(int(month[:4]), int(month[5:]), 1, tzinfo=dt.UTC)
    following = (first + dt.timedelta(days=31)).replace(day=1)
    return int(first.timestamp()) * SECOND, int(following.timestamp()) * SECOND


def statement(ground: Ground, words: Words, month: str | None) -> dict[str, Any]:
    """The statement as JSON has it."""
    looks = [one for one in ground.receipts if one.caller != CALLER and one.org]
    used = [one for one in looks if one.decision == "permitted"]
    refused = [one for one in looks if one.decision == "refused" and one.action not in (ACTION, DELETION)]
    return {
        "month": month,
        "uses": [_use(group, ground.benefits, words) for group in _grouped(used)],
        "refusals": [_refusal(group, words) for group in _grouped(refused)],
        "settled": _settled(ground.benefits, words),
        "estimated": _estimated(ground.estimates, words),
        "changes": [_change(at, one) for at, one in ground.notices],
    }


def _grouped(receipts: Iterable[Receipt]) -> list[list[Receipt]]:
    """By company, purpose and what it rested on; the greatest group of the first company first."""
    groups: dict[tuple[object, ...], list[Receipt]] = {}
    for one in receipts:
        groups.setdefault((one.org, one.purpose, one.clauses, one.decision, one.unmet), []).append(one)
    return sorted(groups.values(), key=lambda group: (group[0].org, -len(group), group[0].purpose, group[0].clauses))


def _head(group: Sequence[Receipt], words: Words) -> dict[str, Any]:
    one = group[0]
    times = [each.at for each in group]
    return {
        "org": one.org,
        "name": words.name(one.org),
        "purpose": one.purpose,
        "why": words.why(one.purpose),
        "count": len(group),
        "first_at": rfc3339(min(times)),
        "last_at": rfc3339(max(times)),
        "clauses": [words.clauses.get(clause, clause) for clause in one.clauses if clause != "default"],
    }


def _use(group: Sequence[Receipt], benefits: Iterable[Settled], words: Words) -> dict[str, Any]:
    receipts = {one.id for one in group}
    categories = list(dict.fromkeys(name for one in group for name in one.categories))
    recipients = list(dict.fromkeys(name for one in group for name in one.recipients))
    gave = totals(benefit for benefit in benefits if benefit.use in receipts)
    data = {"categories": categories, "what": words.what(categories), "recipients": recipients}
    silent = sum(one.treatment == SILENCE for one in group)
    return {**_head(group, words), **data, "silent": silent, "gave": gave}


def _refusal(group: Sequence[Receipt], words: Words) -> dict[str, Any]:
    one, told = group[0], _head(group, words)
    named = _BY_CLAUSE.fullmatch(one.reason)
    sentence = words.clauses.get(named[1]) if named else None
    clauses = told["clauses"] or ([sentence] if sentence else [])
    return {
        **told,
        "clauses": clauses,
        "reason": one.reason,
        "unmet": list(one.unmet),
        "said": _said(one, words, sentence),
    }


def _said(one: Receipt, words: Words, sentence: str | None) -> str:
    """Why a company got nothing, for its person: by their own sentence, by what it does not promise, or as it was."""
    if one.unmet:
        return _joined(one.unmet)
    if sentence:
        return "you do not want it"
    return one.reason.replace(f"{one.org} promises nothing", f"{words.name(one.org)} had promised nothing", 1)


def _joined(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _settled(benefits: Sequence[Settled], words: Words) -> dict[str, Any]:
    """Sums, what they are made of, and each company's; the newest benefits one by one."""
    latest = sorted(benefits, key=lambda one: (-one.at, one.id))[:MOST_BENEFITS]
    return {
        **totals(benefits),
        "by_kind": by_kind(benefits),
        "by_company": _by_company(benefits, words),
        "count": len(benefits),
        "benefits": [_benefit(one, words) for one in latest],
    }


def _benefit(one: Settled, words: Words) -> dict[str, Any]:
    what = {"band": one.band, "count": 1} if one.band else {"amount": one.amount}
    told = {"at": rfc3339(one.at), "org": one.org, "name": words.name(one.org), "side": one.side, "kind": one.kind}
    return {**told, **what, "unit": one.unit, "evidence": one.evidence, "receipt": one.use or None}


def _by_company(benefits: Iterable[Settled], words: Words) -> list[dict[str, Any]]:
    companies: dict[str, list[Settled]] = {}
    for one in benefits:
        companies.setdefault(one.org, []).append(one)
    return [{"org": org, "name": words.name(org), **totals(of)} for org, of in sorted(companies.items())]


def _estimated(estimates: Mapping[str, Sequence[Estimate]], words: Words) -> dict[str, Any]:
    told: dict[str, Any] = {"customer": [], "company": [], "known": False}
    for org, some in estimates.items():
        for one in some:
            told["known"] = True
            told[one.side].append({"org": org, "name": words.name(org), **estimate_told(one)})
    return told if told["known"] else {**told, "said": NOT_YET}


def estimate_told(one: Estimate) -> dict[str, Any]:
    """An estimate with its method in words (`by`)."""
    return {**msgspec.structs.asdict(one), "by": METHODS.get(one.method, one.method)}


def _change(at: int, notice: Notice) -> dict[str, Any]:
    sentences = [*(f"It {said}." for said in notice.changed), *notice.follows]
    return {"at": rfc3339(at), "org": notice.org, "name": notice.name, "kind": notice.kind, "sentences": sentences}


# -- what is a person's


class Book(Settling, Protocol):
    def of_records(self, org: str, records: Iterable[int], since: int, until: int) -> list[Settled]:
        """Benefits of these records in a span of time, the oldest first."""


def own_benefits(
    reader: ProfileReader, book: Book, claims: Iterable[tuple[str, str, str]], since: int, until: int
) -> list[Settled]:
    """What records that are firmly the claimant's (`(organization, type, value)` each) were given in a span of time.

    Events that settle themselves count though the company has not settled them yet: they are the person's own, and
    nothing is written, since a company must not learn who has an account and looks at it.
    """
    claimed = list(claims)
    found: list[Settled] = []
    with reader.snapshot():
        for org in dict.fromkeys(org for org, _, _ in claimed):
            parts, _ = own_parts(reader, org, [(kind, value) for there, kind, value in claimed if there == org])
            kept = book.of_records(org, [part.number for part in parts], since, until)
            found += kept
            mapped = book.mapping(org)
            if mapped and has_news(book, org, parts, mapped):
                known = {_event(one) for one in kept}
                fresh = {_event(one): one for one in by_themselves(reader, org, parts, mapped)}
                found += [one for said, one in fresh.items() if said not in known and since <= one.at < until]
    return found


def _event(one: Settled) -> tuple[object, ...]:
    return one.records, one.side, one.kind, one.evidence
