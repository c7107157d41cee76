"""The figures that twistedsite has to reach, and whether a run reached them."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.results import OURS, Results


@dataclass(frozen=True)
class Verdict:
    """One wanted figure and what was found."""

    what: str
    wanted: str
    found: str
    met: bool | None
    """None where it was not measured."""


# Case, rival, how many times as fast as the rival twistedsite must be.
RATIOS = (
    ("file-1k", "nginx", 0.75),
    ("file-1k", "twisted", 5),
    ("file-1k", "caddy", 1),
    ("file-1k", "gunicorn", 1),
    ("file-1k", "uvicorn", 1),
    ("file-1k", "granian", 1),
    ("file-100m", "nginx", 0.8),
    ("not-modified", "nginx", 0.75),
    ("hello", "twisted-threads", 2),
    ("hello", "php-fpm", 1.5),
    ("hello", "granian", 1.5),
    ("hello", "cgi", 100),
    ("hello-flask", "gunicorn", 1.5),
    ("template", "gunicorn", 2),
)

# Case, one of twistedsite's own ways to run scripts, another server, how many times as fast as that it must be.
WAYS = (
    ("hello", "twistedsite-workers", OURS, 0.7),
    ("hello", "twistedsite-workers", "php-fpm", 1.5),
    ("compute", "twistedsite-workers-2", OURS, 1.7),
)

# Amount, at most.
AMOUNTS = (
    ("idle", 12.0),
    ("start", 700.0),
    ("kill", 5.0),
    ("heir", 20.0),
    ("spawn", 25.0),
    ("private", 4.0),
    ("neighbour", 10.0),
)


def verdicts(results: Results) -> list[Verdict]:
    """Judge what this run measured; cases that were left out by the selection are left out here too."""
    judged = []
    for key, ours, rival, least in [(key, OURS, rival, least) for key, rival, least in RATIOS] + list(WAYS):
        case = results.case(key)
        if case is not None:
            ratio = case.ratio(rival, ours)
            what = f"{case.title}: {results.titles.get(ours, ours)} against {results.titles.get(rival, rival)}"
            found = "not measured" if ratio is None else f"{ratio:.2f} times"
            met = None if ratio is None else ratio >= least
            judged.append(Verdict(what, f"at least {least:g} times", found, met))
    for key, most in AMOUNTS:
        amounts = next((amounts for amounts in results.amounts if amounts.key == key), None)
        if amounts is not None:
            value = amounts.values.get(OURS)
            found = "not measured" if value is None else f"{value:,.1f} {amounts.unit}"
            met = None if value is None else value <= most
            judged.append(Verdict(amounts.title, f"at most {most:g} {amounts.unit}", found, met))
    return judged
