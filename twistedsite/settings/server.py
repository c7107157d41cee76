"""The operator's settings: one typed object, filled from defaults, a TOML file, the environment and options.

A field's docstring (the string below it) is its line in the settings reference, which is generated from here.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from twistedsite.settings.auth import AuthSettings
from twistedsite.settings.site_table import SiteTable
from twistedsite.settings.units import Duration, Size
from twistedsite.settings.users import uid_range
from twistedsite.settings.values import Count, Isolation, OptionValue, parse_paths

SandboxLevel = Literal["required", "best-effort", "off"]
"""Whether a worker process must be in the sandbox."""


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[http]`: what one client may cost the server."""

    request_line: Size = Size(8 * 1024)
    """Longest request line, in bytes; longer: 414."""
    header_bytes: Size = Size(32 * 1024)
    """All header fields together, in bytes; more: 431."""
    header_count: Count = 100
    """Number of header fields; more: 431."""
    connections: Count = 10_000
    """Open connections in all; further ones are closed at once."""
    connections_per_peer: Count = 1_000
    """Open connections of one address; further ones are closed at once."""
    pipelined: Count = 16
    """Requests of one connection that may wait behind the one being answered; then reading pauses."""
    requests_per_connection: Count = 100_000
    """Requests on one connection; the last one is answered with `Connection: close`."""
    header_deadline: Duration = Duration(10)
    """From the first byte of a request to the end of its header section; later: 408."""
    body_idle: Duration = Duration(20)
    """Longest wait between two pieces of a request's body; longer: 408."""
    body_rate: Size = Size(128)
    """Slowest body, in bytes a second, averaged from its start after `body_idle`; slower: 408."""
    keep_alive: Duration = Duration(30)
    """How long a connection may stay open with nothing asked on it."""
    write_idle: Duration = Duration(30)
    """Longest wait for a client to take any byte of a response; longer: the connection is aborted."""
    handler_time: Duration = Duration(300)
    """Longest time for a resource to begin its answer; longer: 503. Scripts have their own `timeout`."""
    body_memory: Size = Size(128 * 1024)
    """Bodies up to this many bytes stay in memory; larger ones are spooled to a temporary file."""


class FormLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[forms]`: what a form may hold."""

    fields: Count = 1_000
    """Fields and files of one form; more: 413."""
    field_size: Size = Size(1024 * 1024)
    """Longest field, in bytes as sent (files are bounded by `max_body` only); longer: 413."""
    memory: Size = Size(8 * 1024 * 1024)
    """All fields of one form together, in bytes as sent, files not counted; more: 413."""
    part_headers: Count = 8
    """Header fields of one part of a multipart form; more: 400."""


class ThreadSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[pool]`: how scripts share the server's threads."""

    queue: Count = 512
    """Scripts that may wait for a thread; more: 503 with Retry-After."""
    grace: Duration = Duration(2)
    """After its deadline a script is interrupted for this long; a thread still busy then is counted as lost."""
    lost: Count = 64
    """Lost threads at which new scripts are refused with 503 until some come back."""
    output_buffer: Size = Size(256 * 1024)
    """Output of a script that may wait for a slow client, in bytes; then the script waits."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[workers]`: the processes that run scripts, where `isolation` is `workers`."""

    max_workers: Count = 8
    """Processes of one site, not counting one that is being killed because of its script."""
    total: Count = 64
    """Processes of all sites together."""
    max_requests: Count = 100_000
    """Requests after which a process is replaced by a new one."""
    quick: Duration = Duration(0.05)
    """Processor time after which a script goes behind those that have used less: it has a seventieth of what a quick
    one has while that wants it. 0: all are equal."""
    idle: Duration = Duration(60)
    """A process that has nothing to do for this long is ended."""
    memory: Size = Size(256 * 1024 * 1024)
    """A process that occupies more, in bytes, is replaced after its request."""
    queue: Count = 512
    """Scripts of one site that may wait for a process; more: 503 with Retry-After."""
    reuse: Literal["always", "per-request"] = "always"
    """`per-request`: a new process for each request."""
    output: Size = Size(8 * 1024 * 1024)
    """Output of one script that may wait in memory for a slow client, in bytes; more goes into a temporary file."""
    output_total: Size = Size(64 * 1024 * 1024)
    """Output of all scripts together that may wait in memory, in bytes."""
    spool: Size = Size(64 * 1024 * 1024)
    """Output of one script that may wait in a temporary file, in bytes, while its process goes on; then that waits
    too. 0: no file."""
    spool_total: Size = Size(1024 * 1024 * 1024)
    """Output of all scripts together that may wait in temporary files, in bytes."""
    network: bool = False
    """Scripts may connect to others by TCP and UDP, this machine's own services among them; never listen."""
    exec: bool = False
    """Scripts may start programs; these are held as the scripts are."""
    uids: str = ""
    """Numbers of users such as `200000-265535`, of which each site's processes get one of their own; the server must
    run as root, or with the capabilities for it. Empty: they keep the server's user."""

    def __post_init__(self) -> None:
        try:
            uid_range(self.uids)
        except ValueError as error:
            raise ValueError(f"uids: {error}") from None


