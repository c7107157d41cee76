"""The one global that scripts share: `sys.stdout`. A proxy stands there and finds each script's own page.

The page is looked up in the context of the calling thread, so two scripts that print at once never mix, and a thread
that a script leaves behind, which has a context of its own, writes to the server's standard output, not into a page.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import IO, Any, Final

from twistedsite.scripts.page import Page, PageText

_page: Final[ContextVar[Page | PageText | None]] = ContextVar("page", default=None)


class StdoutProxy:
    """Stands for `sys.stdout`: the page of the running script, or else what stood there before."""

    def __init__(self, original: IO[str]) -> None:
        self.original = original

    def write(self, text: str) -> int:
        page = _page.get()
        return self.original.write(text) if page is None else page.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(_page.get() or self.original, name)


class printing_to:  # noqa: N801  # used as a function, like contextlib's own
    """A context in which what the caller prints goes into `page`."""

    def __init__(self, page: Page | PageText) -> None:
        self._page = page

    def __enter__(self) -> None:
        if not isinstance(sys.stdout, StdoutProxy):
            # Again after somebody has replaced it, as twistd does when its log begins.
            sys.stdout = StdoutProxy(sys.stdout)
        self._token = _page.set(self._page)

    def __exit__(self, *raised: object) -> None:
        _page.reset(self._token)


def restore_stdout() -> None:
    """Put back what stood there before the first script ran."""
    if isinstance(sys.stdout, StdoutProxy):
        sys.stdout = sys.stdout.original
