"""Terms to begin from. Each is a readable set of clauses, which the person then changes one by one."""

from rapport.terms.clauses import Clause, Criterion, Elsewhere, Frequency, Terms

_QUIET = "21:00-08:00"
_DISCOUNT = Criterion("benefit", benefit="discount", amount=5.0, unit="%")
_MONEY = Criterion("benefit", benefit="money", amount=1.0)
_NOTHING_ON = Criterion("onward", negated=True)

_SERVE_ME = Clause("serve-me", "allow", purposes=("service", "fraud"), categories=("everything", "unclassified"))
_EARN_IT = Clause(
    "earn-it",
    "allow",
    purposes=("personalisation", "offers", "analytics", "research"),
    data="all",
    when=(_DISCOUNT, _NOTHING_ON, Criterion("retention", days=730)),
    elsewhere=Elsewhere("exact"),
    quiet=_QUIET,
)
_PAY_FOR_IT = Clause(
    "pay-for-it",
    "allow",
    purposes=_EARN_IT.purposes,
    data="all",
    when=(_MONEY, *_EARN_IT.when[1:]),
    elsewhere=_EARN_IT.elsewhere,
    quiet=_QUIET,
)

OPEN = Terms(
    preset="open",
    clauses=(
        _SERVE_ME,
        _EARN_IT,
        _PAY_FOR_IT,
        Clause("no-passing-on", "deny", data="all", when=(Criterion("onward"),)),
    ),
)
BALANCED = Terms(
    preset="balanced",
    clauses=(
        _SERVE_ME,
        Clause(
            "make-it-mine",
            "allow",
            purposes=("personalisation", "analytics"),
            when=(_NOTHING_ON, Criterion("retention", days=365)),
        ),
        Clause(
            "fair-offers",
            "allow",
            purposes=("offers",),
            categories=("purchases", "preference", "contact", "loyalty"),
            when=(_DISCOUNT, _NOTHING_ON),
            frequency=Frequency(4, "month"),
            quiet=_QUIET,
        ),
        Clause("no-advertising", "deny", purposes=("advertising",), data="all"),
    ),
)
ALONE = Terms(
    preset="alone",
    clauses=(
        _SERVE_ME,
        Clause(
            "nothing-else",
            "deny",
            purposes=("personalisation", "offers", "advertising", "analytics", "research"),
            data="all",
        ),
    ),
)
LOCKED = Terms(preset="locked", clauses=(Clause("locked", "deny", data="all"),))
DEFAULT = Terms()

PRESETS = {"default": DEFAULT, "open": OPEN, "balanced": BALANCED, "alone": ALONE, "locked": LOCKED}
TITLES = {
    "default": "What holds for everybody here",
    "open": "Open to those who earn it",
    "balanced": "Balanced",
    "alone": "Leave me alone",
    "locked": "Locked",
}
LINES = {
    "default": "Who collected something may use it to serve me; for anything else it needs my consent.",
    "open": "Who gives me something for it, and keeps it to themselves, may know everything, even what I do elsewhere.",
    "balanced": "Serve me and make it fit me; a few fair offers are welcome, advertising is not.",
    "alone": "Serve me when I come to you, and keep me safe from fraud. Nothing else.",
    "locked": "Nobody reads anything, but for what the law demands.",
}
"""What each preset promises, in a line."""
