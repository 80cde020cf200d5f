"""What is done at the command line has a line in the audit log, and another where it was not done."""

import pytest

from rapport.adapters.embedded.audit import COMMAND_LINE, AuditLog
from rapport.app.auditing import noted
from rapport.app.embedded import open_ledger
from rapport.kernel.errors import Conflict
from tests.profile.house import ORG, House


def lines(house: House) -> list[tuple[str, str, str]]:
    rows, _ = AuditLog(open_ledger(house.settings)).page(ORG)
    return [(row.who, row.what, row.failed) for row in rows]


def test_what_is_done_has_one_line() -> None:
    with House() as house:
        with noted(house.settings, ORG, "exported to a file"):
            assert lines(house) == [(COMMAND_LINE, "exported to a file", "")]  # before it is done
        assert len(lines(house)) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [(Conflict("no", code="exists"), "exists"), (KeyboardInterrupt(), "broken_off"), (SystemExit(143), "broken_off")],
)
def test_what_was_not_done_has_another_whoever_ended_it(error: BaseException, code: str) -> None:
    with House() as house:
        with pytest.raises(type(error)), noted(house.settings, ORG, "exported to a file"):
            raise error
        assert [failed for _, _, failed in lines(house)] == [code, ""]
