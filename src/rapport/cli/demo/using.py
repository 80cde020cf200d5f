"""What Lantern Lane's systems ask the node about Alice, and report of what it gave: HTTP with the company's token."""

import http.client
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import msgspec

from rapport.kernel.errors import RapportError

CUSTOMER = "email:alice@example.com"
_TIMEOUT_SECONDS = 20.0


class Unanswered(RapportError):
    """The node answered otherwise than it should have."""

    code = "unanswered"


class Answer(NamedTuple):
    status: int
    body: Any


class Company:
    """The company's systems, with an organization's token. Use it as a context."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
        self._token = token

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

    def _ask(self, method: str, path: str, body: Any = None, media: str = "application/json") -> Answer:
        raw = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": media}
        try:
            self._connection.request(method, path, raw, headers)
            response = self._connection.getresponse()
            return Answer(response.status, msgspec.json.decode(response.read() or b"null"))
        except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
            raise Unanswered(f"the node does not answer: {error}") from None
