"""`dbpy.io.json`: JSON files, the data base of a small site."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twistedsite.scripts.dialects.dbpy.files import ContentError, OpenFiles
from twistedsite.scripts.exchange.exchange import Exchange


class JsonFiles:
    """Loads, saves, changes and sends JSON. Each failure raises an OSError (IOError) that says what and why."""

    def __init__(self, exchange: Exchange, files: OpenFiles) -> None:
        self._exchange = exchange
        self._files = files

    def load(self, path: str) -> Any:
        """The data in the file at `path`."""
        return _parsed(self._files.read(path), path)

    def save(self, path: str, data: Any, timeout: float | None = None) -> None:
        """Replace or create the file at `path`. Waits for at most `timeout` seconds for its lock."""
        self._files.write(path, timeout, _spelled(data, path))

    def update(
        self,
        path: str,
        function: Callable[[Any], Any],
        timeout: float | None = None,
        default: Callable[[], Any] = dict,
    ) -> Any:
        """Change the data in the file at `path` by `function`, under a lock.

        `function` gets the data (`default()` where there is no file), and changes it or returns new data. Returns what
        was saved. Where `function` fails, the file is unchanged.
        """
        kept: list[Any] = []

        def changed(old: bytes | None) -> bytes:
            data = default() if old is None else _parsed(old, path)
            result = function(data)
            kept.append(data if result is None else result)
            return _spelled(kept[0], path)

        self._files.replace(path, timeout, changed)
        return kept[0]

    def render(self, path: str) -> None:
        """Write the content of the file at `path` to the page, and give the page the media type of JSON."""
        data = self._files.read(path)
        self._exchange.headers["content-type"] = "application/json"
        self._exchange.write(data)

    def open(
        self,
        path: str,
        from_data: dict[Any, Any] | list[Any] | None = None,
        timeout: float | None = None,
        default: Callable[[], Any] = dict,
    ) -> Any:
        """Open the dict or list in the file at `path`. Changes in it are saved when it is closed.

        Other scripts that write the file wait until then. `from_data`: a dict or list that replaces the content of the
        file. `default` makes the data where there is no file.
        """
        return self.open_file(path, timeout, default, from_data=from_data)

    def open_list(self, path: str, from_data: list[Any] | None = None, timeout: float | None = None) -> list[Any]:
        """Like `open`, for a list."""
        opened = self.open(path, from_data, timeout, list)
        if isinstance(opened, list):
            return opened
        self._files.discard(opened)
        raise ContentError(f"{path} holds a {type(opened).__name__}, not a list")

    def close(self, obj: Any) -> None:
        """Save what was opened, and release its lock. A second call does nothing."""
        self._files.close(obj)

    def open_file(
        self,
        path: str,
        timeout: float | None,
        default: Callable[[], Any],
        *,
        from_data: Any = None,
        fresh: bool = False,
    ) -> Any:
        """See `open`. `fresh`: ignore an existing file."""
        with self._files.opening(path, timeout) as current:
            data = from_data
            if data is None:
                old = None if fresh else current()
                data = default() if old is None else _parsed(old, path)
            if not isinstance(data, dict | list):
                raise ContentError(f"{path} holds a {type(data).__name__}: only a dict or a list can be opened")
            self._files.keep(data, lambda: _spelled(data, path))
        return data


def _parsed(data: bytes, path: str) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ContentError(f"{path} is not JSON: {error}") from None


def _spelled(data: Any, path: str) -> bytes:
    try:
        return json.dumps(data, ensure_ascii=False, indent=4, allow_nan=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise ContentError(f"{path} is not saved: {error}") from error
