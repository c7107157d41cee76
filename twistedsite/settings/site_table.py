"""`[sites.NAME]`: the settings of one of several sites, as written. `sites` applies them to the server's."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from twistedsite.settings.units import Duration, Size
from twistedsite.settings.values import Count, Isolation, OptionValue, Uid, parse_paths


class SiteWorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sites.NAME.workers]`: what one site's processes may take; what is left out is as in `[workers]`."""

    max_workers: Count | UnsetType = UNSET
    """Processes of this site."""
    max_requests: Count | UnsetType = UNSET
    """Requests after which a process is replaced by a new one."""
    idle: Duration | UnsetType = UNSET
    """A process that has nothing to do for this long is ended."""
    memory: Size | UnsetType = UNSET
    """A process that occupies more, in bytes, is replaced after its request."""
    queue: Count | UnsetType = UNSET
    """Scripts that may wait for a process; more: 503 with Retry-After."""
    reuse: Literal["always", "per-request"] | UnsetType = UNSET
    """`per-request`: a new process for each request."""
    network: bool | UnsetType = UNSET
    """Its scripts may connect to others by TCP and UDP, this machine's own services among them; never listen."""
    exec: bool | UnsetType = UNSET
    """Its scripts may start programs; these are held as the scripts are."""
    uid: Uid | UnsetType = UNSET
    """The number of the user that its processes run as; else one of `uids`, if there are some."""


class SiteSessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sites.NAME.session]`: the sessions of one site; what is left out is as in `[session]`."""

    idle: Duration | UnsetType = UNSET
    """A session that nobody uses for this long ends."""
    absolute: Duration | UnsetType = UNSET
    """A session ends this long after it began, used or not."""
    limit: Count | UnsetType = UNSET
    """Sessions kept of this site; beyond it the one unused for longest goes first."""
    size: Size | UnsetType = UNSET
    """Largest session, in bytes of its JSON form; larger: the script gets an error."""
    waiting: Count | UnsetType = UNSET
    """Requests of one visitor that may wait for each other, as a session is one request's at a time; more: 503."""


class SiteStorageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sites.NAME.storage]`: what the scripts of one site may keep; what is left out is as in `[storage]`."""

    writable: tuple[str, ...] | UnsetType = UNSET
    """Files and folders that scripts may write, as paths from the site's root; empty: none. Folders can allow less."""
    quota: Size | UnsetType = UNSET
    """Bytes that all files of the site may occupy; scripts that would exceed it get an error."""
    file_size: Size | UnsetType = UNSET
    """Largest file that scripts read or write by the server, in bytes."""

    def __post_init__(self) -> None:
        if self.writable is not UNSET:
            parse_paths(self.writable, "writable")


class SiteFormLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sites.NAME.forms]`: what a form that is sent to one site may hold; what is left out is as in `[forms]`."""

    fields: Count | UnsetType = UNSET
    """Fields and files of one form; more: 413."""
    field_size: Size | UnsetType = UNSET
    """Longest field, in bytes as sent (files are bounded by `max_body` only); longer: 413."""
    memory: Size | UnsetType = UNSET
    """All fields of one form together, in bytes as sent, files not counted; more: 413."""
    part_headers: Count | UnsetType = UNSET
    """Header fields of one part of a multipart form; more: 400."""


class SiteBackgroundSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sites.NAME.background]`: background requests of one site; what is left out is as in `[background]`."""

    per_request: Count | UnsetType = UNSET
    """Background requests of one request."""
    per_site: Count | UnsetType = UNSET
    """Background requests of this site that are on their way at once, within `in_flight` of the server; further ones
    are not sent."""
    depth: Count | UnsetType = UNSET
    """Background requests to the site itself that may follow one from the other."""
    connect: Duration | UnsetType = UNSET
    """Longest wait for another server to accept a connection."""
    timeout: Duration | UnsetType = UNSET
    """From a request's beginning to the end of its answer; longer: it is given up."""
    response: Size | UnsetType = UNSET
    """Bytes of an answer that are taken, and thrown away, before the connection is closed."""
    private: bool | UnsetType = UNSET
    """Also to addresses of this machine and of private networks; else to public addresses only."""


class SiteAuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sites.NAME.auth]`: passwords of one site, and those who guess them; what is left out is as in `[auth]`."""

    attempts: int | UnsetType = UNSET
    """Different wrong passwords from one address, after which it is locked out: 429 with Retry-After. 0: no limit."""
    window: Duration | UnsetType = UNSET
    """The time in which they count. A right password ends the count."""
    lockout: Duration | UnsetType = UNSET
    """How long an address stays locked out of this site."""
    remember: Duration | UnsetType = UNSET
    """How long a password that was right is taken again without the work of checking it. 0: never. A change of the
    users' file ends it."""

    def __post_init__(self) -> None:
        if self.attempts is not UNSET and self.attempts < 0:
            raise ValueError("attempts: expected 0 or more")


class SiteTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sites.NAME]`: a folder that is the site of some hosts; what is left out is as for the server."""

    hosts: tuple[str, ...] = ()
    """Names in the Host field that mean this site, without ports: `example.org`, `*.example.org` (any name below it),
    `[::1]`. A name that is given in full counts before one with `*`."""
    root: str = ""
    """The folder that is the site."""
    isolation: Isolation = "workers"
    """Where its scripts run: in processes that can be killed, or in threads of the server."""
    debug: bool | UnsetType = UNSET
    """Show tracebacks in the browser."""
    autoreload: bool | UnsetType = UNSET
    """Look at each request whether a script, or a module that it imports, has changed."""
    scripts: bool | UnsetType = UNSET
    """Run scripts and templates; off: they are served as plain text."""
    listing: bool | UnsetType = UNSET
    """List folders that have no index."""
    symlinks: Literal["inside", "none"] | UnsetType = UNSET
    """Follow symbolic links that stay inside the site, or none."""
    timeout: Duration | UnsetType = UNSET
    """A script that has not finished by then is stopped; 504."""
    threads: Count | UnsetType = UNSET
    """Scripts of this site that run at the same time, where `isolation` is `threads`."""
    max_body: Size | UnsetType = UNSET
    """Largest body of a request to this site, in bytes; larger: 413. It may be more than the server's."""
    options: dict[str, OptionValue] = {}
    """Names of your own that its scripts can read, added to the server's."""
    workers: SiteWorkerSettings = SiteWorkerSettings()
    session: SiteSessionSettings = SiteSessionSettings()
    storage: SiteStorageSettings = SiteStorageSettings()
    forms: SiteFormLimits = SiteFormLimits()
    background: SiteBackgroundSettings = SiteBackgroundSettings()
    auth: SiteAuthSettings = SiteAuthSettings()

    def __post_init__(self) -> None:
        if self.timeout is not UNSET and not self.timeout:
            raise ValueError("timeout: expected more than 0")
