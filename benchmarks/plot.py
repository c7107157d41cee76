"""Draws a run as an SVG picture: one panel a case, one bar a server, readable on light and on dark pages."""

from __future__ import annotations

from html import escape

from benchmarks.report import rate, times
from benchmarks.results import OURS, CaseResult, Results

WIDTH = 540
MARGIN = 14
LABELS = 188
NUMBERS = 126
BAR = 22
TITLE = 34
GAP = 16

_STYLE = """
.paper { fill: #ffffff } .bar { fill: #9aa7b4 } .ours { fill: #1668c7 } text { fill: #1f2328; font: 14px sans-serif }
.title { font-weight: bold; font-size: 15px } .number { font-variant-numeric: tabular-nums }
@media (prefers-color-scheme: dark) {
.paper { fill: #131416 } .bar { fill: #5d6773 } .ours { fill: #4c9aff } text { fill: #e6e8ea }
}
"""


def svg(results: Results) -> str:
    """The picture of all cases."""
    shown = [case for case in results.cases if case.rows]
    parts = [f'<text x="{MARGIN}" y="26">Requests a second; in brackets, how many times as fast twistedsite is</text>']
    top = 26.0 + GAP
    for case in shown:
        parts += _panel(case, results.titles, top)
        top += TITLE + BAR * len(case.rows) + GAP
    height = f"{top:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" role="img">\n'
        "<title>Requests a second of each server, by case; longer is better</title>\n"
        f"<style>{_STYLE}</style>\n"
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(case: CaseResult, titles: dict[str, str], top: float) -> list[str]:
    rows = case.fastest_first()
    scale = (WIDTH - 2 * MARGIN - LABELS - NUMBERS) / rows[0].rate
    parts = [f'<text class="title" x="{MARGIN}" y="{top + 20:.0f}">{escape(case.title)}</text>']
    for number, row in enumerate(rows):
        title = escape(titles.get(row.rival, row.rival))
        y = top + TITLE + BAR * number
        length = max(row.rate * scale, 1.0)
        left = MARGIN + LABELS
        kind = "bar ours" if row.rival == OURS else "bar"
        ratio = "" if row.rival == OURS or case.row(OURS) is None else f" ({times(case.ratio(row.rival))})"
        parts += [
            f'<text x="{left - 8}" y="{y + 12:.0f}" text-anchor="end">{title}</text>',
            f'<rect class="{kind}" x="{left}" y="{y:.0f}" width="{length:.1f}" height="{BAR - 6}" rx="2"/>',
            f'<text class="number" x="{left + length + 6:.1f}" y="{y + 12:.0f}">{rate(row.rate)}{ratio}</text>',
        ]
    return parts
