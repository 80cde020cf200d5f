"""How long a delivery is tried, and where it may go."""

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.act import webhooks
from rapport.act.delivery import FIRST_WAIT, GIVE_UP, JITTER, LONGEST_WAIT, Answer, is_over, wait_of
from rapport.act.demands import said_by
from rapport.act.destinations import address_problem, destination, usable
from rapport.kernel.errors import BadInput
from rapport.kernel.times import SECOND, now

LUCK = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10**9), LUCK)
def test_any_wait_is_between_the_first_and_the_longest_give_or_take_chance(tries: int, luck: float) -> None:
    wait = wait_of(tries, luck)
    assert FIRST_WAIT * (1 - JITTER) - 1 <= wait <= LONGEST_WAIT * (1 + JITTER)
    assert wait_of(tries, 0) <= wait_of(tries + 1, 0)


@given(st.lists(LUCK, min_size=60, max_size=60))
def test_whatever_chance_says_it_is_tried_some_dozens_of_times_and_given_up(luck: list[float]) -> None:
    at, tries = 0, 0
    while not is_over(0, at):
        tries += 1
        at += wait_of(tries, luck[tries - 1])
    assert 18 <= tries <= 50
    assert at <= GIVE_UP + LONGEST_WAIT * (1 + JITTER)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(204), ""),
        (Answer(302), "it answered 302: redirects are not followed"),
        (Answer(500, b"<b>secret</b>"), "it answered 500"),
        (Answer(0, error="no"), "no"),
    ],
)
def test_what_went_wrong_is_told_without_the_words_of_the_destination(answer: Answer, why: str) -> None:
    assert answer.why_not == why
    assert answer.taken == (why == "")


# -- addresses

