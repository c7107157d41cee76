"""How a run is shown: the Markdown page and the SVG plot."""

from __future__ import annotations

from xml.etree import ElementTree

from benchmarks import plot, report
from benchmarks.results import OURS, Amounts, CaseResult, Results, Row, Sample

SVG = "{http://www.w3.org/2000/svg}"


def run() -> Results:
    rows = [
        Row("nginx", [Sample(100_000, 0.0003, 0.001, 0.00001, 0)], 8_000_000),
        Row(OURS, [Sample(80_000, 0.0004, 0.001, 0.000012, 0)], 30_000_000),
        Row("cgi", [Sample(32, 1.0, 1.5, None, 7)], 60_000_000),
    ]
    titles = {"nginx": "nginx", OURS: "twistedsite", "cgi": "CGI", "caddy": "Caddy"}
    return Results(
        machine="a machine",
        method="a method",
        titles=titles,
        versions={key: f"{title} 1.2" for key, title in titles.items()},
        cases=[CaseResult("file-1k", "1 kB <file>", "A note.", rows, {"caddy": "not installed: `a|b`"})],
        amounts=[Amounts("idle", "Idle memory", "KiB", {OURS: 4.0, "nginx": 0.5}, {"caddy": "not installed: caddy"})],
    )


def test_a_table_has_a_line_for_each_server_the_fastest_first() -> None:
    page = report.markdown(run())
    table = [line for line in page.splitlines() if line.startswith(("| nginx", "| **twisted", "| CGI"))]
    assert table[:3] == [
        "| nginx 1.2 | 100,000 | 0.80x | 0.30 | 1.00 | 10 | 8.0 |",
        "| **twistedsite 1.2** | 80,000 |  | 0.40 | 1.00 | 12 | 30.0 |",
        "| CGI 1.2 (7 wrong answers) | 32.0 | 2500x | 1,000.00 | 1,500.00 | - | 60.0 |",
    ]


def test_a_server_that_was_not_measured_is_named_with_the_reason() -> None:
    page = report.markdown(run())
    assert "- Caddy 1.2: not measured: not installed: 'a\\|b'\n" in page
    assert "- Caddy 1.2: not measured: not installed: caddy\n" in page


def test_what_a_reader_must_know_stands_below_the_table() -> None:
    assert "| 60.0 |\n\nA note.\n\n- Caddy" in report.markdown(run())


def test_the_smallest_amount_comes_first() -> None:
    assert "| nginx 1.2 | 0.5 |\n| **twistedsite 1.2** | 4.0 |\n" in report.markdown(run())


def test_the_figures_are_judged_on_the_page() -> None:
    assert "| at least 0.75 times | 0.80 times | yes |" in report.markdown(run())


def test_the_plot_is_shown_where_there_is_one() -> None:
    assert "](plot.svg)" in report.markdown(run(), "plot.svg")
    assert "](" not in report.markdown(run())


def test_the_plot_is_well_formed_and_has_a_bar_for_each_server() -> None:
    root = ElementTree.fromstring(plot.svg(run()))
    bars = [bar for bar in root.iter(f"{SVG}rect") if "bar" in bar.get("class", "")]
    assert [bar.get("class") for bar in bars] == ["bar", "bar ours", "bar"]
    assert float(bars[1].get("width", "")) / float(bars[0].get("width", "")) == 0.8


def test_everything_in_the_plot_lies_within_its_width() -> None:
    root = ElementTree.fromstring(plot.svg(run()))
    ends = [float(bar.get("x", "0")) + float(bar.get("width", "")) for bar in root.iter(f"{SVG}rect")]
    assert max(ends) <= plot.WIDTH


def test_the_plot_of_nothing_is_still_a_picture() -> None:
    ElementTree.fromstring(plot.svg(Results("", "", {}, {})))
