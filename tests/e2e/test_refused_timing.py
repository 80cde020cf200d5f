"""How long it takes tells nothing: a distinguisher that sees only times does no better than a coin (design §3, rule 8).

Requests for an unknown customer and for refused ones are interleaved in random order over one kept connection. Whoever
guesses "refused" where the answer took longer (or less long) than some threshold is right as often as the area under
the curve says (Mann and Whitney 1947): 0.5 is a coin.
"""

import http.client
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import pytest

from tests.conftest import PROVE
from tests.e2e.api import path_of
from tests.e2e.refusing import Cast, cast

MOST = 0.55
KINDS = {
    "locked": ("user_id:locked", "service"),
    "denied by terms": ("user_id:denied", "service"),
    "nothing left by terms": ("user_id:nothing-left", "service"),
    "refused for the purpose": ("user_id:plain", "advertising"),
    "erased": ("user_id:erased", "service"),
    "locked, of many records": ("user_id:big", "service"),
    "of many records, refused for the purpose": ("user_id:big", "advertising"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with cast(tmp_path_factory.mktemp("timing")) as here:
        yield here


def area_under_curve(one: Sequence[float], another: Sequence[float]) -> float:
    """How often a number of the one is greater than one of the other, ties counted half; the better of both guesses."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in another])
    wins = 0.0
    below = at = 0
    start = 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        ones = sum(1 for _, which in ranked[start:end] if which == 0)
        at = end - start - ones
        wins += ones * (below + at / 2)
        below += at
        start = end
    area = wins / (len(one) * len(another))
    return max(area, 1 - area)


def test_the_area_tells_a_coin_from_a_tell() -> None:
    """The sentinel of the test below."""
    assert area_under_curve([1, 2, 3], [1, 2, 3]) == 0.5
    assert area_under_curve([4, 5, 6], [1, 2, 3]) == area_under_curve([1, 2, 3], [4, 5, 6]) == 1.0
    assert area_under_curve([2, 2], [1, 2]) == 0.75


class Clock:
    """Asks over one kept connection, and says how long each answer took (s)."""

    def __init__(self, home: Cast) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", home.node.port, timeout=30)
        self._line.connect()
        self._headers = {"authorization": f"Bearer {home.acme.api_token}"}

    def close(self) -> None:
        self._line.close()

    def ask(self, customer: str, purpose: str, part: str = "view") -> float:
        path = path_of(customer, part, f"purpose={purpose}")
        started = time.perf_counter()
        self._line.request("GET", path, headers=self._headers)
        answer = self._line.getresponse()
        answer.read()
        took = time.perf_counter() - started
        assert answer.status == 404
        return took


@pytest.mark.parametrize("part", ["view", "events"])
def test_the_time_of_an_answer_does_not_tell_refused_from_unknown(
    home: Cast, part: str, proof_size: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    clock, chance = Clock(home), random.Random(4711)
    asks = [(kind, *KINDS[kind]) for kind in KINDS]
    for _, customer, purpose in asks:
        clock.ask(customer, purpose, part)
        clock.ask("user_id:nobody", purpose, part)
    times: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in KINDS}
    for _ in range(proof_size(4, 1_200)):
        row = [(kind, which, ask) for kind, *ask in asks for which in (0, 1)]
        chance.shuffle(row)
        for kind, which, (customer, purpose) in row:
            someone = customer if which == 0 else f"user_id:nobody{chance.random()}"
            times[kind][which].append(clock.ask(someone, purpose, part))
    clock.close()
    areas = {kind: area_under_curve(*both) for kind, both in times.items()}
    with capsys.disabled():
        for kind, (refused, unknown) in times.items():
            figures = f"{median(refused) * 1000:.2f} ms, unknown {median(unknown) * 1000:.2f} ms"
            sys.stdout.write(f"\n  {part}: {kind}: AUC {areas[kind]:.3f} (n = {len(refused)}; {figures})")
    if PROVE:
        assert max(areas.values()) <= MOST, areas
