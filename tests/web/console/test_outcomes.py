"""What decisions gave, on the console's pages: whether both sides are better off, how that is known, and what another
way would have given; each side by itself, and no figure without its interval."""

import functools
import re

import pytest

from rapport.decide.kinds import Units
from rapport.kernel.errors import Busy
from rapport.learn.reviewed import Other
from rapport.web.console import outcomes, over_time
from rapport.web.retrospects import Progress
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.sample_looking import SampleLooking, sample_review
from tests.web.console.visitor import Page, Visitor

OUTCOMES, EXPERIMENTS, WHAT_IF = "/console/outcomes", "/console/experiments", "/console/what-if"


def visitor(number: int = 6_000, progress: Progress | None = None, *, empty: bool = False) -> Visitor:
    desk = SampleDesk(empty=empty)
    desk.looking = SampleLooking(0 if empty else number, progress)
    return Visitor(desk)


@functools.cache
def shared() -> Visitor:
    """One that only looks."""
    return visitor()


def text_of(response) -> str:
    return " ".join(Page(response.text).text.split())


# -- outcomes


def test_whether_both_sides_are_better_off_stands_first_each_by_itself():
    page = shared().get(OUTCOMES)
    text = text_of(page)
    assert Page(page.text).only_its_own()
    assert "Customers are better off +£0.66 each time something was done +£0.56 to +£0.76" in text
    assert "The company is better off +£0.67 each time something was done +£0.59 to +£0.75" in text
    assert "+£1.33" not in text  # never the two together
    assert text.index("better off") < text.index("Over time") < text.index("By action")


def test_over_time_is_drawn_for_both_sides_and_stands_in_a_table_beside():
    page = shared().get(OUTCOMES).text
    assert page.count('class="given-chart given-wide') == page.count('class="given-chart given-narrow') == 2
    review = sample_review(6_000)
    rows = re.findall(r'<tr><th scope="row">\d+ \w+ 2026</th>', page)
    assert len(rows) == len(review.spans) > 8
    (span,) = [one for one in review.spans if one is review.spans[-1]]
    assert span.customer.reached.value is not None
    assert f"£{span.customer.reached.value:.2f}" in page


def test_what_came_after_each_action_and_after_silence_is_told_with_where_it_stands_by_the_guard_rails():
    text = text_of(shared().get(OUTCOMES))
    assert text.index("Silence 2,073 times") < text.index("help_after_refund help 1,285 times")
    assert "offer_warranty offer switched off by the guard-rail since 17 Oct 2026" in text
    assert "inform_care inform switched on again since" in text


def test_too_little_is_said_in_place_of_a_figure():
    text = text_of(visitor(40).get(OUTCOMES))
    assert "For customers not known yet Too few: 14 were left alone, and 25 are needed" in text
    assert "No stretch of time has enough yet" in text
    assert "The customer too few" in text
    assert "£0.00" not in text


def test_an_empty_page_teaches_what_fills_it():
    text = text_of(visitor(empty=True).get(OUTCOMES))
    assert "Nothing was decided yet" in text
    assert "POST /v1/outcomes" in text


@pytest.mark.parametrize("path", [OUTCOMES, EXPERIMENTS, f"{WHAT_IF}?change=weight&weight=70"])
def test_who_waits_sees_how_far_it_is_and_can_hold_the_page_still(path):
    page = visitor(10, Progress(4_200, 20_000, waiting=False)).get(path)
    assert "4,200 of 20,000 decisions read" in text_of(page)
    assert '<meta http-equiv="refresh"' in page.text
    hold = next(link for link in Page(page.text).links() if "watch=no" in link)
    still = visitor(10, Progress(0, 0, waiting=True)).get(hold)
    assert '<meta http-equiv="refresh"' not in still.text
    assert "Waiting for its turn" in text_of(still)


def test_where_too_much_is_asked_the_page_waits_its_turn_and_a_question_is_told_so():
    browser = visitor()

    async def busy(*_: object) -> None:
        raise Busy("other looks back are under way: ask again in a moment", retry_after=5)

    browser.desk.looking.review = browser.desk.looking.what_if = busy
    for path in (OUTCOMES, EXPERIMENTS):
        page = browser.get(path)
        assert "Not just now Other looks back are under way" in text_of(page)
        assert '<meta http-equiv="refresh" content="5">' in page.text
    refused = browser.get(f"{WHAT_IF}?change=weight&weight=70")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "Other looks back are under way" in text_of(refused)


# -- experiments


def test_the_holdout_is_disclosed_with_how_many_declined_but_never_so_few_that_they_could_be_told():
    text = text_of(shared().get(EXPERIMENTS))
    assert "of customers are left alone by lot: change it5 %" in text
    assert "declined to be, and never areabout 40" in text
    few = text_of(visitor(300).get(EXPERIMENTS))
    assert "(so few are not counted openly)< 20" in few


def test_what_each_action_added_is_said_in_words_and_no_proven_gain_plainly():
    text = text_of(shared().get(EXPERIMENTS))
    assert "thank_first_order thank 1,091 got it, 2,073 were left alone The customer: a gain" in text
    assert "The company: no proven gain" in text
    assert text.index("offer_warranty") < text.index("help_after_refund")  # what harms first
    assert "Guard-rail: harms customers, by £1.53 each time at the least; no harm to the company is shown." in text
    assert "It is chosen no more" in text
    assert "Guard-rail: no harm to either side is shown." in text


