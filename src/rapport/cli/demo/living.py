"""The month, played: what Alice did is sent, what the company used is used, and what it gave is told and settled."""

import asyncio
import contextlib

from rapport.app import agreeing, embedded, statements
from rapport.app.settings import Settings
from rapport.app.waiting import wait_for
from rapport.cli.demo import month
from rapport.cli.demo.history import Call
from rapport.cli.demo.premises import Note
from rapport.cli.demo.sending import Sender
from rapport.cli.demo.using import Company
from rapport.kernel.times import HOUR, now

SCOPES = ("read", "operator")


def live(sender: Sender, company: Company, settings: Settings, org: str, note: Note) -> None:
    """Play Alice's month. What is cut short may be played again: each event and each benefit counts once."""
    sender.send(month.lived(note.seed, note.end))
    _taken_in(settings)
    company.use("service", 6)
    company.use("personalisation", 5)
    company.use("advertising", 4)
    company.use("analytics", 2)  # nobody promised anything for it yet
    if embedded.open_promises(settings).standing(org).hash == month.first_promise():
        company.declare(month.promised_anew())
        agreeing.review(settings, org)
    company.use("analytics")
    _chatted_and_ordered(sender, company, settings, note)
    asyncio.run(statements.settle(settings, org))


def _chatted_and_ordered(sender: Sender, company: Company, settings: Settings, note: Note) -> None:
    """The desk knew her order before she told it; and an offer became an order. Both sides are told what it gave."""
    at_desk, offered = company.use("service"), company.use("offers", 2)
    told = month.today(note.seed, note.end, now())
    sender.send(told)
    _taken_in(settings)
    chat, order = _evidence(told, "Support Chat Closed"), _evidence(told, "Order Completed")
    company.gave(chat, at_desk, "customer", "minutes_saved", "minutes", amount="6")
    company.gave(chat, at_desk, "company", "saving", amount="2.10")
    company.gave(_evidence(told, "Voucher Redeemed"), offered, "customer", "discount", amount="3.90")
    company.gave(order, offered, "company", "margin", band="10–20")


def _evidence(told: list[Call], event: str) -> str:
    return next(str(call.body["messageId"]) for call in told if call.body.get("event") == event)


def _taken_in(settings: Settings) -> None:
    """Return once the views hold all that was sent."""
    with contextlib.closing(embedded.open_log(settings)) as log:
        last = log.last()
    wait_for(settings, last)


def token(settings: Settings, org: str) -> str:
    """A token of the company's, for an hour."""
    with contextlib.closing(embedded.open_ledger(settings)) as ledger:
        return ledger.mint_token(org, SCOPES, HOUR)
