"""Nonces never repeat under one key, in whichever process of a family a value is sealed."""

import subprocess
import sys

SEALS = """
import os
from rapport.kernel.keys import SealKey, fresh_key

key = SealKey(fresh_key())
key.seal(b"before", b"place")
child = os.fork()
os.write(1, b"".join(key.seal(b"x", b"place")[:12] for _ in range(8)))
if child:
    os.waitpid(child, 0)
"""


def test_a_fork_goes_on_with_nonces_of_its_own() -> None:
    told = subprocess.run([sys.executable, "-c", SEALS], capture_output=True, check=True, timeout=60).stdout
    nonces = [told[start : start + 12] for start in range(0, len(told), 12)]
    assert len(nonces) == len(set(nonces)) == 16
    assert len({nonce[:4] for nonce in nonces}) == 2, "each process begins its own in its own way"
