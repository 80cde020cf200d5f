"""What changed between two declarations, told to the person whose data it is about."""

import re
from collections.abc import Iterator, Sequence

from rapport.kernel.vocabulary import CATEGORY_WORDS
from rapport.terms.declaration import Benefit, Declaration, Promise, ValueClaim

_BASES = {
    "consent": "your consent",
    "contract": "your contract",
    "legitimate_interest": "its legitimate interest",
    "legal_obligation": "a legal obligation",
    "vital_interest": "a vital interest",
    "public_task": "a public task",
}
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def changes(old: Declaration, new: Declaration) -> list[str]:
    """A sentence for each change, of which each goes on from the company's name: `keeps your data for 365 days instead
    of 90 for offers`. Equal declarations give none."""
    said = []
    if old.name != new.name:
        said.append(f"calls itself {new.name or 'nothing more'}{f' instead of {old.name}' if old.name else ''}")
    for purpose in {**new.purposes, **old.purposes}:
        said += _purpose(_words(purpose), old.purposes.get(purpose), new.purposes.get(purpose))
    for name in {**new.consent, **old.consent}:
        said += _consent(name, old.consent.get(name, ()), new.consent.get(name, ()))
    said += _values(old.values, new.values)
    return said


def _purpose(purpose: str, old: Promise | None, new: Promise | None) -> Iterator[str]:
    if new is None:
        yield f"no longer uses your data for {purpose}"
    elif old is None:
        yield f"also uses your data for {purpose}: {_categories(new.categories)}, by {_basis(new)}; it {_terms(new)}"
    else:
        yield from _promise(purpose, old, new)


def _terms(new: Promise) -> str:
    """A new promise in half a sentence."""
    kept = "does not say how long it keeps it"
    if new.retention_days is not None:
        kept = f"keeps it for {_days(new.retention_days)}"
    onward = {None: "does not say whether it is passed on", True: "lets it be passed on", False: "does not pass it on"}
    benefits = f", and offers {_listed([_benefit(each) for each in new.benefits])}" if new.benefits else ""
    return f"{kept}, {onward[new.onward]}{benefits}"


def _promise(purpose: str, old: Promise, new: Promise) -> Iterator[str]:
    if old.basis != new.basis or old.law != new.law:
        yield f"uses your data for {purpose} by {_basis(new)} instead of {_basis(old)}"
    yield from _data(purpose, old.categories, new.categories)
    yield from _retention(purpose, old.retention_days, new.retention_days)
    yield from _recipients(purpose, old.recipients, new.recipients)
    if old.onward != new.onward:
        yield {
            None: f"no longer says whether your data for {purpose} is passed on",
            True: f"lets those who receive your data for {purpose} pass it on",
            False: f"does not let your data for {purpose} be passed on",
        }[new.onward]
    if old.place != new.place:
        there = "somewhere it does not say" if new.place is None else f"in {_listed(new.place)}"
        before = "" if old.place is None else f" instead of {_listed(old.place)}"
        yield f"processes your data for {purpose} {there}{before}"
    yield from _benefits(purpose, old.benefits, new.benefits)
    yield from _alternative(purpose, old.alternative, new.alternative)


def _data(purpose: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    more, less = [name for name in new if name not in old], [name for name in old if name not in new]
    if more:
        yield f"also uses {_categories(more)} for {purpose}"
    if less:
        yield f"no longer uses {_categories(less)} for {purpose}"


def _retention(purpose: str, old: int | None, new: int | None) -> Iterator[str]:
    if new is None and old is not None:
        yield f"no longer says how long it keeps your data for {purpose} (before, {_days(old)})"
    elif new is not None and old is None:
        yield f"says that it keeps your data for {_days(new)} for {purpose}"
    elif new is not None and old is not None and old != new:
        yield f"keeps your data for {_days(new)} instead of {old} for {purpose}"


def _recipients(purpose: str, old: Sequence[str] | None, new: Sequence[str] | None) -> Iterator[str]:
    if new is None and old is not None:
        yield f"no longer says who receives your data for {purpose}"
    elif new is not None and old is None:
        yield f"says that {_listed(new) if new else 'nobody'} receives your data for {purpose}"
    elif new is not None and old is not None:
        if more := [name for name in new if name not in old]:
            yield f"also gives your data for {purpose} to {_listed(more)}"
        if less := [name for name in old if name not in new]:
            yield f"no longer gives your data for {purpose} to {_listed(less)}"


def _benefits(purpose: str, old: Sequence[Benefit], new: Sequence[Benefit]) -> Iterator[str]:
    for benefit in new:
        if benefit not in old:
            yield f"offers you {_benefit(benefit)} for {purpose}"
    for benefit in old:
        if benefit not in new:
            yield f"no longer offers you {_benefit(benefit)} for {purpose}"


def _alternative(purpose: str, old: Promise | None, new: Promise | None) -> Iterator[str]:
    if new is None and old is not None:
        yield f"makes no other offer for {purpose} any more"
    elif new is not None and old is None:
        yield f"makes another offer for {purpose} to those whom the first does not suit"
    elif new is not None and old is not None:
        yield from (f"in its other offer {said}" for said in _promise(purpose, old, new))


def _consent(name: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    if set(old) == set(new):
        return
    before = f" instead of {_listed(old)}" if old else ""
    yield f"takes your consent to {name!r} to mean {_listed(new) if new else 'nothing'}{before}"


def _values(old: Sequence[ValueClaim], new: Sequence[ValueClaim]) -> Iterator[str]:
    for claim in new:
        before = [each for each in old if (each.value, each.attester) == (claim.value, claim.attester)]
        if not before:
            yield f"says that it stands for {_value(claim)}"
        elif before[0] != claim:
            yield f"says it otherwise that it stands for {_value(claim)}"
    for claim in old:
        if not any((each.value, each.attester) == (claim.value, claim.attester) for each in new):
            yield f"no longer says that it stands for {_value(claim)}"


# -- words


def _value(claim: ValueClaim) -> str:
    return claim.value.replace("_", " ") + (f", and that {claim.attester} attests it" if claim.attester else "")


def _basis(promise: Promise) -> str:
    return _BASES[promise.basis] + (f" ({promise.law})" if promise.law else "")


def _days(days: int) -> str:
    return "one day" if days == 1 else f"{days} days"


def _categories(names: Sequence[str]) -> str:
    return _listed([CATEGORY_WORDS.get(name) or f"your {_words(name)}" for name in names])


def _words(name: str) -> str:
    """A plain name as it is, and an id of DPV in words: `dpv:DeliveryOfGoods` is delivery of goods."""
    _, colon, concept = name.rpartition(":")
    return _CAPITAL.sub(" ", concept).lower() if colon else name


def _benefit(benefit: Benefit) -> str:
    amount = f"{benefit.amount:g}" if benefit.amount < 1e6 else f"{benefit.amount:,.0f}"
    kind = {"money": "", "discount": " discount", "time": " saved", "service": ""}[benefit.kind]
    per = f" per {benefit.per}" if benefit.per else ""
    if benefit.kind == "service":
        return benefit.text + per
    return f"{amount} {benefit.unit}{kind}{per}" + (f" ({benefit.text})" if benefit.text else "")


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
