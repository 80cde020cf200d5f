"""Clauses and criteria as sentences that their person would say: *I* am the person, *it* is the organization.

Everything here is English unless it is given another tongue, and made of whole phrases, so that a language may order
its words as it does.
"""

import re
from collections.abc import Callable, Iterable, Sequence

import msgspec

from rapport.kernel.tongue import ENGLISH, Tongue
from rapport.kernel.vocabulary import CATEGORY_WORDS, EVERYTHING, PURPOSE_WORDS
from rapport.terms.clauses import Clause, Criterion, Elsewhere, Frequency
from rapport.terms.policy import Unmet, mask_of

_TIMES = (
    "",
    "once",
    "twice",
    *(f"{n} times" for n in ("three", "four", "five", "six", "seven", "eight", "nine", "ten")),
)
_OFTEN = {"day": "%(times)s a day", "week": "%(times)s a week", "month": "%(times)s a month"}
_BENEFITS = {"discount": "a discount", "money": "money", "time": "time", "service": "a service", "": "something"}
_UNITS = {"minutes", "hours", "points"}
"""Units of benefits that are words; others stand as they are."""
_BLOCS = {"EU": "the EU", "EEA": "the EEA", "US": "the US", "GB": "the UK"}
_MINE = (
    (r"\byou are\b", "I am"),
    (r"\b(what|where) you\b", r"\1 I"),
    (r"\byour\b", "my"),
    (r"\byou\b", "me"),
)
"""What turns the vocabulary's *you* into *I*."""


# -- clauses


def named(clause: Clause, name_of: Callable[[str], str]) -> Clause:
    """The clause with what organizations are called in place of their ids: to be said, not to be kept."""
    others = msgspec.structs.replace(clause.elsewhere, of=tuple(map(name_of, clause.elsewhere.of)))
    return msgspec.structs.replace(clause, who=tuple(map(name_of, clause.who)), elsewhere=others)


def clause_sentence(clause: Clause, tongue: Tongue = ENGLISH) -> str:
    """A clause as its person would say it."""
    why = tongue.listed([purpose_words(name, tongue) for name in clause.purposes], _last(clause))
    if clause.frequency is not None:
        why = tongue.say("%(why)s, at most %(often)s", why=why, often=_often(clause.frequency, tongue))
    if clause.quiet:
        start, _, end = clause.quiet.partition("-")
        why = tongue.say("%(why)s, not reaching me between %(start)s and %(end)s", why=why, start=start, end=end)
    places = {
        "who": tongue.listed([*clause.who], "and" if clause.effect == "allow" and not clause.when else "or"),
        "conditions": tongue.listed([criterion_words(one, tongue) for one in clause.when], "and"),
        "what": _what(clause, tongue),
        "why": why,
    }
    return tongue.say(_frame(clause), **places)


def _frame(clause: Clause) -> str:
    """The sentence: who may use what, under which conditions, and why."""
    if clause.effect == "allow":
        if clause.who:
            some = "%(who)s, if it %(conditions)s, may use %(what)s %(why)s."
            return some if clause.when else "%(who)s may use %(what)s %(why)s."
        some = "Anyone who %(conditions)s may use %(what)s %(why)s."
        return some if clause.when else "Anyone may use %(what)s %(why)s."
    silent = any(one.kind != "benefit" for one in clause.when)  # who says nothing of it is kept out, too
    if clause.who:
        if silent:
            return "%(who)s, if it %(conditions)s, or does not say, may not use %(what)s %(why)s."
        some = "%(who)s, if it %(conditions)s, may not use %(what)s %(why)s."
        return some if clause.when else "%(who)s may not use %(what)s %(why)s."
    if silent:
        return "Anyone who %(conditions)s, or does not say, may not use %(what)s %(why)s."
    some = "Anyone who %(conditions)s may not use %(what)s %(why)s."
    return some if clause.when else "Nobody may use %(what)s %(why)s."


def _last(clause: Clause) -> str:
    return "and" if clause.effect == "allow" else "or"


