"""Forms that break off: whoever sent a part of one is gone, and nothing is wrong with the node."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from rapport.kernel.errors import BadInput
from rapport.web import pages


def test_a_form_that_breaks_off_is_bad_input_and_no_failure_of_the_node() -> None:
    said: list[Message] = [
        {"type": "http.request", "body": b"code=me_", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return said.pop(0)

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    with pytest.raises(BadInput) as found:
        asyncio.run(pages.form(Request({"type": "http", "headers": headers}, receive)))
    assert found.value.code == "broken_off"
