"""The machine that measures: its cores, the memory of a process, and telling of progress."""

import contextlib
import os
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_CORES = sorted(os.sched_getaffinity(0))
MEASURED = _CORES[-1]
"""The core of what is measured; what loads it runs on OTHER, where there is one."""
OTHER = _CORES[0]


class Unmeasurable(Exception):
    """A claim that cannot be measured here; says why."""


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def pin(core: int, process: int = 0) -> None:
    """Bind a process (0: this one) with all its threads to a core; what it starts later inherits that."""
    for thread in Path(f"/proc/{process or os.getpid()}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), {core})


def on(core: int, *command: str, prompt: bool = False) -> list[str]:
    """A command bound to a core. `prompt`: it goes first there, where that is allowed: a late clock measures itself."""
    nice = ["nice", "-n", "-10"] if prompt and os.geteuid() == 0 else []
    return ["taskset", "-c", str(core), *nice, *command]


def memory(process: int | str = "self") -> dict[str, int]:
    """Bytes of memory of a process: `VmRSS` now, `VmHWM` at its highest."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    pairs = (line.split() for line in lines if line.startswith(("VmRSS:", "VmHWM:")))
    return {name.rstrip(":"): int(kilobytes) * 1024 for name, kilobytes, _ in pairs}


def cpu(process: int) -> float:
    """Seconds of CPU that a process has taken, over all its threads."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def verifying(size: int, times: int) -> float:
    """Seconds of CPU to verify a P-256 signature over so many bytes, and nothing else: a floor of signing in."""
    key, message = ec.generate_private_key(ec.SECP256R1()), b"x" * size
    signature, public = key.sign(message, ec.ECDSA(hashes.SHA256())), key.public_key()
    began = time.process_time()
    for _ in range(times):
        public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    return (time.process_time() - began) / times
