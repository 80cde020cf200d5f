"""What an idle worker destroys: log entries taken in a day ago, with their keys, and nothing that still waits."""

import pytest

from rapport.adapters.embedded import log as log_file
from rapport.app.embedded import open_keys
from rapport.kernel.errors import Corrupt
from rapport.kernel.times import DAY, HOUR, now
from tests.profile.house import House, at, told

TICK = told(at("10:00"), type="track", userId="ada", event="Ticked", messageId="m1")


@pytest.fixture
def house():
    with House() as house:
        yield house


def send_at(house, moment, event, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(log_file, "now", lambda: moment)
        house.send(event)


def test_entries_go_a_day_after_they_were_taken_in_and_their_keys_with_them(house, monkeypatch):
    old = now() - 2 * DAY
    send_at(house, old, TICK, monkeypatch)
    house.send({**TICK, "messageId": "m2"})
    house.settle()
    house.worker.step()
    assert [seq for seq, _ in house.log.read(0, 10)] == [2]
    with pytest.raises(Corrupt):
        open_keys(house.settings).log(old // HOUR)
    assert house.view("user_id:ada")["events"]["total"] == 2


def test_state_is_on_the_disk_before_the_log_lets_go(house, monkeypatch):
    send_at(house, now() - 2 * DAY, TICK, monkeypatch)
    house.settle()
    order = []
    durable, drop = house.worker.state.make_durable, house.worker._log.drop
    monkeypatch.setattr(house.worker.state, "make_durable", lambda: (order.append("durable"), durable()))
    monkeypatch.setattr(house.worker._log, "drop", lambda *a: (order.append("drop"), drop(*a))[1])
    house.worker.step()
    assert order == ["durable", "drop"]


def test_what_still_waits_is_kept_however_old_it_is(house, monkeypatch):
    send_at(house, now() - 9 * DAY, TICK, monkeypatch)
    house.worker._keep_house()
    assert house.settle().view("user_id:ada")["events"]["total"] == 1
