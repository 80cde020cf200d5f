"""Learning: the models of ready-made traits are fitted to all customers who may be read for the trait's purpose, soon
after a trait was made and once a day; beside the evaluator, in its process, and in the turns that it leaves.

Customers are taken spread over all records, at most so many: a model of six numbers learns nothing more from the next
million. It is a standing use, of each customer one receipt a day. Where there is nothing to learn, that is kept with
the trait, and tried again.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator

from rapport.adapters.embedded.audiences import TRAIT, Definitions
from rapport.app.audiences import looking
from rapport.app.embedded import open_ledger
from rapport.app.ledger_thread import LedgerThread
from rapport.app.previewing import Looking, Walk
from rapport.app.settings import Settings
from rapport.decide import ComputedTrait
from rapport.decide.models import Fitted, Lesson, fit, lesson
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.expressions import Dependencies
from rapport.kernel.times import DAY, MINUTE, now
from rapport.profile.store import Found
from rapport.terms import Request
from rapport.terms.facts import facts_of
from rapport.terms.standing_use import StandingUse

CALLER, ACTION = "node", "learning from purchases"
CHECK_S = 1.0
MOST_CUSTOMERS = 100_000
AGAIN, IN_VAIN = DAY, 10 * MINUTE
"""How long what was learned holds, and how soon it is tried again where there was nothing to learn."""


class Learner(LedgerThread):
    name = "learning"
    log = logging.getLogger("rapport.learning")
    trouble = "models could not be fitted"

    def __init__(self, settings: Settings, *, check_s: float = CHECK_S) -> None:
        super().__init__(settings, check_s)
        self._tried: dict[tuple[str, str, int], int] = {}
        self._parts: Looking | None = None
        self._use = StandingUse()
        self.begin()

    def watch(self) -> None:
        with contextlib.closing(open_ledger(self.settings)) as ledger:
            definitions = Definitions(ledger)
            while not self.stopped:
                for trait in self._waiting(definitions):
                    lessons = self._lessons(trait)
                    if not self.stopped:
                        self._keep(definitions, trait, lessons)
                self.pause()

    def _waiting(self, definitions: Definitions) -> Iterator[ComputedTrait]:
        """Traits whose model is to be fitted now."""
        at = now()
        for org in definitions.orgs(TRAIT):
            fitted = definitions.fitted(org)
            for trait in definitions.traits(org):
                if not trait.model:
                    continue
                known = fitted.get(trait.name)
                fresh = known is not None and known.at >= trait.at
                holds = AGAIN if known is not None and not known.trouble else IN_VAIN
                tried = self._tried.get((org, trait.name, trait.version), known.at if known and fresh else 0)
                if not fresh or tried < at - holds:
                    self._tried[org, trait.name, trait.version] = at
                    yield trait

    def _lessons(self, trait: ComputedTrait) -> list[Lesson]:
        """Of each customer who may be read, what they teach."""
        properties = frozenset({trait.value} if trait.value else ())
        needs = Dependencies(events={trait.event: properties}, time=True)
        if self._parts is None:  # a node without such traits spends nothing on them
            self._parts = looking(self.settings)
        gate, history_of, at = self._parts.gate, self._parts.history_of(needs), now()
        request = Request(trait.org, "", trait.purpose, CALLER, ACTION)
        walk = Walk(self._parts.reader, trait.org, MOST_CUSTOMERS)
        lessons: list[Lesson] = []

        def taught(found: Found) -> tuple[Lesson | None]:
            return (lesson(trait, facts_of(found, needs, history_of), at),)

        while not walk.done and not self.stopped:
            began = time.monotonic()
            answers = asyncio.run(gate.each(request, walk.following, taught, lambda _: ("events",), self._use))
            lessons += [one for _, (one,), _ in answers if one is not None]
            time.sleep(min(0.5, time.monotonic() - began))  # as long as it worked: events come first
        return lessons

    def _keep(self, definitions: Definitions, trait: ComputedTrait, lessons: list[Lesson]) -> None:
        known = definitions.fitted(trait.org).get(trait.name)
        try:
            made = fit(trait, lessons, now())
        except BadInput as error:
            made = Fitted(now(), trouble=error.message)
        # The same trouble again is no news, for which everything that rests on it would be made anew.
        if known is not None and known.at >= trait.at and made.trouble and known.trouble == made.trouble:
            return
        with contextlib.suppress(NotFound):  # it was deleted meanwhile, or made anew: its turn comes
            if definitions.trait(trait.org, trait.name).version == trait.version:
                definitions.put_fitted(trait.org, trait.name, made)
