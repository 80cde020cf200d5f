"""The console's desk for those who work in it: operators, tokens and the audit log of one organization."""

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.audit import AuditLog, Row, start_of
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.operators import Operators, name_of_session
from rapport.adapters.embedded.tokens import TokenFile, life_of
from rapport.web.console import operators_desk as ask
from rapport.web.console.session import Session

BY_LINK = "operator"
"""What is shown of who came by a link."""


class ConsoleOperators:
    """The OperatorsDesk over a ledger; it also says who is behind a session's token."""

    def __init__(self, ledger: LedgerFile) -> None:
        self._operators = Operators(ledger)
        self._tokens = TokenFile(ledger)
        self._audit = AuditLog(ledger)

    def session(self, token: str) -> Session | None:
        found = self._operators.session(token)
        if found is None:
            return None
        name, who = name_of_session(token), found.operator
        if who is None:
            return Session(name, found.org, BY_LINK, found.purpose, "owner", "", found.verified_at)
        everywhere = who.org is None
        return Session(
            name, found.org, who.name, found.purpose, who.role, who.handle, found.verified_at, everywhere=everywhere
        )

    # -- who comes in

    async def colleagues(self, session: Session) -> tuple[ask.Colleague, ...]:
        return tuple(
            ask.Colleague(
                one.handle,
                one.name,
                one.role,
                one.passkeys,
                one.used_at,
                one.handle == session.handle,
                one.org is None,
            )
            for one in self._operators.of(session.org)
        )

    async def add(self, session: Session, name: str, role: str) -> str:
        made = self._operators.add(name, session.org, role, by(session))
        return self._operators.invite(made.handle, session.org, by(session))

    async def invite(self, session: Session, operator: str) -> str:
        return self._operators.invite(operator, session.org, by(session))

    async def change(self, session: Session, operator: str, name: str, role: str) -> None:
        self._operators.change(operator, session.org, by(session), name=name, role=role)

    async def remove(self, session: Session, operator: str) -> None:
        self._operators.remove(operator, session.org, by(session))

    # -- tokens

    async def tokens(self, session: Session) -> tuple[ask.TokenRow, ...]:
        return tuple(
            ask.TokenRow(one.handle, one.name, one.scopes, one.created_at, one.expires_at, one.used_at)
            for one in self._tokens.of(session.org)
        )

    async def mint(self, session: Session, name: str, scopes: tuple[str, ...], days: int) -> str:
        return self._tokens.mint(session.org, scopes, life=life_of(days), name=name, by=by(session))[0]

    async def rotate(self, session: Session, token: str) -> str:
        return self._tokens.rotate(session.org, token, by=by(session))[0]

    async def end_token(self, session: Session, token: str) -> None:
        self._tokens.revoke(session.org, token, by(session))

    # -- the audit log

    async def note(self, session: Session, what: str, about: str = "", failed: str = "") -> None:
        self._audit.note(session.org, by(session), what, about, failed)

    async def audit(self, session: Session, cursor: str | None) -> ask.AuditPage:
        rows, following = self._audit.page(session.org, start_of(cursor))
        names = self._operators.names({row.who for row in rows if row.who.startswith("opr_")})
        shown = tuple(ask.Noted(row.at, who_of(row, names), row.who, row.what, row.about, row.failed) for row in rows)
        return ask.AuditPage(shown, None if following is None else str(following))


def who_of(row: Row, names: dict[str, str]) -> str:
    """Who did it, in words."""
    said = {audit.BY_LINK: "somebody by a link", audit.COMMAND_LINE: "the command line", audit.NOBODY: "nobody known"}
    said[audit.GUARD_RAILS] = "the guard-rails"
    return names.get(row.who) or said.get(row.who) or ("a token" if row.who.startswith("tok_") else row.who)


def by(session: Session) -> str:
    """Who does something in the console, as the audit log has it."""
    return session.handle or audit.BY_LINK
