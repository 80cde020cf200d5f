"""One request to a real server that is slow, wrong, huge, elsewhere or gone."""

import datetime as dt
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given
from hypothesis import strategies as st

from rapport.act.delivery import MAX_ANSWER
from rapport.act.destinations import address_problem
from rapport.adapters.http import resolving, sending
from rapport.adapters.http.sending import send
from tests.act.receiving import Receiver, drips, drips_to_the_end, eventually, garbage, huge, never, says


def post(receiver: Receiver, **more: Any) -> sending.Answer:
    return send(receiver.url, b'{"a":1}', {"x-more": "yes"}, private=True, **more)


def test_the_exact_bytes_arrive_with_their_headers() -> None:
    with Receiver(says(201, {"ok": 1}, **{"X-Said": "hello"})) as receiver:
        answer = post(receiver)
        (got,) = receiver.got
    assert (answer.status, answer.body, answer.headers["x-said"], answer.taken) == (201, b'{"ok": 1}', "hello", True)
    assert (got.path, got.body, got.headers["x-more"]) == ("/in", b'{"a":1}', "yes")
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("Rapport/")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with Receiver() as inside, Receiver(says(307, Location=inside.url), says(302, Location=inside.url)) as receiver:
        for _ in range(2):
            answer = post(receiver)
            assert not answer.taken
            assert "redirects are not followed" in answer.why_not
    assert inside.got == []
    assert inside.visited == []


@pytest.mark.parametrize("behaviour", [never, drips, drips_to_the_end])
def test_whoever_is_slow_is_given_up_in_time(behaviour: Any) -> None:
    with Receiver(behaviour) as receiver:
        answer = post(receiver, timeout_s=0.5)
    assert (answer.status, answer.taken) == (0, False)
    assert "did not answer within" in answer.error


def test_what_is_no_http_is_no_answer() -> None:
    with Receiver(garbage) as receiver:
        answer = post(receiver)
    assert (answer.status, answer.why_not) == (0, "it answered with what is no HTTP")


def test_of_a_huge_answer_little_is_read() -> None:
    with Receiver(huge) as receiver:
        answer = post(receiver)
    assert (answer.status, len(answer.body), answer.cut) == (200, MAX_ANSWER, True)


def test_many_headers_are_no_answer() -> None:
    with Receiver(says(200, **{f"X-{n}": "x" for n in range(500)})) as receiver:
        assert post(receiver).status == 0


def test_nobody_there_is_told_without_fuss() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        answer = send(f"http://127.0.0.1:{taken.getsockname()[1]}/", b"", {}, private=True)
    assert (answer.status, answer.error) == (0, "it cannot be reached: Connection refused")
    assert send("http://nobody.invalid/", b"", {}).error == "its name cannot be resolved"
    assert send("gopher://example.com/", b"", {}).status == 0
    assert send(f"http://{'a' * 70}.example/", b"", {}).status == 0


def test_a_resolver_that_hangs_holds_nobody_for_long_and_one_thread_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, asked, real = threading.Event(), list[str](), socket.getaddrinfo

    def getaddrinfo(host: str, *args: Any, **more: Any) -> Any:
        asked.append(host)
        if host == "hangs.example":
            go_on.wait(100)
            return real("127.0.0.1", *args, **more)
        return real(host, *args, **more)

    monkeypatch.setattr(resolving.socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(sending, "RESOLVE_S", 1.0)
    try:
        with Receiver() as receiver, ThreadPoolExecutor() as pool:
            hung = [pool.submit(send, f"http://hangs.example:{receiver.port}/", b"x", {}) for _ in range(3)]
            other = pool.submit(send, f"http://localhost:{receiver.port}/in", b"x", {}, private=True)
            assert other.result(30).status == 204
            for one in hung:
                assert one.result(30).error == "its name was not resolved in time"
            began = time.monotonic()
            assert send(f"http://hangs.example:{receiver.port}/", b"x", {}).status == 0
            assert time.monotonic() - began < 30
            assert asked.count("hangs.example") == 1
            go_on.set()
            eventually(lambda: send(f"http://hangs.example:{receiver.port}/", b"x", {}, private=True).taken)
            assert len(receiver.got) == 2
    finally:
        go_on.set()


# -- into the inside of a network


def test_loopback_is_not_reached_without_leave() -> None:
    with Receiver() as receiver:
        for host in ("127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]"):
            answer = send(f"http://{host}:{receiver.port}/", b"x", {})
            assert answer.status == 0, host
            assert "inside a network" in answer.error or "cannot be resolved" in answer.error
    assert receiver.got == []


def test_what_number_a_name_has_inside_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolved("10.20.30.40"))
    error = send("http://payroll.internal/", b"", {}).error
    assert "payroll.internal is inside a network" in error
    assert "10.20" not in error


