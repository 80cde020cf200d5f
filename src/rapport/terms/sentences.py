"""Clauses and criteria as sentences that their person would say: *I* am the person, *it* is the organization."""

import re
from collections.abc import Iterable, Sequence

from rapport.kernel.vocabulary import CATEGORY_WORDS, EVERYTHING, PURPOSE_WORDS
from rapport.terms.clauses import Clause, Criterion, Elsewhere, Frequency
from rapport.terms.policy import Unmet, mask_of

_TIMES = ("", "once", "twice", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_BENEFITS = {"discount": "a discount", "money": "money", "time": "time", "service": "a service", "": "something"}
_BLOCS = {"EU": "the EU", "EEA": "the EEA", "US": "the US", "GB": "the UK"}
_MINE = (
    (r"\byou are\b", "I am"),
    (r"\b(what|where) you\b", r"\1 I"),
    (r"\byour\b", "my"),
    (r"\byou\b", "me"),
)
"""What turns the vocabulary's *you* into *I*."""


# -- clauses


def clause_sentence(clause: Clause) -> str:
    """A clause as its person would say it."""
    parts = [_who(clause), _what(clause), _why(clause)]
    if clause.frequency is not None:
        parts[-1] += f", at most {_often(clause.frequency)}"
    if clause.quiet:
        parts[-1] += f", not reaching me between {clause.quiet.replace('-', ' and ')}"
    return f"{' '.join(parts)}."


def _who(clause: Clause) -> str:
    """`Anyone who … may use`, `Acme, if it …, may not use`."""
    allows = clause.effect == "allow"
    conditions = _joined([criterion_words(one) for one in clause.when], "and")
    if not allows and any(one.kind != "benefit" for one in clause.when):
        conditions += ", or does not say,"
    if clause.who:
        condition = f", if it {conditions.rstrip(',')}," if conditions else ""
        return f"{_joined(clause.who, 'and' if allows and not conditions else 'or')}{condition} {_may(clause)}"
    if not conditions:
        return "Anyone may use" if allows else "Nobody may use"
    return f"Anyone who {conditions} {_may(clause)}"


def _may(clause: Clause) -> str:
    return "may use" if clause.effect == "allow" else "may not use"


def _what(clause: Clause) -> str:
    allows = clause.effect == "allow"
    if not allows and mask_of(clause.categories) & EVERYTHING == EVERYTHING:
        data = "anything"
    else:
        data = categories_words(clause.categories, "and" if allows else "or")
    match clause.data:
        case "collected":
            return data if allows else f"{data} that it collected itself"
        case "elsewhere":
            return f"{data} from {_others(clause.elsewhere)}{_detail(clause.elsewhere, ', ') if allows else ''}"
        case "all" if allows:
            return f"{data}, from itself and from {_others(clause.elsewhere)}{_detail(clause.elsewhere, ' (', ')')},"
        case _:
            return data


def _others(share: Elsewhere) -> str:
    return _joined(share.of, "and") or "other companies"


def _detail(share: Elsewhere, before: str, after: str = ",") -> str:
    exact = share.detail == "exact"
    name = "name" if len(share.of) == 1 else "names"
    its = "its" if len(share.of) == 1 else "their"
    how = "in detail" if exact else "in rough outline"
    return f"{before}{how}, {'with' if share.named else 'without'} {its} {name}{after}"


def _why(clause: Clause) -> str:
    words = [purpose_words(name) for name in clause.purposes]
    return _joined(words, "and" if clause.effect == "allow" else "or")


def _often(frequency: Frequency) -> str:
    times = _TIMES[frequency.times] if frequency.times < len(_TIMES) else f"{frequency.times}"
    return f"{times if frequency.times < 3 else f'{times} times'} a {frequency.per}"


def categories_words(categories: Iterable[str], last: str = "and") -> str:
    """Categories in the words of the person they are about: `what I bought and where I am`."""
    names = list(dict.fromkeys(categories))
    words = [_mine(CATEGORY_WORDS.get(name) or f"my {_spelled(name)}") for name in names if name != "everything"]
    if "everything" in names:  # last, or else it would seem to leave the others out
        words.append(f"everything {'else ' if words else ''}but sensitive data")
    return _joined(words, last)


def purpose_words(purpose: str) -> str:
    """A purpose in the words of the person: `to make me offers`."""
    return _mine(PURPOSE_WORDS.get(purpose) or f"for {_spelled(purpose)}")


def _spelled(concept: str) -> str:
    """`dpv:DeliveryOfGoods` as `delivery of goods`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", concept.rpartition(":")[2]).lower()


def _mine(words: str) -> str:
    for pattern, mine in _MINE:
        words = re.sub(pattern, mine, words)
    return words


def _joined(words: Sequence[str], last: str) -> str:
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


# -- criteria


def criterion_words(criterion: Criterion) -> str:
    """A criterion as what an organization does: `gives me a discount of at least 5 %`."""
    no = criterion.negated
    match criterion.kind:
        case "benefit":
            gives = _gives(criterion)
            return f"does not {gives} me {_worth(criterion)}" if no else f"{gives}s me {_worth(criterion)}"
        case "value":
            claims = "has it confirmed" if criterion.attested else "says"
            denies = "does not have it confirmed" if criterion.attested else "does not say"
            return f"{denies if no else claims} that it stands for {_value(criterion)}"
        case "retention":
            return f"keeps my data {'for longer than' if no else 'at most'} {_days(criterion)}"
        case "onward":
            return "passes nothing on" if no else "passes my data on to others"
        case "place":
            where = _places(criterion)
            return f"also handles my data outside {where}" if no else f"handles my data only in {where}"


def _gives(criterion: Criterion) -> str:
    return "save" if criterion.benefit == "time" else "give"


def _worth(criterion: Criterion) -> str:
    what = _BENEFITS[criterion.benefit]
    if not criterion.amount:
        return what
    amount = f"at least {criterion.amount:g} {criterion.unit}".rstrip()
    if criterion.benefit in {"money", "time"}:
        return amount if criterion.unit else f"{amount} in {what}"
    return f"{what} of {amount}"


def _value(criterion: Criterion) -> str:
    return criterion.value.replace("_", " ")


def _days(criterion: Criterion) -> str:
    return f"{criterion.days} {'day' if criterion.days == 1 else 'days'}"


def _places(criterion: Criterion) -> str:
    return _joined([_BLOCS.get(place, place) for place in criterion.places], "or")


# -- what was missing


def unmet_words(unmet: Sequence[Unmet]) -> tuple[str, ...]:
    """Which criteria keep an organization out, as what it does, or does not say; they name neither person nor value."""
    return tuple(_unmet(one.criterion, known=one.known) for one in unmet)


def _unmet(criterion: Criterion, *, known: bool) -> str:
    no = criterion.negated
    match criterion.kind:
        case "benefit":
            gives, worth = _gives(criterion), _worth(criterion)
            return f"it {gives}s {worth}" if no else f"it does not {gives} {worth}"
        case "value" if known:
            said = "it has it confirmed" if criterion.attested else "it says"
            return f"{said} that it stands for {_value(criterion)}"
        case "value":
            said = "nobody known confirms" if criterion.attested else "it does not say"
            return f"{said} {'whether' if no else 'that'} it stands for {_value(criterion)}"
        case "retention" if known:
            return f"it keeps it {'at most' if no else 'for longer than'} {_days(criterion)}"
        case "retention":
            return "it does not say how long it keeps it"
        case "onward" if known:
            return "it passes it on to others" if no else "it passes nothing on"
        case "onward":
            return "it does not say whether it passes it on"
        case "place" if known:
            where = _places(criterion)
            return f"it handles it only in {where}" if no else f"it also handles it outside {where}"
        case _:
            return "it does not say where it handles it"
