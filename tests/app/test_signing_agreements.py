"""Agreements signed by the person's own hand: over what was shown and nothing else, by their own passkey, and checked
by anybody without the node."""

import asyncio
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from rapport.adapters.embedded.accounts import Accounts
from rapport.app.portability import open_portability
from rapport.cli import command_line
from rapport.terms import Declaration, Promise, by_hand, promises
from rapport.terms.agreements import verify
from rapport.terms.presets import PRESETS
from tests.profile.house import ORG
from tests.signin.authenticator import PRESENT, Authenticator, b64
from tests.web.portal.person import ORIGIN, Home, Person

CHANGE = {"way": "preset", "value": "balanced"}


class Signer(Person):
    """Somebody with a passkey, on their page."""

    def __init__(self, home: Home, claims: tuple[str, ...] = (f"{ORG}:user_id:ada", "corner:user_id:ada")) -> None:
        super().__init__(home, claims)
        self.device = self.enrolled()

    def enrolled(self) -> Authenticator:
        device = Authenticator(ORIGIN, "node.test")
        made = self.script("/me/devices/ask", {})
        self.script("/me/devices/make", device.make(made))
        return device

    def script(self, path: str, body: Any, status: int = 200) -> dict[str, Any]:
        answer = self.send("POST", path, headers={"Origin": self.origin}, json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def shown(self, path: str = "/me/terms/change?way=preset&value=balanced") -> str:
        page = self.get(path).text
        return page.partition('data-shown="')[2].partition('"')[0]

    def act(self, change: dict[str, str] | None = None) -> dict[str, str]:
        change = CHANGE if change is None else change
        return {**change, "shown": self.shown(f"/me/terms/change?way={change['way']}&value={change['value']}")}

    def sign(self, act: dict[str, str], device: Authenticator | None = None, status: int = 200, **wrong: Any) -> Any:
        asked = self.script("/me/sign/ask", act)
        passkey = (device or self.device).prove(asked["options"], **wrong)
        return self.script("/me/sign", {**act, "nonce": asked["nonce"], "passkey": passkey}, status)

    def agreements(self) -> list[dict[str, Any]]:
        listed = self.json("/me/agreements")["agreements"]
        return [self.send("GET", f"/me/agreements/{one['handle']}").json() for one in listed if not one["ended_at"]]

    @property
    def preset(self) -> str:
        return str(self.json("/me/terms")["preset"])


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


@pytest.fixture
def ada(home: Home) -> Signer:
    return Signer(home)


def test_what_was_shown_is_signed_once_for_all_companies_and_anybody_can_check_it(home: Home, ada: Signer) -> None:
    page = ada.get("/me/terms/change?way=preset&value=balanced").text
    assert "What you sign" in page
    assert ada.sign(ada.act())["next"] == "/me/terms?done=changed&way=preset&value=balanced&before=default"
    assert "You began your terms from “Balanced”." in [one["why"] for one in ada.json("/me")["lately"]]
    found = ada.agreements()
    assert {one["agreement"]["second_party"]["organization"] for one in found} == {ORG, "corner"}
    for one in found:
        assert one["by_hand"] is True
        assert verify(one["agreement"])
        assert by_hand.wrong(one["agreement"], one["hand"], ORIGIN) == ""
    assert "Signed by your own hand" in ada.get("/me/agreements").text
    # Nothing of it reaches the companies, but that it is there: a passkey is the same at both.
    book = home.desk()._agreements
    told = book.show(found[0]["agreement"]["agreement"], org=found[0]["agreement"]["second_party"]["organization"])
    assert (told["by_hand"], "hand" in told) == (True, False)
    passkey = found[0]["hand"]["public_key"]
    assert passkey not in json.dumps([one["agreement"] for one in found])


def test_the_export_holds_the_signatures(home: Home, ada: Signer) -> None:
    ada.sign(ada.act())
    out = home.directory / f"export-{ada.person}"
    asyncio.run(open_portability(home.settings).export(ada.person, out, "json"))
    taken = json.loads((out / "agreements.json").read_text())
    rows = taken if isinstance(taken, list) else taken["agreements"]
    assert rows
    assert all(by_hand.wrong(row["document"], row["hand"], ORIGIN) == "" for row in rows)


def test_without_a_passkey_s_signature_the_node_signs_and_says_so_until_the_person_does(ada: Signer) -> None:
    home = ada.home
    home.people.set_terms(ada.person, PRESETS["balanced"])  # an operator, or the person's own software
    assert [one["by_hand"] for one in ada.agreements()] == [False, False]
    page = ada.get("/me/agreements").text
    assert "Not signed by your own hand" in page
    act = {"shown": ada.shown("/me/agreements")}
    assert ada.sign(act)["next"] == "/me/agreements?done=signed"
    assert all(by_hand.wrong(one["agreement"], one["hand"], ORIGIN) == "" for one in ada.agreements())
    assert "data-shown" not in ada.get("/me/agreements").text
    ada.script("/me/sign/ask", act, 409)


def test_what_changed_since_it_was_shown_is_not_signed_and_shown_anew(home: Home, ada: Signer) -> None:
    act = ada.act()
    asked = ada.script("/me/sign/ask", act)
    promise = Promise("consent", retention_days=30, onward=False)
    book = home.desk()._agreements._book
    book.put(ORG, promises.canonical(Declaration("Shop", {"service": promise})))
    answer = {**act, "nonce": asked["nonce"], "passkey": ada.device.prove(asked["options"])}
    assert ada.script("/me/sign", answer, 409)["code"] == "changed_meanwhile"
    assert (ada.preset, ada.agreements()) == ("default", [])
    again = ada.act()
    assert again["shown"] != act["shown"]
    ada.script("/me/sign/ask", act, 409)
    ada.sign(again)
    assert ada.preset == "balanced"


def test_also_without_a_signature_nothing_is_agreed_that_was_not_shown(home: Home) -> None:
    ada = Signer(home)
    ada.script("/me/again/prove", ada.device.prove(ada.script("/me/again/ask", {})))
    act = ada.act()
    ada.csrf = ada.get("/me/terms").text.partition('name="csrf" value="')[2].partition('"')[0]
    path = "/me/terms/change?way=preset&value=balanced"
    stale = ada.post(path, **{**act, "shown": "0" * 64})
    assert "done=anew" in stale.headers["location"]
    assert "this is how it would be now" in ada.get(stale.headers["location"]).text
    assert ada.preset == "default"
    assert ada.post(path, **act).headers["location"].startswith("/me/terms?done=changed")
    assert [one["by_hand"] for one in ada.agreements()] == [False, False]


WRONG: dict[str, dict[str, Any]] = {
    "nobody was verified": {"flags": PRESENT},
    "another origin": {"origin": "http://node.test.evil"},
    "another party": {"rp": "evil.test"},
    "another kind": {"kind": "webauthn.create"},
    "another challenge": {"challenge": b64(bytes(32))},
    "a counter that goes back": {"counter": 0},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_proof_that_is_none_signs_nothing_and_changes_nothing(ada: Signer, wrong: dict[str, Any]) -> None:
    assert ada.sign(ada.act(), status=401, **wrong)["code"] == "unproved"
    assert (ada.preset, ada.agreements()) == ("default", [])


def test_a_sign_in_another_act_a_replay_and_another_person_sign_nothing(home: Home, ada: Signer) -> None:
    act, other = ada.act(), ada.act({"way": "preset", "value": "open"})
    asked = ada.script("/me/sign/ask", act)
    proof = ada.device.prove(asked["options"])
    # A proof made for one act is none for another,
    ada.script("/me/sign", {**other, "nonce": asked["nonce"], "passkey": proof}, 401)
    # nor is one that was made to come in;
    again = ada.script("/me/again/ask", {})
    ada.script("/me/sign", {**act, "nonce": again["challenge"], "passkey": ada.device.prove(again)}, 401)
    # nobody signs for another,
    bo = Signer(home, (f"{ORG}:user_id:bo",))
    mallory = bo.device.prove(asked["options"])
    ada.script("/me/sign", {**act, "nonce": asked["nonce"], "passkey": mallory}, 401)
    theirs = bo.script("/me/sign/ask", bo.act())
    ada.script("/me/sign", {**act, "nonce": theirs["nonce"], "passkey": proof}, 401)
    assert ada.preset == "default"
    # and what was accepted once is not again.
    ada.script("/me/sign", {**act, "nonce": asked["nonce"], "passkey": proof})
    assert ada.preset == "balanced"
    home.people.set_terms(ada.person, PRESETS["locked"])
    assert ada.act() == act  # the same would be agreed anew
    ada.script("/me/sign", {**act, "nonce": asked["nonce"], "passkey": proof}, 401)
    assert ada.preset == "locked"


def test_a_change_by_which_nothing_is_agreed_has_nothing_to_sign(ada: Signer) -> None:
    assert ada.shown("/me/terms/change?way=preset&value=locked") == ""
    ada.script("/me/sign/ask", {"way": "preset", "value": "locked", "shown": ""}, 409)


@pytest.mark.parametrize(
    "act",
    [
        {"shown": "x", "way": "sideways", "value": "balanced"},
        {"shown": "x", "way": "preset", "value": "none-such"},
        {"shown": 1},
        {"shown": "x" * 300},
        [],
        {},
    ],
)
def test_what_no_page_sends_is_refused_clearly(ada: Signer, act: Any) -> None:
    for path in ("/me/sign/ask", "/me/sign"):
        answer = ada.send("POST", path, headers={"Origin": ada.origin}, json=act)
        assert 400 <= answer.status_code < 500, answer.text
    assert ada.send("POST", "/me/sign/ask", headers={"Origin": "http://evil.test"}, json={}).status_code == 403


def test_the_erased_leave_no_signature(home: Home, ada: Signer) -> None:
    ada.sign(ada.act())
    home.people.set_status(ada.person, "erasing")
    number = home.people.person(ada.person).id
    home.people.forget_claims(ada.person)
    assert home.people.db.execute("SELECT count(*) FROM hand WHERE person = ?", (number,)).fetchone() == (0,)
    left = "SELECT count(*) FROM by_hand WHERE hand NOT IN (SELECT id FROM hand)"
    assert home.people.db.execute(left).fetchone() == (0,)
    assert Accounts(home.people.ledger).passkey(ada.device.credential) is None


# -- whoever checks it later


@pytest.fixture(scope="module")
def signed(home: Home) -> dict[str, Any]:
    ada = Signer(home)
    ada.sign(ada.act())
    return ada.agreements()[0]


def test_any_change_of_an_agreement_that_was_signed_shows(signed: dict[str, Any]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def changed(data: st.DataObject) -> None:
        document = copy.deepcopy(signed["agreement"])
        places = [place for place in _places(document) if place[0] not in {"agreement", "signatures"}]
        _change(document, data.draw(st.sampled_from(places)))
        assert by_hand.wrong(document, signed["hand"], ORIGIN)

    changed()


def test_any_change_of_a_signature_shows(signed: dict[str, Any]) -> None:
    @settings(max_examples=120, deadline=None)
    @given(st.data())
    def changed(data: st.DataObject) -> None:
        hand = copy.deepcopy(signed["hand"])
        _change(hand, data.draw(st.sampled_from(_places(hand))))
        assert by_hand.wrong(signed["agreement"], hand, ORIGIN)

    changed()


def test_each_check_stands_by_itself(signed: dict[str, Any]) -> None:
    """Signatures that are whole, and made by a passkey, but not of the right thing: as a node that cheats would make
    them, which vouches for anything."""
    document, origin = signed["agreement"], ORIGIN
    device = Authenticator(ORIGIN, "node.test")
    digests = [by_hand.digest(document)]

    def hand(over: list[str] | None = None, **wrong: Any) -> by_hand.Hand:
        nonce = bytes(40)
        asked = b64(by_hand.challenge(nonce, over or digests))
        made = device.prove({"challenge": asked}, **wrong)["response"]
        spki = _spki(device)
        return by_hand.Hand(
            "2026-11-22T00:00:00Z",
            origin,
            b64(nonce),
            tuple(over or digests),
            spki,
            made["authenticatorData"],
            made["clientDataJSON"],
            made["signature"],
        )

    assert by_hand.wrong_in(document, hand(), origin) == ""
    assert by_hand.wrong_in(document, hand(["ab" * 32]), origin)
    for wrong in WRONG.values():
        if "counter" not in wrong:
            assert by_hand.wrong_in(document, hand(**wrong), origin), wrong
    # Another's passkey signed all of it rightly: nobody vouches that it is of the person who agreed.
    plain = promises.plain(hand())
    assert "vouches" in by_hand.wrong(document, {**plain, "vouched": signed["hand"]["vouched"]}, origin)
    assert "another node" in by_hand.wrong(document, signed["hand"], "https://elsewhere.example")
    for nonsense in (
        {},
        [],
        "x",
        {"at": 1},
        {**signed["hand"], "nonce": "%%"},
        {**signed["hand"], "client_data": "bnVsbA"},
    ):
        assert by_hand.wrong(document, nonsense, origin)
    assert by_hand.wrong({}, signed["hand"], origin)


def test_a_copy_is_checked_from_a_terminal_without_any_node(signed: dict[str, Any], tmp_path: Path) -> None:
    def check(copy: Any, *more: str) -> tuple[int, dict[str, Any]]:
        file = tmp_path / "agreement.json"
        file.write_text(json.dumps(copy))
        said = CliRunner().invoke(command_line(["agreement"]), ["agreement", "verify", str(file), "--json", *more])
        return said.exit_code, json.loads(said.stdout)

    good = {"verified": True, "by_hand": True, "problem": ""}
    assert check(signed) == check(signed, "--origin", ORIGIN) == (0, good)
    assert check(signed, "--origin", "https://elsewhere.example")[0] == 1
    without = {name: value for name, value in signed.items() if name != "hand"}
    assert check(without) == (0, {"verified": True, "by_hand": False, "problem": ""})
    assert check({**signed, "hand": [1]})[0] == 1
    assert check({**signed, "agreement": {**signed["agreement"], "since": "2020-01-01"}})[0] == 1
    assert check({**signed, "agreement": {"signatures": [{"party": []}]}})[0] == 1


def _spki(device: Authenticator) -> str:
    return b64(device.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _places(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [before] if not isinstance(value, dict | list) else []
    return found + [place for name, one in inner for place in _places(one, (*before, name))]


def _change(value: Any, place: tuple[Any, ...]) -> None:
    *way, last = place
    for name in way:
        value = value[name]
    was = value[last]
    if isinstance(was, str) and was:
        value[last] = ("A" if was[0] != "A" else "B") + was[1:]
    elif isinstance(was, bool):
        value[last] = not was
    else:
        value[last] = 1 if was is None else was + 1 if isinstance(was, int) else "x"
