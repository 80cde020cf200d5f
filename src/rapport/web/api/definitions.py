"""What the API asks and answers of definitions, be they audiences or computed traits: a list, and one that is saved."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from rapport.decide import Audience, ComputedTrait
from rapport.kernel.errors import BadInput, Conflict
from rapport.web.api.customers import Caller, Tokens, body_of, caller_of, limit_of, shaped
from rapport.web.api.declaration import Outdated
from rapport.web.api.problems import json_answer
from rapport.web.audiences import Saved, told_saved

MAX_BODY = 65_536
"""An expression of 4,000 characters, however they are escaped."""
Item = TypeVar("Item")
Wish = TypeVar("Wish")
Put = Callable[[Caller, str, Wish, int | None], Awaitable[Saved[Audience] | Saved[ComputedTrait]]]


async def listed(
    request: Request,
    tokens: Tokens,
    page: Callable[[str, str, int], Awaitable[list[Item]]],
    told: Callable[[Item], dict[str, Any]],
    called: str,
) -> Response:
    """A page, by name."""
    org = caller_of(request, tokens).org
    limit = limit_of(request.query_params.get("limit"))
    found = [told(one) for one in await page(org, after_of(request), limit + 1)]
    following = found[limit - 1]["name"] if len(found) > limit else None
    return json_answer({called: found[:limit], "next": following})


async def saved(request: Request, tokens: Tokens, shape: type[Wish], should: str, put: Put[Wish]) -> Response:
    """Save a definition. `put` is given who asks, the name, what is wished, and the version that it is to replace."""
    caller = caller_of(request, tokens, "operator")
    wish = shaped(await body_of(request, MAX_BODY), shape, should)
    expected = expected_of(request)
    with outdated():
        done = await put(caller, request.path_params["name"], wish, expected)
    return tagged(json_answer(told_saved(done), 201 if done.fresh else 200), done.definition.version)


def expected_of(request: Request) -> int | None:
    """The version that a request is to replace, where it says so (RFC 9110 §13.1); 0: none."""
    if request.headers.get("if-none-match", "").strip() == "*":
        return 0
    wanted = request.headers.get("if-match", "*").strip()
    if wanted == "*":
        return None
    number = wanted.removeprefix("W/").strip('"')
    return int(number) if number.isascii() and number.isdigit() and 0 < len(number) < 10 else -1


@contextlib.contextmanager
def outdated() -> Iterator[None]:
    """A conflict of versions, as HTTP has it."""
    try:
        yield
    except Conflict as conflict:
        if conflict.code == Outdated.code:
            raise Outdated(conflict.message) from None
        raise


def tagged(response: Response, version: int) -> Response:
    response.headers["ETag"] = f'"{version}"'
    return response


def after_of(request: Request) -> str:
    """The name behind a cursor; whatever text it is, a page begins behind it. Raises BadInput."""
    cursor = request.query_params.get("cursor", "")
    if len(cursor) > 100 or "\x00" in cursor:
        raise BadInput("the cursor is not one that this list gave out", code="bad_cursor", field="cursor")
    return cursor
