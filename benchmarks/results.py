"""What was measured, and the arithmetic on it: medians over rounds, and ratios of servers within the same round."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

OURS = "twistedsite"


@dataclass(frozen=True)
class Sample:
    """One server in one round of one case."""

    rate: float
    """Requests a second."""
    p50: float
    """Seconds within which half of the answers came."""
    p99: float
    """Seconds within which 99 of 100 answers came."""
    cpu: float | None
    """Processor seconds of the server for each request; None where they cannot be counted."""
    wrong: int
    """Answers with a wrong status, and connections that failed."""


@dataclass(frozen=True)
class Row:
    """One server in one case, over all rounds."""

    rival: str
    samples: list[Sample]
    memory: int
    """Bytes after the last round."""

    @property
    def rate(self) -> float:
        return median(sample.rate for sample in self.samples)

    @property
    def p50(self) -> float:
        return median(sample.p50 for sample in self.samples)

    @property
    def p99(self) -> float:
        return median(sample.p99 for sample in self.samples)

    @property
    def cpu(self) -> float | None:
        counted = [sample.cpu for sample in self.samples if sample.cpu is not None]
        return median(counted) if counted else None

    @property
    def wrong(self) -> int:
        return sum(sample.wrong for sample in self.samples)


def times_as_fast(ours: Row, theirs: Row) -> float:
    """The median over rounds of our rate divided by theirs in the same round: what the machine did to both cancels."""
    return median(mine.rate / other.rate for mine, other in zip(ours.samples, theirs.samples, strict=True))


@dataclass
class CaseResult:
    """One case: the servers measured, and why the others were not."""

    key: str
    title: str
    note: str = ""
    rows: list[Row] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def row(self, rival: str) -> Row | None:
        return next((row for row in self.rows if row.rival == rival), None)

    def ratio(self, rival: str, of: str = OURS) -> float | None:
        """How many times as fast as `rival` the server `of` is; None where one of the two was not measured."""
        ours, theirs = self.row(of), self.row(rival)
        return times_as_fast(ours, theirs) if ours and theirs else None

    def fastest_first(self) -> list[Row]:
        return sorted(self.rows, key=lambda row: row.rate, reverse=True)


@dataclass
class Amounts:
    """One number for each server, the smaller the better: memory of a connection, time to start."""

    key: str
    title: str
    unit: str
    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def smallest_first(self) -> list[tuple[str, float]]:
        return sorted(self.values.items(), key=lambda item: item[1])


@dataclass
class Results:
    """A whole run."""

    machine: str
    method: str
    titles: dict[str, str]
    """Rival -> its name."""
    versions: dict[str, str]
    """Rival -> its name with the versions of its parts."""
    cases: list[CaseResult] = field(default_factory=list)
    amounts: list[Amounts] = field(default_factory=list)

    def case(self, key: str) -> CaseResult | None:
        return next((case for case in self.cases if case.key == key), None)
