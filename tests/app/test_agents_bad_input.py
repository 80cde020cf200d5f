"""What an agent, or somebody who says that they are one, sends wrongly is named and does nothing."""

import asyncio
import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded.agent_requests import MOST_PER_HOUR
from rapport.app.agents import results_secret
from rapport.kernel.errors import BadInput, Conflict, Forbidden, RapportError, TooMany, Unauthorized
from rapport.kernel.times import DAY, HOUR
from rapport.terms import data_rights
from rapport.terms.data_rights import Agent, agent_key, asked, opened
from tests.app.agent_client import NAME, Signer, by_email
from tests.app.agent_shop import ADA, OTHER, STRANGER, Shop, patient, shop
from tests.profile.house import ORG, TEN

__all__ = ["patient", "shop"]


def test_tokens_are_for_one_agent_at_one_company_and_end_with_trust(shop: Shop) -> None:
    asyncio.run(shop.desk.information(ORG, shop.signer.name, shop.token))
    with pytest.raises(Forbidden):
        asyncio.run(shop.desk.information(ORG, "SOMEBODY", shop.token))
    with pytest.raises(Unauthorized):
        asyncio.run(shop.desk.information(OTHER, shop.signer.name, shop.token))
    newer = shop.set_up(shop.signer)
    with pytest.raises(Unauthorized):
        asyncio.run(shop.desk.information(ORG, shop.signer.name, shop.token))
    shop.agents.remove(shop.signer.name, ORG)
    with pytest.raises(Unauthorized):
        asyncio.run(shop.desk.information(ORG, shop.signer.name, newer))


def test_a_setup_is_good_once_and_for_the_pinned_key(shop: Shop) -> None:
    thief = Signer(seed=7)
    head = shop.signer.head(ORG, shop.time)
    good = shop.signer.sign(head)
    token = asyncio.run(shop.desk.set_up(ORG, shop.signer.name, good))
    respelled = shop.signer.sign(json.dumps(head, indent=1).encode())
    with pytest.raises(Conflict):
        shop.trust(thief)
    unusable = [
        (ORG, good),
        (ORG, respelled),
        (ORG, thief.sign(shop.signer.head(ORG, shop.time))),
        (ORG, shop.signer.sign({**head, "agent-id": "SOMEBODY"})),
        (ORG, shop.signer.sign(shop.signer.head(OTHER, shop.time))),
        (ORG, shop.signer.sign(shop.signer.head(ORG, shop.time - HOUR))),
        (ORG, shop.signer.sign(shop.signer.head(ORG, shop.time + HOUR))),
        (OTHER, shop.signer.sign(shop.signer.head(OTHER, shop.time))),
        ("nowhere", good),
        (ORG, b"not base64!"),
        (ORG, b""),
    ]
    for org, body in unusable:
        with pytest.raises(Forbidden):
            asyncio.run(shop.desk.set_up(org, shop.signer.name, body))
    shop.time -= 3 * HOUR  # a clock that is set back makes nothing good again
    with pytest.raises(Forbidden):
        asyncio.run(shop.desk.set_up(ORG, shop.signer.name, good))
    shop.time += 3 * HOUR
    asyncio.run(shop.desk.information(ORG, shop.signer.name, token))


def test_a_business_may_be_named_as_directories_do(shop: Shop) -> None:
    message = shop.signer.asking("SHOP", "access", shop.time, **by_email(ADA))
    assert shop.send_signed(shop.signer.sign(message)).status == "open"


