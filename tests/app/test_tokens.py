"""API tokens: each good for its scopes, at one organization, for a time; only hashes are kept. And the audit log."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded import operators
from rapport.adapters.embedded.audit import AuditLog, start_of
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.ledger_rows import MIGRATIONS
from rapport.adapters.embedded.sqlite import connect
from rapport.adapters.embedded.tokens import MOST_DAYS, TokenFile, life_of
from rapport.app.callers import LedgerTokens
from rapport.app.embedded import open_keys, open_ledger
from rapport.app.settings import Settings
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.times import DAY, HOUR, MINUTE, SECOND, now


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path))


@pytest.fixture
def ledger(settings: Settings) -> Iterator[LedgerFile]:
    ledger = open_ledger(settings)
    for org in ("shop", "corner"):
        ledger.add_org(org)
    yield ledger
    ledger.close()


@pytest.fixture
def file(ledger: LedgerFile) -> TokenFile:
    return TokenFile(ledger)


def later(monkeypatch: pytest.MonkeyPatch, span: int) -> None:
    at = now() + span
    for place in ("adapters.embedded.tokens", "app.callers"):
        monkeypatch.setattr(f"rapport.{place}.now", lambda: at)


def test_a_token_is_for_its_scopes_and_its_organization(file: TokenFile) -> None:
    token, handle = file.mint("shop", ["read"], name="nightly  figures")
    found = file.find(token)
    assert found is not None
    assert (found.org, found.scopes, found.handle) == ("shop", {"read"}, handle)
    (listed,) = file.of("shop")
    assert (listed.handle, listed.name, listed.scopes) == (handle, "nightly figures", ("read",))
    assert token not in repr(listed)
    assert file.of("corner") == []


@pytest.mark.parametrize("scopes", [[], ["root"], ["read", "write"], ["READ"], [""], ["read operator"]])
def test_a_scope_that_is_none_is_refused(file: TokenFile, scopes: list[str]) -> None:
    with pytest.raises(BadInput):
        file.mint("shop", scopes)
    assert file.of("shop") == []


@pytest.mark.parametrize("days", [0, -1, MOST_DAYS + 1])
def test_a_token_lives_for_some_days_and_not_for_ever(days: int) -> None:
    with pytest.raises(BadInput):
        life_of(days)


def test_a_token_ends_by_itself(file: TokenFile, ledger: LedgerFile, monkeypatch: pytest.MonkeyPatch) -> None:
    token, _ = file.mint("shop", ["read"], life=life_of(7))
    callers = LedgerTokens(ledger)
    assert callers.caller(token) is not None
    later(monkeypatch, 7 * DAY + 2 * SECOND)
    assert callers.caller(token) is None
    assert file.of("shop") == []


def test_a_rotated_token_goes_on_for_its_grace_and_the_new_one_is_for_the_same(
    file: TokenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, handle = file.mint("shop", ["read", "operator"], life=life_of(30), name="till")
    new, fresh, ends = file.rotate("shop", handle, grace=2 * HOUR)
    assert file.find(old) is not None
    found = file.find(new)
    assert found is not None
    assert found.scopes == {"read", "operator"}
    assert [(one.handle, one.name) for one in file.of("shop")] == [(fresh, "till"), (handle, "till")]
    assert ends - now() <= 2 * HOUR
    later(monkeypatch, 2 * HOUR + MINUTE)
    assert file.find(old) is None
    assert file.find(new) is not None


def test_rotating_lengthens_no_life_and_is_not_for_what_ended(file: TokenFile, monkeypatch: pytest.MonkeyPatch) -> None:
    _, handle = file.mint("shop", ["read"], life=HOUR)
    _, _, ends = file.rotate("shop", handle, grace=DAY)
    assert ends <= now() + HOUR
    for grace in (-1, 31 * DAY):
        with pytest.raises(BadInput):
            file.rotate("shop", handle, grace=grace)
    later(monkeypatch, 2 * HOUR)
    with pytest.raises(NotFound):
        file.rotate("shop", handle)


def test_a_revoked_token_is_refused_within_a_second_in_every_process(
    file: TokenFile, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, handle = file.mint("shop", ["read"])
    other = open_ledger(settings)
    callers = LedgerTokens(other)
    assert callers.caller(token) is not None
    file.revoke("shop", handle)
    later(monkeypatch, SECOND)
    assert callers.caller(token) is None
    with pytest.raises(NotFound):
        file.revoke("shop", handle)
    other.close()


def test_nobody_ends_or_rotates_another_organization_s_token(file: TokenFile) -> None:
    token, handle = file.mint("shop", ["read"])
    for tried in (file.revoke, file.rotate):
        with pytest.raises(NotFound):
            tried("corner", handle)
    assert file.find(token) is not None


def test_only_a_hash_of_a_token_is_kept(file: TokenFile, settings: Settings) -> None:
    token, handle = file.mint("shop", ["read"], name="for the auditors")
    new, _, _ = file.rotate("shop", handle)
    content = b"".join(path.read_bytes() for path in settings.directory.glob("*.db*"))
    for secret in (token, new, "for the auditors"):
        assert secret.encode() not in content


def test_when_a_token_was_used_is_noted_now_and_then(
    file: TokenFile, ledger: LedgerFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, _ = file.mint("shop", ["read"])
    assert file.of("shop")[0].used_at is None
    callers = LedgerTokens(ledger)
    callers.caller(token)
    first = file.of("shop")[0].used_at
    assert first is not None
    later(monkeypatch, 5 * SECOND)
    callers.caller(token)
    assert file.of("shop")[0].used_at == first
    later(monkeypatch, HOUR)
    callers.caller(token)
    assert file.of("shop")[0].used_at != first


def test_tokens_from_before_go_on_and_get_a_handle(settings: Settings, tmp_path: Path) -> None:
    before = MIGRATIONS[: MIGRATIONS.index(operators.SCHEMA)]
    db = connect(tmp_path / "ledger.db", before, durable=False)
    db.execute("INSERT INTO org VALUES ('shop', 1)")
    row = (ids.hashed("rap_old"), "shop", "read", 1, now() + DAY)
    db.execute("INSERT INTO token VALUES (?, ?, ?, ?, ?)", row)
    db.close()
    ledger = LedgerFile(tmp_path, open_keys(settings))
    file = TokenFile(ledger)
    (listed,) = file.of("shop")
    assert listed.handle.startswith("tok_")
    assert file.find("rap_old") is not None
    assert file.find(file.rotate("shop", listed.handle)[0]) is not None
    ledger.close()


# -- the audit log


def test_nothing_in_the_audit_log_is_changed_or_dropped(ledger: LedgerFile) -> None:
    audit = AuditLog(ledger)
    audit.note("shop", "link", "declared a promise")
    for query in (
        "DELETE FROM audit",
        "UPDATE audit SET who = 'somebody else'",
        "REPLACE INTO audit SELECT * FROM audit",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            ledger.db.execute(query)
    assert audit.page("shop")[0][0].what == "declared a promise"


def test_the_audit_log_pages_newest_first_each_organization_for_itself(ledger: LedgerFile) -> None:
    audit = AuditLog(ledger)
    for number in range(7):
        audit.note("shop", "link", f"{number}")
        audit.note("corner", "link", "theirs")
    told: list[str] = []
    before: int | None = None
    while True:
        rows, before = audit.page("shop", before, 3)
        told += [row.what for row in rows]
        if before is None:
            break
    assert told == [str(number) for number in reversed(range(7))]
    assert len(audit.page(None, limit=100)[0]) == 14


@pytest.mark.parametrize("cursor", ["x", "-1", "1" * 30, "\u0661", "1.0"])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput):
        start_of(cursor)


@given(st.text() | st.emails())
def test_no_address_gets_into_the_audit_log_by_what_a_line_is_about(shared: LedgerFile, text: str) -> None:
    audit = AuditLog(shared)
    audit.note("shop", "link", "retracted evidence", text)
    (row,) = audit.page("shop", limit=1)[0]
    assert row.about in {text, ""}
    assert not {"@", " ", "+"} & set(row.about)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerFile]:
    ledger = open_ledger(Settings(data=str(tmp_path_factory.mktemp("shared"))))
    ledger.add_org("shop")
    yield ledger
    ledger.close()
