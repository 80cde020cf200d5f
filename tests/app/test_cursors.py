"""Lists go on at what they gave out, and at nothing else."""

import pytest

from rapport.app.cursors import NEWEST, before, before_or_newest
from rapport.kernel.errors import BadInput


def test_a_list_begins_at_the_newest_and_goes_on_where_it_ended() -> None:
    assert (before(None), before_or_newest(None)) == (NEWEST, NEWEST)
    assert (before("17"), before_or_newest("17")) == (17, 17)
    assert before("9" * 18) < 1 << 63  # which SQLite can hold


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "²", "1 ", "9" * 19, "0x10", "1_0"])
def test_what_is_no_cursor_is_refused_or_begins_anew(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        before(text)
    assert (refused.value.code, refused.value.field) == ("bad_cursor", "cursor")
    assert before_or_newest(text) == NEWEST
