"""Clauses and criteria as sentences that their person can read."""

import re
from collections.abc import Iterable, Sequence

from rapport.kernel.vocabulary import CATEGORY_WORDS, PURPOSE_WORDS
from rapport.terms.clauses import EVERYTHING, Clause, Criterion
from rapport.terms.policy import Unmet

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def unmet_words(unmet: Sequence[Unmet]) -> tuple[str, ...]:
    """Which criteria keep an organization out, in words that name neither person nor value."""
    return tuple(f"{criterion_words(one.criterion)}{'' if one.known else ' (it does not say)'}" for one in unmet)


def criterion_words(criterion: Criterion) -> str:
    """A criterion as what an organization does: `gives a discount of at least 5 %`."""
    no = criterion.negated
    match criterion.kind:
        case "benefit":
            what = f"a {criterion.benefit}" if criterion.benefit else "something"
            worth = f" of at least {criterion.amount:g} {criterion.unit}".rstrip() if criterion.amount else ""
            return f"{'does not give' if no else 'gives'} {what}{worth}"
        case "value":
            claims = "has it attested that it stands for" if criterion.attested else "says that it stands for"
            return f"{'does not say' if no else claims} {criterion.value.replace('_', ' ')}"
        case "retention":
            return f"keeps it {'longer than' if no else 'at most'} {criterion.days} days"
        case "onward":
            return "passes nothing on" if no else "passes it on to others"
        case "place":
            return f"processes it {'outside' if no else 'only in'} {', '.join(criterion.places)}"


def clause_sentence(clause: Clause) -> str:
    """A clause as it reads to its person: `Anyone who passes nothing on may use what you bought to make you offers.`"""
    does = listed([criterion_words(criterion) for criterion in clause.when])
    if clause.who:
        who, where = listed(clause.who), f", if it {does}" if does else ""
    else:
        who, where = "Anyone" if clause.effect == "allow" else "Nobody", ""
        who += f" who {does}" if does else ""
    may = "may use" if clause.effect == "allow" or not clause.who else "may not use"
    rest = "".join(f"; {said}" for said in (_how_often(clause), _quiet(clause)) if said)
    return f"{who} {may} {_data(clause)} {listed([purpose_words(name) for name in clause.purposes])}{where}{rest}."


def _data(clause: Clause) -> str:
    shuts_out = clause.effect == "deny" and EVERYTHING in clause.categories  # sensitive data, too
    what = "anything about you" if shuts_out else category_words(clause.categories)
    if clause.data == "collected":
        return what
    share = clause.elsewhere
    shops = listed(share.of) or "other companies"
    if clause.effect == "deny":
        told = ""
    else:
        detail = "exactly as it was" if share.detail == "exact" else "by kind, month and rough amount only"
        told = f" ({detail}, {'with' if share.named else 'without'} their names)"
    if clause.data == "elsewhere":
        return f"{what} from {shops}{told}"
    return f"{what}, here and at {shops}{told},"


def _how_often(clause: Clause) -> str:
    if clause.frequency is None:
        return ""
    times = "once" if clause.frequency.times == 1 else f"{clause.frequency.times} times"
    return f"at most {times} a {clause.frequency.per}"


def _quiet(clause: Clause) -> str:
    return f"not to reach you from {clause.quiet.replace('-', ' to ')}" if clause.quiet else ""


def purpose_words(name: str) -> str:
    """A purpose as the end of a sentence: `to make you offers`, `for delivery of goods`."""
    return PURPOSE_WORDS.get(name) or f"for {_plainly(name)}"


def category_words(names: Iterable[str]) -> str:
    """Categories in a sentence: `your name and what you bought`."""
    return listed([CATEGORY_WORDS.get(name) or f"your {_plainly(name)}" for name in names])


def _plainly(name: str) -> str:
    return _CAPITAL.sub(" ", name.rpartition(":")[2]).lower()


def listed(names: Sequence[str]) -> str:
    """`a, b and c`; "" for none."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