def _spoilt(shop: Shop) -> dict[str, tuple[Any, type[RapportError], str]]:
    good = shop.signer.asking(ORG, "access", shop.time, **by_email(ADA))
    less = {name: value for name, value in good.items() if name != "exercise"}

    def but(**changes: Any) -> dict[str, Any]:
        return {**good, **{name.replace("__", "-").replace("drp_", "drp."): value for name, value in changes.items()}}

    return {
        "another agent's name": (but(agent__id="SOMEBODY"), Forbidden, "wrong_agent"),
        "another business": (but(business__id=OTHER), Forbidden, "wrong_business"),
        "no business": (but(business__id=None), BadInput, "bad_type"),
        "expired": ({**good, **shop.signer.head(ORG, shop.time - HOUR)}, BadInput, "expired"),
        "issued later": ({**good, **shop.signer.head(ORG, shop.time + HOUR)}, BadInput, "issued_later"),
        "no time": (but(issued__at="yesterday"), BadInput, "bad_time"),
        "a number for a time": (but(expires__at=5), BadInput, "bad_time"),
        "no such year": (but(expires__at="9999-12-31T23:59:59-23:59"), None, ""),  # type: ignore[dict-item]
        "an old version": (but(drp_version="0.5"), BadInput, "bad_version"),
        "a version that is none": (but(drp_version=0.9), BadInput, "bad_version"),
        "no version": (but(drp_version=None), BadInput, "bad_version"),
        "no exercise": (less, BadInput, "bad_type"),
        "a list of them": (but(exercise=["access"]), BadInput, "bad_type"),
        "categories": (but(exercise="access:categories"), BadInput, "unsupported_action"),
        "specific": (but(exercise="access:specific"), BadInput, "unsupported_action"),
        "no e-mail": (but(email="ada"), BadInput, "bad_identifier"),
        "a number for one": (but(email=5), BadInput, "bad_type"),
        "a long one": (but(email="a" * 400 + "@example.com"), BadInput, "bad_type"),
        "a word for a truth": (but(email_verified="true"), BadInput, "bad_type"),
        "a phone without a country": (but(phone_number="07700900123"), BadInput, "bad_identifier"),
        "relationships": (but(relationships="customer"), BadInput, "bad_type"),
        "regime": (but(regime=1), BadInput, "bad_type"),
        "a long name of its own": ({**good, "agent-request-id": "x" * 201}, BadInput, "bad_type"),
        "no object": ([good], BadInput, "bad_message"),
        "no JSON": (b"{", BadInput, "bad_message"),
        "no text": (b"\xff\xfe", BadInput, "bad_message"),
        "too deep": (b"[" * 30_000, BadInput, "bad_message"),
        "lone surrogates": (b'{"agent-id": "\\ud800"}', (BadInput, Forbidden), ""),  # type: ignore[dict-item]
        "nothing": (b"", BadInput, "bad_message"),
        "unknown fields": (but(shoe_size=38, address={"locality": "Hull"}), None, ""),  # type: ignore[dict-item]
    }


def test_what_is_wrong_is_named(shop: Shop) -> None:
    for what, (message, error, code) in _spoilt(shop).items():
        body = shop.signer.sign(message)
        if error is None:
            assert shop.send_signed(body).status == "open", what
            continue
        with pytest.raises(error) as refused:
            shop.send_signed(body)
        assert code in ("", refused.value.code), what
    assert [row.exercise for row in shop.work.requests.of_org(ORG)] == ["access", "access"]


def test_what_is_no_signed_message_is_refused(shop: Shop) -> None:
    good = shop.signer.sign(shop.signer.asking(ORG, "access", shop.time, **by_email(ADA)))
    raw = base64.b64decode(good)
    thief = Signer(seed=5).sign(shop.signer.asking(ORG, "access", shop.time, **by_email(ADA)))
    for body in (b"", b"a", b"\xff" * 100, good[:-4], good + b"AAAA", raw, base64.b64encode(raw[64:]), thief):
        with pytest.raises((BadInput, Forbidden)):
            shop.send_signed(body)
    with pytest.raises(Unauthorized):
        shop.send_signed(good, "drp_nothing")
    with pytest.raises(Unauthorized):
        shop.send_signed(good, org=OTHER)
    assert shop.work.requests.of_org(ORG) == []


