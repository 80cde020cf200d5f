"""What people prove besides passkeys (contacts, claims, recovery), over a ledger connection in a thread of its own; and
the letters that follow from it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from rapport.adapters.mail import Letter, Mailer, read_url
from rapport.app.embedded import Sources, open_people, open_reader
from rapport.app.settings import Settings
from rapport.kernel.errors import BadInput, RapportError
from rapport.kernel.times import DAY, HOUR, MINUTE, now
from rapport.profile.store import ProfileReader
from rapport.signin import codes
from rapport.signin.limits import Limit

log = logging.getLogger("rapport.proving")

CODES_AN_HOUR = 5
"""For one contact by one who asks; to one contact or from one client ten times as many. So nobody keeps another from
their codes by asking for them, and nobody fills a mailbox."""
TEXTS_A_DAY = 10
"""By one person: each costs the operator money."""
TRIES_A_MINUTE = 20
_Result = TypeVar("_Result")
_SUBJECT = "What happened to your account"
_END = "\n\nIf you did not ask for this, somebody else typed your address. Tell nobody the code.\n"


class Proofs(NamedTuple):
    """The files behind it, over one connection."""

    people: PeopleFile
    claims: Claims
    contacts: Contacts
    recovering: Recovering
    purchases: PurchaseFile
    joining: Joining
    reminders: Reminders


def open_proofs(settings: Settings, people: PeopleFile | None = None) -> Proofs:
    """Over a ledger connection of the caller's thread."""
    people = people or open_people(settings)
    claims = Claims(people)
    contacts = Contacts(people, claims, settings.contact_days, settings.phone_days)
    recovering = Recovering(people, contacts, claims, settings.recovery_hours)
    others = PurchaseFile(people.ledger), Joining(people, claims), Reminders(people, claims)
    return Proofs(people, claims, contacts, recovering, *others)


class Proving:
    """Proofs of a node's people. Letters go out after the answer, so that its time tells nothing of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, "proving")
        self._proofs: Proofs | None = None
        self._ends: list[Callable[[], None]] = []
        self._mailer = Mailer(read_url(settings.smtp), settings.mail_from) if settings.smtp else None
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
        reached."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: self._done(work))

    def _done(self, work: Callable[[Proofs], _Result]) -> _Result:
        proofs = self._opened()
        proofs.claims.unsent.clear()
        result = work(proofs)
        for person, said in proofs.claims.unsent.items():
            for address in proofs.contacts.addresses(person, counting=True):
                self._send(address, _SUBJECT, self._with_page(" ".join(said)))
        return result

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
        if _is_phone(address):
            text = sms.code_text(code, urlsplit(self._settings.url).hostname or "")
            self._thread.submit(self._text, address, text, sms.CODE_LIFE)
            return
        where = f"Type it at {self._settings.url}. It works once, for ten minutes."
        text = f"Your code is {codes.spaced(code)}\n\n{where}{_END}"
        self._send(address, "Your code", text)

    def tell(self, addresses: Sequence[str], subject: str, text: str) -> None:
        """Tell of what happened to an account."""
        for address in addresses:
            self._send(address, subject, self._with_page(text))

    def _with_page(self, text: str) -> str:
        return f"{text}\n\nYour page: {self._settings.url}/me\n"

    def _send(self, address: str, subject: str, text: str) -> None:
        if _is_phone(address):
            self._thread.submit(self._text, address, text, sms.NEWS_LIFE)
        elif self._mailer is not None:
            self._mailer.send(Letter(address, subject, text))

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
