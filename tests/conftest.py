"""What every test can rely on: real parts of the machine that it may ask for, and how large a proof is today.

A test that needs a real browser or a real client library is worth more than one that pretends. Where the part is
missing, the test skips, and the end of the run lists what was not proved; on the build server (`CI=true`) it fails, so
that nothing is lost in silence.
"""

import gc
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from rapport.kernel import shapes

ROOT = Path(__file__).parent.parent
NODE_TESTS = ROOT / "tests/e2e/node"
OLDEST_NODE = (20, 20)  # of the client libraries, posthog-node asks for the most

DAY_S = 86_400
NIGHT_S = 30.0
"""No test begins so shortly before midnight (UTC): receipts, limits and statements are by the day, and what a test does
on both sides of it is of two. Those who are about the change of days set their clocks."""

CI = os.environ.get("CI", "").lower() in {"1", "true"}
PROVE = os.environ.get("RAPPORT_PROVE") == "1"

# No deadlines: the machine is shared, and a slow example is not a wrong one; pytest-timeout stops what hangs.
settings.register_profile("dev", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), max_examples=100, derandomize=True)
settings.register_profile("prove", settings.get_profile("dev"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("prove" if PROVE else "ci" if CI else "dev"))


def sample(most: int) -> settings:
    """For a property whose examples are dear: so many of them at most, and in `make prove` all."""
    usual = settings.default.max_examples
    return settings(max_examples=usual if PROVE else min(most, usual))


# A shell starts what it puts into the background deaf to Ctrl-C, and whatever that starts inherits it: a suite that
# runs there would see its own children go on after SIGINT. With a handler here, they start with the default again.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test's name without the bytes that it is run with: packed ones hold the second at which they were packed, and
    processes that run the suite together must all know a test by one name.
    """
    return argname if isinstance(val, bytes) else None


def pytest_collection_finish() -> None:
    """As the node's own processes do, since tests have threads, too; and what was read to find all tests stays to the
    end, so nobody looks through it for rubbish: a worker of a test's own does each time it keeps house."""
    shapes.work_out()
    _set_aside()


def _set_aside() -> None:
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """At its end the interpreter takes apart what may be looked through, and libraries complain of the rest."""
    gc.unfreeze()


class MissingPartError(Exception):
    """A real part of the machine is not there; says what to do about it."""


def chromium() -> Path:
    """A Chromium to drive with Playwright (`executable_path=`)."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return Path(found)
    raise MissingPartError("no Chromium on this machine; on Debian: apt-get install chromium")


def node() -> Path:
    """A Node.js that the installed client libraries accept: the machine's own, or else the one inside Playwright."""
    if not (NODE_TESTS / "node_modules/.installed").exists():
        raise MissingPartError("the JavaScript client libraries are missing; `make test` installs them where npm is")
    import playwright

    own = shutil.which("node")
    for candidate in ([Path(own)] if own else []) + [Path(playwright.__file__).parent / "driver/node"]:
        if candidate.exists() and node_version(candidate) >= OLDEST_NODE:
            return candidate
    raise MissingPartError(f"no Node.js of version {'.'.join(map(str, OLDEST_NODE))} or newer")


def node_version(program: Path) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=120).stdout
    return tuple(map(int, re.findall(r"\d+", said)[:2]))


def postgres() -> Path:
    """PostgreSQL's `initdb`, with the server beside it."""
    places = [shutil.which("initdb"), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), reverse=True)]
    for place in places:
        if place and Path(place).resolve().with_name("postgres").exists():
            return Path(place).resolve()
    raise MissingPartError("no PostgreSQL server on this machine; on Debian: apt-get install postgresql")


PARTS: Mapping[str, Callable[[], Path]] = {"chromium": chromium, "node": node, "postgres": postgres}


@cache
def look_for(name: str) -> Path | MissingPartError:
    """Where the part is, or what is missing."""
    try:
        return PARTS[name]()
    except MissingPartError as missing:
        return missing


unproved: dict[str, int] = {}  # what was missing → how many tests went without


def need(name: str) -> Path:
    """Where the part is; skips the running test without it, or fails it on the build server."""
    if name not in PARTS:
        pytest.fail(f"there is no part {name!r}; conftest.py knows {', '.join(PARTS)}", pytrace=False)
    found = look_for(name)
    if isinstance(found, Path):
        return found
    reason = f"needs {name}: {found}"
    unproved[reason] = unproved.get(reason, 0) + 1
    if CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever has a full size is among what `make prove` runs."""
    for item in items:
        if "proof_size" in getattr(item, "fixturenames", ()):
            item.add_marker("prove")


begun: set[Path] = set()  # the files whose tests have begun


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.path not in begun:
        begun.add(item.path)
        _set_aside()  # what earlier files left (reports, what modules keep) stays to the end, too
    if (left := DAY_S - time.time() % DAY_S) < NIGHT_S:
        time.sleep(left)
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            need(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if unproved:
        terminalreporter.section("not proved on this machine")
        for reason, tests in sorted(unproved.items()):
            terminalreporter.write_line(f"{tests} test{'s'[: tests > 1]} · {reason}")


@pytest.fixture(name="need", scope="session")
def need_fixture() -> Callable[[str], Path]:
    """`need("chromium")` answers the path of a real part; without it, the test skips, or with CI=true fails."""
    return need


@pytest.fixture(scope="session")
def proof_size() -> Callable[[int, int], int]:
    """`proof_size(sample, full)` answers `full` under `make prove` and `sample` elsewhere."""
    return lambda sample, full: full if PROVE else sample
