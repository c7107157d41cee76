"""Proxies for `sys.stdin`, `sys.stdout` and `sys.stderr`, which find the streams of the running script.

Output without a page goes to the script's log, as all that is written to standard error. Where no script is known, as
in a thread without the script's context, it goes to the original stream.
"""

from __future__ import annotations

import contextlib
import io
import sys
from typing import IO, Any, BinaryIO, Final

from twistedsite.scripts.exchange import own_sys
from twistedsite.scripts.exchange.log_text import LogText
from twistedsite.scripts.exchange.own_sys import ScriptSys, running
from twistedsite.scripts.exchange.page import Page, PageText


class StreamProxy(io.TextIOBase):
    """Stands for a stream of the running script, else for `original`."""

    def __init__(self, original: IO[str]) -> None:
        self.original = original

    def stream(self) -> Any:
        """What it stands for now."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream(), name)

    def __eq__(self, other: object) -> bool:
        """Libraries compare a file with `sys.stdout` to find its bytes, as Pillow does."""
        return other is self or other is self.stream()

    __hash__ = io.TextIOBase.__hash__

    def __enter__(self) -> StreamProxy:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __iter__(self) -> Any:
        return iter(self.stream())

    def __next__(self) -> Any:
        return next(self.stream())

    def __del__(self) -> None:
        """The base class would close it."""


def _delegated(name: str) -> property:
    return property(lambda proxy: getattr(proxy.stream(), name))


for _name in dir(io.TextIOBase):
    if not _name.startswith("_"):
        # The base class has them all, so `__getattr__` is not asked.
        setattr(StreamProxy, _name, _delegated(_name))


class StdoutProxy(StreamProxy):
    """Writes to what the script has set, else to its page, else to its log, else to the original."""

    def stream(self) -> Any:
        script = running.get()
        if script is None:
            return self.original
        if (own := script.own.get("stdout", self)) is not self:
            return own
        return script.page or script.log or self.original

    def write(self, text: str) -> int:
        return self.stream().write(text)  # type: ignore[no-any-return]


class StderrProxy(StreamProxy):
    """Writes to what the script has set, else to its log, else to the original."""

    def stream(self) -> Any:
        script = running.get()
        if script is None:
            return self.original
        if (own := script.own.get("stderr", self)) is not self:
            return own
        return script.log or self.original


class StdinProxy(StreamProxy):
    """Reads the body of the script's request, else the original."""

    def stream(self) -> Any:
        script = running.get()
        return self.original if script is None else script.stdin()


_PROXIES: Final[dict[str, type[StreamProxy]]] = {"stdin": StdinProxy, "stdout": StdoutProxy, "stderr": StderrProxy}


def begin_script(log: LogText | None, body: BinaryIO, filename: str) -> None:
    """Give the script that runs in this context from now on its own streams: see `ScriptSys`."""
    process = vars(sys)
    if type(process["stdout"]) is not StdoutProxy or type(process["stderr"]) is not StderrProxy:
        # Again after somebody has replaced one, as twistd does when its log begins.
        for name, proxy in _PROXIES.items():
            if type(process[name]) is not proxy:
                process[name] = proxy(process[name])
        own_sys.install()
    running.set(ScriptSys(log, body, filename))


class printing_to:  # noqa: N801  # used as a function, like contextlib's own
    """A context in which the running script prints into `page`."""

    def __init__(self, page: Page | PageText) -> None:
        self._page = page

    def __enter__(self) -> None:
        script = self._script = running.get()
        assert script is not None
        self._before, script.page = script.page, self._page

    def __exit__(self, *raised: object) -> None:
        script = self._script
        assert script is not None
        if (own := script.own.pop("stdout", None)) is not None:
            # What the script has set in place of its standard output may still hold some of it.
            with contextlib.suppress(Exception):
                own.flush()
        script.page = self._before


def restore_streams() -> None:
    """Put back what stood there before the first script ran."""
    own_sys.uninstall()
    process = vars(sys)
    for name in _PROXIES:
        if isinstance(process[name], StreamProxy):
            process[name] = process[name].original
