"""What keeps the worker or the evaluator from going on is said once for each time that it does."""

from pathlib import Path
from typing import Any

import pytest

from rapport.app import evaluating, worker
from rapport.app.evaluating import Evaluator
from rapport.app.settings import Settings
from rapport.app.worker import Worker
from rapport.kernel.errors import Busy


def work(settings: Settings, stopped: Any) -> None:
    worker.run(settings, None, None, stopped)


def evaluate(settings: Settings, stopped: Any) -> None:
    evaluating.run(settings, lambda _: None, stopped)


@pytest.mark.parametrize(("who", "run", "works"), [("worker", work, Worker), ("evaluator", evaluate, Evaluator)])
def test_what_comes_again_after_all_went_well_is_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], who: str, run: Any, works: Any
) -> None:
    full = Busy("the disk is full", retry_after=0)
    steps = [full, full, None, full, Busy("state.db is busy", retry_after=0), None]

    def step(_: Any) -> bool:
        came = steps.pop(0)
        if came is not None:
            raise came
        return True

    monkeypatch.setattr(works, "step", step)
    run(Settings(data=str(tmp_path)), lambda: not steps)
    said = [f"rapport {who}: {why}; it tries again" for why in ("the disk is full",) * 2 + ("state.db is busy",)]
    assert [line for line in capfd.readouterr().err.splitlines() if "tries again" in line] == said