def resolved(*addresses: str) -> Any:
    """A resolver that answers these to any name."""

    def getaddrinfo(_: str, port: int, **__: Any) -> list[Any]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (one, port, 0, 0))
            if ":" in one
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in addresses
        ]

    return getaddrinfo


@given(st.lists((st.ip_addresses(v=4) | st.ip_addresses(v=6)).map(str), min_size=1, max_size=4))
@example(["93.184.215.14", "10.0.0.1"])
@example(["2606:2800:220:1::1", "93.184.215.14", "::1"])
def test_a_name_that_leads_to_any_address_inside_is_not_connected_to(addresses: list[str]) -> None:
    """Of whatever a resolver answers, all is checked, and nothing but that is connected to."""
    tried: list[str] = []

    class Watched(socket.socket):
        def connect(self, address: Any) -> None:
            tried.append(address[0])
            raise ConnectionRefusedError(111, "Connection refused")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending.socket, "getaddrinfo", resolved(*addresses))
        patch.setattr(sending.socket, "socket", Watched)
        answer = send("http://rebinding.example/", b"", {}, timeout_s=1)
    assert answer.status == 0
    if any(address_problem(one) for one in addresses):
        assert tried == []
    else:
        assert tried == list(dict.fromkeys(addresses))


def test_a_name_is_resolved_once() -> None:
    """A name that leads elsewhere the second time (DNS rebinding) leads where it was checked."""
    asked: list[str] = []
    with Receiver() as receiver, pytest.MonkeyPatch.context() as patch:
        answers = [resolved("127.0.0.1")]

        def getaddrinfo(name: str, port: int, **more: Any) -> list[Any]:
            asked.append(name)
            return answers.pop()(name, port, **more)  # type: ignore[no-any-return]

        patch.setattr(sending.socket, "getaddrinfo", getaddrinfo)
        answer = send(f"http://shop.example:{receiver.port}/x", b"", {}, private=True)
        assert (answer.status, asked) == (204, ["shop.example"])
        assert receiver.got[0].headers["host"] == f"shop.example:{receiver.port}"


def test_of_several_addresses_one_that_refuses_is_passed_over() -> None:
    with Receiver() as receiver, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending.socket, "getaddrinfo", resolved("127.0.0.9", "127.0.0.1"))
        assert send(f"http://shop.example:{receiver.port}/", b"", {}, private=True).status == 204


# -- TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for shop.example with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example")])
    at = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), at, at + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_a_certificate_must_be_good_and_of_the_name_that_was_asked_for(certificate: Path) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    with Receiver(tls=server) as receiver, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending.socket, "getaddrinfo", resolved("127.0.0.1"))
        stranger = send(f"https://shop.example:{receiver.port}/", b"", {}, private=True)
        assert "TLS failed: self-signed certificate" in stranger.error
        patch.setattr(sending, "_trust", lambda: trusting)
        assert send(f"https://shop.example:{receiver.port}/", b"x", {}, private=True).status == 204
        other = send(f"https://other.example:{receiver.port}/", b"x", {}, private=True)
        assert "TLS failed: hostname mismatch" in other.error
        assert len(receiver.got) == 1


def test_a_handshake_that_never_ends_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        answer = send(f"https://127.0.0.1:{mute.getsockname()[1]}/", b"", {}, private=True, timeout_s=0.5)
    assert "did not answer within" in answer.error
