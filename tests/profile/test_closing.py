"""What is closed lets go of its files at once: SQLite's connections refer to themselves, so nothing else would."""

import gc
from pathlib import Path

import pytest

from rapport.terms import Clause, Terms
from tests.profile.house import ORG, House, told

OPEN = Path("/proc/self/fd")


def held(directory: Path) -> list[str]:
    """Files under a directory that this process has open."""
    found = []
    for descriptor in OPEN.iterdir():
        try:
            found.append(str(descriptor.readlink()))
        except FileNotFoundError:  # the one by which they are listed
            continue
    return [path for path in found if path.startswith(f"{directory}/")]


@pytest.mark.skipif(not OPEN.is_dir(), reason="this system does not tell which files are open")
def test_a_closed_house_holds_no_file() -> None:
    gc.disable()
    try:
        with House() as house:
            house.send(told(type="identify", userId="ada", messageId="1", traits={"name": "Ada"}))
            house.settle().restart()
            person = house.people.add([f"{ORG}:user_id:ada"])
            house.people.set_terms(person.handle, Terms("own", (Clause("all", "allow"),)))
            house.view("user_id:ada")
            assert held(house.directory)
        assert held(house.directory) == []
    finally:
        gc.enable()
