"""Proxies for `sys.stdout` and `sys.stderr`, which find the streams of the running script.

They look in the context of the calling thread. So two scripts that print at once never mix, and a thread that a script
leaves behind, which has a context of its own, does not write into a page. Output without a page goes to the script's
log, as all that is written to standard error. Where no script is known, as in a thread without the script's context,
it goes to the original stream.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import IO, Any, Final

from twistedsite.scripts.exchange.log_text import LogText
from twistedsite.scripts.exchange.page import Page, PageText

_page: Final[ContextVar[Page | PageText | None]] = ContextVar("page", default=None)
_log: Final[ContextVar[LogText | None]] = ContextVar("log", default=None)


class StdoutProxy:
    """Replaces `sys.stdout`: writes to the page of the running script, else to its log, else to the original."""

    def __init__(self, original: IO[str]) -> None:
        self.original = original

    def write(self, text: str) -> int:
        page = _page.get()
        return (_log.get() or self.original).write(text) if page is None else page.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(_page.get() or _log.get() or self.original, name)


class StderrProxy:
    """Replaces `sys.stderr`: writes to the log of the running script, else to the original."""

    def __init__(self, original: IO[str]) -> None:
        self.original = original

    def write(self, text: str) -> int:
        return (_log.get() or self.original).write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(_log.get() or self.original, name)


class printing_to:  # noqa: N801  # used as a function, like contextlib's own
    """A context in which the caller prints into `page`."""

    def __init__(self, page: Page | PageText) -> None:
        self._page = page

    def __enter__(self) -> None:
        _install_stdout()
        self._token = _page.set(self._page)

    def __exit__(self, *raised: object) -> None:
        _page.reset(self._token)


def log_to(log: LogText) -> None:
    """Write standard error of this context to `log` from now on."""
    _install_stdout()
    if not isinstance(sys.stderr, StderrProxy):
        sys.stderr = StderrProxy(sys.stderr)
    _log.set(log)


def _install_stdout() -> None:
    if not isinstance(sys.stdout, StdoutProxy):
        # Again after somebody has replaced it, as twistd does when its log begins.
        sys.stdout = StdoutProxy(sys.stdout)


def restore_streams() -> None:
    """Put back what stood there before the first script ran."""
    if isinstance(sys.stdout, StdoutProxy):
        sys.stdout = sys.stdout.original
    if isinstance(sys.stderr, StderrProxy):
        sys.stderr = sys.stderr.original
