"""A script's standard output, which is the body of its answer."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from twistedsite.scripts.exchange.exchange import Exchange

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class PageBytes(io.RawIOBase):
    """The `sys.stdout.buffer` of a script."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def write(self, data: ReadableBuffer) -> int:
        view = memoryview(data).cast("B")
        self._exchange.write(bytes(view))
        return len(view)

    def flush(self) -> None:
        self._exchange.flush()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Does nothing: the page ends with its script. The base class would flush it, even when it is collected."""


class PageText(io.TextIOWrapper):
    """The `sys.stdout` of a script: text is written to its answer as UTF-8, unbuffered."""

    def __init__(self, exchange: Exchange, bytes_page: PageBytes | None = None) -> None:
        page: Any = bytes_page or PageBytes(exchange)
        self._changing = False
        super().__init__(page, "utf-8", "replace", newline="\n", write_through=True)

    def reconfigure(self, **changes: Any) -> None:
        """As in the base class, but without sending anything: header fields may still be set."""
        self._changing = True
        try:
            super().reconfigure(**changes)
        finally:
            self._changing = False

    def flush(self) -> None:
        if not self._changing:
            super().flush()

    def close(self) -> None:
        """Does nothing, for the same reason."""


class Page:
    """Takes what a script prints. It becomes a `PageText` when the script uses more of it than `write`."""

    __slots__ = ("_exchange", "_text")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._text: PageText | None = None

    def write(self, text: str) -> int:
        if self._text is not None or not isinstance(text, str):
            return self.text.write(text)
        self._exchange.write(text.encode("utf-8", "replace"))
        return len(text)

    @property
    def text(self) -> PageText:
        """The complete standard output."""
        if self._text is None:
            self._text = PageText(self._exchange)
        return self._text

    def __getattr__(self, name: str) -> Any:
        return getattr(self.text, name)
