"""What passes between server, zygote and worker: typed frames, bounded in size, hostile until they have been checked.

On a worker's socket a frame is its kind (1 byte), the length of its payload (4 bytes, big endian) and the payload. On
the sockets of the zygote and of a worker's jobs (`job_queue`), which keep message boundaries, it is one message.
Payloads are msgpack, but for DATA and LOG.
Whatever in a frame from a worker is not as it must be raises FrameError, and costs that worker its life.
"""

from __future__ import annotations

import enum
import re
import signal
import struct
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec

from twistedsite.scripts.messages.background import BackgroundCall
from twistedsite.scripts.messages.failure import FailureReport
from twistedsite.scripts.messages.outcome import Outcome
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import MAX_FIELD_BYTES, MAX_FIELDS, ResponseHead
from twistedsite.scripts.messages.storage import Child
from twistedsite.scripts.sandbox.policy import SandboxPolicy
from twistedsite.settings.server import SandboxLevel
from twistedsite.settings.units import decode_unit

T = TypeVar("T")

HEADER: Final = struct.Struct(">BI")
LARGE: Final = 1024 * 1024
"""Bytes of the longest payload that a worker may send."""
MAX_HEAD: Final = 128 * 1024
PIECE: Final = 64 * 1024
"""Bytes of a response's body sent in one frame."""
MAX_LOG: Final = 8 * 1024
STACK_SIGNAL: Final = signal.SIGUSR2
"""Sent to a worker whose time is up: it answers with a STACK frame, or else leaves a bare stack in its file."""
MAX_MESSAGE: Final = 32 * 1024
"""Bytes of the longest message on the zygote's socket."""


class FrameError(Exception):
    """A frame that the other side must not send: of an unknown kind, too long, malformed, or out of turn."""


class FrameKind(enum.IntEnum):
    """The kinds of frames on a worker's socket."""

    ANSWER = 2
    """To the worker: what its CALL has led to."""
    BEGIN = 10
    """From the worker: the head of a response whose body follows in pieces."""
    DATA = 11
    END = 12
    """From the worker: the script has ended, with what was left of its response."""
    CALL = 13
    """From the worker: something for the broker."""
    LOG = 14
    """From the worker: text written to standard error."""
    STACK = 15
    """From the worker: where the script stands, after it was asked."""
    BELL = 16
    """From the worker: there are ends of scripts in the memory that it shares with the server (`answers`)."""


FROM_WORKER: Final[Mapping[int, int]] = {
    FrameKind.BEGIN: MAX_HEAD,
    FrameKind.DATA: PIECE,
    FrameKind.END: LARGE,
    FrameKind.CALL: LARGE,
    FrameKind.LOG: MAX_LOG,
    FrameKind.STACK: LARGE,
    FrameKind.BELL: 0,
}
"""FrameKind -> bytes of its longest payload."""
FROM_SERVER: Final[Mapping[int, int]] = {FrameKind.ANSWER: 2**31}


class JobMessage(msgspec.Struct, array_like=True):
    """One script to run. Where `body` is None, a descriptor of the body comes with it."""

    request: ScriptRequest
    body: bytes | None
    buffer: int
    """Bytes of output that the script may hold back."""


class End(msgspec.Struct, array_like=True):
    """How a script has ended, and the last piece of its response."""

    outcome: Outcome | None
    """None: well, as nearly all do."""
    head: ResponseHead | None
    body: bytes
    recycle: bool = False
    """The worker could not serve the next script as well: it is to be replaced."""
    seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """For how long the script has run."""


class LockSession(msgspec.Struct, tag=1, array_like=True):
    """Hold a session; wait at most `timeout` seconds."""

    id: str
    timeout: float


class ReleaseSession(msgspec.Struct, tag=2, array_like=True):
    """Let go of a session."""

    id: str


class LoadSession(msgspec.Struct, tag=3, array_like=True):
    """Answered by the session's data as JSON."""

    id: str


class SaveSession(msgspec.Struct, tag=4, array_like=True):
    """Keep `data`, a JSON object."""

    id: str
    data: bytes


class RenameSession(msgspec.Struct, tag=5, array_like=True):
    """Give a session another id."""

    old: str
    new: str


class DeleteSession(msgspec.Struct, tag=6, array_like=True):
    """Forget a session."""

    id: str


Path = tuple[str, ...]


class ReadFile(msgspec.Struct, tag=10, array_like=True):
    """Answered by the content of a file, or by its descriptor."""

    path: Path


class Piece(msgspec.Struct, tag=11, array_like=True):
    """A part of what the next WriteFile writes, at `offset`; at 0 it is the first."""

    offset: int
    data: bytes


class WriteFile(msgspec.Struct, tag=12, array_like=True):
    """Write the pieces that have come and, at `offset`, `data`; at 0 nothing but `data`."""

    path: Path
    offset: int
    data: bytes


class ListFolder(msgspec.Struct, tag=13, array_like=True):
    """Answered by a list of `Child`, or none where there is a file."""

    path: Path


class MakeFolder(msgspec.Struct, tag=14, array_like=True):
    """Make a folder, and those above it."""

    path: Path


class RemovePath(msgspec.Struct, tag=15, array_like=True):
    """Remove a file, or a folder with all that is in it."""

    path: Path


