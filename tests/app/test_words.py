"""An agreement in full words, for who is about to sign it."""

import pytest

from rapport.app.words import in_full
from rapport.terms.agreements import Agreed
from rapport.terms.declaration import Benefit
from rapport.web import language


@pytest.mark.parametrize(
    ("per", "english", "german"),
    [("order", "10 % an order", "10 % pro Bestellung"), ("month", "10 % a month", "10 % im Monat")],
)
def test_how_often_a_benefit_is_given_is_said_as_people_say_it(per: str, english: str, german: str) -> None:
    benefit = Benefit(kind="discount", amount=10, unit="%", per=per)
    agreed = Agreed("offers", "promise", "consent", ("email",), benefits=(benefit,))
    assert f"for you: discount {english}" in in_full([agreed])[0]
    with language.speaking("de"):
        assert german in in_full([agreed], language.SPOKEN)[0]
