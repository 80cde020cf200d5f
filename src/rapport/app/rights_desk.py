"""The desk where people use their rights: each carried out or handed on, with a receipt in the person's own book, and
on record with how long it took. The portal, the command line and agents' requests all come here.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from rapport.adapters.embedded.agent_requests import AgentRequests
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.rights import LAST, RightsBook
from rapport.app import embedded, words
from rapport.app.correcting import Corrector
from rapport.app.receipting import DirectReceipts
from rapport.app.saying import DirectSaying
from rapport.app.settings import Settings
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import now
from rapport.terms import Gate, Terms
from rapport.terms.objecting import objected
from rapport.terms.own import OwnLooks
from rapport.terms.rights import MAX_WORDS, YOU, Asked, Case, took_words

OBJECTED = "your objection"
RESTRICTED = "your restriction"
REVIEW = "your request for a review"
ANSWERED = "the answer to your request"
WITHDRAWN = "your request taken back"
EVERYTHING = "any"

Outcome = Literal["done", "refused"]
_BY_ITSELF = "a correction needs no answer: the node carries it out; take it back once it is done"


class RightsDesk:
    """Over one ledger connection, and the person's own book of receipts."""

    def __init__(
        self,
        ledger: LedgerFile,
        people: PeopleFile,
        looks: OwnLooks,
        corrector: Corrector | None = None,
        clock: Callable[[], int] = now,
    ) -> None:
        """`corrector`: None where nobody corrects anything, such as on a company's side."""
        self._ledger = ledger
        self._corrector = corrector
        self._people = people
        self._looks = looks
        self._now = clock
        self.book = RightsBook(ledger)

    async def object(self, handle: str, org: str, purpose: str, by: str = YOU) -> Case:
        """Stop a company's use for a purpose (article 21), or with `any` all of it (restriction, article 18): a clause
        of the person's, from the next read on. Asked again, it is on record again and changes nothing.

        Raises NotFound for an organization that is none, BadInput for an unknown purpose or too many clauses.
        """
        if not self.knows(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        at = self._now()
        person = self._people.person(handle)
        after = objected(person.terms, org, purpose)
        if after is not person.terms:
            self._people.set_terms(handle, after)
        what = "all use" if purpose == EVERYTHING else f"use {words.purpose(purpose)}"
        name, took = self._people.name_of(org), took_words(self._now() - at)
        said = f"you stopped {what} by {name}; in force {took} after you asked"
        restricted = purpose == EVERYTHING
        receipt = await self._looks.note(person.id, org, RESTRICTED if restricted else OBJECTED, said)
        asked = Asked("restriction" if restricted else "objection", org, purpose, by=by)
        return self.book.put_done(person.id, asked, at, (receipt,))

    async def correct(self, handle: str, org: str, trait: str, value: Any, by: str = YOU) -> Case:
        """Correct a trait at a company (article 16): the person's word is shown from then on, above whatever systems
        say, until they take it back (None). Returns once readers see it. Raises as `Corrector.correct`."""
        return await self.corrector.correct(handle, org, trait, value, by)

    @property
    def corrector(self) -> Corrector:
        if self._corrector is None:
            raise Conflict("nothing can be corrected here", code="no_corrections")
        return self._corrector

    async def review(self, handle: str, receipt: str, why: str, by: str = YOU) -> Case:
        """Ask that somebody at the company looks at what was decided with a use (article 22). Raises NotFound where the
        receipt is none of the person's, BadInput where nothing was used, or for too many words."""
        person = self._people.person(handle)
        use = self._ledger.receipt_told(person.id, receipt)
        if use is None or not use.org:
            raise NotFound("you have no such receipt of a company's use", field="receipt")
        if use.decision != "permitted":
            # A company does not learn whom it asked for in vain; that is for the terms to say.
            raise BadInput("nothing of yours was used there, so there is nothing to look at", field="receipt")
        case = self.book.put(person.id, Asked("review", use.org, receipt, words=why.strip(), by=by), self._now())
        if not case.receipts:
            said = f"you asked {self._people.name_of(use.org)} that somebody looks at what was decided"
            noted = await self._looks.note(person.id, use.org, REVIEW, said)
            self.book.add_receipt(case.id, noted)
        return self.book.case(case.id)

    async def answer(self, org: str, case_id: str, outcome: Outcome, answer: str) -> Case:
        """What a company says to a request addressed to it, once. Raises NotFound, BadInput without words, Conflict
        where the request has ended."""
        case = self.book.case(case_id, org=org)
        if not answer.strip() or len(answer) > MAX_WORDS:
            message = f"an answer needs words that the person can read, at most {MAX_WORDS} characters"
            raise BadInput(message, code="bad_answer", field="answer")
        if case.status != "open":
            raise Conflict("this request has ended already", code="ended")
        if case.asked.right == "rectification":
            raise Conflict(_BY_ITSELF, code="by_itself")
        verb = "did what you asked" if outcome == "done" else "said no to your request"
        said = f"{self._people.name_of(org)} {verb}, {took_words(self._now() - case.at)} after you asked"
        # Ended first: of two who answer at once, the person's book tells of the one who did.
        self.book.end(case_id, outcome, answer.strip(), ())
        self.book.add_receipt(case_id, await self._looks.note(case.person, org, ANSWERED, said))
        return self.book.case(case_id)

    async def withdraw(self, handle: str, case_id: str) -> Case:
        """Take back a request that waits. Raises NotFound, Conflict where it has ended."""
        person = self._people.person(handle)
        case = self.book.case(case_id, person=person.id)
        if case.status == "open" and case.asked.right == "rectification":
            raise Conflict(_BY_ITSELF, code="by_itself")
        ended = self.book.end(case.id, "withdrawn", "", (), partial(self._not_begun, case))
        receipt = await self._looks.note(person.id, case.asked.org, WITHDRAWN, "you took a request back")
        self.book.add_receipt(case.id, receipt)
        return ended

    def _not_begun(self, case: Case) -> tuple[str, ...]:
        """Nobody is told; but what an agent asked for is not taken back once it is being carried out."""
        if case.asked.by != YOU and AgentRequests(self._ledger).has_begun(case.person, case.id):
            raise Conflict("this is being carried out already", code="ended")
        return ()

    def knows(self, org: str) -> bool:
        return self._ledger.has_org(org)

    def terms(self, handle: str) -> Terms:
        """A person's terms as they are now. Raises NotFound."""
        return self._people.person(handle).terms

    def cases(self, handle: str, before: int = LAST) -> tuple[list[Case], int | None]:
        """A person's requests, the newest first, and what to ask with as `before` for those after them."""
        return self.book.of_person(self._people.person(handle).id, before)


def open_rights_desk(settings: Settings) -> RightsDesk:
    """For the command line: receipts are written at once."""
    ledger, keys = embedded.open_ledger(settings), embedded.open_keys(settings)
    people = embedded.open_people(settings, ledger, keys)
    reader = embedded.open_reader(settings, embedded.Sources(embedded.open_ledger(settings)).by_name)
    receipts = DirectReceipts(ledger)
    looks = OwnLooks(reader, people, receipts)
    gate = Gate(reader, people, receipts, secret=keys.secret("asked"), quiet_s=0)
    return RightsDesk(ledger, people, looks, Corrector(ledger, people, reader, looks, gate, DirectSaying(settings)))
