"""Agents in ledger.db: who may exercise people's rights at which organization, and the tokens they call with.

An agent's key is pinned: another key under the same name is another agent, once the first was removed. Numbers are
never used again, so that what one agent asked for is never another's. Only hashes of tokens are kept.
"""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import msgspec

from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Conflict, Forbidden, NotFound, Unauthorized
from rapport.kernel.times import DAY
from rapport.terms.data_rights import Agent

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE agent (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, public BLOB NOT NULL,
                        added_at INTEGER NOT NULL);
    CREATE TABLE agent_trust (agent INTEGER, org TEXT, attests INTEGER NOT NULL,
                              PRIMARY KEY (agent, org)) WITHOUT ROWID;
    CREATE TABLE agent_token (agent INTEGER, org TEXT, hash BLOB NOT NULL UNIQUE, expires_at INTEGER NOT NULL,
                              PRIMARY KEY (agent, org)) WITHOUT ROWID;
    CREATE TABLE agent_setup (agent INTEGER, content BLOB, expires_at INTEGER NOT NULL,
                              PRIMARY KEY (agent, content)) WITHOUT ROWID
"""

TOKEN_LIFE = 365 * DAY
_SETUP_KEPT = 90 * DAY
"""After its message expired: a clock that is set back must not make it good again."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_ONE = "SELECT a.number, a.name, a.public, t.attests FROM agent a"


class Trusted(msgspec.Struct, frozen=True):
    """An agent as the operator sees it: where it is trusted, and at which of these its word on identifiers counts."""

    number: int
    name: str
    public: bytes
    orgs: tuple[str, ...]
    attests: tuple[str, ...]
    added_at: int


class AgentFile:
    """Agents over one ledger connection; one instance per thread."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db

    # -- the operator

    def add(self, name: str, public: bytes, orgs: Collection[str], *, attests: bool, at: int) -> Trusted:
        """Trust an agent, by its public key, at these organizations, beside those where it is trusted already.

        Raises BadInput, NotFound for an organization that is none, Conflict where the name has another key.
        """
        if not _NAME.fullmatch(name):
            message = f"{name[:70]!r} cannot name an agent: use letters, digits, '_', '.' and '-', at most 63"
            raise BadInput(message, code="bad_name", field="name")
        if not orgs:
            raise BadInput("say where it is trusted: --org ORG", field="org")
        for org in orgs:
            if not self._ledger.has_org(org):
                raise NotFound(f"there is no organization {org!r}", field="org")
        with transaction(self._db):
            query = "INSERT OR IGNORE INTO agent (name, public, added_at) VALUES (?, ?, ?)"
            self._db.execute(query, (name, public, at))
            number, pinned = self._db.execute("SELECT number, public FROM agent WHERE name = ?", (name,)).fetchone()
            if pinned != public:
                message = f"agent {name} has another key: remove it first, which ends what it asked for"
                raise Conflict(message, code="exists", field="name")
            rows = [(number, org, attests) for org in orgs]
            self._db.executemany("INSERT OR REPLACE INTO agent_trust VALUES (?, ?, ?)", rows)
        return next(one for one in self.listed() if one.number == number)

    def remove(self, name: str, org: str | None = None) -> None:
        """Trust an agent no longer: anywhere, or at one organization. Its tokens end at once. Raises NotFound."""
        with transaction(self._db):
            row = self._db.execute("SELECT number FROM agent WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise NotFound(f"there is no agent {name[:70]!r}", field="name")
            query = "DELETE FROM agent_trust WHERE agent = ?1 AND (?2 IS NULL OR org = ?2)"
            gone = self._db.execute(query, (row[0], org)).rowcount
            if org is not None and not gone:
                raise NotFound(f"agent {name} is not trusted at {org!r}", field="org")
            query = "DELETE FROM agent_token WHERE agent = ?1 AND (?2 IS NULL OR org = ?2)"
            self._db.execute(query, (row[0], org))
            left = self._db.execute("SELECT 1 FROM agent_trust WHERE agent = ?", row).fetchone()
            if left is None:
                self._db.execute("DELETE FROM agent WHERE number = ?", row)
                self._db.execute("DELETE FROM agent_setup WHERE agent = ?", row)

    def listed(self) -> list[Trusted]:
        found = []
        query = "SELECT number, name, public, added_at FROM agent ORDER BY name"
        for number, name, public, added in self._db.execute(query).fetchall():
            where = "SELECT org, attests FROM agent_trust WHERE agent = ? ORDER BY org"
            rows = self._db.execute(where, (number,)).fetchall()
            orgs, attests = tuple(org for org, _ in rows), tuple(org for org, word in rows if word)
            found.append(Trusted(number, name, public, orgs, attests, added))
        return found

    # -- the agent

    def named(self, name: str, org: str) -> Agent:
        """An agent that an organization trusts. Raises Forbidden."""
        query = f"{_ONE} JOIN agent_trust t ON t.agent = a.number WHERE a.name = ? AND t.org = ?"
        return self._agent(query, (name, org), Forbidden("no such agent is trusted here"))

    def numbered(self, number: int, org: str) -> Agent:
        """Raises Forbidden where the organization trusts it no longer."""
        query = f"{_ONE} JOIN agent_trust t ON t.agent = a.number WHERE a.number = ? AND t.org = ?"
        return self._agent(query, (number, org), Forbidden("this agent is no longer trusted"))

    def calling(self, token: str, org: str, at: int) -> Agent:
        """Who calls an organization with a token. Raises Unauthorized, alike for every reason."""
        query = f"""
            {_ONE} JOIN agent_token k ON k.agent = a.number JOIN agent_trust t ON t.agent = a.number AND t.org = k.org
            WHERE k.hash = ? AND k.org = ? AND k.expires_at > ?
        """
        refusal = Unauthorized("a token of the pair-wise key setup is needed: Authorization: Bearer …")
        return self._agent(query, (ids.hashed(token), org, at), refusal)

    def _agent(self, query: str, parameters: tuple[object, ...], refusal: Exception) -> Agent:
        row = self._db.execute(query, parameters).fetchone()
        if row is None:
            raise refusal
        return Agent(row[0], row[1], row[2], bool(row[3]))

    def set_up(self, agent: Agent, org: str, content: bytes, expires_at: int, at: int) -> str:
        """A fresh token in place of the one before, for a message that was not used yet. Raises Forbidden.

        A message that comes again gets no token, not even the first one: who has seen it pass must not get in with it.
        """
        token = ids.secret("drp")
        with transaction(self._db):
            self.numbered(agent.number, org)
            self._db.execute("DELETE FROM agent_setup WHERE expires_at < ?", (at - _SETUP_KEPT,))
            query = "INSERT OR IGNORE INTO agent_setup VALUES (?, ?, ?)"
            if not self._db.execute(query, (agent.number, content, expires_at)).rowcount:
                raise Forbidden("this was used already: sign it anew", code="replayed")
            row = (agent.number, org, ids.hashed(token), at + TOKEN_LIFE)
            self._db.execute("INSERT OR REPLACE INTO agent_token VALUES (?, ?, ?, ?)", row)
        return token
