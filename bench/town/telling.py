"""What came out of the town, as the page `docs/explanation/two-sided-choice.md` shows it: tables in Markdown, and in
words where Rapport loses. Rows are named as the ways are.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from rapport.learn.intervals import Floats, Interval

HARMS: Final = {0.0: "no harm", 0.5: "little harm", 1.0: "harm", 2.0: "strong harm"}
OURS: Final = "Rapport, as a new organization has it"
ONE_SCALE: Final = "Rapport, one scale of priors for all (£10)"
TWO_A_WEEK: Final = "Rapport, two messages a week"
NOBODY_HELD: Final = "Rapport, nobody held out"
SEGMENTS, GREEDY, RANDOM = PEERS = ("segments", "greedy", "random")
KNOWING, KNOWING_GREEDY = "who knows all, by the product", "who knows all, greedy"
WAYS: Final = (OURS, *PEERS, KNOWING, KNOWING_GREEDY)
WEIGHT: Final = "Rapport, the customer's weight "
WEIGHTS: Final = (0.1, 0.3, 0.7, 0.9)
SHORT: Final[Mapping[str, str]] = {
    OURS: "Rapport",
    SEGMENTS: "segments",
    GREEDY: "greedy",
    RANDOM: "random",
    KNOWING: "knows all, product",
    KNOWING_GREEDY: "knows all, greedy",
}
"""As the picture calls them."""
BEGIN, END = "<!-- town: begin -->", "<!-- town: end -->"


class Life(NamedTuple):
    """One way, one seed. `sides` and, of those with the rare taste, `rare` (2): £ a customer; `thirds` (3, 2)."""

    sides: Floats
    thirds: Floats
    rare: Floats
    worse: float
    contacts: float
    left: float


Lives = dict[tuple[str, float], list[Life]]


def interval(values: Sequence[float]) -> Interval:
    """Of a mean, 95 %."""
    each = np.array(values)
    about = float(stats.t.ppf(0.975, len(each) - 1)) * float(each.std(ddof=1)) / len(each) ** 0.5
    return Interval(float(each.mean()) - about, float(each.mean()) + about)


def side(lives: Sequence[Life], which: int) -> Floats:
    return np.array([life.sides[which] for life in lives])


def told(lives: Lives, besides: Lives) -> str:
    """All of it, in Markdown."""
    parts = []
    for harm, name in HARMS.items():
        parts += [f"Where contact does {name}{'' if not harm else f' ({harm:g})'}:\n", _table(lives, harm)]
    parts += ["Rapport against each, in the same towns (differences in £ a customer):\n", _against(lives)]
    seeds = len(next(iter(besides.values())))
    parts += [f"Asked besides, over {seeds} seeds:\n", _asked(besides)]
    parts += ["**Where Rapport loses**, as it comes:\n", "\n".join(losses(lives)) + "\n"]
    return "\n".join(parts)


def filled(page: str, told: str) -> str:
    """A page with these tables in the place of those before."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise AssertionError(f"the page has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{told}\n{END}{after}"


def losses(lives: Lives) -> list[str]:
    """Where the whole interval of a difference lies below nothing, and where it is not known which is better."""
    found = []
    for harm, name in HARMS.items():
        for which, whose in enumerate(("customers have", "the company has")):
            for peer in PEERS:
                low, high = _apart(lives, harm, peer, which)
                said = f"£{-(low + high) / 2:.1f} [{-high:.1f}, {-low:.1f}] less than under {peer}"
                if high < 0:
                    found.append(f"- {name}: {whose} {said}.")
                elif low <= 0:
                    found.append(
                        f"- {name}: whether {whose} more than under {peer} is not proven ({low:.1f} to {high:.1f})."
                    )
    return found or ["- nowhere."]


def _table(lives: Lives, harm: float) -> str:
    rows = (
        (way, _mean(each, 0), _mean(each, 1), *_lived(each))
        for (way, at), each in lives.items()
        if at == harm and way in WAYS
    )
    return _rows(
        ("", "to the customer", "to the company", "contacts a week", "left", "worse off than in silence"), rows
    )


def _against(lives: Lives) -> str:
    rows = []
    for harm, name in HARMS.items():
        customers = (_difference(lives, harm, peer, 0) for peer in PEERS)
        ratios = side(lives[OURS, harm], 1) / side(lives[GREEDY, harm], 1)
        low, high = interval(ratios.tolist())
        mean = side(lives[OURS, harm], 1).mean() / side(lives[GREEDY, harm], 1).mean()
        companies = (_difference(lives, harm, peer, 1) for peer in PEERS[:2])
        rows.append((name, *customers, *companies, f"{mean:.2f} [{low:.2f}, {high:.2f}]"))
    heads = [f"customer, {peer}" for peer in PEERS] + [f"company, {peer}" for peer in PEERS[:2]]
    return _rows(("", *heads, "company, of greedy's"), rows)


def _asked(besides: Lives) -> str:
    rows = (
        (HARMS[harm], way.replace(" | ", ": "), _mean(each, 0), _mean(each, 1), *_lived(each))
        for (way, harm), each in besides.items()
    )
    heads = ("", "", "to the customer", "to the company", "contacts a week", "left", "worse off than in silence")
    return _rows(heads, rows)


def _rows(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("|" + "".join(f" {cell} |" if cell else " |" for cell in line) for line in lines) + "\n"


def _mean(each: Sequence[Life], which: int) -> str:
    low, high = interval(side(each, which).tolist())
    return f"{side(each, which).mean():.1f} [{low:.1f}, {high:.1f}]"


def _lived(each: Sequence[Life]) -> tuple[str, str, str]:
    contacts, left, worse = (
        float(np.mean([getattr(life, name) for life in each])) for name in ("contacts", "left", "worse")
    )
    return f"{contacts:.1f}", f"{left:.0%}", f"{worse:.0%}"


def _apart(lives: Lives, harm: float, peer: str, which: int) -> Interval:
    return interval((side(lives[OURS, harm], which) - side(lives[peer, harm], which)).tolist())


def _difference(lives: Lives, harm: float, peer: str, which: int) -> str:
    low, high = _apart(lives, harm, peer, which)
    return f"{(low + high) / 2:+.1f} [{low:+.1f}, {high:+.1f}]"
