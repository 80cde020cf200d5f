"""A recovery is told to everything that stands for the person, and each can stop it; what may be somebody else's is
told nothing."""

from collections.abc import Iterator
from functools import partial

import msgspec
import pytest

from rapport.adapters.embedded.accounts import Accounts
from rapport.app.embedded import open_ledger
from rapport.app.presence import HousePresence
from rapport.app.proving import Proofs, Proving, open_proofs
from rapport.app.recovering import stop_recovery
from rapport.kernel.errors import NotFound, Unauthorized
from rapport.signin.passkeys import Made
from tests.app.lobby import ORIGIN, Lobby, here, run, signed
from tests.profile.house import ORG
from tests.signin.device import SoftDevice
from tests.web.portal.person import Straight

BOX = "ada@example.com"
STOP = "/presence/recovery/stop"


class Ward(Lobby):
    """Ada has shown an address, and recovery codes; her devices can stop a recovery."""

    def __init__(self) -> None:
        super().__init__()
        self.where = msgspec.structs.replace(self.settings, recovery_hours=0)
        self.proving = Proving(self.where)
        self.proofs: Proofs = open_proofs(self.where)
        stop = partial(stop_recovery, self.proving)
        self.desk = HousePresence(
            lambda: open_ledger(self.settings),
            bytes(32),
            ORIGIN,
            self.people,
            self.reader,
            self.gate,
            Straight(self),
            stop_recovery=stop,
        )
        self.desks.append(self.desk)
        waiting = self.proofs.contacts.start(self.ada.person, "email", BOX)
        assert waiting.code is not None
        self.proofs.contacts.verify(self.ada.person, waiting.handle, waiting.code, 0, None)
        self.papers = self.proofs.contacts.new_recovery_codes(self.ada.person)

    def recover(self) -> str:
        waiting = self.proofs.contacts.start_recovery("email", BOX)
        assert waiting.code is not None
        return self.proofs.recovering.begin(waiting.handle, waiting.code, self.papers.pop())[0]

    def finish(self, secret: str) -> None:
        made = Made(b"new" * 8, bytes(77), 0, synced=True)
        self.proofs.recovering.finish(secret, made, "new", "a browser", (secret.encode(), 1 << 62))

    def close(self) -> None:
        self.proving.close()
        super().close()


@pytest.fixture
def ward() -> Iterator[Ward]:
    with Ward() as ward:
        yield ward


def told(ward: Ward, device: SoftDevice) -> object:
    by_session = run(ward.desk.stays(signed(device, "/presence/session", method="GET")))["recovering"]
    assert here(ward.desk, device)["recovering"] == by_session
    return by_session


def stop(ward: Ward, device: SoftDevice) -> object:
    return run(ward.desk.stop(signed(device, STOP)))


@pytest.mark.parametrize("kind", ["watch", "tv", "button"])
def test_every_device_of_the_person_s_is_told_and_each_can_stop_it(ward: Ward, kind: str) -> None:
    device, other = ward.bound(ward.ada, kind), ward.bound(ward.bo)
    assert told(ward, device) is None
    with pytest.raises(NotFound):
        stop(ward, device)
    secret = ward.recover()
    assert isinstance(told(ward, device), str)
    assert told(ward, other) is None  # another person's is told nothing of it, and stops nothing
    with pytest.raises(NotFound):
        stop(ward, other)
    assert stop(ward, device) == {"stopped": True}
    assert told(ward, device) is None
    with pytest.raises(Unauthorized):
        ward.finish(secret)
    assert Accounts(ward.ledger).passkeys(ward.ada.person) == []


def test_what_may_be_somebody_else_s_screen_is_told_nothing_and_stops_nothing(ward: Ward) -> None:
    screen = ward.bound(ward.ada, "screen")
    secret = ward.recover()
    assert told(ward, screen) is None
    with pytest.raises(NotFound):
        stop(ward, screen)
    ward.finish(secret)
    with pytest.raises(Unauthorized):  # and it is let go with everything else
        told(ward, screen)


def test_a_stop_is_signed_for_that_and_good_once(ward: Ward) -> None:
    watch = ward.bound(ward.ada)
    ward.recover()
    other = signed(watch, "/presence/here", {"organization": ORG})
    moved = msgspec.structs.replace(other, path=STOP)
    with pytest.raises(Unauthorized):
        run(ward.desk.stop(moved))
    once = signed(watch, STOP)
    run(ward.desk.stop(once))
    ward.recover()
    with pytest.raises(Unauthorized):
        run(ward.desk.stop(once))
    assert isinstance(told(ward, watch), str)