INSIDE_4 = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
]  # fmt: skip
INSIDE_6 = ["::/128", "::1/128", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001:db8::/32", "100::/64"]

FORBIDDEN = [ipaddress.ip_network(one) for one in (*INSIDE_4, *INSIDE_6)]
inside = st.sampled_from(FORBIDDEN).flatmap(
    lambda network: st.integers(int(network.network_address), int(network.broadcast_address)).map(
        ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
    )
)
inside_4 = inside.filter(lambda address: address.version == 4).map(int)


@given(inside)
def test_no_address_inside_a_network_is_delivered_to(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert address_problem(str(address))
    assert address_problem(f"{address}%eth0") if address.version == 6 else True


HIDING = {
    "mapped": lambda four: (0xFFFF << 32) | four,
    "compatible": lambda four: four,
    "6to4": lambda four: (0x2002 << 112) | (four << 80) | 1,
    "NAT64": lambda four: (0x64FF9B << 96) | four,
    "Teredo": lambda four: (0x20010000 << 96) | (0x41378E01 << 64) | (four ^ 0xFFFFFFFF),
}


@given(inside_4, st.sampled_from(sorted(HIDING)))
def test_no_ipv6_address_hides_one_inside(four: int, way: str) -> None:
    assert address_problem(str(ipaddress.IPv6Address(HIDING[way](four))))


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_what_may_be_delivered_to_is_global_and_one_machine(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if not address_problem(str(address)):
        assert address.is_global
        assert not address.is_multicast
        assert not any(address in network for network in FORBIDDEN if network.version == address.version)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_others_are_reached(address: str) -> None:
    assert address_problem(address) == ""


@pytest.mark.parametrize(("address", "reached"), [("127.0.0.1", True), ("::1", True), ("10.1.2.3", True),
                                                  ("0.0.0.0", False), ("224.0.0.1", False), ("::", False),
                                                  ("::ffff:224.0.0.1", False), ("255.255.255.255", False)])  # fmt: skip
def test_a_setting_opens_the_inside_but_nothing_that_is_no_machine(address: str, reached: bool) -> None:
    assert (address_problem(address, private=True) == "") is reached


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "example.com", "//example.com", "",
        "https://", "https:///x", "https://user:pw@example.com/", "https://user@example.com/", "https://@example.com/",
        "https://example.com:0/", "https://example.com:99999/", "https://example.com:x/", "https://exa mple.com/",
        "https://example.com/\r\nX: y", "https://example.com/\x00", "https://exämple.com/", "https://[::1/",
        "https://example.com\\@127.0.0.1/", "https://[fe80::1%25eth0]/", "https://example.com/" + "x" * 2_000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        usable(url, private=True)
    assert (refused.value.code, refused.value.field) == ("bad_url", "url")


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://[::1]:8080/x", "http://169.254.169.254/latest/x",
                                 "http://localhost/", "http://a.localhost:1/", "http://[::ffff:10.0.0.1]",
                                 "http://127.1/", "http://2130706433/", "http://0x7f.1:80/", "http://0177.0.0.1/",
                                 "http://0XA000001./", "http://192.168.257/"])  # fmt: skip
def test_an_inside_address_is_refused_when_it_is_given(url: str) -> None:
    with pytest.raises(BadInput, match="RAPPORT_PRIVATE_DESTINATIONS"):
        usable(url, private=False)
    assert usable(url, private=True) == url


def test_an_address_is_taken_apart() -> None:
    assert destination("https://Example.com./a?b=c#d") == ("https", "example.com", 443, "/a?b=c")
    assert destination("http://example.com:8080") == ("http", "example.com", 8080, "/")


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for made in (text, f"https://{text}", f"http://example.com{text}"):
        try:
            place = destination(made)
        except BadInput:
            continue
        assert place.host
        assert 0 < place.port < 65536


# -- signatures of webhooks


def test_the_example_of_the_specification_verifies() -> None:
    """Of https://github.com/standard-webhooks/standard-webhooks, whose libraries all hold this vector."""
    body = b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert webhooks.verified(headers, body, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330 * SECOND)


@given(st.binary(max_size=200), st.data())
def test_any_message_verifies_and_no_changed_one_does(body: bytes, data: st.DataObject) -> None:
    secret, at = webhooks.fresh_secret(), 1_795_400_000 * SECOND
    dressed = webhooks.dressed("msg_1", body, secret, at)
    assert webhooks.verified(dressed.headers, body, secret, at)
    two = {**dressed.headers, "webhook-signature": f"v1,AAAA {dressed.headers['webhook-signature']}"}
    assert webhooks.verified(two, body, secret, at)
    assert not webhooks.verified(dressed.headers, body + b" ", secret, at)
    assert not webhooks.verified(dressed.headers, body, webhooks.fresh_secret(), at)
    assert not webhooks.verified(dressed.headers, body, secret, at + 301 * SECOND)
    name = data.draw(st.sampled_from(sorted(dressed.headers)))
    other = data.draw(st.text(st.characters(codec="ascii", categories=["L", "P", "S"]), max_size=20))
    assert not webhooks.verified({**dressed.headers, name: other}, body, secret, at)
    assert not webhooks.verified({}, body, secret, at)


def test_the_how_to_verifies_what_is_sent_and_nothing_else() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/receive-webhooks.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    secret = webhooks.fresh_secret()
    dressed = webhooks.dressed("msg_1", b'{"type":"x"}', secret, now())
    assert names["is_genuine"](secret, dressed.headers, dressed.body)
    assert not names["is_genuine"](secret, dressed.headers, b'{"type":"y"}')
    assert not names["is_genuine"](webhooks.fresh_secret(), dressed.headers, dressed.body)
    old = webhooks.dressed("msg_1", dressed.body, secret, now() - 301 * SECOND)
    assert not names["is_genuine"](secret, old.headers, dressed.body)


# -- what an answer says


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(200, b'{"acknowledged": true}'), (True, False)),
        (Answer(200, b'{"acknowledged": true, "id": "dem_1", "more": 1}'), (True, True)),
        (Answer(200, b'{"acknowledged": true, "id": "dem_2"}'), (False, False)),
        (Answer(200, b'{"acknowledged": false}'), (False, False)),
        (Answer(200, b'{"acknowledged": "true"}'), (False, False)),
        (Answer(200, b'{"acknowledged": 1}'), (False, False)),
        (Answer(202, b"{}"), (False, False)),
        (Answer(200, b""), (False, False)),
        (Answer(200, b"\xff"), (False, False)),
        (Answer(200, b"[" * 60_000), (False, False)),
        (Answer(500, b'{"acknowledged": true}'), (False, False)),
        (Answer(200, b'{"acknowledged": true}', cut=True), (False, False)),
    ],
)
def test_only_a_plain_yes_is_an_acknowledgement(answer: Answer, said: tuple[bool, bool]) -> None:
    assert said_by(answer, "dem_1") == said
