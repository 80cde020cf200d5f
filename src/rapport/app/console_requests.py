"""The console's desk for requests: what a company sees of them, which is no more than what it was told."""

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app import words
from rapport.app.cursors import before
from rapport.app.rights_desk import RightsDesk
from rapport.kernel import ids
from rapport.kernel.times import rfc3339
from rapport.terms.rights import LAW, YOU, Case, took_words
from rapport.web.console import requests_desk as ask
from rapport.web.console.session import Session


class ConsoleRequests:
    def __init__(self, ledger: LedgerFile, desk: RightsDesk) -> None:
        self._ledger = ledger
        self._desk = desk

    async def requests(self, session: Session, cursor: str | None) -> ask.Requests:
        book = self._desk.book
        cases, following = book.of_org(session.org, before(cursor))
        times = tuple(
            ask.Took(
                one.right,
                one.ended,
                one.waiting,
                "" if one.median is None else took_words(one.median),
                "" if one.longest is None else took_words(one.longest),
            )
            for one in book.times(session.org)
        )
        return ask.Requests(
            tuple(self._shown(case) for case in book.waiting(session.org)),
            tuple(self._shown(case) for case in cases if case.status != "open"),
            None if following is None else str(following),
            times,
        )

    def _shown(self, case: Case) -> ask.Asked:
        asked = case.asked
        about, customer = f"corrected “{asked.about}” themself", ""
        if asked.right == "review":
            about, customer = self._use(case)
        return ask.Asked(
            id=case.id,
            at=case.at,
            right=asked.right,
            law=LAW[asked.right],
            about=about,
            customer=customer,
            receipt=asked.about if asked.right == "review" else "",
            words=asked.words,
            status=case.status,
            deadline=case.deadline,
            took="" if case.took is None else took_words(case.took),
            answer=case.answer,
            by="" if asked.by == YOU else asked.by,
        )

    def _use(self, case: Case) -> tuple[str, str]:
        """The use that is to be looked at, in words, and the handle that it was answered with."""
        found = self._ledger.use_told(case.person, case.asked.about)
        if found is None:
            return "a use that was erased meanwhile", ""
        receipt, number = found
        when = rfc3339(receipt.at)[:16].replace("T", " ")
        said = f"your {receipt.action} {words.purpose(receipt.purpose).replace('you', 'them')}, {when}"
        return said, "" if number is None else ids.handle(self._ledger.keys.handles(receipt.org), ids.CUSTOMER, number)

    async def answer(self, session: Session, request: str, outcome: ask.Outcome, words: str) -> None:
        await self._desk.answer(session.org, request, outcome, words)
