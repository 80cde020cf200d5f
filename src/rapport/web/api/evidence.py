"""What operators say of evidence: must-link, cannot-link, and retraction."""

from typing import Literal, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.web.api.customers import Tokens, body_of, caller_of, noted, shaped
from rapport.web.api.problems import json_answer


class _Assertion(msgspec.Struct, forbid_unknown_fields=True):
    kind: Literal["must_link", "cannot_link"]
    a: str
    b: str
    why: str = ""


class _Why(msgspec.Struct, forbid_unknown_fields=True):
    why: str = ""


class Said(msgspec.Struct, frozen=True):
    """What became of an operator's word: the evidence's handle, whether it joins (or keeps apart), and why not."""

    evidence: str
    used: bool
    why: str


class Operators(Protocol):
    async def assert_link(self, org: str, kind: str, a: str, b: str, by: str, why: str) -> Said:
        """Both ends are `rec_…` handles, or `type:value` and `cus_…` ids of a customer (then its oldest record).
        Returns once readers see it. Raises NotFound, BadInput, Conflict (it stands against a user id or cannot-
        link)."""

    async def retract(self, org: str, evidence: str, by: str, why: str) -> None:
        """Idempotent and final; returns once readers see it. Raises NotFound, BadInput, Conflict."""


class EvidenceApi:
    def __init__(self, operators: Operators, tokens: Tokens) -> None:
        self._operators = operators
        self._tokens = tokens

    async def post(self, request: Request) -> Response:
        """`{"kind": "must_link" | "cannot_link", "a": id, "b": id}` → 201 with the evidence's id."""
        caller = caller_of(request, self._tokens, "operator")
        should = '{"kind": "must_link" or "cannot_link", "a": id, "b": id}'
        wish = shaped(await body_of(request), _Assertion, should)
        with noted(self._tokens, caller, "linked records" if wish.kind == "must_link" else "parted records"):
            said = await self._operators.assert_link(caller.org, wish.kind, wish.a, wish.b, "api", wish.why)
        return json_answer({"id": said.evidence, "kind": wish.kind, "used": said.used, "why": said.why}, 201)

    async def retract(self, request: Request) -> Response:
        """Retract evidence for good → `{"id", "retracted": true}`."""
        caller = caller_of(request, self._tokens, "operator")
        wish = shaped(await body_of(request) or b"{}", _Why, 'empty or {"why": "…"}')
        evidence = request.path_params["id"]
        with noted(self._tokens, caller, "retracted evidence", evidence):
            await self._operators.retract(caller.org, evidence, "api", wish.why)
        return json_answer({"id": evidence, "retracted": True})


def evidence_routes(operators: Operators, tokens: Tokens) -> list[Route]:
    api = EvidenceApi(operators, tokens)
    return [
        Route("/v1/evidence", api.post, methods=["POST"]),
        Route("/v1/evidence/{id}/retract", api.retract, methods=["POST"]),
    ]