def _what(clause: Clause, tongue: Tongue) -> str:
    allows = clause.effect == "allow"
    if not allows and mask_of(clause.categories) & EVERYTHING == EVERYTHING:
        data = tongue.say("anything")
    else:
        data = categories_words(clause.categories, _last(clause), tongue)
    share = clause.elsewhere
    match clause.data:
        case "collected":
            return data if allows else tongue.say("%(data)s that it collected itself", data=data)
        case "elsewhere" if allows:
            text = "%(data)s from %(others)s, %(how)s,"
            return tongue.say(text, data=data, others=_others(share, tongue), how=tongue.say(_detail(share)))
        case "elsewhere":
            return tongue.say("%(data)s from %(others)s", data=data, others=_others(share, tongue))
        case "all" if allows:
            text = "%(data)s, from itself and from %(others)s (%(how)s),"
            return tongue.say(text, data=data, others=_others(share, tongue), how=tongue.say(_detail(share)))
        case _:
            return data


def _others(share: Elsewhere, tongue: Tongue) -> str:
    return tongue.listed([*share.of], "and") or tongue.say("other companies")


def _detail(share: Elsewhere) -> str:
    if len(share.of) == 1:
        if share.detail == "exact":
            return "in detail, with its name" if share.named else "in detail, without its name"
        return "in rough outline, with its name" if share.named else "in rough outline, without its name"
    if share.detail == "exact":
        return "in detail, with their names" if share.named else "in detail, without their names"
    return "in rough outline, with their names" if share.named else "in rough outline, without their names"


def _often(frequency: Frequency, tongue: Tongue) -> str:
    if frequency.times < len(_TIMES):
        times = tongue.say(_TIMES[frequency.times])
    else:
        times = tongue.say("%(times)s times", times=frequency.times)
    return tongue.say(_OFTEN[frequency.per], times=times)


def categories_words(categories: Iterable[str], last: str = "and", tongue: Tongue = ENGLISH) -> str:
    """Categories in the words of the person they are about: `what I bought and where I am`."""
    names = list(dict.fromkeys(categories))
    words = [_category(name, tongue) for name in names if name != "everything"]
    if "everything" in names:  # last, or else it would seem to leave the others out
        words.append(tongue.say("everything else but sensitive data" if words else "everything but sensitive data"))
    return tongue.listed(words, last)


def _category(name: str, tongue: Tongue) -> str:
    if name in CATEGORY_WORDS:
        return tongue.say(mine(CATEGORY_WORDS[name]))
    return tongue.say("my %(thing)s", thing=spelled(name))


def purpose_words(purpose: str, tongue: Tongue = ENGLISH) -> str:
    """A purpose in the words of the person: `to make me offers`."""
    if purpose in PURPOSE_WORDS:
        return tongue.say(mine(PURPOSE_WORDS[purpose]))
    return tongue.say("for %(purpose)s", purpose=spelled(purpose))


