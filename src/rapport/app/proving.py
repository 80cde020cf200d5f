"""What people prove besides passkeys (contacts, claims, recovery), over a ledger connection in a thread of its own; and
the letters that follow from it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from rapport.act import sms
from rapport.adapters.embedded.claims import Claims
from rapport.adapters.embedded.contacts import Contacts
from rapport.adapters.embedded.joining import Joining
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.purchases import PurchaseFile
from rapport.adapters.embedded.recovering import Recovering
from rapport.adapters.embedded.reminding import Reminders
from rapport.adapters.embedded.sqlite import translating
from rapport.adapters.embedded.tongues import Tongues
from rapport.adapters.mail import Letter, Mailer, read_sender, read_url
from rapport.app import letters
from rapport.app.embedded import Sources, open_people, open_reader
from rapport.app.letters import Said
from rapport.app.settings import Settings
from rapport.kernel.errors import BadInput, RapportError
from rapport.kernel.times import DAY, HOUR, MINUTE, now
from rapport.profile.store import ProfileReader
from rapport.signin.limits import Limit
from rapport.web.language import ENGLISH, NAMES, speaking

log = logging.getLogger("rapport.proving")

CODES_AN_HOUR = 5
"""For one contact by one who asks; to one contact or from one client ten times as many. So nobody keeps another from
their codes by asking for them, and nobody fills a mailbox."""
TEXTS_A_DAY = 10
"""By one person: each costs the operator money."""
TRIES_A_MINUTE = 20
_Result = TypeVar("_Result")


class Proofs(NamedTuple):
    """The files behind it, over one connection."""

    people: PeopleFile
    claims: Claims
    contacts: Contacts
    recovering: Recovering
    purchases: PurchaseFile
    joining: Joining
    reminders: Reminders
    tongues: Tongues


def open_proofs(settings: Settings, people: PeopleFile | None = None) -> Proofs:
    """Over a ledger connection of the caller's thread."""
    people = people or open_people(settings)
    claims = Claims(people)
    contacts = Contacts(people, claims, settings.contact_days, settings.phone_days)
    recovering = Recovering(people, contacts, claims, settings.recovery_hours)
    others = PurchaseFile(people.ledger), Joining(people, claims), Reminders(people, claims), Tongues(people)
    return Proofs(people, claims, contacts, recovering, *others)


class Proving:
    """Proofs of a node's people. Letters go out after the answer, so that its time tells nothing of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, "proving")
        self._proofs: Proofs | None = None
        self._ends: list[Callable[[], None]] = []
        self._mailer = Mailer(read_url(settings.smtp), read_sender(settings.mail_from)) if settings.smtp else None
        self.tries = Limit(TRIES_A_MINUTE, MINUTE)
        self._asked = Limit(CODES_AN_HOUR, HOUR)
        self._to = Limit(10 * CODES_AN_HOUR, HOUR)
        self._from = Limit(10 * CODES_AN_HOUR, HOUR)
        self._texted = Limit(TEXTS_A_DAY, DAY)

    @property
    def texts(self) -> bool:
        """Whether codes are sent to phones; else no phone can be proved here."""
        return bool(self._settings.sms_url)

    @property
    def mails(self) -> bool:
        """Whether codes are sent; else the support desk tells them."""
        return self._mailer is not None

    @property
    def delay_hours(self) -> int:
        return self._settings.recovery_hours

    async def within(self, work: Callable[[Proofs], _Result]) -> _Result:
        """Do it in the thread of proofs. What it did to somebody's account is told them afterwards, where they can be
        reached: also what was noted before it was refused."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: self._done(work))

    def _done(self, work: Callable[[Proofs], _Result]) -> _Result:
        proofs = self._opened()
        try:
            return work(proofs)
        finally:
            try:
                with translating(self._settings.directory / "ledger.db"):
                    self._tell_news(proofs)
            except RapportError as error:  # what was done is done; they are told with what is done next
                log.warning("people were not told yet what happened to their accounts: %s", error.code)

    def _tell_news(self, proofs: Proofs) -> None:
        """Tell people of what was noted for them, in this process or in one that ended, or at the command line."""
        news, last = proofs.claims.untold()
        if not last:
            return
        told = [(proofs.contacts.addresses(person, counting=True), person, said) for person, said in news.items()]
        proofs.claims.told(last)  # first, or whoever finds the disk full would be told again and again
        for addresses, person, said in told:
            self._tell(proofs, person, addresses, partial(letters.news, said))

    def reader(self, proofs: Proofs) -> ProfileReader:
        """A reader of profiles for the thread of proofs, which ends with it."""
        made = open_reader(self._settings, Sources(proofs.people.ledger).by_name)
        self._ends.append(made.close)
        return made

    def _opened(self) -> Proofs:
        if self._proofs is None:
            self._proofs = open_proofs(self._settings)
        return self._proofs

    def may_ask(self, address: str, client: str, person: str = "") -> None:
        """Count that a code is asked for. Raises TooMany, BadInput for a phone where none can be reached."""
        if _is_phone(address):
            if not self.texts:
                message = "This node sends no text messages, so no phone can be shown to be yours here. Use an e-mail."
                raise BadInput(message, code="no_sms", field="address")
            self._texted.count(person)
        self._asked.count(f"{address} {person or client}")
        self._from.count(client)
        if not person:  # who is signed in is never kept out by strangers
            self._to.count(address)

    def send_code(self, address: str, code: str) -> None:
        """In the language of the page that asks."""
        if _is_phone(address):
            text = sms.code_text(letters.code_by_text(code), code, urlsplit(self._settings.url).hostname or "")
            self._thread.submit(self._text, address, text, sms.CODE_LIFE)
        else:
            self._mail(address, letters.code(code, self._settings.url))

    def tell(self, person: str, addresses: Sequence[str], said: Callable[[], Said]) -> None:
        """Tell of what happened to an account, in the language that its person reads."""

        def tell() -> None:
            try:
                proofs = self._opened()
                self._tell(proofs, proofs.people.person(person).id, addresses, said)
            except RapportError as error:
                log.warning("somebody was not told what happened to their account: %s", error.code)

        self._thread.submit(tell)

    def _tell(self, proofs: Proofs, person: int, addresses: Sequence[str], said: Callable[[], Said]) -> None:
        chosen = proofs.tongues.of(person)
        with speaking(chosen if chosen in NAMES else ENGLISH):
            subject, text = said()
            letter = Said(subject, letters.with_page(text, self._settings.url))
        for address in addresses:
            if _is_phone(address):
                self._text(address, letter.text, sms.NEWS_LIFE)
            else:
                self._mail(address, letter)

    def _mail(self, address: str, said: Said) -> None:
        if self._mailer is not None:
            self._mailer.send(Letter(address, said.subject, said.text))

    def _text(self, number: str, text: str, life: int) -> None:
        """Put a message to a phone into the outbox, which sends it to the gateway."""
        if not self.texts:
            return
        letter = sms.packed(sms.Text(number, text.strip(), now() + life))
        try:
            outbox = OutboxFile(self._opened().people.ledger)
            outbox.put(sms.NOBODYS, self._settings.sms_url, sms.KIND, "", letter)
        except RapportError as error:
            log.warning("a text message was not put on its way: %s", error.code)

    def close(self) -> None:
        for end in self._ends:
            self._thread.submit(end)
        self._thread.shutdown()
        if self._mailer is not None:
            self._mailer.close()


def _is_phone(address: str) -> bool:
    return address.startswith("+")
