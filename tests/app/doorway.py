"""A house with a person who may come in, and the desk that lets them: what tests of passkeys and signing in share."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from rapport.adapters.embedded.accounts import Accounts
from rapport.app.embedded import open_keys, open_ledger
from rapport.app.signing_in import HouseSignin
from tests.profile.house import ORG, House
from tests.signin.authenticator import Authenticator

ORIGIN = "https://rapport.example"


class Hall(House):
    """A house with a person who may come in, and the desk that lets them."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = open_ledger(self.settings)
        self.accounts = Accounts(self.ledger)
        self.person = self.people.add([f"{ORG}:user_id:ada"]).handle
        self.signin = self.desk()

    def desk(self) -> HouseSignin:
        secret = open_keys(self.settings).secret("signin")
        return HouseSignin(lambda: open_ledger(self.settings), secret, ORIGIN)

    def device(self, **how: Any) -> Authenticator:
        return Authenticator(ORIGIN, "rapport.example", **how)

    def enrolled(self, person: str | None = None, **how: Any) -> Authenticator:
        device = self.device(**how)
        self.enrol(device, self.accounts.invite(person or self.person))
        return device

    def enrol(self, device: Authenticator, code: str, **wrong: Any) -> str:
        options = asyncio.run(self.signin.enrolling(code, "here"))
        return asyncio.run(self.signin.enrol(code, encoded(device.make(options, **wrong)), "here", "Chrome/1 Linux"))

    def options(self) -> dict[str, Any]:
        return asyncio.run(self.signin.ask("here"))

    def prove(self, answer: dict[str, Any]) -> str:
        return asyncio.run(self.signin.prove(encoded(answer), "here", "Chrome/1 Linux"))

    def sign_in(self, device: Authenticator, **wrong: Any) -> str:
        return self.prove(device.prove(self.options(), **wrong))

    def close(self) -> None:
        self.signin.close()
        super().close()


def encoded(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode()


@pytest.fixture
def hall() -> Iterator[Hall]:
    with Hall() as hall:
        yield hall
