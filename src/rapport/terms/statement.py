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
from rapport.terms.benefits import Estimate, Settled, totals
from rapport.terms.notices import Notice
from rapport.terms.own import CALLER, own_parts
from rapport.terms.receipts import Receipt
from rapport.terms.settling import ACTION, Settling, by_themselves, has_news

NOT_YET = "not yet known"
_MONTH = re.compile(r"[1-2][0-9]{3}-(0[1-9]|1[0-2])")
EVER = (0, 1 << 62)


class Words(msgspec.Struct, frozen=True):
    """How things are said: a company's name, a purpose as the end of a sentence, categories, a clause by its id."""

    name: Callable[[str], str]
    why: Callable[[str], str]
    what: Callable[[Sequence[str]], str]
    clauses: Mapping[str, str]


class Ground(msgspec.Struct, frozen=True):
    """What a statement is built from, all of one span of time."""

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
    refused = [one for one in looks if one.decision == "refused" and one.action != ACTION]
    return {
        "month": month,
        "uses": [_use(group, ground.benefits, words) for group in _grouped(used)],
        "refusals": [_refusal(group, words) for group in _grouped(refused)],
        "settled": {**totals(ground.benefits), "by_company": _by_company(ground.benefits, words)},
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
    return {**_head(group, words), **data, "gave": gave}


def _refusal(group: Sequence[Receipt], words: Words) -> dict[str, Any]:
    return {**_head(group, words), "reason": group[0].reason, "unmet": list(group[0].unmet)}


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
            told[one.side].append({"org": org, "name": words.name(org), **msgspec.structs.asdict(one)})
    return told if told["known"] else {**told, "said": NOT_YET}


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
                known = {_said(one) for one in kept}
                fresh = {_said(one): one for one in by_themselves(reader, org, parts, mapped)}
                found += [one for said, one in fresh.items() if said not in known and since <= one.at < until]
    return found


def _said(one: Settled) -> tuple[object, ...]:
    return one.records, one.side, one.kind, one.evidence
