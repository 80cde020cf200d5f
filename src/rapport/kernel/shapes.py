"""What the fields of a msgspec Struct are, worked out before there are threads.

msgspec does so where a Struct is first read into. Where one of its fields is a Struct itself, a second thread that
comes to it meanwhile takes a type that is not there yet, and the process dies of it (seen with msgspec 0.22).
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec


def work_out() -> None:
    """Work out the fields of every Struct that was defined so far, in some milliseconds; those done before cost
    nothing. To be called by each process that has threads, once its modules are there."""
    for shape in _below(msgspec.Struct):
        with suppress(TypeError):  # it holds what cannot be read, so nobody will read into it
            msgspec.json.Decoder(shape)


def _below(shape: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for one in shape.__subclasses__():
        yield one
        yield from _below(one)
