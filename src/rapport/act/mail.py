"""A message as mail (RFC 5322), with one click to unsubscribe (RFC 8058).

The same message makes the same bytes each time, so that whoever gets it twice can tell: its Message-ID is made of the
decision. Whatever stands in a header is one line: values are put in by the standard library, which folds and encodes
them, and what could end a line is taken out of them before.
"""

import re
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import Final

import msgspec

from rapport.act import dkim
from rapport.act.messages import Message
from rapport.kernel.errors import BadInput
from rapport.kernel.times import SECOND

MOST_ADDRESS: Final = 254
UNSUBSCRIBE: Final = "/u/"
_ONE_CLICK: Final = "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")
_ENDS_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_WORDS: Final = {
    "en": "No more e-mails like this from us: {}",
    "de": "Keine solchen E-Mails mehr von uns: {}",
}
"""By language; others are told in English."""


class Dkim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`key`: a private key in PEM."""

    domain: str
    selector: str
    key: str


class Sender(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """From whom an organization's mail is: an address, or `Acme <hello@acme.example>`; where answers go, and what it is
    signed with."""

    sender: str
    reply_to: str = ""
    dkim: Dkim | None = None


def checked(one: Sender) -> Sender:
    """Raises BadInput (`bad_address`, `bad_dkim`), naming the field."""
    address = address_of(one.sender, "from")
    if one.reply_to:
        address_of(one.reply_to, "reply_to")
    if one.dkim is not None:
        dkim.signer(one.dkim.domain, one.dkim.selector, one.dkim.key)
        domain = address.domain.lower()
        if domain != one.dkim.domain and not domain.endswith(f".{one.dkim.domain}"):
            message = f"mail from {domain} is signed by {domain}, or a domain above it"
            raise BadInput(message, code="bad_dkim", field="dkim.domain")
    return one


def address_of(text: str, field: str) -> Address:
    """One address, with a name or without. Raises BadInput (`bad_address`)."""
    try:
        message = EmailMessage()
        message["From"] = text[: 2 * MOST_ADDRESS]
        (address,) = message["From"].addresses
        defects = message["From"].defects
    except (MessageError, ValueError, IndexError, AttributeError):
        address, defects = None, ()
    if address is None or defects or len(text) > 2 * MOST_ADDRESS or not can_be_reached(address.addr_spec):
        message_ = "give one address in plain letters, such as hello@acme.example or Acme <hello@acme.example>"
        raise BadInput(message_, code="bad_address", field=field)
    return Address(address.display_name, addr_spec=address.addr_spec)


def can_be_reached(address: str) -> bool:
    """Whether mail can be addressed so: in ASCII, as every server takes it."""
    if len(address) > MOST_ADDRESS or not _ADDRESS.fullmatch(address) or ".." in address:
        return False
    local, _, _ = address.rpartition("@")
    return not local.startswith(".") and not local.endswith(".")


def mail_of(message: Message, sender: Sender, origin: str) -> bytes:
    """The mail, signed where there is a key; its lines end with CRLF. Raises BadInput (`bad_address`)."""
    whom = address_of(sender.sender, "from")
    link = f"{origin}{UNSUBSCRIBE}{message.token}"
    mail = EmailMessage(SMTP)
    mail["From"] = whom
    mail["To"] = Address(addr_spec=message.to)
    if sender.reply_to:
        mail["Reply-To"] = address_of(sender.reply_to, "reply_to")
    mail["Subject"] = one_line(message.parts.get("subject", ""))
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.decision.at // SECOND, UTC))
    mail["Auto-Submitted"] = "auto-generated"
    _fill(mail, message, link)
    if message.decision.language:
        mail["Content-Language"] = message.decision.language
    # The standard library would fold these where they are long, by encoding them: then no mail program reads them.
    whole = f"Message-ID: <{message.id}@{whom.domain}>\r\nList-Unsubscribe: <{one_line(link)}>\r\n{_ONE_CLICK}\r\n"
    made = whole.encode("ascii") + mail.as_bytes()
    if sender.dkim is None:
        return made
    return dkim.signed(made, dkim.signer(sender.dkim.domain, sender.dkim.selector, sender.dkim.key))


def one_line(text: str) -> str:
    """What can stand in a header."""
    return " ".join(_ENDS_A_LINE.sub(" ", text).split())


def _fill(mail: EmailMessage, message: Message, link: str) -> None:
    language = message.decision.language.partition("-")[0]
    words = _WORDS.get(language, _WORDS["en"])
    parts, more = message.parts, one_line(message.parts.get("link", ""))
    text = "\n\n".join(filter(None, [_plain(parts.get("text", "")), more]))
    mail.set_content(f"{text}\n\n-- \n{words.format(link)}\n", cte="quoted-printable")
    html = parts.get("html", "")
    if html:
        onward = f'<p><a href="{escape(more)}">{escape(more)}</a></p>' if more else ""
        foot = f"<p><small>{words.format(f'<a href={chr(34)}{escape(link)}{chr(34)}>{escape(link)}</a>')}</small></p>"
        mail.add_alternative(f"{_plain(html)}\n{onward}\n{foot}\n", subtype="html", cte="quoted-printable")
        mail.set_boundary(f"={message.id}=")


def _plain(text: str) -> str:
    """What UTF-8 can say of it."""
    return text.encode("utf-8", "replace").decode()
