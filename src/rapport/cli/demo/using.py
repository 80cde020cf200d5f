"""What Lantern Lane's systems ask the node, and report of what it gave: HTTP with the company's token."""

import http.client
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote

import msgspec

from rapport.kernel.errors import RapportError

CUSTOMER = "email:alice@example.com"
_TIMEOUT_SECONDS = 20.0
_TRIES, _PAUSE_SECONDS = 3, 0.5
_AS_NEW: Final = {"If-None-Match": "*"}


class Unanswered(RapportError):
    """The node answered otherwise than it should have."""

    code = "unanswered"


class Answer(NamedTuple):
    status: int
    body: Any


class Decided(msgspec.Struct, frozen=True):
    """What the node says is to be done for a customer: an action, or silence."""

    decision: str
    action: str
    kind: str


class Company:
    """The company's systems. `tokens` gives a token of the organization's, anew where one has expired. Use it as a
    context."""

    def __init__(self, host: str, port: int, tokens: Callable[[], str]) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
        self._tokens = tokens
        self._token = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def use(self, purpose: str, times: int = 1) -> str:
        """Look at Alice so many times; the receipt of the last look, "" where her terms refused it."""
        path = f"/v1/customers/{quote(CUSTOMER, safe=':@')}/view?purpose={purpose}"
        answer = Answer(404, None)
        for _ in range(times):
            answer = self._ask("GET", path)
            if answer.status not in (200, 404):
                raise Unanswered(f"a look for {purpose} was answered {answer.status}")
        return str(answer.body["receipt"]) if answer.status == 200 else ""

    def gave(self, evidence: str, receipt: str, side: str, kind: str, unit: str = "GBP", **what: str) -> None:
        """Report a benefit, with its `amount` or its `band`."""
        wish = {"customer": CUSTOMER, "side": side, "kind": kind, "unit": unit, "evidence": evidence, **what}
        answer = self._ask("POST", "/v1/benefits", {**wish, "receipt": receipt} if receipt else wish)
        if answer.status != 201:
            raise Unanswered(f"a benefit was answered {answer.status}: {answer.body}")

    def declare(self, document: bytes) -> None:
        answer = self._ask("PUT", "/v1/declaration", document, "application/toml")
        if answer.status != 200:
            raise Unanswered(f"a declaration was answered {answer.status}: {answer.body}")

    def say_first(self, path: str, body: Mapping[str, Any]) -> None:
        """Put something where nothing of its name is; what is there already is somebody's, and stays."""
        answer = self._ask("PUT", path, body, more=_AS_NEW)
        if answer.status not in (200, 201, 409, 412):
            raise Unanswered(f"{path} was answered {answer.status}: {answer.body}")

    def decide(self, customer: str, purpose: str, channel: str, device: str, *, deliver: bool) -> Decided | None:
        """Ask what to do for a customer now; None where they are absent, or their terms refuse it."""
        wish = {"customer": customer, "purpose": purpose, "channel": channel, "deliver": deliver}
        answer = self._ask("POST", "/v1/decisions", {**wish, "context": {"device": device, "zone": "Europe/London"}})
        if answer.status in (404, 409):
            return None
        if answer.status != 200:
            raise Unanswered(f"a decision was answered {answer.status}: {answer.body}")
        return msgspec.convert(answer.body, Decided)

    def came(self, decision: str, kind: str, customer: Mapping[str, Any] | float, company: float) -> None:
        """Report what came of a decision."""
        report = {"decision": decision, "kind": kind, "customer_benefit": customer, "company_value": company}
        answer = self._ask("POST", "/v1/outcomes", report)
        if answer.status != 201:
            raise Unanswered(f"an outcome was answered {answer.status}: {answer.body}")

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        media: str = "application/json",
        more: Mapping[str, str] | None = None,
    ) -> Answer:
        """A connection that the node closed while nothing was asked, and a token that expired, are made anew; where the
        node is busy it is asked once more a moment later."""
        raw = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        answer = Answer(401, None)
        for tried in range(_TRIES):
            if answer.status == 503:
                time.sleep(_PAUSE_SECONDS)
            elif tried or not self._token:
                self._token = self._tokens()
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": media, **(more or {})}
            try:
                self._connection.request(method, path, raw, headers)
                response = self._connection.getresponse()
                answer = Answer(response.status, msgspec.json.decode(response.read() or b"null"))
            except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
                self._connection.close()
                if tried + 1 == _TRIES:
                    raise Unanswered(f"the node does not answer: {error}") from None
                continue
            if answer.status not in (401, 503):
                break
        return answer
