"""Runs the measurements: servers of one case side by side, taking turns within each round."""

from __future__ import annotations

import http.client
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.cases import CASES, Case
from benchmarks.idle import CONNECTIONS, memory_of_connections
from benchmarks.isolation import ISOLATION
from benchmarks.load import Load, run_wrk
from benchmarks.process import Answer, NotMeasuredError, Server, free_port, get
from benchmarks.results import OURS, Amounts, CaseResult, Row, Sample
from benchmarks.rivals import RIVALS, Place, Rival

IDLE = "idle"
START = "start"
WARM_UP = 1


class Selection:
    """Which cases and rivals are wanted: `CASE`, `/RIVAL` or `CASE/RIVAL`; nothing given: all. Ours is always in."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = [(case, rival) for case, _, rival in (text.partition("/") for text in wanted)]

    def unknown(self) -> list[str]:
        """What is wanted but names no case or no rival."""
        cases = {"", IDLE, START, ISOLATION, *(case.key for case in CASES)}
        rivals = {"", *(rival.key for rival in RIVALS)}
        return [f"{case}/{rival}" for case, rival in self._wanted if case not in cases or rival not in rivals]

    def wants(self, case: str) -> bool:
        """Whether `case`, which is about twistedsite alone, is to be measured."""
        return not self._wanted or any(wanted in ("", case) and rival in ("", OURS) for wanted, rival in self._wanted)

    def rivals(self, case: str, candidates: Sequence[Rival]) -> list[Rival]:
        """Those of `candidates` to measure in `case`; empty where the case is not wanted."""
        if not self._wanted:
            return list(candidates)
        names = [rival for wanted, rival in self._wanted if wanted in ("", case)]
        chosen = [rival for rival in candidates if "" in names or rival.key in names]
        if not chosen:
            return []
        return [rival for rival in candidates if rival in chosen or rival.key == OURS]


@dataclass(frozen=True)
class Check:
    """What a server answered before it was measured."""

    headers: dict[str, str]
    """What to send with each request."""
    size: int
    """Bytes of the body."""
    portion: float
    """How much of the wanted answer the body is."""
    ends_by_close: bool
    """Whether the end of the connection is the end of the body; wrk takes that for an error."""


class Bench:
    """A run: the site, the folder to work in, how long and how often."""

    def __init__(self, site: Path, work: Path, rounds: int, seconds: int, say: Callable[[str], None]) -> None:
        """`seconds` are those of one round of one server; `say` is told each step."""
        self.rounds = rounds
        self.seconds = seconds
        self._site = site
        self._work = work
        self._say = say
        self._numbers = count()

    def case(self, case: Case, rivals: Sequence[Rival]) -> CaseResult:
        """Measure `rivals` in `case`."""
        result = CaseResult(case.key, case.title, case.note)
        with ExitStack() as stack:
            servers: dict[str, tuple[Rival, Server, Check]] = {}
            for rival in rivals:
                try:
                    server = stack.enter_context(self._server(rival))
                    server.wait_for(rival.first_path)
                    check = check_answer(case, rival, server)
                    self._load(case, rival, server, check, max(WARM_UP, rival.least_seconds))
                    servers[rival.key] = rival, server, check
                except NotMeasuredError as error:
                    result.missing[rival.key] = str(error)
                    self._say(f"{case.key}: {rival.key}: not measured: {error}")
            samples: dict[str, list[Sample]] = {key: [] for key in servers}
            for turn in self._turns(case.key, list(servers)):
                for key in turn:
                    if key in result.missing:
                        continue
                    try:
                        seconds = max(self.seconds, servers[key][0].least_seconds)
                        samples[key].append(self._round(case, *servers[key], seconds))
                    except NotMeasuredError as error:
                        result.missing[key] = str(error)
                self._say(
                    f"{case.key}: "
                    + ", ".join(f"{key} {taken[-1].rate:,.0f}/s" for key, taken in samples.items() if taken)
                )
            for key, (_, server, _) in servers.items():
                if key not in result.missing:
                    result.rows.append(Row(key, samples[key], server.memory()))
        return result

    def start_up(self, rivals: Sequence[Rival]) -> Amounts:
        """Seconds from the start of a server's processes to its first answer."""
        amounts = Amounts(START, "From start to the first answer", "ms")
        taken: dict[str, list[float]] = {rival.key: [] for rival in rivals}
        by_key = {rival.key: rival for rival in rivals}
        for turn in self._turns(START, list(by_key)):
            for key in turn:
                if key in amounts.missing:
                    continue
                try:
                    server = self._server(by_key[key])
                    began = time.perf_counter()
                    with server:
                        server.wait_for(by_key[key].first_path)
                        taken[key].append(time.perf_counter() - began)
                except NotMeasuredError as error:
                    amounts.missing[key] = str(error)
        amounts.values = {key: median(times) * 1000 for key, times in taken.items() if key not in amounts.missing}
        return amounts

    def idle(self, rivals: Sequence[Rival], connections: int = CONNECTIONS) -> Amounts:
        """Memory of a server for each idle connection."""
        amounts = Amounts(IDLE, f"Memory for each of {connections:,} idle connections", "KiB")
        for rival in rivals:
            self._say(f"{IDLE}: {rival.key}")
            try:
                with self._server(rival) as server:
                    server.wait_for(rival.first_path)
                    path = rival.paths["file-1k"]
                    url = f"http://127.0.0.1:{server.port}{path}"
                    run_wrk(url, connections=32, seconds=WARM_UP, headers={}, folder=self._work)
                    amounts.values[rival.key] = memory_of_connections(server, path, connections) / 1024
            except NotMeasuredError as error:
                amounts.missing[rival.key] = str(error)
        return amounts

    def _server(self, rival: Rival) -> Server:
        lacks = rival.lacks()
        if lacks:
            raise NotMeasuredError(f"not installed: {lacks}")
        folder = self._work / f"{next(self._numbers)}-{rival.key}"
        folder.mkdir()
        place = Place(self._site, self._work, folder, free_port())
        return Server(rival.commands(place), place.port, folder)

    def _turns(self, key: str, rivals: list[str]) -> Iterator[list[str]]:
        """The order of each round, forwards and backwards in turn, so that a drift of the machine favours nobody."""
        for number in range(self.rounds):
            self._say(f"{key}: round {number + 1} of {self.rounds}")
            yield rivals if number % 2 == 0 else rivals[::-1]

    def _load(self, case: Case, rival: Rival, server: Server, check: Check, seconds: int) -> Load:
        url = f"http://127.0.0.1:{server.port}{rival.paths[case.key]}"
        try:
            return run_wrk(url, case.connections, seconds, check.headers, self._work)
        except subprocess.SubprocessError as error:
            raise NotMeasuredError(f"wrk: {error}") from error

    def _round(self, case: Case, rival: Rival, server: Server, check: Check, seconds: int) -> Sample:
        before = server.cpu()
        load = self._load(case, rival, server, check, seconds)
        spent = server.cpu() - before
        requests = check.portion * (load.bytes / check.size if case.by_bytes else load.requests)
        if not requests:
            raise NotMeasuredError(f"no answer within {seconds} s")
        wrong = load.failed + (load.refused if case.status < 400 else load.requests - load.refused)
        if not check.ends_by_close:
            wrong += load.cut
        return Sample(
            rate=requests * 1e6 / load.microseconds,
            p50=load.p50 / 1e6,
            p99=load.p99 / 1e6,
            cpu=spent / requests if rival.counts_cpu else None,
            wrong=wrong,
        )


