"""How long each thing that opens something is good for, how hard it is to guess, and that there is no password."""

import math
from pathlib import Path

import pytest

from rapport.adapters.embedded import accounts, claims, ledger, operators
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.kernel import ids
from rapport.kernel.times import HOUR, MINUTE, SECOND
from rapport.signin import challenges, codes, devices, sessions
from rapport.signin.challenges import Challenges

SRC = Path(__file__).parents[2] / "src/rapport"


@pytest.mark.parametrize(
    "life",
    [accounts.INVITE_LIFE, ledger.LINK_LIFE, claims.LINK_LIFE, codes.CODE_LIFE, devices.PAIRING_LIFE, challenges.LIFE],
)
def test_a_code_that_opens_something_lives_for_ten_minutes_at_most(life: int) -> None:
    assert 0 < life <= 10 * MINUTE


def test_what_a_till_shows_and_what_a_device_signs_lives_for_less() -> None:
    assert devices.TAP_LIFE <= 30 * SECOND
    assert devices.LIFE <= MINUTE
    assert devices.SCREEN_LIFE <= 12 * HOUR
    assert operators.SESSION_LIFE <= 12 * HOUR


def test_a_verification_counts_for_five_minutes() -> None:
    session = sessions.Session(1, "per_x", 0, 0, verified_at=1_000)
    assert sessions.FRESH == 5 * MINUTE
    assert session.fresh(1_000)
    assert session.fresh(1_000 + sessions.FRESH - 1)
    assert not session.fresh(1_000 + sessions.FRESH)
    assert not session.fresh(999)  # a clock that was set back makes nobody verified


def test_what_is_long_cannot_be_guessed_and_what_is_short_is_tried_a_few_times_only() -> None:
    made = {ids.secret("own") for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(one.partition("_")[2]) * 6 >= 128 for one in made)
    assert len(Challenges(bytes(32)).make("x")) * 8 >= 64 + 128
    assert math.log2(10**8) >= 20  # a sent code has eight digits, and five tries
    assert {len(codes.new_code()) for _ in range(100)} == {8}
    assert codes.TRIES <= 5
    paper = codes.plain_letters(codes.new_recovery_code())
    assert len(paper) * math.log2(len(codes._PAPER)) >= 112
    assert len(devices.plain_code(devices.new_code())) * math.log2(len(devices._LETTERS)) >= 34


def test_codes_differ_and_no_digit_or_letter_is_rarer_than_others() -> None:
    for make, letters in (
        (codes.new_code, "0123456789"),
        (lambda: codes.plain_letters(codes.new_recovery_code()), codes._PAPER),
        (lambda: devices.plain_code(devices.new_code()), devices._LETTERS),
    ):
        text = "".join(make() for _ in range(2_000))
        wanted = len(text) / len(letters)
        assert all(abs(text.count(letter) - wanted) < 8 * math.sqrt(wanted) for letter in letters)


def test_a_new_node_lets_nobody_in(tmp_path: Path) -> None:
    db = open_ledger(Settings(data=str(tmp_path))).db
    for table in ("passkey", "own_session", "invite", "session", "link", "operator", "token", "device", "person"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_no_page_asks_for_a_password_or_for_what_somebody_else_could_know() -> None:
    # A destination's secret is a machine's: nobody comes in by it.
    templates = [path for path in SRC.rglob("*.html") if path.name != "destination_form.html"]
    assert len(templates) > 40
    for path in templates:
        text = path.read_text("utf-8").lower()
        assert 'type="password"' not in text, path
        assert "current-password" not in text, path
        assert "new-password" not in text, path
        assert "maiden" not in text, path
