"""A script's standard output: text and bytes that are written go into its page."""

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
        """Nothing: the page ends with its script. The base class would flush it, and does so when it is collected."""


class PageText(io.TextIOWrapper):
    """The `sys.stdout` of a script: text goes into its page as UTF-8, at once."""

    def __init__(self, exchange: Exchange, bytes_page: PageBytes | None = None) -> None:
        page: Any = bytes_page or PageBytes(exchange)
        self._changing = False
        super().__init__(page, "utf-8", "replace", newline="\n", write_through=True)

    def reconfigure(self, **changes: Any) -> None:
        """As the base class does, but nothing is sent: header fields may still be set."""
        self._changing = True
        try:
            super().reconfigure(**changes)
        finally:
            self._changing = False

    def flush(self) -> None:
        if not self._changing:
            super().flush()

    def close(self) -> None:
        """Nothing, for the same reason."""


class Page:
    """What a script prints goes here. It becomes a `PageText`, for good, as soon as more is wanted than to print."""

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
        """The whole of what a standard output can do."""
        if self._text is None:
            self._text = PageText(self._exchange)
        return self._text

    def __getattr__(self, name: str) -> Any:
        return getattr(self.text, name)