def test_an_agent_cannot_try_out_a_list_of_addresses(shop: Shop) -> None:
    rows = [
        (f"r{n}", ORG, 1, "x", "access", n.to_bytes(4, "big"), b"", shop.time - n * 1000, shop.time, "open", b"")
        for n in range(MOST_PER_HOUR)
    ]
    shop.ledger.db.executemany(
        "INSERT INTO agent_request (id, org, agent, agent_name, exercise, content, what, at, due_at, status, said) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    with pytest.raises(TooMany) as refused:
        shop.ask("access", STRANGER)
    assert 0 < refused.value.retry_after <= 3600
    shop.time += HOUR
    assert shop.ask("access", STRANGER).status == "open"


_SIGNER = Signer()
_SIGNED = _SIGNER.sign(_SIGNER.asking(ORG, "deletion", TEN, **by_email(ADA)))
_AGENT = Agent(1, _SIGNER.name, _SIGNER.public, attests=True)
_SPACE = b" \t\n\r\x0b\x0c"


@given(st.integers(0, len(_SIGNED) - 1), st.integers(1, 255))
def test_no_changed_byte_of_a_signed_request_is_accepted(place: int, change: int) -> None:
    body = bytearray(_SIGNED)
    body[place] ^= change
    with pytest.raises((BadInput, Forbidden)):
        opened(_AGENT, bytes(body))


@given(st.integers(0, len(base64.b64decode(_SIGNED)) - 1), st.integers(1, 255))
def test_no_changed_byte_of_what_is_signed_is_accepted(place: int, change: int) -> None:
    raw = bytearray(base64.b64decode(_SIGNED))
    raw[place] ^= change
    with pytest.raises(Forbidden):
        opened(_AGENT, base64.b64encode(raw))


def test_the_request_that_the_changed_ones_come_from_is_accepted() -> None:
    """The sentinel of the two above."""
    assert asked(opened(_AGENT, _SIGNED), _AGENT).exercise == "deletion"


@given(
    st.dictionaries(
        st.sampled_from(
            ["exercise", "email", "email_verified", "phone_number", "relationships", "regime", "x", "name"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_whatever_an_agent_signs_is_taken_or_named_as_wrong(fields: dict[str, Any]) -> None:
    message = {**_SIGNER.asking(ORG, "access", TEN), **fields}
    try:
        said = opened(_AGENT, _SIGNER.sign(json.dumps(message).encode("utf-8", "surrogatepass")))
        found = asked(said, _AGENT)
    except (BadInput, Forbidden):
        return
    assert found.exercise in ("access", "deletion", "sale:opt_out", "sale:opt_in")
    assert len(found.content) == len(found.what) == 32


@pytest.mark.parametrize("key", ["", "x", "AAAA", "A" * 44, base64.b64encode(bytes(32)).decode(), "é" * 44])
def test_a_key_for_which_anybody_can_sign_is_none(key: str) -> None:
    with pytest.raises(BadInput):
        agent_key(key)


@given(st.sampled_from(sorted(data_rights._SMALL_ORDER)), st.booleans())
def test_points_of_small_order_are_no_keys_whatever_their_sign(point: int, sign: bool) -> None:
    raw = (point | (sign << 255)).to_bytes(32, "little")
    with pytest.raises(BadInput):
        agent_key(base64.b64encode(raw).decode())


def test_who_is_asked_for_is_sealed_while_it_waits_and_gone_in_the_end(patient: Shop) -> None:
    told = patient.ask("deletion", agent_request_id="a-name-of-its-own")
    patient.ledger.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    everything = b"".join(path.read_bytes() for path in patient.directory.glob("ledger.db*"))
    assert ADA.encode() not in everything
    assert b"a-name-of-its-own" not in everything
    assert patient.ended(told, 3 * DAY).status == "fulfilled"
    rows = patient.ledger.db.execute("SELECT body, person, kase FROM agent_request").fetchall()
    assert rows == [(None, 0, "")]


def test_no_hash_in_the_ledger_can_be_found_by_trying_names(patient: Shop) -> None:
    message = patient.signer.asking(ORG, "deletion", patient.time, **by_email(ADA))
    said = asked(message, Agent(1, NAME, b"", attests=True))
    patient.send_signed(patient.signer.sign(message))
    patient.ledger.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    everything = b"".join(path.read_bytes() for path in patient.directory.glob("ledger.db*"))
    assert said.content not in everything
    assert said.what not in everything


def test_no_copy_of_the_ledger_tells_of_who_was_erased(patient: Shop) -> None:
    """Not even one that was made while the request waited."""
    told = patient.ask("deletion")
    (sealed,) = patient.ledger.db.execute("SELECT body FROM agent_request").fetchone()
    assert patient.work.requests.row(told.id).identifiers == (("email", ADA),)
    assert patient.ended(told, 3 * DAY).status == "fulfilled"
    patient.ledger.db.execute("UPDATE agent_request SET body = ?, status = 'open'", (sealed,))
    assert patient.work.requests.row(told.id).identifiers == ()
    assert patient.ledger.keys.person((1 << 62) + 1) is None


def test_secrets_of_results_are_nodes_own(shop: Shop) -> None:
    with Shop() as another:
        assert results_secret(shop.ledger, "r") != results_secret(another.ledger, "r")
    assert len(results_secret(shop.ledger, "r")) == 43