def check_answer(case: Case, rival: Rival, server: Server) -> Check:
    """Ask once, and raise `NotMeasuredError` unless the answer is the one that all servers must give."""
    path = rival.paths[case.key]
    headers: dict[str, str] = {}
    try:
        if case.status == 304:
            headers = _conditions(get(server.port, path))
        answer = get(server.port, path, headers)
    except (OSError, http.client.HTTPException) as error:
        raise NotMeasuredError(f"GET {path}: {error}") from error
    if answer.status != case.status:
        raise NotMeasuredError(f"GET {path}: status {answer.status} instead of {case.status}")
    portion = case.portion(answer.body)
    if not portion:
        raise NotMeasuredError(
            f"GET {path}: not the wanted body but {len(answer.body):,} bytes, {answer.body[:60]!r} …"
        )
    framed = answer.status == 304 or answer.headers.keys() & {"content-length", "transfer-encoding"}
    return Check(headers, len(answer.body), portion, ends_by_close=not framed)


def _conditions(answer: Answer) -> dict[str, str]:
    """The fields that a browser sends back with the validators of `answer`."""
    pairs = {"If-None-Match": answer.headers.get("etag"), "If-Modified-Since": answer.headers.get("last-modified")}
    return {name: value for name, value in pairs.items() if value}


def concerned(key: str) -> list[Rival]:
    """The rivals that take part in a case, in `IDLE` or in `START`."""
    if key == START:
        return list(RIVALS)
    return [rival for rival in RIVALS if (rival.keeps_idle if key == IDLE else key in rival.paths)]
