"""Every function of the language, as the reference, the editor and the errors tell of it."""

import msgspec


class Function(msgspec.Struct, frozen=True):
    """`forms`: how it is written, one line a form; `tells`: what it gives; `least` and `most` arguments; `method`: it
    is written behind a value and a dot (`size` is written both ways)."""

    name: str
    forms: tuple[str, ...]
    tells: str
    least: int
    most: int
    method: bool = False


_WINDOW = "over all time, or in a window"

FUNCTIONS = {
    function.name: function
    for function in (
        Function("has", ("has(traits.plan)",), "whether a trait, computed trait or identifier is known", 1, 1),
        Function("count", ('count("Order Completed", days(30))',), f"how many events there were, {_WINDOW}", 1, 2),
        Function("within", ('within("Order Completed", days(30))',), "whether there was such an event", 2, 2),
        Function("sum", ('sum("Order Completed", "revenue", days(90))',), "a property added up; 0 of none", 2, 3),
        Function("avg", ('avg("Order Completed", "revenue")',), "the mean of a property; absent of none", 2, 3),
        Function("min", ('min("Order Completed", "revenue")',), "the least of a property; absent of none", 2, 3),
        Function("max", ('max("Order Completed", "revenue")',), "the greatest of a property; absent of none", 2, 3),
        Function(
            "first",
            ('first("Order Completed")', 'first("Order Completed", "coupon")'),
            "when the first was, or what a property said then; absent where there was none",
            1,
            2,
        ),
        Function(
            "last",
            ('last("Order Completed")', 'last("Order Completed", "coupon")'),
            "when the last was, or what a property said then; absent where there was none",
            1,
            2,
        ),
        Function(
            "since",
            ('since(last("Order Completed")) > days(30)', "since(traits.signed_up_at) < weeks(2)"),
            "the time that has passed since; only compared with a fixed duration",
            1,
            1,
        ),
        Function(
            "until",
            ("until(traits.renews_at) <= days(14)",),
            "the time that is left until; only compared with a fixed duration",
            1,
            1,
        ),
        Function(
            "ago",
            ('last("Order Completed") < ago(days(30))',),
            "the time that was so long before the present; only compared with a time",
            1,
            1,
        ),
        Function(
            "days_since", ('days_since(last("Order Completed"))',), "whole days of 24 hours since, a number", 1, 1
        ),
        Function(
            "timestamp",
            ('timestamp("2026-11-21T20:02:55Z")', "timestamp(traits.signed_up_at)"),
            "a time; of a trait: RFC 3339 text, a date, or seconds since 1970",
            1,
            1,
        ),
        Function("minutes", ("minutes(10)",), "a duration, or a window of so long", 1, 1),
        Function("hours", ("hours(6)",), "a duration, or a window of so long", 1, 1),
        Function("days", ("days(30)",), "a duration, or a window: 24 hours each, exactly", 1, 1),
        Function("weeks", ("weeks(2)",), "a duration, or a window: 7 days each", 1, 1),
        Function("today", ('today("Europe/Berlin")',), "a window: the present local day", 1, 1),
        Function("this_month", ('this_month("Europe/Berlin")',), "a window: the present local month", 1, 1),
        Function("size", ("size(traits.tags)", "traits.tags.size()"), "how long a list or a text is", 1, 1),
        Function("number", ("number(traits.age)",), "a number, also of text that is written as one", 1, 1),
        Function("string", ("string(traits.age)",), "a number, true or false as text", 1, 1),
        Function("startsWith", ('traits.email.startsWith("ada")',), "whether a text begins so", 1, 1, True),
        Function("endsWith", ('traits.email.endsWith(".org")',), "whether a text ends so", 1, 1, True),
        Function("contains", ('traits.email.contains("@")',), "whether a text is in a text", 1, 1, True),
        Function("matches", ('traits.postcode.matches("^[0-9]{5}$")',), "whether a pattern (RE2) is found", 1, 1, True),
        Function("lowerAscii", ("traits.email.lowerAscii()",), "the text with A to Z made small", 0, 0, True),
    )
}

ROOTS = {
    "traits": "what is known of the customer: traits.plan",
    "computed": "computed traits: computed.lifetime_value",
    "identifiers": "the customer's identifiers by type: identifiers.email",
}
