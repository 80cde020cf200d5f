"""Ask `tests.e2e.forking` for one run of the command, with this process's own surroundings, and end as it ended.

`python -I -S asking.py ADDRESS ARGUMENT…`: it starts for each command, so it reads next to nothing.
"""

import json
import os
import signal
import socket
import sys


def ask(address: str, arguments: list[str]) -> int:
    """The command's exit code; negative, the signal that ended it."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(f"\0{address}")
        wanted = json.dumps([arguments, dict(os.environ), os.getcwd()]).encode()  # noqa: PTH109 (pathlib is slow to read)
        socket.send_fds(asked, [len(wanted).to_bytes(4, "big")], [0, 1, 2])
        asked.sendall(wanted)
        return int.from_bytes(asked.recv(4), "big", signed=True)


if __name__ == "__main__":
    code = ask(sys.argv[1], sys.argv[2:])
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
