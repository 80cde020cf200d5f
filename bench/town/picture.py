"""The picture of the town: what each way to choose gives the company (to the right) and customers (up), as SVG.

It is written by hand, so that it reads on light and on dark pages alike.
"""

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple


class Point(NamedTuple):
    """£ a customer; `swept`: Rapport with another weight."""

    panel: str
    name: str
    company: float
    customer: float
    swept: bool


_WIDE, _HIGH, _LEFT, _TOP = 330, 300, 50, 60
_LABELS: Final = {
    "Rapport": (-10, 16, "end"),
    "segments": (10, -2, "start"),
    "greedy": (8, 16, "start"),
    "random": (-10, 4, "end"),
    "knows all, greedy": (0, -12, "middle"),
}
"""Where names stand beside their points, so that none covers another: to the right, down, and how they are aligned."""
_ROLE: Final = """role="img" aria-labelledby="t d" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif\""""
_STYLE: Final = """
    .paper{fill:#fbf8f3;stroke:#d8d0c4}.ours{fill:#a8431c}.peer{fill:#1f5c85}.ink{fill:#2b2723}.soft{fill:#6b635a}
    .rule{stroke:#d8d0c4}.way{fill:none;stroke:#a8431c;stroke-width:2}
    text{font-size:13px}.head{font-size:15px;font-weight:600}
    @media (prefers-color-scheme: dark){
      .paper{fill:#211e1b;stroke:#4a443d}.ours{fill:#f0a07c}.peer{fill:#86c1e8}.ink{fill:#efe9e1}.soft{fill:#b3a99d}
      .rule{stroke:#4a443d}.way{stroke:#f0a07c}
    }"""


def drawn(points: Sequence[Point]) -> str:
    """An SVG document."""
    panels = list(dict.fromkeys(point.panel for point in points))
    most = max(max(point.company, point.customer) for point in points)
    step = next(step for step in (5, 10, 20, 25, 50, 100, 1_000) if most / step <= 6)
    end = (int(most / step) + 1) * step
    said = "; ".join(f"{p.panel}, {p.name}: company {p.company:.1f}, customer {p.customer:.1f}" for p in points)
    width, height = len(panels) * (_WIDE + 60) + 40, _TOP + _HIGH + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_ROLE}>',
        '  <title id="t">What ways to choose give both sides of the town</title>',
        f'  <desc id="d">Pounds a customer. {escape(said)}.</desc>',
        f"  <style>{_STYLE}\n  </style>",
        f'  <rect class="paper" x="1" y="1" width="{width - 2}" height="{height - 2}" rx="12"/>',
    ]
    for place, panel in enumerate(panels):
        parts += _panel(panel, [point for point in points if point.panel == panel], place, step, end)
    return "\n".join([*parts, "</svg>", ""])


def _panel(name: str, points: Sequence[Point], place: int, step: int, end: int) -> list[str]:
    left = _LEFT + place * (_WIDE + 60)

    def x(value: float) -> float:
        return round(left + max(value, 0) / end * _WIDE, 1)

    def y(value: float) -> float:
        return round(_TOP + _HIGH - max(value, 0) / end * _HIGH, 1)

    parts = [f'  <text class="head ink" x="{left}" y="32">Contact does {escape(name)}</text>']
    for value in range(0, end + 1, step):
        parts += [
            f'  <path class="rule" d="M{x(value)} {y(0)} V{y(end)} M{x(0)} {y(value)} H{x(end)}"/>',
            f'  <text class="soft" x="{x(value)}" y="{y(0) + 18}" text-anchor="middle">{value}</text>',
            f'  <text class="soft" x="{x(0) - 8}" y="{y(value) + 4}" text-anchor="end">{value}</text>' if value else "",
        ]
    parts += [
        f'  <text class="soft" x="{x(end)}" y="{y(0) + 40}" text-anchor="end">£ to the company, a customer →</text>',
        f'  <text class="soft" x="{left}" y="{_TOP - 8}">↑ £ to the customer</text>',
    ]
    swept = sorted((point for point in points if point.swept), key=lambda point: point.name)
    if swept:
        line = " L".join(f"{x(point.company)} {y(point.customer)}" for point in swept)
        parts.append(f'  <path class="way" d="M{line}"/>')
    for point in points:
        ours = point.swept or point.name == "Rapport"
        colour = "ours" if ours else "peer"
        size = 3 if point.swept else 6
        at = f'cx="{x(point.company)}" cy="{y(point.customer)}"'
        parts.append(f'  <circle class="{colour}" {at} r="{size}"><title>{escape(point.name)}</title></circle>')
        if not point.swept:
            aside, lower, anchor = _LABELS.get(point.name, (10, 4, "start"))
            parts.append(
                f'  <text class="{colour}" x="{x(point.company) + aside}" y="{y(point.customer) + lower}"'
                f' text-anchor="{anchor}">{escape(point.name)}</text>'
            )
    return [part for part in parts if part]
