"""The edges of the HTTP API: what needs no token, methods, addresses that are none, and bytes that are no request."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.api import House, bearer, house, is_problem
from tests.e2e.running import http


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("edges")) as home:
        yield home


OPEN = {
    "/": "text/html; charset=utf-8",
    "/healthz": "application/json",
    "/readyz": "application/json",
    "/metrics": "text/plain; version=0.0.4; charset=utf-8",
    "/openapi.json": "application/json",
}


@pytest.mark.parametrize("path", OPEN)
def test_operations_need_no_token(home: House, path: str) -> None:
    for headers in ({}, bearer("garbage")):
        answer = http("GET", home.node.url + path, headers=headers)
        assert (answer.status, answer.headers["content-type"]) == (200, OPEN[path])
        assert answer.body
        head = http("HEAD", home.node.url + path, headers=headers)
        assert (head.status, head.body, head.headers["content-type"]) == (200, b"", OPEN[path])


def test_health_says_how_the_node_is(home: House) -> None:
    assert http("GET", f"{home.node.url}/healthz").json == {"status": "alive"}
    assert http("GET", f"{home.node.url}/readyz").json == {"status": "ready"}


def test_metrics_are_numbers_without_a_name_of_anybody(home: House) -> None:
    home.acme.send({"type": "identify", "userId": "u-canary", "traits": {"email": "canary@example.com"}})
    home.acme.view("user_id:u-canary")
    home.acme.read("email:canary@example.com")
    text = http("GET", f"{home.node.url}/metrics").body.decode()
    names = [line.split()[0] for line in text.splitlines() if not line.startswith("#")]
    assert all(name.startswith("rapport_") for name in names)
    assert len(names) == len({*names}) > 0
    assert all(f"# TYPE {name} " in text and f"# HELP {name} " in text for name in names)
    assert all(float(line.split()[1]) >= 0 for line in text.splitlines() if not line.startswith("#"))
    assert all(word not in text for word in ("canary", "example", "acme"))


def test_the_description_names_the_nodes_own_origin_whatever_host_was_asked(home: House) -> None:
    for host in ("evil.example.com", "localhost"):
        answer = http("GET", f"{home.node.url}/openapi.json", headers={"host": host})
        assert answer.json["servers"] == [{"url": f"http://localhost:{home.node.port}"}]
    again = http("GET", f"{home.node.url}/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


TAKES = {
    "/v1/customers/view": "POST",
    "/v1/customers/user_id:ada/view": "GET, HEAD",
    "/v1/customers/user_id:ada/events": "GET, HEAD",
    "/v1/evidence": "POST",
    "/v1/evidence/evi_x/retract": "POST",
    "/v1/track": "POST, OPTIONS",
    "/v1/batch": "POST, OPTIONS",
    "/batch/": "POST, OPTIONS",
    "/healthz": "GET, HEAD",
    "/readyz": "GET, HEAD",
    "/metrics": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
    "/": "GET, HEAD",
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.mark.parametrize("path", TAKES)
def test_a_method_that_an_address_does_not_take_is_told_which_it_does(home: House, path: str) -> None:
    for method in METHODS:
        if method in TAKES[path].split(", "):
            continue
        answer = http(method, home.node.url + path, headers=bearer(home.acme.api_token))
        assert (answer.status, answer.headers["allow"]) == (405, TAKES[path]), method
        if method != "HEAD":
            assert is_problem(answer, 405, "method_not_allowed")


NOWHERE = [
    "/nothing",
    "/v1",
    "/v1/",
    "/v1/nothing",
    "/v1/customers",
    "/v1/customers/",
    "/v1/customers/user_id:ada",
    "/v1/customers/user_id:ada/",
    "/v1/customers/user_id:ada/view/",
    "/v1/customers/user_id:ada/secrets",
    "/v1/customers/user_id:ada/View",
    "/v1/evidence/",
    "/v1/evidence/a/b/retract",
    "/healthz/",
    "/openapi.json/",
    "//healthz",
    "/%2e%2e/healthz",
]


@pytest.mark.parametrize("path", NOWHERE)
def test_an_address_that_is_none_is_absent_and_sends_nobody_elsewhere(home: House, path: str) -> None:
    for method in ("GET", "POST"):
        token = home.acme.api_token
        answer = http(method, home.node.url + path, headers={**bearer(token), "host": "evil.example.com"})
        if method == "POST" and path.startswith("/v1/customers/"):
            assert is_problem(answer, 405, "method_not_allowed")
        else:
            assert is_problem(answer, 404, "not_found"), path
        assert "location" not in answer.headers
        assert "evil" not in answer.body.decode()


NO_REQUESTS = [
    b"\x00\x01\x02\r\n\r\n",
    b"GET\r\n\r\n",
    b"BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/9.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n",
    b"POST /v1/evidence HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/evidence HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST /v1/evidence HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    b"GET /v1/customers/user_id:" + b"x" * 70_000 + b"/view?purpose=service HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /v1/customers/user_id:é/view?purpose=service HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


@pytest.mark.parametrize("request_", NO_REQUESTS, ids=[ascii(request[:50]) for request in NO_REQUESTS])
def test_bytes_that_are_no_request_are_refused_and_harm_nobody(home: House, request_: bytes) -> None:
    assert home.raw(request_).startswith(b"HTTP/1.1 400 ")
    assert http("GET", f"{home.node.url}/healthz").status == 200


def test_a_request_may_name_the_whole_address(home: House) -> None:
    answer = home.raw(b"GET http://evil.example.com/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"status": "alive"}


def test_nothing_says_what_the_node_is_made_of(home: House) -> None:
    for path in ("/healthz", "/nothing", "/v1/track", "/"):
        headers = {name for name, _ in http("GET", home.node.url + path).headers.items()}
        assert not headers & {"server", "x-powered-by", "via"}
