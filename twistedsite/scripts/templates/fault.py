"""The error of a template that cannot be rendered, with its file and line for the log and the debug page."""

from __future__ import annotations

from twistedsite.scripts.code.failures import CONTEXT_LINES
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.messages.failure import FailureReport, FrameReport
from twistedsite.scripts.messages.request import ScriptRequest


class TemplateFault(Exception):  # noqa: N818  # a fault of the template, reported with its line
    """A template is wrong. The last frame of `report` is the line."""

    def __init__(self, report: FailureReport) -> None:
        super().__init__(report.message)
        self.report = report

    @classmethod
    def at(cls, message: str, request: ScriptRequest, source: str, line: int) -> TemplateFault:
        """A fault in `line` (from 1) of the template of `request`, whose text is `source`."""
        lines = source.split("\n")
        first = max(1, line - CONTEXT_LINES)
        around = [(n, lines[n - 1].rstrip("\r")) for n in range(first, min(len(lines), line + CONTEXT_LINES) + 1)]
        frame = FrameReport("/".join(request.script), line, "(template)", True, around)
        return cls(FailureReport("TemplateFault", message, [frame]))


def template_source(exchange: Exchange) -> str:
    """The text of the template of `exchange`. Raises TemplateFault where it is not UTF-8, and FileNotFoundError."""
    try:
        return exchange.read_source()
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8: {error.reason}"
        raise TemplateFault.at(message, exchange.request, "", 1) from None