Coding = Literal["br", "zstd", "gzip"]
"""A content coding that responses may be sent in."""


class CompressionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[compression]`: how texts get smaller on their way."""

    codings: tuple[Coding, ...] = ("br", "zstd", "gzip")
    """Content codings; of those that a client likes equally, the first is used. Empty: nothing is compressed."""
    smallest: Size = Size(1024)
    """Texts of fewer bytes are sent as they are."""
    largest: Size = Size(8 * 1024 * 1024)
    """Files of more bytes are sent as they are, unless there is a compressed file beside them."""
    cache: Size = Size(32 * 1024 * 1024)
    """Compressed files kept in memory, in bytes."""


class StaticSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[static]`: how files are sent."""

    hot_file: Size = Size(128 * 1024)
    """Files up to this many bytes are sent in one piece, and kept ready to be sent again."""
    hot_cache: Size = Size(32 * 1024 * 1024)
    """Responses kept ready to be sent, in bytes; 0: none."""
    threads: int = 2
    """Threads that read from slow disks and compress."""


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[session]`: how long the server remembers a visitor."""

    idle: Duration = Duration(2 * 3600)
    """A session that nobody uses for this long ends."""
    absolute: Duration = Duration(7 * 86400)
    """A session ends this long after it began, used or not."""
    limit: Count = 100_000
    """Sessions kept; beyond it the one unused for longest goes first."""
    size: Size = Size(64 * 1024)
    """Largest session, in bytes of its JSON form; larger: the script gets an error."""
    waiting: Count = 64
    """Requests of one visitor that may wait for each other, as a session is one request's at a time; more: 503."""


class StorageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[storage]`: what scripts may keep in the site's folder."""

    writable: tuple[str, ...] = ("/",)
    """Files and folders that scripts may write, as paths from the site's root; empty: none. Folders can allow less."""
    quota: Size = Size(1024 * 1024 * 1024)
    """Bytes that all files of the site may occupy; scripts that would exceed it get an error."""
    file_size: Size = Size(16 * 1024 * 1024)
    """Largest file that scripts read or write by the server, in bytes."""
    fsync: bool = True
    """What is written is on the disk before it takes the old content's place: a power failure leaves one or the other.
    Off, writing is several times faster, and such a failure may leave an empty file."""
    locks: Count = 64
    """Paths that one request may hold locked."""
    lock_queue: Count = 128
    """Requests that may wait for the lock on one path."""

    def __post_init__(self) -> None:
        parse_paths(self.writable, "writable")


class BackgroundSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[background]`: requests that scripts send without waiting for an answer."""

    per_request: Count = 10
    """Background requests of one request."""
    per_site: Count = 20
    """Background requests of one site that are on their way at once; further ones are not sent."""
    in_flight: Count = 100
    """The same of all sites together."""
    depth: Count = 3
    """Background requests to the site itself that may follow one from the other."""
    connect: Duration = Duration(5)
    """Longest wait for another server to accept a connection."""
    timeout: Duration = Duration(30)
    """From a request's beginning to the end of its answer; longer: it is given up."""
    response: Size = Size(1024 * 1024)
    """Bytes of an answer that are taken, and thrown away, before the connection is closed."""
    private: bool = False
    """Also to addresses of this machine and of private networks; else to public addresses only."""


