"""Computed traits that ship with Rapport: what is learned from all customers and then said of one.

Each is named by its model, the event that is a purchase, and the property that says for how much. Until it was fitted
its value is absent, as is that of a customer who never bought. A value changes with a purchase, and once a day.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from rapport.decide import lifetime, rfm
from rapport.decide.traits import ComputedTrait, trait_name
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import UNKNOWN, UNTIMED, Dependencies, Facts, Result, Series, Why
from rapport.kernel.times import DAY, rfc3339
from rapport.kernel.vocabulary import purpose as known_purpose

YEAR_WEEKS = 365 / 7
_BY_FIFTHS = ("rfm", "rfm_segment")


class Fitted(msgspec.Struct, frozen=True):
    """What was learned for one trait at a time (µs). Each model needs some of it. `trouble`: why nothing was."""

    at: int = 0
    purchases: lifetime.Purchases | None = None
    spending: lifetime.Spending | None = None
    fifths: rfm.Fifths | None = None
    trouble: str = ""

    @property
    def customers(self) -> int:
        """How many it was learned from."""
        learned = self.purchases or self.fifths
        return 0 if learned is None else learned.customers


class Modelled(msgspec.Struct, frozen=True):
    """A model's value of one customer."""

    model: str
    event: str
    value: str
    fitted: Fitted

    @property
    def dependencies(self) -> Dependencies:
        properties = frozenset({self.value}) if self.value else frozenset()
        return Dependencies(events={self.event: properties}, time=True)

    def evaluate(self, facts: Facts, now: int, memo: dict[int, Any] | None = None) -> Result:
        del memo
        series = facts.events.get(self.event)
        found = None if series is None else MODELS[self.model](self, series, now)
        return UNKNOWN if found is None else Result(found)

    def edge(self, facts: Facts, now: int) -> int | None:
        """The next whole day since the first purchase or since the last, or the next purchase of the future."""
        series = facts.events.get(self.event)
        if series is None:
            return None
        end = series.until(now)
        known = [time for time in series.times[:end] if time != UNTIMED]
        edges = [time + ((now - time) // DAY + 1) * DAY for time in {*known[:1], *known[-1:]}]
        return min([*edges, *series.times[end : end + 1]], default=None)

    def explain(self, facts: Facts, now: int) -> Why:
        series = facts.events.get(self.event)
        bought = None if series is None else rfm.bought_of(series, now, self.value)
        seen = () if bought is None else (("purchases", bought.times), ("days since the last", bought.days))
        return Why(f"{self.model} of {self.event}", self.evaluate(facts, now), seen)


def modelled(model: str, event: str, value: str, fitted: Fitted | None) -> Modelled:
    """A model as a computed trait's value, absent where it was not fitted."""
    return Modelled(model, event, value, Fitted() if fitted is None else fitted)


def shipped(org: str, name: str, model: str, event: str, value: str, purpose: str) -> ComputedTrait:
    """A trait by a model, as its first version. Raises BadInput (`bad_name`, `unknown_model`, `bad_event`)."""
    if model not in MODELS:
        message = f"there is no model {model[:40]!r}: there are {', '.join(MODELS)}"
        raise BadInput(message, code="unknown_model", field="model")
    if not event:
        raise BadInput("name the event that is a purchase", code="bad_event", field="event")
    return ComputedTrait(org, trait_name(name), known_purpose(purpose), model=model, event=event, value=value)


Lesson = rfm.Bought | lifetime.Buying
"""What one customer teaches a model."""


def lesson(trait: ComputedTrait, facts: Facts, now: int) -> Lesson | None:
    """What a customer who may be read for the trait's purpose teaches its model; None: nothing."""
    series = facts.events.get(trait.event)
    if series is None:
        return None
    teach = rfm.bought_of if trait.model in _BY_FIFTHS else lifetime.buying_of
    return teach(series, now, trait.value)


def fit(trait: ComputedTrait, lessons: Sequence[Any], now: int) -> Fitted:
    """Learn what a trait's model needs from all that its `lesson`s were. Raises BadInput where they teach nothing
    (`too_few`, `no_fit`)."""
    if trait.model in _BY_FIFTHS:
        return Fitted(now, fifths=rfm.fit_fifths(lessons))
    purchases = lifetime.fit_purchases(lessons)
    return Fitted(now, purchases, lifetime.fit_spending(lessons) if trait.model == "lifetime_value" else None)


def _lifetime_value(trait: Modelled, series: Series, now: int) -> float | None:
    buying, fitted = lifetime.buying_of(series, now, trait.value), trait.fitted
    if buying is None or fitted.purchases is None or fitted.spending is None:
        return None
    return round(lifetime.lifetime_value(fitted.purchases, fitted.spending, buying, YEAR_WEEKS), 2)


def _expected_purchases(trait: Modelled, series: Series, now: int) -> float | None:
    buying, purchases = lifetime.buying_of(series, now), trait.fitted.purchases
    if buying is None or purchases is None:
        return None
    return round(lifetime.expected_purchases(purchases, buying, YEAR_WEEKS), 3)


def _chance_active(trait: Modelled, series: Series, now: int) -> float | None:
    buying, purchases = lifetime.buying_of(series, now), trait.fitted.purchases
    return None if buying is None or purchases is None else round(lifetime.chance_active(purchases, buying), 3)


def _next_purchase(trait: Modelled, series: Series, now: int) -> str | None:
    buying, purchases = lifetime.buying_of(series, now), trait.fitted.purchases
    if buying is None or purchases is None:
        return None
    weeks = lifetime.weeks_to_next(purchases, buying)
    if weeks is None:
        return None
    first = next(time for time in series.times if time != UNTIMED)
    days = round(buying.age * lifetime.WEEK_DAYS) + round(weeks * lifetime.WEEK_DAYS)
    return rfc3339(first + days * DAY)


def _rfm(trait: Modelled, series: Series, now: int) -> str | None:
    bought, fifths = rfm.bought_of(series, now, trait.value), trait.fitted.fifths
    return None if bought is None or fifths is None else rfm.score(fifths, bought)


def _rfm_segment(trait: Modelled, series: Series, now: int) -> str | None:
    found = _rfm(trait, series, now)
    return None if found is None else rfm.segment(found)


MODELS: dict[str, Callable[[Modelled, Series, int], float | str | None]] = {
    "lifetime_value": _lifetime_value,
    "expected_purchases": _expected_purchases,
    "chance_active": _chance_active,
    "next_purchase": _next_purchase,
    "rfm": _rfm,
    "rfm_segment": _rfm_segment,
}
"""By name; what each says of a customer is in `offers.TELLS`."""
