"""twistedsite itself: the `twistd` plugin as a user starts it, scripts in threads."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.results import OURS
from benchmarks.rivals.base import LISTING, QUERY, STATIC, Place, Rival

TWISTD = str(Path(sys.executable).parent / "twistd")


def _commands(place: Place) -> list[list[str]]:
    listen = f"tcp:{place.port}:interface=127.0.0.1"
    options = ["--root", str(place.site), "--listen", listen, "--access-log", "off"]
    return [[TWISTD, "-n", "--pidfile=", "scriptsite", *options]]


TWISTEDSITE = Rival(
    key=OURS,
    title="twistedsite",
    paths={
        **STATIC,
        **LISTING,
        "hello": f"/hello.py{QUERY}",
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
