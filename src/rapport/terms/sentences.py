"""Clauses and criteria as sentences that their person would say."""

from collections.abc import Sequence

from rapport.terms.clauses import Clause, Criterion
from rapport.terms.policy import Unmet


def unmet_words(unmet: Sequence[Unmet]) -> tuple[str, ...]:
    """Which criteria keep an organization out, in words that name neither person nor value."""
    return tuple(f"{criterion_words(one.criterion)}{'' if one.known else ' (it does not say)'}" for one in unmet)


def criterion_words(criterion: Criterion) -> str:
    """A criterion as what an organization does: `gives a discount of at least 5 %`."""
    no = criterion.negated
    match criterion.kind:
        case "benefit":
            what = f"a {criterion.benefit}" if criterion.benefit else "something"
            worth = f" of at least {criterion.amount:g} {criterion.unit}".rstrip() if criterion.amount else ""
            return f"{'does not give' if no else 'gives'} {what}{worth}"
        case "value":
            claims = "has it attested that it stands for" if criterion.attested else "says that it stands for"
            return f"{'does not say' if no else claims} {criterion.value.replace('_', ' ')}"
        case "retention":
            return f"keeps it {'longer than' if no else 'at most'} {criterion.days} days"
        case "onward":
            return "passes nothing on" if no else "passes it on to others"
        case "place":
            return f"processes it {'outside' if no else 'only in'} {', '.join(criterion.places)}"


def clause_sentence(clause: Clause) -> str:
    """A clause as its person would say it."""
    who = " and ".join(clause.who) or "anyone"
    verb = "may use" if clause.effect == "allow" else "may not use"
    return f"{who} {verb} {', '.join(clause.categories)} for {', '.join(clause.purposes)}."
