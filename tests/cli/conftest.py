"""Fixtures of the command line's tests."""

from collections.abc import Iterator

import pytest

from tests.cli.listening import Listener


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Something that listens where a node would."""
    listening = Listener()
    yield listening
    listening.close()
