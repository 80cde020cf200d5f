"""A test that needs a part the machine lacks skips aloud, and fails where it must not be missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TESTS = """
import pytest

@pytest.mark.needs("chromium")
def test_marked(): pass

def test_asks(need):
    need("chromium")

@pytest.mark.needs("chromiun")
def test_misspelt(): pass
"""


@pytest.fixture
def run_without_chromium(tmp_path):
    """Runs three tests, as `CI` says, where no program can be found; answers pytest's output."""

    def run(ci: str) -> str:
        shutil.copy(CONFTEST, tmp_path)
        (tmp_path / "test_parts.py").write_text(TESTS)
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = needs(part)\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs"]
        environment |= {"PATH": str(tmp_path), "CI": ci, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.stdout

    return run


def test_without_the_part_it_skips_with_a_reason_and_the_end_of_the_run_lists_it(run_without_chromium):
    output = run_without_chromium(ci="")
    assert "1 failed, 2 skipped" in output or "2 skipped, 1 error" in output
    assert "not proved on this machine" in output
    assert "2 tests · needs chromium: no Chromium on this machine" in output


def test_on_the_build_server_a_missing_part_fails_the_test(run_without_chromium):
    output = run_without_chromium(ci="true")
    assert "skipped" not in output
    assert "1 failed, 2 errors" in output
    assert "needs chromium: no Chromium on this machine" in output


def test_a_misspelt_part_fails_instead_of_skipping_for_ever(run_without_chromium):
    assert "there is no part 'chromiun'" in run_without_chromium(ci="")
