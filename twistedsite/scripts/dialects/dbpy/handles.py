"""The objects that `dbpy.io.file.open` returns: Python's text files over the bytes of a file of the site.

As with Python's own, `.buffer` is the same file as bytes.
"""

from __future__ import annotations

import io
from types import TracebackType

from twistedsite.scripts.dialects.dbpy.files import ContentError, OpenFiles


def decoded(data: bytes, path: str) -> str:
    """`data` as text. Raises ContentError where it is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_text(error, path) from None


class _Handle(io.TextIOWrapper):
    def __del__(self) -> None:
        """Does nothing: the base class would close the `buffer`, which the script may still use."""


class ReadHandle(_Handle):
    """A file open for reading."""

    def __init__(self, data: bytes, path: str) -> None:
        self._path = path
        super().__init__(io.BytesIO(data), "utf-8", newline="\n")

    def read(self, size: int | None = -1, /) -> str:
        try:
            return super().read(size)
        except UnicodeDecodeError as error:
            raise _not_text(error, self._path) from None

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # as typeshed has it for text files
        try:
            return super().readline(size)
        except UnicodeDecodeError as error:
            raise _not_text(error, self._path) from None

    def write(self, text: str, /) -> int:
        raise io.UnsupportedOperation(f"{self._path} is open for reading only")


class WriteHandle(_Handle):
    """A file open for writing. It is saved when it is closed, or when the script has succeeded.

    `appending`: all writes go to the end. A `with` block that fails saves nothing.
    """

    def __init__(self, data: bytes, files: OpenFiles, *, appending: bool) -> None:
        self._files = files
        self._appending = appending
        self._bytes = io.BytesIO(data)
        super().__init__(self._bytes, "utf-8", newline="\n", write_through=True)
        if appending:
            self._bytes.seek(0, io.SEEK_END)

    def write(self, text: str, /) -> int:
        if not self._files.is_open(self):
            raise ContentError("this file is closed")
        if self._appending:
            self._bytes.seek(0, io.SEEK_END)
        return super().write(text)

    def writeline(self, line: str) -> None:
        """Write `line` and a line break."""
        self.write(line + "\n")

    def content(self) -> bytes:
        """The present content."""
        return self._bytes.getvalue()

    def close(self) -> None:
        """Save the file, and release its lock."""
        self._files.close(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._files.discard(self)


def _not_text(error: UnicodeDecodeError, path: str) -> ContentError:
    return ContentError(
        f"{path} is not UTF-8 text ({error.reason} at byte {error.start}); dbpy.io.file.open(path).buffer has its bytes"
    )
