"""What a script's `Exchange` asks of the server, as protocols.

In a thread the server's own objects answer; in a worker process, objects that send frames on a socket.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from twistedsite.scripts.messages.background import BackgroundCall
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.messages.storage import Child
from twistedsite.sessions.interface import SessionStore


class ResponseWriter(Protocol):
    """Where a script's answer goes. Calls come from the script's thread and may block while the client is slow."""

    in_worker: bool
    """The script runs in one of several processes, alone in it; else it shares the server's with others."""

    def when_stopped(self, call: Callable[[], None]) -> None:
        """Have `call` called, from another thread, when the script is to end before it has. A worker just ends."""
        ...

    def begin(self, head: ResponseHead) -> None:
        """Send the head; called once, before any `write`."""
        ...

    def write(self, data: bytes) -> None:
        """Send a piece of the body now."""
        ...

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        """Send the last piece; `head` where `begin` was not called: the whole answer is in this call."""
        ...


class Storage(Protocol):
    """The files of one site, for one request. Calls come from the script's thread and may block.

    Whatever fails raises an OSError that says what and why: FileNotFoundError where nothing stands, PermissionError
    where the settings forbid it, TimeoutError where a lock was not to be had in time, and plain OSError else, such as
    EDQUOT (the site's quota is used up), EFBIG (the file is too large) and EINVAL (that is no path).
    """

    def read(self, path: tuple[str, ...]) -> bytes:
        """The content of a file."""
        ...

    def write(self, path: tuple[str, ...], data: bytes) -> None:
        """Replace a file, or make it, folders above it too: whoever reads it meets the old content or the new."""
        ...

    def children(self, path: tuple[str, ...]) -> list[Child] | None:
        """What stands in a folder, by name; None where `path` is a file."""
        ...

    def make_folder(self, path: tuple[str, ...]) -> None:
        """Make a folder, and those above it; FileExistsError where something stands there."""
        ...

    def remove(self, path: tuple[str, ...]) -> None:
        """Remove a file, or a folder with all that is in it.

        PermissionError where one of its names is protected; then nothing is removed.
        """
        ...

    def lock(self, path: tuple[str, ...], timeout: float, *, writing: bool = False) -> AbstractContextManager[None]:
        """Hold `path` against other scripts of the site; they take turns in the order in which they came.

        Entering waits for at most `timeout` seconds; it raises PermissionError at once where `writing` is on, and the
        script may not write `path`. A request that holds the path already is granted it again, and
        must leave it as often. What a script still holds at its end is released, however it ends.
        """
        ...

    def close(self) -> None:
        """Release every lock; from now on each call raises OSError."""
        ...


class LockHolder(Protocol):
    """Who holds the locks of a request."""

    def acquire(self, path: tuple[str, ...], timeout: float, writing: bool) -> None:
        """Hold `path`, once more where the request holds it already. See `Storage.lock`."""
        ...

    def release(self, path: tuple[str, ...]) -> None:
        """Undo one `acquire`; nothing happens where there was none, or when the request is over."""
        ...


class Background(Protocol):
    """Sends requests for one script. Calls come from the script's thread."""

    def send(self, call: BackgroundCall) -> bool:
        """Send it soon; False where too many are on their way. Raises ValueError for one that cannot be sent."""
        ...


class Broker(Protocol):
    """What a script may reach. Calls come from the script's thread and may block."""

    @property
    def sessions(self) -> SessionStore:
        """The sessions of the script's own site."""
        ...

    def storage(self, request: ScriptRequest) -> Storage:
        """The files of the script's own site, as far as `request` may touch them; to be closed at its end."""
        ...

    def background(self, request: ScriptRequest) -> Background:
        """What sends the background requests of `request`."""
        ...
