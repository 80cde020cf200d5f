"""Purposes and categories as the desks put them into sentences to people."""

from collections.abc import Iterable, Iterator, Sequence

from rapport.kernel.tongue import ENGLISH, Tongue
from rapport.kernel.vocabulary import CATEGORY_WORDS, PURPOSE_WORDS
from rapport.terms.agreements import Agreed
from rapport.terms.sentences import spelled


def purpose(name: str, tongue: Tongue = ENGLISH) -> str:
    """As the end of a sentence: `to make you offers`, `for delivery of goods`."""
    if name in PURPOSE_WORDS:
        return tongue.say(PURPOSE_WORDS[name])
    return tongue.say("for %(purpose)s", purpose=spelled(name))


def categories(names: Sequence[str], tongue: Tongue = ENGLISH) -> str:
    """`your name and what you bought`; "" for none."""
    said = [_category(name, tongue) for name in names if name != "everything"]
    if "everything" in names:  # last, or else it would seem to leave the others out
        said.append(tongue.say("everything else but sensitive data" if said else "everything but sensitive data"))
    return tongue.listed(said, "and")


def _category(name: str, tongue: Tongue) -> str:
    if name in CATEGORY_WORDS:
        return tongue.say(CATEGORY_WORDS[name])
    return tongue.say("your %(thing)s", thing=spelled(name))


def agreed(items: Iterable[Agreed], tongue: Tongue = ENGLISH) -> tuple[str, ...]:
    """What was agreed, purpose by purpose: `what you bought to make you offers`."""
    return tuple(
        tongue.say(
            "%(what)s %(why)s", what=categories(one.categories, tongue), why=purpose(one.purpose, tongue)
        ).strip()
        for one in items
    )


def in_full(items: Iterable[Agreed], tongue: Tongue = ENGLISH) -> tuple[str, ...]:
    """All that was agreed, purpose by purpose, for who is about to sign it: `what you bought to make you offers; kept
    for 90 days; passed on to nobody`."""
    return tuple("; ".join(_parts(one, tongue)) for one in items)


def _parts(one: Agreed, tongue: Tongue) -> Iterator[str]:
    what = categories(one.categories, tongue) or tongue.say("nothing that it collected")
    yield tongue.say("%(what)s %(why)s", what=what, why=purpose(one.purpose, tongue))
    if one.offer == "alternative":
        yield tongue.say("by its other offer")
    for shared in one.elsewhere:
        yield tongue.say(_ELSEWHERE[shared.detail == "exact", shared.named], what=categories(shared.categories, tongue))
    yield from _whereto(one, tongue)
    for benefit in one.benefits:
        amount = f" {benefit.amount:g} {benefit.unit}" if benefit.amount else ""
        kind, per = tongue.say(benefit.kind), f" {tongue.say(_each(benefit.per))}" if benefit.per else ""
        own_words = f" ({benefit.text})" if benefit.text else ""
        yield tongue.say("for you: %(benefit)s", benefit=f"{kind}{amount}{per}{own_words}")
    for often in one.at_most:
        times, _, per = often.partition(" a ")
        yield tongue.say("at most %(often)s", often=tongue.say(f"%(times)s a {per}", times=times))
    for hours in one.quiet:
        start, _, end = hours.partition("-")
        yield tongue.say("not between %(start)s and %(end)s", start=start, end=end)


def _each(per: str) -> str:
    """`a month`, `an order`, as a text that is asked for."""
    return ("an " if per[0] in "aeiou" else "a ") + per.replace("%", "%%")


def _whereto(one: Agreed, tongue: Tongue) -> Iterator[str]:
    """How long it is kept, and by whom."""
    if one.retention_days is None:
        yield tongue.say("it does not say for how long")
    else:
        yield tongue.say("kept for %(days)s days", days=one.retention_days)
    if one.recipients:
        yield tongue.say("given to %(names)s", names=", ".join(one.recipients))
    elif one.recipients is not None:
        yield tongue.say("given to nobody")
    if one.onward and one.recipients:
        yield tongue.say("who may pass it on")
    elif one.onward is not None:
        yield tongue.say("passed on" if one.onward else "not passed on")
    if one.place:
        yield tongue.say("kept in %(places)s", places=", ".join(one.place))


_ELSEWHERE = {
    (True, True): "of what you did at other companies, exactly: %(what)s, with the names of those companies",
    (True, False): "of what you did at other companies, exactly: %(what)s",
    (False, True): "of what you did at other companies, roughly: %(what)s, with the names of those companies",
    (False, False): "of what you did at other companies, roughly: %(what)s",
}
