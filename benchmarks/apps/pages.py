"""What every rival's script pages answer, so that the servers differ and the work does not.

The rivals' applications import this; `benchmarks.site` writes the same lines as scripts for twistedsite, PHP and CGI,
and compares each server's answer with these before anything is measured.
"""

from __future__ import annotations

import os
from html import escape

SITE = os.environ.get("BENCHMARK_SITE", "")
"""The folder with the files and the template `table.jinja`."""


def hello(name: str) -> str:
    """A page of one line."""
    return f"<p>Hello, {escape(name)}!</p>\n"


def page(name: str) -> str:
    """A page of 64 rows of 1,024 bytes."""
    name = escape(name)
    return "".join(f"<p>{number:04d} {name:.<1011}</p>\n" for number in range(64))
