"""The fields of Structs are worked out before there are threads that read into them."""

import subprocess
import sys

import msgspec

from rapport.kernel import shapes

looked: list[type] = []


def noted() -> type:
    """A field's type, which is asked for where it is worked out."""
    looked.append(int)
    return int


def test_nothing_is_left_to_be_worked_out_by_the_first_who_reads() -> None:
    fresh = msgspec.defstruct("fresh", [("number", "noted()")], module=__name__)
    before = len(looked)
    shapes.work_out()
    assert len(looked) == before + 1
    assert msgspec.convert({"number": 7}, fresh).number == 7  # type: ignore[attr-defined]
    assert len(looked) == before + 1


def test_what_nobody_can_read_stops_nothing() -> None:
    odd = msgspec.defstruct("odd", [("number", type(noted) | type)])
    fresh = msgspec.defstruct("beside", [("number", "noted()")], module=__name__)
    before = len(looked)
    shapes.work_out()
    assert len(looked) == before + 1
    assert odd(noted).number is noted  # type: ignore[attr-defined]
    assert fresh(1).number == 1  # type: ignore[attr-defined]


TWO_AT_ONCE = """
import sys, threading, msgspec
from rapport.kernel import shapes

sys.setswitchinterval(1e-6)
for _ in range(500):
    inner = msgspec.defstruct("inner", [(f"a{n}", int, 0) for n in range(10)])
    outer = msgspec.defstruct("outer", [("inner", inner, None), *((f"f{n}", "int | None", None) for n in range(9))])
    shapes.work_out()
    begin = threading.Barrier(2)

    def read():
        begin.wait()
        msgspec.json.decode(b'{"f1": 1}', type=outer)

    reading = threading.Thread(target=read)
    reading.start()
    begin.wait()
    msgspec.convert({"f8": 1}, outer)
    reading.join()
"""


def test_two_threads_may_be_the_first_to_read() -> None:
    """Without it this ends by a signal, mostly."""
    assert subprocess.run([sys.executable, "-c", TWO_AT_ONCE], timeout=120, check=False).returncode == 0
