"""Handlers of a package of its own: a module, and an object. Nothing of the server is imported for the first."""

from __future__ import annotations

import csv
import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twistedsite.scripts.exchange.exchange import Exchange
    from twistedsite.scripts.importing.interpreters import Interpreters

NOT_A_HANDLER = "no run here"


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Send a text in capitals, with what the visitor has asked for at its end."""
    words = " ".join(exchange.form.getlist("word"))
    exchange.headers["Content-Type"] = "text/plain; charset=utf-8"
    exchange.write(f"{exchange.read_source().upper()}{exchange.request.path_info} {words}".encode())


class Table:
    """Shows comma-separated values as a table."""

    def __init__(self, border: int) -> None:
        self.border = border

    def run(self, exchange: Exchange, interpreters: Interpreters) -> None:
        rows = list(csv.reader(exchange.read_source().splitlines()))
        if not rows:
            raise ValueError("a table without rows")
        cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
        text = "".join(f"<tr>{row}</tr>" for row in cells)
        exchange.write(f"<table border={self.border}>{text}</table>".encode())


CsvTable = Table(border=1)
