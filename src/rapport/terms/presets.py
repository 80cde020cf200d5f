"""Terms to begin from. Each is a readable set of clauses, which the person then changes one by one."""

from rapport.terms.clauses import Clause, Criterion, Elsewhere, Frequency, Terms

_SERVE_ME = Clause(
    "serve-me", "allow", purposes=("service", "fraud"), categories=("everything", "unclassified"), data="collected"
)
_NO_SELLING = Clause(
    "no-passing-on", "deny", when=(Criterion("onward"),), data="all", purposes=("offers", "advertising")
)
_QUIET = "21:00-08:00"

OPEN = Terms(
    preset="open",
    clauses=(
        _SERVE_ME,
        Clause(
            "earn-it",
            "allow",
            purposes=("personalisation", "offers", "analytics", "research"),
            data="all",
            when=(
                Criterion("benefit", amount=5.0, benefit="discount", unit="%"),
                Criterion("onward", negated=True),
                Criterion("retention", days=730),
            ),
            elsewhere=Elsewhere("exact"),
            quiet=_QUIET,
        ),
        Clause("no-passing-on", "deny", data="all", when=(Criterion("onward"),), purposes=("any",)),
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
            when=(Criterion("onward", negated=True), Criterion("retention", days=365)),
        ),
        Clause(
            "fair-offers",
            "allow",
            purposes=("offers",),
            categories=("purchases", "preference", "contact", "loyalty"),
            when=(Criterion("benefit", amount=5.0, benefit="discount", unit="%"), Criterion("onward", negated=True)),
            frequency=Frequency(4, "month"),
            quiet=_QUIET,
        ),
        Clause("no-advertising", "deny", purposes=("advertising",), categories=("everything",), data="all"),
        _NO_SELLING,
    ),
)
ALONE = Terms(
    preset="alone",
    clauses=(
        _SERVE_ME,
        Clause(
            "nothing-else",
            "deny",
            purposes=("offers", "advertising", "personalisation", "analytics", "research"),
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
