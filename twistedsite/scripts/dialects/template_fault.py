"""A template that cannot be filled in: the error that names its file and line, for the log and the debug page."""

from __future__ import annotations

from twistedsite.scripts.code.failures import CONTEXT_LINES
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.messages.failure import FailureReport, FrameReport
from twistedsite.scripts.messages.request import ScriptRequest


class TemplateFault(Exception):  # noqa: N818  # a fault of the template, reported with its line
    """Something is wrong in a template; the last frame of `report` is its line."""

    def __init__(self, report: FailureReport) -> None:
        super().__init__(report.message)
        self.report = report

    @classmethod
    def at(cls, message: str, request: ScriptRequest, source: str, line: int) -> TemplateFault:
        """A fault of the template of `request`, whose text is `source`, in `line` (from 1)."""
        lines = source.split("\n")
        first = max(1, line - CONTEXT_LINES)
        around = [(n, lines[n - 1].rstrip("\r")) for n in range(first, min(len(lines), line + CONTEXT_LINES) + 1)]
        frame = FrameReport("/".join(request.script), line, "(template)", True, around)
        return cls(FailureReport("TemplateFault", message, [frame]))


def template_source(exchange: Exchange) -> str:
    """The text of the exchange's template; raises TemplateFault where it is not UTF-8, FileNotFoundError where gone."""
    try:
        return exchange.read_source()
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8: {error.reason}"
        raise TemplateFault.at(message, exchange.request, "", 1) from None
