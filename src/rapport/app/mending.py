"""Mending what a backup leaves out, or brings back, so that a restored state is as if it had always been there.

Records whose key is gone are made as absent as their erasure made them. What they held is unreadable, so it is not
known what their events said. But their evidence is known by its nodes: customers that remain are what the remaining
evidence gives, and the devices they marked are sliced anew. Marks of shared devices are made from the timelines of
those who were seen on them.
"""

from collections.abc import Collection, Iterator

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.restoring import Shell, forget, shared_devices, shells
from rapport.app.worker import Worker
from rapport.profile.devices import TYPES, named_devices
from rapport.profile.record import Record
from rapport.profile.working_set import Held
from rapport.resolve import identifier_node


def remove(worker: Worker, keys: Keyring, numbers: Collection[int]) -> None:
    """Remove records from a worker's state, and commit."""
    gone = shells(worker.state.db, keys.blind, numbers)
    for shell in gone:
        worker.links.withdraw_node(_held(shell))
        for device in shell.devices:
            _unmark(worker, shell.org, device, numbers)
    named = {shell.number: {pair for device in shell.devices for pair in _named(worker, device)} for shell in gone}
    forget(worker.state.db, numbers)
    for shell in gone:
        for kind, value in named[shell.number]:
            worker.assembler.devices.unlinked(_held(shell), kind, value)
    worker.commit()


def mark_devices(worker: Worker, keys: Keyring) -> None:
    """Mark on every shared device who was seen on it when, and commit."""
    for device in shared_devices(worker.state.db, keys.blind):
        for kind, value in dict.fromkeys(_named(worker, device)):
            for number in worker.links.holders(device):
                held = worker.assembler.held.get(number)
                for event in worker.assembler.held.events(held) if held is not None else ():
                    if held is not None and (kind, value) in named_devices(event):
                        worker.assembler.devices.mark(held, event)
    worker.commit()


def _held(shell: Shell) -> Held:
    """The record as some user's, which it was if it marked a device."""
    return Held(shell.number, shell.node, Record(shell.org, "", "user_id", ""))


def _unmark(worker: Worker, org: str, device: bytes, numbers: Collection[int]) -> None:
    """Forget that these records' users were seen on a device."""
    for day in worker.state.mark_days(device):
        marks = worker.state.marks(org, device, day, day)
        keep = [mark for mark in marks if mark.record not in numbers]
        if len(keep) != len(marks):
            worker.state.put_marks(org, device, day, keep)


def _named(worker: Worker, device: bytes) -> Iterator[tuple[str, str]]:
    """What a device is called, as records tell that still open."""
    for number in worker.links.holders(device):
        held = worker.assembler.held.get(number)
        for link in held.record.links if held is not None else ():
            kind, _, value = link.partition(":")
            if held is not None and kind in TYPES and identifier_node(held.record.org, kind, value) == device:
                yield kind, value
