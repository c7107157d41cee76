"""What is measured: each case is one request, repeated, and the answer that every server must give to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.apps import pages

KILOBYTE = b"0123456789abcde\n" * 64
HUNDRED_KILOBYTES = KILOBYTE * 100
HUNDRED_MEGABYTES = 100 * 1024 * 1024
LISTED = 10_000
NAME = "world"

TEMPLATE = """<!doctype html>
<title>{{ form["name"] }}</title>
<table>
{% for number in range(20) -%}
<tr><td>{{ number }}</td><td>{{ form["name"] }}</td><td>{{ number * number }}</td></tr>
{% endfor -%}
</table>
"""

_TABLE = "".join(f"<tr><td>{n}</td><td>{NAME}</td><td>{n * n}</td></tr>\n" for n in range(20))


@dataclass(frozen=True)
class Case:
    """One kind of request."""

    key: str
    title: str
    portion: Callable[[bytes], float]
    """How much of the wanted answer a body is: 1 is all of it, 0 is something else."""
    status: int = 200
    connections: int = 32
    by_bytes: bool = False
    """Count requests by the bytes received: for answers so large that few end within a round."""
    note: str = ""
    """What a reader of the table must know besides."""


def _is(body: bytes) -> Callable[[bytes], float]:
    return lambda other: other.rstrip() == body.rstrip()


def _listed(body: bytes) -> float:
    return len(set(re.findall(rb"entry-\d{5}", body))) / LISTED


CASES = (
    Case("file-1k", "1 kB file", _is(KILOBYTE)),
    Case("file-100k", "100 kB file", _is(HUNDRED_KILOBYTES)),
    Case("file-100m", "100 MB file", lambda body: len(body) == HUNDRED_MEGABYTES, connections=4, by_bytes=True),
    Case("not-modified", "304 for a file that the client has", lambda body: not body, status=304),
    Case("not-found", "404", lambda body: True, status=404),
    Case("hello", "Hello script with a query parameter", _is(pages.hello(NAME).encode())),
    Case("hello-methods", "Hello by a function `get`", _is(pages.hello(NAME).encode())),
    Case("hello-handler", "Hello by a handler class", _is(pages.hello(NAME).encode())),
    Case("hello-publisher", "Hello by a published function", _is(pages.hello(NAME).encode())),
    Case("hello-flask", "Hello by Flask", _is(pages.hello(NAME).encode())),
    Case("page-64k", "64 kB script page", _is(pages.page(NAME).encode())),
    Case(
        "template",
        "Template page, 20 rows",
        _is(f"<!doctype html>\n<title>{NAME}</title>\n<table>\n{_TABLE}</table>".encode()),
    ),
    Case(
        "listing",
        "Listing of 10,000 entries",
        _listed,
        connections=2,
        by_bytes=True,
        note="Where a server lists by pages, an answer counts as the part of the 10,000 entries that it shows.",
    ),
)
