"""Handing messages to a machine of an organization's, as Standard Webhooks; the id of each is its decision's."""

from collections.abc import Callable
from typing import Any

from rapport.act import webhooks
from rapport.act.delivery import Answer
from rapport.act.messages import Came, Hook, Message
from rapport.adapters.http.sending import send
from rapport.kernel.times import now, rfc3339

TYPE = "message"
_WRONG = frozenset({400, 404, 405, 409, 413, 414, 415, 422})
"""Answers about what was sent, and not about the machine: others go on."""
Send = Callable[..., Answer]


class HookWay:
    """The Way of webhooks, for one organization. `private`: machines inside a network may be reached, too."""

    def __init__(self, hook: Hook, *, private: bool, sending: Send = send) -> None:
        self._hook = hook
        self._private = private
        self._send = sending

    def send(self, message: Message) -> Came:
        body = webhooks.message(TYPE, told(message), message.decision.at)
        dressed = webhooks.dressed(message.id, body, self._hook.secret, now())
        answer = self._send(self._hook.url, dressed.body, dressed.headers, private=self._private)
        if answer.taken:
            return Came("taken")
        if answer.final:
            return Came("refused", answer.why_not)
        wrong = answer.status in _WRONG
        return Came("wrong" if wrong else "later", answer.why_not, ill=not wrong)

    def close(self) -> None:
        """Each request has a connection of its own."""


def told(message: Message) -> dict[str, Any]:
    """What the machine is told."""
    decision = message.decision
    return {
        "decision": message.id,
        "organization": message.org,
        "customer": message.customer,
        "purpose": decision.purpose,
        "action": decision.action,
        "kind": decision.kind,
        "content": dict(message.parts),
        "language": decision.language or None,
        "at": rfc3339(decision.at),
        "receipt": message.receipt,
    }
