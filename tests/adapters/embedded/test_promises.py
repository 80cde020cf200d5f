"""The book of declarations: versions, signatures, keys and attesters, over a real ledger."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from rapport.adapters.embedded import promises as book_module
from rapport.adapters.embedded.promises import SKEW, PromiseBook
from rapport.app.embedded import open_keys, open_ledger
from rapport.app.settings import Settings
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import DAY, HOUR, SECOND, now
from rapport.terms import promises
from rapport.terms.declaration import DEFAULT, Declaration, Standing, ValueClaim
from rapport.terms.promises import OwnSignature
from tests.terms.declaring import DECLARATIONS

SERVICE = b'{"purposes": {"service": {"basis": "contract", "retention_days": 30}}}'
LONGER = b'{"purposes": {"service": {"basis": "contract", "retention_days": 60}}}'
OWN = Ed25519PrivateKey.generate()
OWN_PUBLIC = OWN.public_key().public_bytes_raw()
BOARD = Ed25519PrivateKey.generate()
BOARD_PUBLIC = BOARD.public_key().public_bytes_raw()


class Changes(list[tuple[str, int, int]]):
    """What a book told of changes: organization, version before, version after."""

    def __call__(self, org: str, old: Standing, new: Standing) -> None:
        self.append((org, old.version, new.version))


def opened(path: Path, changes: Changes | None = None) -> PromiseBook:
    settings = Settings(data=str(path))
    return PromiseBook(open_ledger(settings), open_keys(settings), changes)


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def book(tmp_path: Path, changes: Changes) -> Iterator[PromiseBook]:
    opening = opened(tmp_path, changes)
    opening._ledger.add_org("acme")
    yield opening
    opening._ledger.close()


def epoch(book: PromiseBook) -> int:
    return int(book._db.execute("SELECT value FROM epoch").fetchone()[0])


def code(call: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises((BadInput, Conflict, NotFound)) as caught:
        call(*arguments, **more)
    return str(caught.value.code)


# -- versions


def test_before_anything_is_declared_the_default_stands_and_nobody_signed_it(book: PromiseBook) -> None:
    standing = book.standing("acme")
    assert (standing.version, standing.declaration) == (0, DEFAULT)
    document = book.document("acme")
    assert (document["version"], document["signature"], document["previous"]) == (0, None, None)
    assert document["hash"] == promises.hash_of(DEFAULT)
    assert [each.version for each in book.history("acme")] == [0]
    assert book.known_key("acme") is None


def test_what_is_put_stands_signed_and_chained(book: PromiseBook, changes: Changes) -> None:
    before = epoch(book)
    first = book.put("acme", SERVICE)
    second = book.put("acme", LONGER)
    assert [first.version, second.version, book.standing("acme").version] == [1, 2, 2]
    assert epoch(book) == before + 2
    assert changes == [("acme", 0, 1), ("acme", 1, 2)]
    one, two = book.document("acme", 1), book.document("acme")
    key = book.known_key("acme")
    assert key is not None
    assert not key.own
    assert promises.verify(one, key.public)
    assert promises.verify(two, key.public)
    assert (one["previous"], two["previous"]) == (None, one["hash"])
    assert one["since"] < two["since"]
    assert [each.version for each in book.history("acme")] == [2, 1]
    assert book.version("acme", 1) == first


def test_the_same_content_is_no_new_version(book: PromiseBook, changes: Changes) -> None:
    first = book.put("acme", SERVICE)
    before = epoch(book)
    assert book.put("acme", b"[purposes.service]\nretention_days = 30\nbasis = 'contract'", "toml") == first
    assert (epoch(book), changes) == (before, [("acme", 0, 1)])


def test_the_default_in_so_many_words_is_a_promise(book: PromiseBook) -> None:
    assert book.put("acme", promises.canonical(DEFAULT)).version == 1
    assert book.document("acme")["signature"] is not None


def test_what_is_refused_leaves_everything_as_it_was(book: PromiseBook, changes: Changes) -> None:
    book.put("acme", SERVICE)
    document, before = book.document("acme"), epoch(book)
    assert code(book.put, "acme", b"{") == "bad_json"
    assert code(book.put, "nobody", SERVICE) == "not_found"
    assert code(book.put, "acme", LONGER, expected=0) == "outdated"
    assert (book.document("acme"), epoch(book), len(changes)) == (document, before, 1)


def test_versions_that_are_not_there_are_not_found(book: PromiseBook) -> None:
    for number in (1, -1, 1 << 80):
        assert code(book.document, "acme", number) == "not_found"
    for call in (book.document, book.history, book.key):
        assert code(call, "nobody") == "not_found"
    assert book.standing("nobody").declaration == DEFAULT


def test_another_process_sees_a_change_at_once(book: PromiseBook, tmp_path: Path) -> None:
    other = opened(tmp_path)
    assert other.standing("acme").version == 0
    assert other.standing("acme") is other.standing("acme"), "from memory"
    book.put("acme", SERVICE)
    assert other.standing("acme") == book.standing("acme")
    assert other.standing("acme").version == 1
    assert code(other.put, "acme", LONGER, expected=0) == "outdated"
    assert other.put("acme", LONGER, expected=1).version == 2


def test_organizations_have_declarations_and_keys_of_their_own(book: PromiseBook) -> None:
    book._ledger.add_org("rival")
    book.put("acme", SERVICE)
    assert book.standing("rival").version == 0
    book.put("rival", SERVICE)
    assert book.key("acme").public != book.key("rival").public


def test_the_private_key_is_sealed(book: PromiseBook, tmp_path: Path) -> None:
    book.put("acme", SERVICE)
    _, private = book._signing("acme", book._seal())
    assert private is not None
    for file in tmp_path.rglob("*"):
        assert private.private_bytes_raw() not in file.read_bytes(), file


@given(DECLARATIONS)
def test_any_declaration_is_kept_and_published_as_it_was_put(
    tmp_path_factory: pytest.TempPathFactory, declaration: Declaration
) -> None:
    book = SHARED.get("book") or _shared(tmp_path_factory)
    values = tuple(msgspec.structs.replace(claim, issued="") for claim in declaration.values)  # some are of the future
    declaration = msgspec.structs.replace(declaration, values=values)
    standing = book.put("acme", promises.canonical(declaration))
    assert standing.declaration == declaration
    published = json.loads(json.dumps(book.document("acme")))
    assert promises.verify(published)
    assert promises.parse(json.dumps(published["declaration"]).encode(), "json") == declaration


SHARED: dict[str, PromiseBook] = {}


def _shared(factory: pytest.TempPathFactory) -> PromiseBook:
    book = SHARED["book"] = opened(factory.mktemp("book"))
    book._ledger.add_org("acme")
    return book


# -- clocks


def test_a_clock_that_is_set_back_does_not_turn_versions_around(
    book: PromiseBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = now()
    for hours in (0, 48, -48, 1):
        monkeypatch.setattr(book_module, "now", lambda hours=hours: present + hours * HOUR)
        book.put("acme", f'{{"name": "{hours} hours"}}'.encode())
    versions = book.history("acme")
    assert [each.version for each in versions] == [4, 3, 2, 1]
    times = [each.since for each in versions]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == 4
    assert all(promises.verify(book.document("acme", number)) for number in range(1, 5))


def test_an_own_signature_follows_a_clock_that_was_ahead(book: PromiseBook, monkeypatch: pytest.MonkeyPatch) -> None:
    present = now()
    monkeypatch.setattr(book_module, "now", lambda: present + 48 * HOUR)
    ahead = book.put("acme", SERVICE)
    monkeypatch.setattr(book_module, "now", lambda: present)
    book.set_key("acme", OWN_PUBLIC)
    assert put_own(book, LONGER, since=ahead.since + 1).version == 2


# -- keys


def put_own(book: PromiseBook, body: bytes, key: Ed25519PrivateKey = OWN, since: int | None = None) -> Standing:
    at = since or max(now(), book.standing("acme").since + 1)
    draft = book.draft("acme", promises.parse(body, "json"), at)
    return book.put("acme", body, own=OwnSignature(key.sign(promises.canonical_json(draft)), since=at))


def test_with_a_key_of_its_own_nothing_is_promised_without_it(book: PromiseBook) -> None:
    first = book.put("acme", SERVICE)
    held = book.key("acme").public
    found = book.set_key("acme", OWN_PUBLIC)
    assert (found.public, found.own, found.earlier) == (OWN_PUBLIC, True, (held,))
    assert book.standing("acme") == first, "what was declared stays"

    assert code(book.put, "acme", LONGER) == "missing_signature"
    with pytest.raises(BadInput) as caught:
        put_own(book, LONGER, Ed25519PrivateKey.generate())
    assert caught.value.code == "wrong_key"
    assert book.standing("acme") == first

    assert put_own(book, LONGER).version == 2
    document = book.document("acme")
    assert promises.verify(document, OWN_PUBLIC)
    assert promises.verify(book.document("acme", 1), held)


def test_the_same_content_can_be_signed_again_by_the_own_key(book: PromiseBook) -> None:
    book.put("acme", SERVICE)
    book.set_key("acme", OWN_PUBLIC)
    assert put_own(book, SERVICE).version == 2
    assert put_own(book, SERVICE).version == 2


def test_a_signature_counts_for_one_version_alone(book: PromiseBook) -> None:
    book.set_key("acme", OWN_PUBLIC)
    at = now()
    draft = book.draft("acme", promises.parse(SERVICE, "json"), at)
    signature = OWN.sign(promises.canonical_json(draft))
    assert code(book.put, "acme", SERVICE, own=OwnSignature(signature, since=at + SECOND)) == "wrong_key"
    assert code(book.put, "acme", LONGER, own=OwnSignature(signature, since=at)) == "wrong_key"
    assert code(book.put, "acme", SERVICE, own=OwnSignature(signature, public=BOARD_PUBLIC, since=at)) == "wrong_key"
    assert code(book.put, "acme", SERVICE, own=OwnSignature(signature)) == "wrong_key", (
        "without the time that was signed"
    )
    assert book.put("acme", SERVICE, own=OwnSignature(signature, public=OWN_PUBLIC, since=at)).version == 1
    put_own(book, LONGER)
    assert code(book.put, "acme", SERVICE, own=OwnSignature(signature, since=at)) == "wrong_key", (
        "put again by somebody else"
    )


@pytest.mark.parametrize("off", [SKEW + 5 * SECOND, -SKEW - 5 * SECOND, -DAY])
def test_the_time_that_is_signed_must_be_the_present(book: PromiseBook, off: int) -> None:
    book.set_key("acme", OWN_PUBLIC)
    with pytest.raises(BadInput) as caught:
        put_own(book, SERVICE, since=now() + off)
    assert (caught.value.code, caught.value.field) == ("bad_time", "since")
    assert book.standing("acme").version == 0


def test_where_the_node_signs_a_signature_is_a_mistake(book: PromiseBook) -> None:
    with pytest.raises(BadInput) as caught:
        put_own(book, SERVICE)
    assert caught.value.code == "wrong_key"


# -- attesters

WAGE = ValueClaim("living_wage", attester="Board", expires="2199-12-31")


def attested(key: Ed25519PrivateKey = BOARD) -> bytes:
    return promises.canonical(Declaration(values=(promises.attest("acme", WAGE, key),)))


def test_values_count_as_attested_while_their_attester_is_known(book: PromiseBook, changes: Changes) -> None:
    book.put("acme", attested())
    assert not book.standing("acme").attested
    assert "no attester that this node knows" in book.remarks("acme")[0]
    before = epoch(book)

    book.add_attester("Board", BOARD_PUBLIC)
    assert book.standing("acme").attested.keys() == {"living_wage"}
    assert book.remarks("acme") == []
    assert [each.name for each in book.attesters()] == ["Board"]

    book.remove_attester("Board")
    assert not book.standing("acme").attested
    assert book.standing("acme").claimed.keys() == {"living_wage"}
    assert epoch(book) == before + 2
    assert changes == [("acme", 0, 1), ("acme", 1, 1), ("acme", 1, 1)], "agreements that rested on it are looked at"


def test_a_forged_claim_is_refused(book: PromiseBook) -> None:
    book.add_attester("Board", BOARD_PUBLIC)
    assert code(book.put, "acme", attested(OWN)) == "forged_claim"
    assert book.standing("acme").version == 0
    assert book.put("acme", attested()).attested.keys() == {"living_wage"}


def test_who_turns_out_not_to_have_signed_is_not_counted(book: PromiseBook) -> None:
    book.put("acme", attested(OWN))
    book.add_attester("Board", BOARD_PUBLIC)
    standing = book.standing("acme")
    assert standing.claimed == standing.attested == {}
    assert "did not sign" in book.remarks("acme")[0]


def test_attesters_have_names_that_are_theirs(book: PromiseBook) -> None:
    book.add_attester("Board", BOARD_PUBLIC)
    assert code(book.add_attester, "Board", OWN_PUBLIC) == "exists"
    for name in ("", " Board", "a\nb", "x" * 101):
        assert code(book.add_attester, name, OWN_PUBLIC) == "bad_name"
    assert code(book.remove_attester, "Nobody") == "not_found"
