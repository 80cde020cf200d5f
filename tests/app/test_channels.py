"""How a company says that it sends: by its own token, refused by name, and its keys are told to nobody again."""

import asyncio
import json
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from rapport.adapters.embedded.audit import AuditLog
from rapport.app.embedded import open_ledger
from rapport.app.node import application
from tests.act.test_mail import ED, pem
from tests.profile.house import ORG, House

EMAIL = {"from": "Shop <shop@shop.example>"}
SIGNED = {**EMAIL, "dkim": {"domain": "shop.example", "selector": "m1", "key": pem(ED)}}


@pytest.fixture
def house():
    with House(private_destinations=True) as house:
        yield house


def asked(house, *requests, scopes=("read", "operator"), org=ORG):
    async def answers():
        async with application(house.settings) as app:
            with closing(open_ledger(house.settings)) as ledger:
                headers = {"authorization": f"Bearer {ledger.mint_token(org, list(scopes))}"}
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as client:
                return [
                    await client.request(method, f"/v1/channels/{channel}", content=json.dumps(body), headers=headers)
                    for method, channel, body in requests
                ]

    return asyncio.run(answers())


def test_a_channel_is_set_up_read_changed_and_taken_down(house):
    absent, made, read, changed, gone, after = asked(
        house,
        ("GET", "email", None),
        ("PUT", "email", EMAIL),
        ("GET", "email", None),
        ("PUT", "email", {**EMAIL, "reply_to": "help@shop.example"}),
        ("DELETE", "email", None),
        ("GET", "email", None),
    )
    assert [one.status_code for one in (absent, made, read, changed, gone, after)] == [404, 201, 200, 200, 204, 404]
    assert read.json() == {"channel": "email", **EMAIL, "reply_to": None, "dkim": None}
    assert changed.json()["reply_to"] == "help@shop.example"
    with closing(open_ledger(house.settings)) as ledger:
        noted = [(one.what, one.about) for one in AuditLog(ledger).page(ORG)[0]]
    assert noted[:3] == [
        ("took a channel down", "email"),
        ("set up a channel", "email"),
        ("set up a channel", "email"),
    ]


def test_a_key_is_told_to_nobody_and_lies_sealed(house):
    made, read = asked(house, ("PUT", "email", SIGNED), ("GET", "email", None))
    assert made.json()["dkim"]["record"]["name"] == "m1._domainkey.shop.example"
    line = SIGNED["dkim"]["key"].splitlines()[1]
    assert "PRIVATE" not in made.text + read.text
    assert line not in made.text + read.text
    files = [file.read_bytes() for file in Path(house.settings.data).glob("ledger.db*")]
    assert not any(line.encode() in content for content in files)


def test_a_webhooks_secret_is_told_once_and_fresh_each_time(house):
    first, second, read = asked(
        house,
        ("PUT", "webhook", {"url": "https://shop.example/in"}),
        ("PUT", "webhook", {"url": "https://shop.example/in"}),
        ("GET", "webhook", None),
    )
    assert first.json()["secret"] != second.json()["secret"]
    assert read.json() == {"channel": "webhook", "url": "https://shop.example/in"}


@pytest.mark.parametrize(
    ("channel", "body", "code"),
    [
        ("email", {"from": "nobody"}, "bad_address"),
        ("email", {"from": "a@b.example\r\nBcc: c@d.example"}, "bad_address"),
        ("email", {**EMAIL, "reply_to": "x"}, "bad_address"),
        ("email", {**EMAIL, "dkim": {**SIGNED["dkim"], "domain": "other.example"}}, "bad_dkim"),
        ("email", {**EMAIL, "dkim": {**SIGNED["dkim"], "key": "x"}}, "bad_dkim"),
        ("email", {"url": "https://x.example"}, "bad_type"),
        ("webhook", {"url": "ftp://x.example"}, "bad_url"),
        ("webhook", {"url": "https://user:pass@x.example"}, "bad_url"),
        ("webhook", EMAIL, "bad_type"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_and_kept_nowhere(house, channel, body, code):
    answer, after = asked(house, ("PUT", channel, body), ("GET", channel, None))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert after.status_code == 404


def test_machines_inside_a_network_are_refused_unless_a_setting_says_so():
    for url in ("http://127.0.0.1/x", "http://10.0.0.1/x", "http://localhost/x", "http://2130706433/"):
        with House() as house:
            assert asked(house, ("PUT", "webhook", {"url": url}))[0].json()["code"] == "bad_url"


def test_who_has_no_operators_token_is_refused_and_other_channels_are_not_there(house):
    assert [one.status_code for one in asked(house, ("PUT", "email", EMAIL), scopes=("read",))] == [403]
    assert [one.status_code for one in asked(house, ("PUT", "sms", EMAIL), ("GET", "inbox", None))] == [404, 404]


def test_another_companys_channel_is_not_this_ones(house):
    with closing(open_ledger(house.settings)) as ledger:
        ledger.add_org("corner")
    asked(house, ("PUT", "email", EMAIL))
    assert asked(house, ("GET", "email", None), org="corner")[0].status_code == 404
