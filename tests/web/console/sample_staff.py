"""Demo operators in memory, for the console's tests. Passkeys are proved in tests/app/test_console_signin.py."""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

from typing import Any

from rapport.kernel.errors import BadInput, NotFound, Unauthorized
from rapport.kernel.times import DAY, now
from rapport.signin.operators import ROLES
from rapport.web.console import operators_desk as told
from rapport.web.console.session import Session
from rapport.web.passkeys import Key

ZOE = f"opr_{0:026}"
NIGHTLY = f"tok_{0:026}"


class SampleSignin:
    """Nobody has a passkey; the code `inv-good` invites."""

    def __init__(self) -> None:
        self.passkeys: list[Key] = []

    async def ready(self) -> bool:
        return bool(self.passkeys)

    async def ask(self, client: str) -> dict[str, Any]:
        return {"challenge": "AAAA", "rpId": "localhost"}

    async def prove(self, raw: bytes, client: str) -> str:
        raise Unauthorized("That did not prove who you are.", code="unproved")

    async def invited(self, code: str) -> bool:
        return code == "inv-good"

    async def enrolling(self, code: str, client: str) -> dict[str, Any]:
        raise Unauthorized("That did not prove who you are.", code="unproved")

    async def enrol(self, code: str, raw: bytes, client: str, browser: str) -> str:
        raise Unauthorized("That did not prove who you are.", code="unproved")

    async def keys(self, session: Session) -> tuple[Key, ...]:
        return tuple(self.passkeys)

    async def proving(self, session: Session, client: str) -> dict[str, Any]:
        return await self.ask(client)

    async def prove_again(self, session: Session, token: str, raw: bytes, client: str) -> str:
        return await self.prove(raw, client)

    async def making(self, session: Session, client: str) -> dict[str, Any]:
        return await self.ask(client)

    async def make(self, session: Session, token: str, raw: bytes, client: str, browser: str) -> str:
        return await self.prove(raw, client)

    async def revoke(self, session: Session, key: int) -> None:
        raise NotFound("you have no such passkey")


class SampleStaff:
    def __init__(self, *, empty: bool = False) -> None:
        at = now()
        self.rows: list[told.Colleague] = []
        self.keys: list[told.TokenRow] = []
        self.noted: list[told.Noted] = []
        self.at = at
        if not empty:
            self.rows = [
                told.Colleague(ZOE, "Zoe Ash", "owner", 2, at - DAY, mine=False, everywhere=False),
                told.Colleague(f"opr_{1:026}", "Sam Elm", "auditor", 0, None, mine=False, everywhere=False),
                told.Colleague(f"opr_{2:026}", "Kit Yew", "owner", 1, at, mine=False, everywhere=True),
            ]
            self.keys = [
                told.TokenRow(NIGHTLY, "nightly figures", ("read",), at - DAY, at + 89 * DAY, at),
                told.TokenRow(f"tok_{1:026}", "", ("read", "operator"), at - DAY, at + 364 * DAY, None),
            ]
            self.noted = [
                told.Noted(at - n, "Zoe Ash", ZOE, "declared a promise", "", "outdated" if n % 7 == 3 else "")
                for n in range(60)
            ]

    async def note(self, session: Session, what: str, about: str = "", failed: str = "") -> None:
        self.noted.insert(0, told.Noted(now(), session.operator, session.handle, what, about, failed))

    async def colleagues(self, session: Session) -> tuple[told.Colleague, ...]:
        return tuple(self.rows)

    async def add(self, session: Session, name: str, role: str) -> str:
        if role not in ROLES or not name:
            raise BadInput("an operator has a name, and a role", field="name")
        handle = f"opr_{len(self.rows):026}"
        self.rows.append(told.Colleague(handle, name, role, 0, None, mine=False, everywhere=False))
        return "inv-good"

    async def invite(self, session: Session, operator: str) -> str:
        if operator not in [one.handle for one in self.rows]:
            raise NotFound("there is no such operator")
        return "inv-good"

    async def change(self, session: Session, operator: str, name: str, role: str) -> None:
        await self.invite(session, operator)

    async def remove(self, session: Session, operator: str) -> None:
        await self.invite(session, operator)
        self.rows = [one for one in self.rows if one.handle != operator]

    async def tokens(self, session: Session) -> tuple[told.TokenRow, ...]:
        return tuple(self.keys)

    async def mint(self, session: Session, name: str, scopes: tuple[str, ...], days: int) -> str:
        if not scopes or not days:
            raise BadInput("say what the token is for", field="scope")
        return "rap_sample"

    async def rotate(self, session: Session, token: str) -> str:
        await self.end_token(session, token)
        return "rap_sample"

    async def end_token(self, session: Session, token: str) -> None:
        if token not in [one.handle for one in self.keys]:
            raise NotFound("there is no such token")
        self.keys = [one for one in self.keys if one.handle != token]

    async def audit(self, session: Session, cursor: str | None) -> told.AuditPage:
        start = int(cursor or 0)
        following = str(start + 50) if start + 50 < len(self.noted) else None
        return told.AuditPage(tuple(self.noted[start : start + 50]), following)
