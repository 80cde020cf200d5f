"""Answers whose time tells nothing."""

import time


async def quiet(started: float, every_s: float) -> None:
    """Wait until a multiple of `every_s` has passed since `started` (`time.monotonic`): more than the work takes."""
    import asyncio  # noqa: PLC0415 (dear to load; who asks the gate without a loop waits for nothing)

    spent = time.monotonic() - started
    await asyncio.sleep(every_s - spent % every_s)
