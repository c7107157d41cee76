"""Writes a run as Markdown."""

from __future__ import annotations

from benchmarks.figures import verdicts
from benchmarks.results import OURS, Amounts, CaseResult, Results, Row

_HEAD = """# Benchmarks

This page and its plot are written by `make bench` (or `python -m benchmarks`), which installs the other servers, checks
that each gives the same answer, and measures them side by side on one machine.

"""

_EXPLANATION = """
"twistedsite is" tells how many times as fast twistedsite is as that server: the median, over the rounds, of the ratio
of the two servers' requests a second within the same round. Other figures are medians over the rounds. "CPU" is
processor time of all the server's processes for one request; "memory" is what they hold after the last round, shared
pages counted once (PSS).
"""

_YES_NO = {True: "yes", False: "**no**", None: "-"}


def markdown(results: Results, plot: str = "") -> str:
    """The page, a run's results; `plot` is the plot's file name, empty for none."""
    parts = [_HEAD, f"- Machine: {results.machine}\n- Method: {results.method}\n", _EXPLANATION]
    if plot:
        parts.append(f"\n![Requests a second of each server, by case]({plot})\n")
    parts.append(_figures(results))
    parts += [_case(case, results.versions) for case in results.cases]
    parts += [_amounts(amounts, results.versions) for amounts in results.amounts]
    return "".join(parts)


def _figures(results: Results) -> str:
    rows = [[verdict.what, verdict.wanted, verdict.found, _YES_NO[verdict.met]] for verdict in verdicts(results)]
    return "\n## Figures to reach\n\n" + _table(["", "wanted", "found", "reached"], "lrrl", rows) if rows else ""


def _case(case: CaseResult, versions: dict[str, str]) -> str:
    titles = ["server", "requests/s", "twistedsite is", "p50 ms", "p99 ms", "CPU µs", "memory MB"]
    rows = [
        [
            _server(row, versions),
            rate(row.rate),
            times(case.ratio(row.rival)) if row.rival != OURS else "",
            f"{row.p50 * 1000:,.2f}",
            f"{row.p99 * 1000:,.2f}",
            "-" if row.cpu is None else f"{row.cpu * 1e6:,.0f}",
            f"{row.memory / 1e6:,.1f}",
        ]
        for row in case.fastest_first()
    ]
    note = f"\n{case.note}\n" if case.note else ""
    return f"\n## {case.title}\n\n" + _table(titles, "lrrrrrr", rows) + note + _missing(case.missing, versions)


def _amounts(amounts: Amounts, versions: dict[str, str]) -> str:
    rows = [[_name(rival, versions), f"{value:,.1f}"] for rival, value in amounts.smallest_first()]
    table = _table(["server", amounts.unit], "lr", rows)
    return f"\n## {amounts.title}\n\n" + table + _missing(amounts.missing, versions)


def _server(row: Row, versions: dict[str, str]) -> str:
    wrong = f" ({row.wrong:,} wrong answers)" if row.wrong else ""
    return _name(row.rival, versions) + wrong


def _name(rival: str, versions: dict[str, str]) -> str:
    name = versions.get(rival, rival)
    return f"**{name}**" if rival == OURS else name


def _missing(missing: dict[str, str], versions: dict[str, str]) -> str:
    if not missing:
        return ""
    return "\n" + "".join(
        f"- {_name(rival, versions)}: not measured: {_plain(why)}\n" for rival, why in missing.items()
    )


def _table(titles: list[str], alignment: str, rows: list[list[str]]) -> str:
    rules = ["---:" if side == "r" else "---" for side in alignment]
    return "".join("| " + " | ".join(_plain(cell) for cell in row) + " |\n" for row in [titles, rules, *rows])


def _plain(text: str) -> str:
    """A server's own words, harmless within a Markdown table or list."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'").split())


def rate(value: float) -> str:
    """Requests a second, with as many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def times(ratio: float | None) -> str:
    """A ratio as shown."""
    if ratio is None:
        return "-"
    return f"{ratio:.0f}x" if ratio >= 100 else f"{ratio:.1f}x" if ratio >= 10 else f"{ratio:.2f}x"
