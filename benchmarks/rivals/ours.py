"""twistedsite itself: the `twistd` plugin as a user starts it, scripts in threads, or in worker processes."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.process import LOAD_CORE, SERVER_CORE
from benchmarks.results import OURS
from benchmarks.rivals.base import LISTING, QUERY, STATIC, Place, Rival

TWISTD = str(Path(sys.executable).parent / "twistd")


def _commands(place: Place, *more: str) -> list[list[str]]:
    listen = f"tcp:{place.port}:interface=127.0.0.1"
    options = ["--root", str(place.site), "--listen", listen, "--access-log", "off", *more]
    return [[TWISTD, "-n", "--pidfile=", "scriptsite", *options]]


def _workers(place: Place) -> list[list[str]]:
    return _commands(place, "--isolation", "workers")


def _workers_on_two_cores(place: Place) -> list[list[str]]:
    return [["taskset", "-c", f"{SERVER_CORE},{LOAD_CORE}", *command] for command in _workers(place)]


TWISTEDSITE = Rival(
    key=OURS,
    title="twistedsite",
    paths={
        **STATIC,
        **LISTING,
        "hello": f"/hello.py{QUERY}",
        "compute": "/compute.py",
        "hello-methods": f"/greet.py{QUERY}",
        "hello-handler": f"/handler.py{QUERY}",
        "hello-publisher": f"/published/greet.py/hello{QUERY}",
        "hello-flask": f"/flask_hello.py/{QUERY}",
        "page-64k": f"/page.py{QUERY}",
        "template": f"/table.jinja{QUERY}",
    },
    commands=_commands,
    versions=((sys.executable, "-c", "from twistedsite import __version__; print(__version__)"),),
    needs=(TWISTD,),
    keeps_idle=True,
)

WORKERS = Rival(
    key="twistedsite-workers",
    title="twistedsite (scripts in processes)",
    paths={name: TWISTEDSITE.paths[name] for name in ("hello", "compute", "page-64k", "template")},
    commands=_workers,
    versions=TWISTEDSITE.versions,
    needs=TWISTEDSITE.needs,
)

WORKERS_ON_TWO_CORES = Rival(
    key="twistedsite-workers-2",
    title="twistedsite (scripts in processes, on two cores)",
    paths={name: TWISTEDSITE.paths[name] for name in ("hello", "compute")},
    commands=_workers_on_two_cores,
    versions=TWISTEDSITE.versions,
    needs=TWISTEDSITE.needs,
)
