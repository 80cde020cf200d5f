"""A device is bound by a code and the number that it shows, and by nothing else."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rapport.adapters.embedded.accounts import Accounts
from rapport.app.embedded import open_ledger
from rapport.app.presence import HousePresence
from rapport.kernel.errors import BadInput, Conflict, NotFound, TooMany, Unauthorized
from rapport.kernel.times import SECOND, now
from rapport.signin import devices
from rapport.web.portal.told import Session
from tests.app.lobby import ORIGIN, Lobby, here, pair, poll, run, signed
from tests.signin.device import SoftDevice
from tests.web.portal.person import Straight


@pytest.fixture
def lobby() -> Iterator[Lobby]:
    with Lobby() as lobby:
        yield lobby


def test_a_device_is_bound_by_its_code_and_the_number_that_it_shows(lobby: Lobby) -> None:
    watch = SoftDevice(ORIGIN)
    told = pair(lobby.desk, watch, name="Ada's watch")
    assert (told["at"], told["expires_in"], told["interval"]) == (f"{ORIGIN}/me/devices/pair", 300, 2)
    assert poll(lobby.desk, watch) == {"status": "waiting"}
    asked = run(lobby.desk.enter(lobby.ada, told["code"].lower()))
    assert (asked.kind, asked.name) == ("watch", "Ada's watch")
    confirm = poll(lobby.desk, watch)
    assert confirm["status"] == "confirm"
    run(lobby.desk.approve(lobby.ada, told["code"], confirm["number"]))
    assert poll(lobby.desk, watch)["device"]["name"] == "Ada's watch"
    (kept,) = run(lobby.desk.bound(lobby.ada))
    assert (kept.kind, kept.name, kept.until) == ("watch", "Ada's watch", None)
    assert run(lobby.desk.bound(lobby.bo)) == ()


def test_who_has_no_passkey_binds_nothing(lobby: Lobby) -> None:
    watch = SoftDevice(ORIGIN)
    code = pair(lobby.desk, watch)["code"]
    by_link = Session(lobby.ada.person, bound=False)
    with pytest.raises(Conflict):
        run(lobby.desk.enter(by_link, code))
    assert poll(lobby.desk, watch) == {"status": "waiting"}
    run(lobby.desk.enter(lobby.ada, code))
    with pytest.raises(Conflict):
        run(lobby.desk.approve(by_link, code, poll(lobby.desk, watch)["number"]))


def test_a_wrong_number_ends_the_pairing(lobby: Lobby) -> None:
    watch = SoftDevice(ORIGIN)
    code = pair(lobby.desk, watch)["code"]
    run(lobby.desk.enter(lobby.ada, code))
    number = poll(lobby.desk, watch)["number"]
    with pytest.raises(BadInput):
        run(lobby.desk.approve(lobby.ada, code, f"{(int(number) + 1) % 100:02}"))
    with pytest.raises(NotFound):
        run(lobby.desk.approve(lobby.ada, code, number))
    with pytest.raises(Unauthorized):
        poll(lobby.desk, watch)


def test_a_code_that_is_unknown_another_s_or_too_old_is_refused_alike(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = SoftDevice(ORIGIN)
    theirs, old = pair(lobby.desk, watch)["code"], pair(lobby.desk, SoftDevice(ORIGIN))["code"]
    run(lobby.desk.enter(lobby.bo, theirs))
    tv = SoftDevice(ORIGIN)
    late = pair(lobby.desk, tv)["code"]
    run(lobby.desk.enter(lobby.ada, late))
    number = poll(lobby.desk, tv)["number"]
    said = set()
    for code in ("BCDF-GHJK", "", "\ud800", theirs):
        with pytest.raises(NotFound) as refused:
            run(lobby.desk.enter(lobby.ada, code))
        said.add((refused.value.status, refused.value.code, refused.value.message))
    with pytest.raises(NotFound) as refused:  # the number is right, and the code is Bo's
        run(lobby.desk.approve(lobby.ada, theirs, poll(lobby.desk, watch)["number"]))
    said.add((refused.value.status, refused.value.code, refused.value.message))
    later = now() + devices.PAIRING_LIFE
    monkeypatch.setattr("rapport.adapters.embedded.devices.now", lambda: later)
    with pytest.raises(NotFound) as refused:
        run(lobby.desk.enter(lobby.ada, old))
    said.add((refused.value.status, refused.value.code, refused.value.message))
    with pytest.raises(NotFound) as refused:  # typed in time, and approved too late
        run(lobby.desk.approve(lobby.ada, late, number))
    said.add((refused.value.status, refused.value.code, refused.value.message))
    assert len(said) == 1


@pytest.mark.parametrize("step", ["enter", "approve"])
def test_codes_are_tried_only_so_often(lobby: Lobby, step: str) -> None:
    def guess() -> None:
        for _ in range(50):
            code = devices.new_code()
            with contextlib.suppress(NotFound):
                asked = (
                    lobby.desk.enter(lobby.ada, code) if step == "enter" else lobby.desk.approve(lobby.ada, code, "11")
                )
                run(asked)

    with pytest.raises(TooMany):
        guess()
    with pytest.raises(NotFound):
        run(lobby.desk.enter(lobby.bo, devices.new_code()))


def test_what_a_device_signs_to_be_paired_counts_once_in_every_process(lobby: Lobby) -> None:
    watch, desks = SoftDevice(ORIGIN), (lobby.desk, lobby.another())
    start = signed(watch, "/presence/pair", {"kind": "watch", "name": "Mine"})
    run(lobby.desk.pair(start, "watch", "Mine"))
    question = signed(watch, "/presence/pair/poll")
    assert run(lobby.desk.poll(question)) == {"status": "waiting"}
    for desk in desks:
        with pytest.raises(Unauthorized):
            run(desk.pair(start, "watch", "Mine"))
        with pytest.raises(Unauthorized):
            run(desk.poll(question))


def test_only_so_many_devices_are_being_paired_at_once(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rapport.adapters.embedded.devices.MOST_PAIRINGS", 2)
    watch = SoftDevice(ORIGIN)
    for device in (watch, SoftDevice(ORIGIN), watch):  # who begins again takes no more room
        pair(lobby.desk, device)
    with pytest.raises(TooMany):
        pair(lobby.desk, SoftDevice(ORIGIN))
    later = now() + devices.PAIRING_LIFE
    monkeypatch.setattr("rapport.adapters.embedded.devices.now", lambda: later)
    pair(lobby.desk, SoftDevice(ORIGIN))


def test_a_key_that_is_bound_is_not_bound_again(lobby: Lobby) -> None:
    watch = lobby.bound(lobby.ada)
    with pytest.raises(Conflict):
        pair(lobby.desk, watch)


def test_of_fifty_who_approve_one_code_at_once_one_does(lobby: Lobby) -> None:
    watch = SoftDevice(ORIGIN)
    code = pair(lobby.desk, watch)["code"]
    run(lobby.desk.enter(lobby.ada, code))
    number = poll(lobby.desk, watch)["number"]
    desks = [lobby.another() for _ in range(8)]

    def tried(turn: int) -> bool:
        with contextlib.suppress(NotFound):
            run(desks[turn % 8].approve(lobby.ada, code, number))
            return True
        return False

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(tried, range(50))) == 1
    assert len(run(lobby.desk.bound(lobby.ada))) == 1


def test_a_screen_ends_by_itself(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    screen, tv = lobby.bound(lobby.ada, "screen"), lobby.bound(lobby.ada, "tv")
    here(lobby.desk, screen)
    later = now() + devices.SCREEN_LIFE
    monkeypatch.setattr("rapport.adapters.embedded.devices.now", lambda: later)
    with pytest.raises(Unauthorized):
        here(lobby.desk, screen)
    assert [one.kind for one in run(lobby.desk.bound(lobby.ada))] == ["tv"]
    here(lobby.desk, tv)


def test_screens_that_ended_leave_room_and_may_be_bound_again(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rapport.adapters.embedded.devices.MOST_DEVICES", 2)
    screen, _ = lobby.bound(lobby.ada, "screen"), lobby.bound(lobby.ada, "screen")
    with pytest.raises(Conflict, match="all there may be"):
        lobby.bound(lobby.ada, "tv")
    with pytest.raises(Conflict, match="bound already"):
        pair(lobby.desk, screen, "screen")
    later = now() + devices.SCREEN_LIFE
    monkeypatch.setattr("rapport.adapters.embedded.devices.now", lambda: later)
    lobby.bound(lobby.ada, "tv")
    code = pair(lobby.desk, screen, "screen")["code"]
    run(lobby.desk.enter(lobby.bo, code))
    run(lobby.desk.approve(lobby.bo, code, poll(lobby.desk, screen)["number"]))
    assert [one.kind for one in run(lobby.desk.bound(lobby.ada))] == ["tv"]
    assert [one.kind for one in run(lobby.desk.bound(lobby.bo))] == ["screen"]


class Pairing(RuleBasedStateMachine):
    """No order of starting, typing, approving, asking, waiting and letting go gives a device to anybody but who typed
    its code and approved its number."""

    def __init__(self) -> None:
        super().__init__()
        self.lobby = Lobby()
        self.clock = now()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("rapport.adapters.embedded.devices.now", lambda: self.clock)
        self.patch.setattr("rapport.app.presence.CODES_A_MINUTE", 10**6)
        self.desk = HousePresence(
            lambda: open_ledger(self.lobby.settings),
            bytes(32),
            ORIGIN,
            self.lobby.people,
            self.lobby.reader,
            self.lobby.gate,
            Straight(self.lobby),
        )
        for limit in ("_codes", "_pairings", "_requests", "_events"):
            self.patch.setattr(getattr(self.desk, limit), "count", lambda _: None)
        self.people = [self.lobby.ada, self.lobby.bo]
        self.devices = [SoftDevice(ORIGIN) for _ in range(3)]
        self.codes: dict[int, tuple[str, int]] = {}  # device → (code, when it ends)
        self.typed: dict[int, int] = {}  # device → who typed its code
        self.shown: dict[int, str] = {}  # device → the number that it showed last, also where that counts no longer
        self.owners: dict[int, int] = {}

    def live(self, device: int) -> bool:
        return device in self.codes and self.codes[device][1] > self.clock

    def ended(self, device: int) -> None:
        self.codes.pop(device, None)
        self.typed.pop(device, None)

    @rule(device=st.integers(0, 2))
    def start(self, device: int) -> None:
        try:
            code = pair(self.desk, self.devices[device])["code"]
        except Conflict:
            assert device in self.owners
        else:
            assert device not in self.owners
            self.ended(device)
            self.codes[device] = (code, self.clock + devices.PAIRING_LIFE)

    @precondition(lambda self: self.codes)
    @rule(data=st.data(), person=st.integers(0, 1))
    def type_code(self, data: st.DataObject, person: int) -> None:
        device = data.draw(st.sampled_from(sorted(self.codes)))
        may = self.live(device) and self.typed.get(device, person) == person
        try:
            run(self.desk.enter(self.people[person], self.codes[device][0]))
        except NotFound:
            assert not may
        else:
            assert may
            self.typed[device] = person
            self.shown[device] = poll(self.desk, self.devices[device])["number"]

    @precondition(lambda self: self.codes)
    @rule(data=st.data(), person=st.integers(0, 1), right=st.booleans())
    def approve(self, data: st.DataObject, person: int, right: bool) -> None:
        device = data.draw(st.sampled_from(sorted(self.codes)))
        mine = self.live(device) and self.typed.get(device) == person
        shown = self.shown.get(device, "00")
        number = shown if right else f"{(int(shown) + 1) % 100:02}"
        try:
            run(self.desk.approve(self.people[person], self.codes[device][0], number))
        except (NotFound, BadInput):
            assert not (mine and right)
            if mine:
                self.ended(device)
        else:
            assert mine
            assert right
            self.ended(device)
            self.owners[device] = person

    @rule(device=st.integers(0, 2))
    def ask(self, device: int) -> None:
        try:
            status = poll(self.desk, self.devices[device])["status"]
        except Unauthorized:
            status = ""
        wanted = "" if not self.live(device) else "confirm" if device in self.typed else "waiting"
        assert status == ("paired" if device in self.owners else wanted)

    @rule(seconds=st.sampled_from([1, 100, 300]))
    def wait(self, seconds: int) -> None:
        self.clock += seconds * SECOND

    @rule(person=st.integers(0, 1))
    def let_go(self, person: int) -> None:
        Accounts(self.lobby.ledger).end_everything(self.people[person].person)
        self.owners = {device: owner for device, owner in self.owners.items() if owner != person}
        for device in [device for device, typed in self.typed.items() if typed == person]:
            self.ended(device)

    @invariant()
    def each_has_theirs_alone(self) -> None:
        for person, session in enumerate(self.people):
            count = sum(owner == person for owner in self.owners.values())
            assert len(run(self.desk.bound(session))) == count

    def teardown(self) -> None:
        self.patch.undo()
        self.desk.close()
        self.lobby.close()


TestPairing = Pairing.TestCase
TestPairing.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