def test_whom_it_helps_is_a_curve_with_a_table_and_a_sentence():
    page = shared().get(EXPERIMENTS)
    text = text_of(page)
    assert page.text.count('class="given-qini') == 2
    assert "Customers: yes, they are found" in text
    assert "The company: no proven gain from choosing whom" in text
    assert "100 %+£0.66" in text.replace("% +", "%+")
    assert 'class="given-qini' not in visitor(40).get(EXPERIMENTS).text


# -- what if


def test_without_a_harmful_action_customers_gain_the_company_loses_and_both_are_told():
    browser = visitor()
    page = browser.get(f"{WHAT_IF}?change=without&without=offer_warranty")
    text = text_of(page)
    assert Page(page.text).only_its_own()
    assert "For customers a gain" in text
    assert "For the company a loss" in text
    assert "made the other way (at least 50 are needed)" in text
    assert "What this cannot say" in text
    assert "rapport learn what-if --org demo --without offer_warranty" in text
    assert browser.desk.looking.asked == [Other(without="offer_warranty")]


def test_a_weight_and_a_cap_are_asked_in_the_words_of_the_form():
    browser = visitor()
    weighed = text_of(browser.get(f"{WHAT_IF}?change=weight&weight=70"))
    assert "Had the customer’s weight been 70 %" in weighed
    capped = text_of(browser.get(f"{WHAT_IF}?change=most&most=1&days=7&weight=nonsense"))
    assert "With 1 at most in 7 days" in capped
    assert browser.desk.looking.asked == [Other(weight=0.7), Other(most=1, days=7)]


def test_what_a_log_cannot_say_is_said_with_why():
    assert "too few" in text_of(visitor(40).get(f"{WHAT_IF}?change=without&without=inform_care")).lower()
    nothing = text_of(shared().get(f"{WHAT_IF}?change=most&most=900&days=7"))
    assert "nothing changes" in nothing
    assert "a looser one cannot be judged either" in nothing
    none_yet = text_of(visitor(empty=True).get(f"{WHAT_IF}?change=weight&weight=60"))
    assert "No decision has shown yet what it gave" in none_yet


@pytest.mark.parametrize(
    ("query", "field", "status"),
    [
        ("change=weight&weight=100", "weight", 400), ("change=weight&weight=lots", "weight", 400),
        ("change=weight&weight=nan", "weight", 400), ("change=weight", "weight", 400),
        ("change=without&without=gone", "without", 404), ("change=without", "without", 400),
        ("change=most&most=-1&days=7", "most", 400), ("change=most&most=1&days=0", "days", 400),
        ("change=most&most=1&days=99999999999", "days", 400), ("change=everything", "", 400),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_at_the_field(query, field, status):
    page = shared().get(f"{WHAT_IF}?{query}")
    assert page.status_code == status
    parsed = Page(page.text)
    assert "alert" in parsed.values("role")
    named = [of["name"] for _, of in parsed.elements if of.get("aria-invalid") == "true"]
    assert named == ([field] if field else [])


def test_hostile_words_in_a_question_stay_text():
    page = shared().get(f"{WHAT_IF}?change=without&without=%3Cscript%3Ealert(1)%3C/script%3E&weight=%22%3E%3Cb%3E")
    assert Page(page.text).only_its_own()
    assert "<b>" not in page.text


# -- drawing


def test_a_chart_leaves_gaps_where_nothing_is_known_and_keeps_all_within():
    spans = sample_review(300).spans
    customer, company = over_time.scales(spans)
    for scale, of in ((customer, over_time.customer_of), (company, over_time.company_of)):
        assert scale.low <= 0 <= scale.high
        assert 0.0 in scale.ticks
        for shape in (over_time.WIDE, over_time.NARROW):
            drawn = over_time.chart(spans, of, scale, shape, str, str)
            for x, y in (*drawn.reached.points, *drawn.alone.points):
                assert shape.left <= x <= shape.width - shape.right
                assert shape.top <= y <= shape.height - shape.bottom
    empty = over_time.chart((), over_time.customer_of, over_time.scales(())[0], over_time.WIDE, str, str)
    assert (empty.reached.line, empty.alongs) == ("", ())


def test_amounts_are_signed_where_they_are_differences():
    units = SampleDesk().actions.kept_units
    assert [outcomes.signed(number, units) for number in (1.5, -0.3, 0.001, -0.001)] == [
        "+£1.50", "−£0.30", "£0.00", "£0.00",
    ]  # fmt: skip
    assert [outcomes.tick(number, units) for number in (2.0, 0.5, -1.0)] == ["£2", "£0.50", "−£1"]
    assert [outcomes.tick(number, units) for number in (2e4, -5e7, 1e12)] == ["£20k", "−£50m", "£1,000bn"]
    assert [outcomes.tick(number, Units("CHF")) for number in (20.0, 2e4)] == ["20", "20k"]
