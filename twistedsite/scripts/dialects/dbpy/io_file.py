"""`dbpy.io.file`: the files of the site."""

from __future__ import annotations

from typing import Any, Literal

from twistedsite.http.message.media_types import content_type, media_type_of
from twistedsite.scripts.dialects.dbpy.files import OpenFiles
from twistedsite.scripts.dialects.dbpy.handles import ReadHandle, WriteHandle, decoded
from twistedsite.scripts.dialects.dbpy.io_json import JsonFiles
from twistedsite.scripts.exchange.exchange import Exchange


class TextFiles:
    """Reads, writes and sends files. Each failure raises an OSError (IOError) that says what and why."""

    def __init__(self, exchange: Exchange, files: OpenFiles, json: JsonFiles) -> None:
        self._exchange = exchange
        self._files = files
        self._json = json

    def read(self, path: str) -> str:
        """The text of the file at `path`."""
        return decoded(self._files.read(path), path)

    def write(self, path: str, string: str | bytes, timeout: float | None = None) -> None:
        """Replace or create the file at `path`. Waits for at most `timeout` seconds for its lock."""
        self._files.write(path, timeout, _encoded(string))

    def append(self, path: str, text: str | bytes, timeout: float | None = None) -> None:
        """Append `text` to the file at `path`, or create it. Scripts that append at the same time lose nothing."""
        data = _encoded(text)
        self._files.replace(path, timeout, lambda old: (old or b"") + data)

    def render(self, path: str) -> None:
        """Write the content of the file at `path` to the page, and give the page its media type."""
        data = self._files.read(path)
        media_type = media_type_of(path.rpartition("/")[2])
        self._exchange.headers["content-type"] = content_type(media_type).decode("ascii")
        self._exchange.write(data)

    def open(
        self,
        path: str,
        to: Literal["read", "write", "append", "json"] = "read",
        timeout: float | None = None,
        allow_download: bool = True,
    ) -> Any:
        """Open a file to `read`, `write` or `append` to it, or the data in a `json` file.

        All but the first hold a lock, for which they wait at most `timeout` seconds, and save the file when they are
        closed. `write` starts with an empty file, and so do the others where `allow_download` is false.
        """
        match to:
            case "read":
                return ReadHandle(self._files.read(path), path)
            case "json":
                return self._json.open_file(path, timeout, dict, fresh=not allow_download)
            case "write" | "append":
                with self._files.opening(path, timeout) as current:
                    old = current() if to == "append" and allow_download else b""
                    handle = WriteHandle(old or b"", self._files, appending=to == "append")
                    self._files.keep(handle, handle.content)
                return handle
        raise ValueError(f"a file is opened to read, write, append or json, not to {to!r}")

    def close(self, handle: Any) -> None:
        """Save what was opened, and release its lock. A second call does nothing."""
        if isinstance(handle, ReadHandle):
            handle.close()
        else:
            self._files.close(handle)


def _encoded(text: str | bytes) -> bytes:
    if isinstance(text, bytes | bytearray | memoryview):
        return bytes(text)
    if not isinstance(text, str):
        raise TypeError(f"a file holds text or bytes, not {type(text).__name__}")
    return text.encode("utf-8")
