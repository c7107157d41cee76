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
    """Sends a script's answer. Calls come from the script's thread and may block while the client is slow."""

    in_worker: bool
    """The script is alone in a worker process; else it shares the server's process with others."""

    def when_stopped(self, call: Callable[[], None]) -> None:
        """Call `call` from another thread when the script is stopped. A worker never does: its process ends."""
        ...

    def begin(self, head: ResponseHead) -> None:
        """Send the head; called once, before any `write`."""
        ...

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        ...

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        """Send the last piece of the body, after `head` where `begin` was not called."""
        ...


class Storage(Protocol):
    """The files of one site, for one request. Calls come from the script's thread and may block.

    Each failure raises an OSError that says what and why: FileNotFoundError where there is nothing, PermissionError
    where the settings forbid it, TimeoutError where a lock was not free in time, else an OSError such as EDQUOT (the
    site's quota is used up), EFBIG (the file is too large) or EINVAL (the path is malformed).
    """

    def read(self, path: tuple[str, ...]) -> bytes:
        """The content of a file."""
        ...

    def write(self, path: tuple[str, ...], data: bytes) -> None:
        """Replace or create a file, and the folders above it. A reader gets the old content or the new one."""
        ...

    def children(self, path: tuple[str, ...]) -> list[Child] | None:
        """The children of a folder, sorted by name; None where `path` is a file."""
        ...

    def make_folder(self, path: tuple[str, ...]) -> None:
        """Create a folder, and those above it. Raises FileExistsError where `path` exists."""
        ...

    def remove(self, path: tuple[str, ...]) -> None:
        """Remove a file, or a folder with all that is in it.

        Raises PermissionError where one of the names in it is protected; then nothing is removed.
        """
        ...

    def lock(self, path: tuple[str, ...], timeout: float, *, writing: bool = False) -> AbstractContextManager[None]:
        """A lock on `path` against other scripts of the site, which get it in the order in which they ask.

        Entering it waits for at most `timeout` seconds. It raises PermissionError at once where `writing` is set and
        the script may not write `path`. A request that holds the lock may enter it again, and must leave it as often.
        All locks of a script are released at its end, however it ends.
        """
        ...

    def close(self) -> None:
        """Release all locks. Every later call raises OSError."""
        ...


class LockHolder(Protocol):
    """Takes and releases locks for a request."""

    def acquire(self, path: tuple[str, ...], timeout: float, writing: bool) -> None:
        """Lock `path`, or count one more where the request holds it. See `Storage.lock`."""
        ...

    def release(self, path: tuple[str, ...]) -> None:
        """Undo one `acquire`. Does nothing where there was none, or when the request is over."""
        ...


class BackgroundSender(Protocol):
    """Sends requests for one script. Calls come from the script's thread."""

    def send(self, call: BackgroundCall) -> bool:
        """Send `call` soon. Returns False where too many are in flight. Raises ValueError where it cannot be sent."""
        ...


class Broker(Protocol):
    """What a script reaches of the server. Calls come from the script's thread and may block."""

    @property
    def sessions(self) -> SessionStore:
        """The sessions of the script's own site."""
        ...

    def asks_for_session(self, request: ScriptRequest) -> None:
        """The script of `request` is about to ask for its visitor's session."""
        ...

    def storage(self, request: ScriptRequest) -> Storage:
        """The files of the script's own site, as far as `request` may use them. The caller closes it."""
        ...

    def background(self, request: ScriptRequest) -> BackgroundSender:
        """The sender of the background requests of `request`."""
        ...