class LockPath(msgspec.Struct, tag=16, array_like=True):
    """Hold a path; wait at most `timeout` seconds. `writing`: only if the script may write it."""

    path: Path
    timeout: float
    writing: bool = False


class UnlockPath(msgspec.Struct, tag=17, array_like=True):
    """Undo one LockPath."""

    path: Path


class CloseStorage(msgspec.Struct, tag=18, array_like=True):
    """Let go of every path: the script has ended, though its client may still be slow."""


class SendRequest(msgspec.Struct, tag=20, array_like=True):
    """Send a background request; answered by some data if it was, by none if there are too many."""

    request: BackgroundCall


SessionCall = LockSession | ReleaseSession | LoadSession | SaveSession | RenameSession | DeleteSession
StorageCall = ReadFile | Piece | WriteFile | ListFolder | MakeFolder | RemovePath | LockPath | UnlockPath | CloseStorage
Call = SessionCall | StorageCall | SendRequest


Children = list[Child] | None
"""What ListFolder is answered by."""


class Failing(enum.Enum):
    """Why a call has failed."""

    ERROR = "error"
    BUSY = "busy"
    VALUE = "value"
    """A ValueError."""
    SYSTEM = "system"
    """An OSError."""


class CallAnswer(msgspec.Struct, array_like=True):
    """What a call has led to: `data` where it asks for some, or why it failed."""

    data: bytes | None = None
    failing: Failing | None = None
    message: str = ""
    number: int = 0
    """The errno of an OSError."""
    path: str | None = None
    """What an OSError is about, from the site's root."""
    attached: bool = False
    """A descriptor of a file that holds the content comes with the frame, instead of `data`."""


class Spawn(msgspec.Struct, array_like=True):
    """To the zygote: fork a worker. With the message come its end of the data socket and a file for its last stack."""

    serial: int
    policy: SandboxPolicy
    sandbox: SandboxLevel


class Spawned(msgspec.Struct, tag=1, array_like=True):
    """From the zygote: the worker's process; a pidfd of it comes with the message."""

    serial: int
    pid: int


class Exited(msgspec.Struct, tag=2, array_like=True):
    """From the zygote: a worker is no more. `status` is the exit status, or minus the signal that ended it."""

    serial: int
    status: int
    cpu: float
    """Seconds of processor time that it has used."""
    peak: int
    """Bytes of memory that it has had at most."""


class SpawnFailed(msgspec.Struct, tag=3, array_like=True):
    """From the zygote: there is no process for this worker."""

    serial: int
    message: str


FromZygote = Spawned | Exited | SpawnFailed


def _plain(value: object) -> object:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise NotImplementedError(f"no frame can hold a {type(value).__name__}")


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_plain)
encode: Final = _encoder.encode
_decoders: Final[dict[Any, msgspec.msgpack.Decoder[Any]]] = {
    kind: msgspec.msgpack.Decoder(kind, dec_hook=decode_unit)
    for kind in (JobMessage, End, CallAnswer, ResponseHead, FailureReport, Spawn, Call, Children, FromZygote)
}


def frame(kind: FrameKind, payload: bytes) -> bytes:
    """The bytes of one frame."""
    return HEADER.pack(kind, len(payload)) + payload


def decode(payload: bytes | memoryview, kind: type[T] | Any) -> T | Any:
    """`payload` as a `kind`; raises FrameError."""
    try:
        return _decoders[kind].decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FrameError(f"malformed: {error}") from None


class FrameReader:
    """Cuts a stream of bytes into frames; `limits` maps the kinds that may come to the longest payload of each."""

    def __init__(self, limits: Mapping[int, int]) -> None:
        self._limits = limits
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> None:
        """Add what has been received."""
        self._buffer += data

    def take(self) -> tuple[int, bytes] | None:
        """The next frame's kind and payload, or None until more has been fed; raises FrameError."""
        buffer = self._buffer
        if len(buffer) < HEADER.size:
            return None
        kind, length = HEADER.unpack_from(buffer)
        limit = self._limits.get(kind)
        if limit is None:
            raise FrameError(f"a frame of kind {kind}")
        if length > limit:
            raise FrameError(f"a frame of kind {kind} with {length} bytes; {limit} are allowed")
        end = HEADER.size + length
        if len(buffer) < end:
            return None
        payload = bytes(buffer[HEADER.size : end])
        del buffer[:end]
        return kind, payload


_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PLAIN: Final = ResponseHead(200, [(b"content-type", b"text/html; charset=utf-8")])
"""What most scripts send."""
_BAD_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def checked_head(head: ResponseHead) -> ResponseHead:
    """`head`; raises FrameError where it could not be sent as it is (RFC 9110, 5.1, 5.5 and 15), or is too long.

    The end of an answer may hold a head too, and is itself longer than one may be.
    """
    if head == _PLAIN:
        return head
    if len(head.headers) > MAX_FIELDS or sum(len(n) + len(v) for n, v in head.headers) > MAX_FIELD_BYTES:
        raise FrameError(f"a head of {len(head.headers)} fields")
    if not 200 <= head.status <= 599:
        raise FrameError(f"status {head.status}")
    for name, value in head.headers:
        if not _TOKEN.fullmatch(name) or _BAD_VALUE.search(value):
            raise FrameError("a header field that is none")
    return head
