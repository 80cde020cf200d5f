import socket
import time

import pytest

from rapport.cli.demo.history import Call
from rapport.cli.demo.sending import BATCH, NodeGone, Sender
from rapport.kernel.errors import Unauthorized
from rapport.kernel.times import MINUTE, now, parse_rfc3339
from tests.cli.listening import Listener, Trouble


def call(number: int, source: str = "web", skew: int = 0, at: int | None = None) -> Call:
    at = now() if at is None else at
    body = {"type": "track", "event": "Product Viewed", "userId": "u1", "messageId": f"m{number}"}
    return Call(at, at, source, skew, body)


def sender(listener: Listener, patience: float = 5.0) -> Sender:
    return Sender("127.0.0.1", listener.port, lambda source: f"key-of-{source}", patience=patience)


def ids(listener: Listener) -> list[str]:
    return [event["messageId"] for event in listener.events]


def test_each_source_sends_with_its_own_key_over_one_kept_connection(listener: Listener) -> None:
    sending = sender(listener)
    sending.send([call(1, "web"), call(2, "till"), call(3, "web")])
    sending.send([call(4, "crm")])
    sending.close()
    assert {(r.path, r.write_key) for r in listener.taken} == {
        ("/v1/batch", "key-of-web"),
        ("/v1/track", "key-of-till"),
        ("/v1/track", "key-of-crm"),
    }
    assert len({request.connection for request in listener.taken}) == 1
    assert sending.sent == 4


def test_many_calls_go_in_batches_in_their_order(listener: Listener) -> None:
    sending = sender(listener)
    sending.send([call(n) for n in range(2 * BATCH + 1)])
    sending.close()
    assert [len(request.events) for request in listener.taken] == [BATCH, BATCH, 1]
    assert ids(listener) == [f"m{n}" for n in range(2 * BATCH + 1)]


def test_a_client_whose_clock_is_off_says_so_by_its_sent_at(listener: Listener) -> None:
    sending, at = sender(listener), now() - 60 * MINUTE
    sending.send([call(1, skew=7 * MINUTE, at=at), call(2, at=at)])
    sending.close()
    for request, skew in zip(listener.taken, (7 * MINUTE, 0), strict=True):
        sent_at = parse_rfc3339(request.body["sentAt"])
        assert abs(sent_at - skew - now()) < MINUTE, "the clock is off by this much"
        assert parse_rfc3339(request.events[0]["timestamp"]) == at + skew, "in what it says of events, too"


@pytest.mark.parametrize(
    "trouble",
    [Trouble(503, "0"), Trouble(429, "0"), Trouble(0), Trouble(503)],
    ids=["busy", "too many", "cut off", "no word of when"],
)
def test_trouble_that_passes_loses_nothing_and_repeats_nothing_else(listener: Listener, trouble: Trouble) -> None:
    listener.trouble.extend([trouble, trouble])
    sending = sender(listener)
    sending.send([call(1)])
    sending.send([call(2)])
    sending.close()
    assert ids(listener) == ["m1", "m2"]
    assert [request.events[0]["messageId"] for request in listener.refused] == ["m1", "m1"]


def test_a_rotated_write_key_is_looked_up_again(listener: Listener) -> None:
    keys = iter(["old", "new"])
    sending = Sender("127.0.0.1", listener.port, lambda _: next(keys))
    listener.trouble.append(Trouble(401))
    sending.send([call(1)])
    sending.close()
    assert [request.write_key for request in (*listener.refused, *listener.taken)] == ["old", "new"]


def test_a_node_of_another_directory_is_told_apart_from_one_that_is_busy(listener: Listener) -> None:
    listener.trouble.extend([Trouble(401), Trouble(401)])
    sending = sender(listener)
    with pytest.raises(Unauthorized, match="--data"):
        sending.send([call(1)])
    sending.close()


def test_what_a_node_rejects_is_counted_and_does_not_stop_the_rest(listener: Listener) -> None:
    body = b'{"code":"all_rejected","message":"x","rejected":[{"index":0,"code":"missing_id"},{"index":1}]}'
    listener.trouble.append(Trouble(400, body=body))
    sending = sender(listener)
    sending.send([call(1), call(2)])
    sending.send([call(3)])
    sending.close()
    assert sending.rejected == 2
    assert ids(listener) == ["m3"]


def test_a_node_that_is_gone_is_not_waited_for_for_ever() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    sending, began = Sender("127.0.0.1", port, lambda _: "key", patience=0.5), time.monotonic()
    with pytest.raises(NodeGone):
        sending.send([call(1)])
    assert time.monotonic() - began > 0.4


def test_a_node_that_is_starting_is_waited_for(listener: Listener) -> None:
    listener.ready = False
    with pytest.raises(NodeGone, match="rapport up"):
        sender(listener).await_node(0.3)
    listener.ready = True
    sender(listener).await_node(0.3)


def test_without_the_one_who_started_it_nothing_is_waited_for(listener: Listener) -> None:
    listener.trouble.append(Trouble(503, "0"))
    sending = Sender("127.0.0.1", listener.port, lambda _: "key", patience=3_600, orphaned=lambda: True)
    with pytest.raises(NodeGone):
        sending.send([call(1)])
    sending.close()