def check_extensions(extensions: dict[str, str]) -> None:
    """Raise ValueError where a key of `extensions` is none, or a value cannot be a name."""
    for extension, name in extensions.items():
        if not re.fullmatch(r"\.[^./\s\x00-\x1f\\]+", extension) or extension != extension.lower():
            raise ValueError(f"extensions: expected an extension such as .cgi, in lower case, got {extension!r}")
        if not re.fullmatch(r"[\w.-]+", name):
            raise ValueError(f"extensions: expected the name of a dialect or handler for {extension}")


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The top level of the settings file."""

    root: str = ""
    """The folder that is the site; where there are `sites` too, of all hosts that none of them names."""
    listen: tuple[str, ...] = ("tcp:8080:interface=127.0.0.1",)
    """Where to listen: Twisted endpoint strings."""
    debug: bool = False
    """Show tracebacks in the browser. Folders may say otherwise for themselves."""
    autoreload: bool = True
    """Look at each request whether a script, or a module that it imports, has changed."""
    scripts: bool = True
    """Run scripts and templates; off: they are served as plain text. A folder can turn it off, not on."""
    listing: bool = True
    """List folders that have no index."""
    symlinks: Literal["inside", "none"] = "inside"
    """Follow symbolic links that stay inside the site, or none."""
    timeout: Duration = Duration(25)
    """A script that has not finished by then is stopped; 504. A folder can lower it."""
    threads: Count = 16
    """Scripts that run at the same time."""
    isolation: Isolation = "threads"
    """Where scripts run: in threads of the server, or in processes that can be killed."""
    sandbox: Literal["required", "best-effort", "off"] = "best-effort"
    """Where `isolation` is `workers`: `required` refuses to start where the kernel cannot hold scripts, `best-effort`
    goes without what is missing and says so, `off` has limits only."""
    pythonpath: tuple[str, ...] = ()
    """Folders outside of the site that `pythonpath` in a folder's settings may name, by their absolute paths."""
    sessions: str = "memory"
    """Where sessions are kept: `memory` or `sqlite:PATH`."""
    max_body: Size = Size(16 * 1024 * 1024)
    """Largest request body, in bytes; larger: 413."""
    access_log: str = "-"
    """Where the access log goes: a file's path, `-` for standard output, or `off`."""
    log_format: Literal["text", "json"] = "text"
    """How the server's own log is written."""
    health: str = "/.well-known/scriptsite-health"
    """The URL path at which the server tells how it is (to this machine's own addresses only); empty: none."""
    drain: Duration = Duration(3)
    """On SIGTERM, how long requests in flight may take to finish."""
    watchdog: Duration = Duration(0)
    """A server whose reactor has stood still for this long is ended: the log gets each thread's stack, and the service
    manager starts it again. 0: never."""
    http2: bool = False
    """Offer HTTP/2 to clients that come by TLS. Needs `twistedsite[http2]`."""
    options: dict[str, OptionValue] = {}
    """Names of your own that every script can read."""
    sites: dict[str, SiteTable] = {}
    """Folders that are the sites of some hosts: a table `[sites.NAME]` for each."""
    extensions: dict[str, str] = {}
    """Extension -> dialect or installed handler that runs such files; folders may add to it."""
    http: HttpLimits = HttpLimits()
    forms: FormLimits = FormLimits()
    pool: ThreadSettings = ThreadSettings()
    workers: WorkerSettings = WorkerSettings()
    session: SessionSettings = SessionSettings()
    storage: StorageSettings = StorageSettings()
    background: BackgroundSettings = BackgroundSettings()
    static: StaticSettings = StaticSettings()
    compression: CompressionSettings = CompressionSettings()
    auth: AuthSettings = AuthSettings()

    def __post_init__(self) -> None:
        if not self.timeout:
            raise ValueError("timeout: expected more than 0")
        if 0 < self.watchdog < 0.5:
            raise ValueError("watchdog: expected 0, or 500ms at least")
        if not self.listen:
            raise ValueError("listen: expected one endpoint at least, such as tcp:8080")
        if not re.fullmatch(r"memory|sqlite:.+", self.sessions):
            raise ValueError(f"sessions: expected memory or sqlite:PATH, got {self.sessions!r}")
        check_extensions(self.extensions)
        if not self.access_log:
            raise ValueError("access_log: expected a path, - for standard output, or off")
        if self.health and not self.health.startswith("/"):
            raise ValueError(f"health: expected a URL path that begins with /, got {self.health!r}")
