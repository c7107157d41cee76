"""What is computed from what was measured: wrk's figures, medians, ratios, verdicts, the choice of cases."""

from __future__ import annotations

import pytest

from benchmarks.figures import verdicts
from benchmarks.load import Load, parse
from benchmarks.measure import Selection, concerned
from benchmarks.results import OURS, Amounts, CaseResult, Results, Row, Sample, times_as_fast
from benchmarks.rivals import RIVALS

WRK_OUTPUT = """Running 1s test @ http://127.0.0.1:4711/1k.txt
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   302.00us   98.00us   4.00ms   90.10%
    Req/Sec    98.81k     2.11k  101.11k    80.00%
  98765 requests in 1.00s, 120.50MB read
Requests/sec:  98667.00
Transfer/sec:    120.38MB
{"requests":98765,"bytes":126353408,"microseconds":1001000,"failed":1,"cut":2,"refused":3,"p50":302,"p99":711}
"""


def row(rival: str, *rates: float) -> Row:
    return Row(rival, [Sample(rate, 0.001, 0.002, 0.0001, 0) for rate in rates], memory=1_000_000)


def results(*cases: CaseResult, amounts: list[Amounts] | None = None) -> Results:
    return Results("a machine", "a method", {}, {}, list(cases), amounts or [])


def test_the_line_of_figures_is_found_in_the_output_of_wrk() -> None:
    assert parse(WRK_OUTPUT) == Load(98765, 126353408, 1001000, failed=1, cut=2, refused=3, p50=302, p99=711)


def test_output_without_figures_is_an_error_that_shows_it() -> None:
    with pytest.raises(ValueError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:4711 Connection refused")


def test_a_ratio_is_the_median_of_the_ratios_within_each_round() -> None:
    # The machine was three times as fast in the second round, for both.
    ours, theirs = row(OURS, 200, 660, 180), row("nginx", 100, 300, 100)
    assert times_as_fast(ours, theirs) == pytest.approx(2.0)


def test_a_rate_is_the_median_of_its_rounds() -> None:
    assert row("nginx", 1, 50, 3, 2, 4).rate == 3


def test_processor_time_that_cannot_be_counted_is_none() -> None:
    assert Row("cgi", [Sample(30, 1, 1, None, 0)], 0).cpu is None


def test_no_ratio_without_both_servers() -> None:
    assert CaseResult("hello", "Hello", rows=[row("nginx", 1)]).ratio("nginx") is None
    assert CaseResult("hello", "Hello", rows=[row(OURS, 1)]).ratio("nginx") is None


def test_a_figure_is_judged_by_its_ratio() -> None:
    case = CaseResult("template", "Template", rows=[row(OURS, 300), row("gunicorn", 100)])
    (verdict,) = verdicts(results(case))
    assert (verdict.found, verdict.met) == ("3.00 times", True)
    case = CaseResult("template", "Template", rows=[row(OURS, 100), row("gunicorn", 100)])
    assert [verdict.met for verdict in verdicts(results(case))] == [False]


def test_a_figure_without_its_rival_is_not_judged() -> None:
    (verdict,) = verdicts(results(CaseResult("template", "Template", rows=[row(OURS, 300)])))
    assert (verdict.found, verdict.met) == ("not measured", None)


def test_an_amount_is_judged_by_its_limit() -> None:
    judged = verdicts(results(amounts=[Amounts("idle", "Idle", "KiB", {OURS: 12.5}), Amounts("start", "Start", "ms")]))
    assert [(verdict.found, verdict.met) for verdict in judged] == [("12.5 KiB", False), ("not measured", None)]


def test_nothing_selected_means_every_rival_that_the_case_concerns() -> None:
    assert Selection([]).rivals("listing", concerned("listing")) == concerned("listing")


@pytest.mark.parametrize("wanted", ["hello/cgi", "/cgi", "hello"])
def test_a_selected_rival_is_measured_beside_ours(wanted: str) -> None:
    chosen = [rival.key for rival in Selection([wanted]).rivals("hello", RIVALS)]
    assert chosen[0] == OURS
    assert "cgi" in chosen


def test_a_case_that_was_not_selected_is_left_out() -> None:
    assert Selection(["hello/cgi"]).rivals("listing", concerned("listing")) == []
    assert Selection(["/cgi"]).rivals("listing", concerned("listing")) == []


def test_a_selection_of_what_does_not_exist_is_told() -> None:
    assert Selection(["hello", "hello/iis", "goodbye"]).unknown() == ["hello/iis", "goodbye/"]
