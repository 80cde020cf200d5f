"""Moments: of whoever comes by on the web site or in the app the shop asks the node what to do for them, and says later
what came of it.

On the web site it shows what was decided itself; in the app it is the node that puts it into the person's inbox. What
people then do falls by dice, of which the node knows nothing: help is taken more often than an offer.
"""

import heapq
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final, NamedTuple

from rapport.cli.demo.deciding import shown
from rapport.cli.demo.history import Call
from rapport.cli.demo.people import lots
from rapport.cli.demo.sending import Sender
from rapport.cli.demo.using import Company, Decided, Unanswered
from rapport.decide.kinds import SILENCE
from rapport.kernel.times import SECOND


class _Gives(NamedTuple):
    """How often people take what is of a kind, and what it then gives both sides."""

    share: float
    customer: Mapping[str, Any]
    company: float


def _minutes(number: float) -> Mapping[str, Any]:
    return {"kind": "minutes_saved", "minutes": number}


def _money(amount: float) -> Mapping[str, Any]:
    return {"kind": "discount", "amount": amount}


KINDS: Final[Mapping[str, _Gives]] = {
    "help": _Gives(0.7, _minutes(8), 0.8),
    "inform": _Gives(0.45, _minutes(4), 0.2),
    "thank": _Gives(0.5, _minutes(2), 0.3),
    "ask": _Gives(0.2, _minutes(-2), 1.5),
    "invite": _Gives(0.2, _money(4.0), 0.6),
    "remind": _Gives(0.3, _money(1.5), 0.4),
    "offer": _Gives(0.15, _money(2.0), 3.5),
    "notice": _Gives(0.9, _minutes(10), 0.0),
}
_PURPOSES: Final = {"service": 70, "personalisation": 20, "offers": 10}
_SOONEST, _LATEST = 3, 25
"""Seconds until what came of it is told."""


class Moments:
    """The web site and the app of a running demo. The dice are of (seed, run)."""

    def __init__(self, company: Company, sender: Sender, seed: int, run: str) -> None:
        self._company = company
        self._sender = sender
        self._dice = lots(seed, "moments", run)
        self._name = f"demo-{seed}-{run}-moment"
        self._numbers = count()
        self._waiting: list[tuple[int, int, Decided]] = []

    def pass_by(self, calls: Sequence[Call], at: int) -> None:
        """Ask at each moment among these calls, and report what is due. Where the node does not answer, the shop goes
        on without."""
        try:
            for call in calls:
                channel = _channel(call)
                if channel:
                    self._ask(str(call.body["userId"]), channel, at)
            while self._waiting and self._waiting[0][0] <= at:
                self._report(heapq.heappop(self._waiting)[2])
        except Unanswered:
            self._waiting.clear()

    def _ask(self, user: str, channel: str, at: int) -> None:
        purpose = self._dice.choices(list(_PURPOSES), list(_PURPOSES.values()))[0]
        deliver = channel == "inbox"
        device = "phone" if deliver else self._dice.choice(("desktop", "phone"))
        one = self._company.decide(f"user_id:{user}", purpose, channel, device, deliver=deliver)
        if one is None or one.action == SILENCE:
            return
        number = next(self._numbers)
        taken = shown(user, one, f"{self._name}-{number}")
        if taken:
            self._sender.send(taken)
        else:
            heapq.heappush(self._waiting, (at + self._dice.randint(_SOONEST, _LATEST) * SECOND, number, one))

    def _report(self, one: Decided) -> None:
        gives = KINDS[one.kind]
        if self._dice.random() < gives.share:
            self._company.came(one.decision, "taken", gives.customer, gives.company)
        else:
            self._company.came(one.decision, "passed over", 0.0, 0.0)


def _channel(call: Call) -> str:
    """Where somebody whom the shop knows can be spoken to just now; "" where this is no such moment."""
    if "userId" not in call.body:
        return ""
    if call.source == "web" and call.body["type"] == "identify":
        return "web"
    return "inbox" if call.body.get("event") == "Application Opened" else ""
