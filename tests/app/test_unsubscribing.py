"""One click in a mail: it holds at once, without any account, comes back as an event, and says nothing to strangers."""

import asyncio
import contextlib
import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.act.messages import Unsubscribing, blinded, said_by, token_of
from rapport.app.embedded import open_ledger
from rapport.app.node import application
from rapport.kernel.keys import SealKey, fresh_key
from rapport.web import language
from tests.app.post_office import ORG, office, postman
from tests.app.test_messaging import soon

__all__ = ["office", "postman", "soon"]
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@contextlib.asynccontextmanager
async def client_of(house):
    """A client of a whole web process."""
    async with (
        application(house.settings) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as client,
    ):
        yield client


def asked(office, *requests):
    """Answers to (method, path, fields, headers) by a whole web process."""

    async def answers():
        async with client_of(office.house) as client:
            return [
                await client.request(method, path, data=data, headers=headers)
                for method, path, data, headers in requests
            ]

    return asyncio.run(answers())


def post(office, path, data=None, **headers):
    return asked(office, ("POST", path, data, headers))[0]


@pytest.fixture
def mail(office, postman):
    """The mail of a decision that was sent."""
    answer = office.decide()
    office.open()
    office.until(answer, "delivered")
    office.messenger.close()
    office.messenger = None
    return postman.got[-1]


@pytest.fixture
def path(mail, office):
    link = re.fullmatch(r"<(.*)>", mail["List-Unsubscribe"])[1]
    assert link.startswith(office.house.settings.url)
    return link.removeprefix(office.house.settings.url)


def rules(office):
    answer = office.desk.decide(channel="email", deliver=True)
    return {one["rule"] for one in answer["excluded"]}


def test_what_a_mail_program_posts_stops_the_mails_and_comes_back_as_an_event(office, path, mail):
    assert "unreachable" not in rules(office)
    assert post(office, path, ONE_CLICK).status_code == 200
    assert rules(office) == {"unreachable"}
    office.house.settle()
    (event,) = [one for one in office.house.timeline("user_id:ada") if one["name"] == "Unsubscribed"]
    assert event["source"] == "messages"
    assert event["properties"] == {"channel": "email", "decision": mail["Message-ID"][1:].partition("@")[0]}


def test_it_is_told_once_however_often_it_is_pressed(office, path):
    asked(office, *[("POST", path, ONE_CLICK, {})] * 3)
    office.house.settle()
    assert [one["name"] for one in office.house.timeline("user_id:ada")].count("Unsubscribed") == 1


def test_it_says_nothing_about_who_anybody_is(office, path):
    before = set(office.house.customers())
    post(office, path, ONE_CLICK)
    office.house.settle()
    after = set(office.house.customers())
    assert len(before) == len(after)


def test_what_waits_already_is_withdrawn(office, path, postman):
    waiting = office.decide()
    office.desk.ledger.db.execute("UPDATE message SET next_at = next_at + 60000000 WHERE state = 'waiting'")
    post(office, path, ONE_CLICK)
    office.desk.ledger.db.execute("UPDATE message SET next_at = 0 WHERE state = 'waiting'")
    office.open()
    office.until(waiting, "withdrawn")
    assert len(postman.got) == 1


def test_looking_at_the_page_changes_nothing_and_its_button_does(office, path):
    looked, pressed, again = asked(
        office, ("GET", path, None, {}), ("POST", path, ONE_CLICK, {}), ("POST", path, {"step": "again"}, {})
    )
    assert [one.status_code for one in (looked, pressed, again)] == [200, 200, 200]
    assert "Stop these mails" in looked.text
    assert "You get no more mails from" in pressed.text
    assert "Stop these mails" in again.text
    assert "unreachable" not in rules(office)
    assert looked.headers["referrer-policy"] in ("no-referrer", "strict-origin")
    assert "ada@example.com" not in looked.text + pressed.text


def test_the_page_speaks_two_languages(office, path):
    (page,) = asked(office, ("GET", path, None, {"accept-language": "de"}))
    assert "Diese Mails beenden" in page.text
    assert language.NAMES["de"] in page.text


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"List-Unsubscribe=One-Click", b"a=b&" * 100, b"x" * 4_000])
def test_whatever_a_mail_program_posts_is_one_click(office, path, body):
    async def answer():
        async with client_of(office.house) as client:
            return await client.post(path, content=body, headers={"content-type": "multipart/form-data"})

    assert asyncio.run(answer()).status_code == 200
    assert rules(office) == {"unreachable"}


def test_a_wrong_token_is_told_nothing_more(office, path):
    cut, changed = path[:-4], path[:-4] + ("AAAA" if path[-4:] != "AAAA" else "BBBB")
    gone = asked(
        office, *[(way, where, None, {}) for way in ("GET", "POST") for where in (cut, changed, "/u/x", "/u/ä")]
    )
    assert {one.status_code for one in gone} == {404}
    assert "unreachable" not in rules(office)


def test_it_holds_for_who_has_no_account_after_they_were_erased_too(office, path):
    ledger = office.desk.ledger
    records = [row[0] for row in ledger.db.execute("SELECT DISTINCT record FROM message")]
    ledger.keys.destroy_records(records)
    assert post(office, path, ONE_CLICK).status_code == 200
    office.house.settle()
    assert office.messages.has_unsubscribed(ORG, "ada@example.com")
    with contextlib.closing(open_ledger(office.house.settings)) as again:
        (row,) = again.db.execute("SELECT * FROM unsubscribed").fetchall()
    assert b"ada" not in row[1]


def test_another_companys_mails_go_on(office, path):
    office.desk.ledger.add_org("corner")
    post(office, path, ONE_CLICK)
    assert office.messages.has_unsubscribed(ORG, "ada@example.com")
    assert not office.messages.has_unsubscribed("corner", "ada@example.com")
    assert not office.messages.has_unsubscribed(ORG, "bo@example.com")


KEY, OTHER_KEY = SealKey(fresh_key()), SealKey(fresh_key())


@given(
    st.text(max_size=30), st.text(max_size=60), st.text(max_size=30), st.floats(0, 0.999), st.characters(), st.text()
)
def test_a_token_says_what_it_was_made_of_to_its_node_alone(org, address, decision, where, letter, anything):
    said = Unsubscribing(org, blinded(KEY.raw, org, address), decision)
    token = token_of(KEY, said)
    assert said_by(KEY, token) == said
    assert said_by(OTHER_KEY, token) is None
    assert said_by(KEY, anything) is None
    at = int(where * (len(token) - 1))  # the last letter of base64 may stand for fewer bits than it has
    wrong = token[:at] + letter + token[at + 1 :]
    assert said_by(KEY, wrong) is None or letter == token[at]