def spelled(concept: str) -> str:
    """`dpv:DeliveryOfGoods` as `delivery of goods`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", concept.rpartition(":")[2]).lower()


def mine(words: str) -> str:
    """Words of the vocabulary as the person says them: `my name`."""
    for pattern, first in _MINE:
        words = re.sub(pattern, first, words)
    return words


# -- criteria


def criterion_words(criterion: Criterion, tongue: Tongue = ENGLISH) -> str:
    """A criterion as what an organization does: `gives me a discount of at least 5 %`."""
    no = criterion.negated
    match criterion.kind:
        case "benefit":
            if criterion.benefit == "time":
                text = "does not save me %(worth)s" if no else "saves me %(worth)s"
            else:
                text = "does not give me %(worth)s" if no else "gives me %(worth)s"
            return tongue.say(text, worth=_worth(criterion, tongue))
        case "value":
            if criterion.attested:
                denies = "does not have it confirmed that it stands for %(value)s"
                text = denies if no else "has it confirmed that it stands for %(value)s"
            else:
                denies = "does not say that it stands for %(value)s"
                text = denies if no else "says that it stands for %(value)s"
            return tongue.say(text, value=_value(criterion))
        case "retention":
            text = "keeps my data for longer than %(days)s" if no else "keeps my data at most %(days)s"
            return tongue.say(text, days=_days(criterion, tongue))
        case "onward":
            return tongue.say("passes nothing on" if no else "passes my data on to others")
        case "place":
            text = "also handles my data outside %(where)s" if no else "handles my data only in %(where)s"
            return tongue.say(text, where=_places(criterion, tongue))


def _worth(criterion: Criterion, tongue: Tongue) -> str:
    what = tongue.say(_BENEFITS[criterion.benefit])
    if not criterion.amount:
        return what
    unit = tongue.say(criterion.unit) if criterion.unit in _UNITS else criterion.unit
    amount = tongue.say("at least %(amount)s", amount=f"{criterion.amount:g} {unit}".rstrip())
    if criterion.benefit in {"money", "time"}:
        return amount if criterion.unit else tongue.say("%(amount)s in %(kind)s", amount=amount, kind=what)
    return tongue.say("%(kind)s of %(amount)s", kind=what, amount=amount)


def _value(criterion: Criterion) -> str:
    return criterion.value.replace("_", " ")


def _days(criterion: Criterion, tongue: Tongue) -> str:
    # Not by `count`, which parts thousands: a clause's days are written as one types them.
    one, many = "%(days)s day", "%(days)s days"
    return tongue.say(one if criterion.days == 1 else many, days=criterion.days)


def _places(criterion: Criterion, tongue: Tongue) -> str:
    return tongue.listed([tongue.say(_BLOCS[place]) if place in _BLOCS else place for place in criterion.places], "or")


# -- what was missing


def unmet_words(unmet: Sequence[Unmet], tongue: Tongue = ENGLISH) -> tuple[str, ...]:
    """Which criteria keep an organization out, as what it does, or does not say; they name neither person nor value."""
    return tuple(_unmet(one.criterion, tongue, known=one.known) for one in unmet)


def _unmet(criterion: Criterion, tongue: Tongue, *, known: bool) -> str:
    places = {}
    match criterion.kind:
        case "benefit":
            places["worth"] = _worth(criterion, tongue)
        case "value":
            places["value"] = _value(criterion)
        case "retention":
            places["days"] = _days(criterion, tongue)
        case "place":
            places["where"] = _places(criterion, tongue)
        case _:
            pass
    return tongue.say(_missed(criterion, known=known), **places)


def _missed(criterion: Criterion, *, known: bool) -> str:
    kind: str = criterion.kind
    if kind == "benefit" and criterion.benefit == "time":
        kind = "time"
    elif kind == "value" and criterion.attested:
        kind = "attested"
    missed, where_negated = _MISSED.get((kind, known)) or _MISSED[kind, True]
    return where_negated if criterion.negated else missed


_MISSED = {
    ("benefit", True): ("it does not give %(worth)s", "it gives %(worth)s"),
    ("time", True): ("it does not save %(worth)s", "it saves %(worth)s"),
    ("value", True): ("it says that it stands for %(value)s",) * 2,
    ("value", False): (
        "it does not say that it stands for %(value)s",
        "it does not say whether it stands for %(value)s",
    ),
    ("attested", True): ("it has it confirmed that it stands for %(value)s",) * 2,
    ("attested", False): (
        "nobody known confirms that it stands for %(value)s",
        "nobody known confirms whether it stands for %(value)s",
    ),
    ("retention", True): ("it keeps it for longer than %(days)s", "it keeps it at most %(days)s"),
    ("retention", False): ("it does not say how long it keeps it",) * 2,
    ("onward", True): ("it passes nothing on", "it passes it on to others"),
    ("onward", False): ("it does not say whether it passes it on",) * 2,
    ("place", True): ("it also handles it outside %(where)s", "it handles it only in %(where)s"),
    ("place", False): ("it does not say where it handles it",) * 2,
}
"""(kind, whether what it says is known) → what is missing of a criterion, and of its contrary."""
