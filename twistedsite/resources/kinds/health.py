"""How the server is, for supervisors on the same machine: a small JSON document at one path."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import msgspec
from twisted.web.server import Request

from twistedsite.resources.site.context import SiteContext
from twistedsite.scripts.runners.interface import Runner
from twistedsite.settings.server import ServerSettings


def is_health(settings: ServerSettings, path: tuple[str, ...], request: Request) -> bool:
    """Whether `request` asks for the health document, and from this machine itself."""
    return bool(settings.health) and "/" + "/".join(path) == settings.health and is_local(request)


def is_local(request: Request) -> bool:
    """Whether `request` comes from this machine itself."""
    try:
        address = ipaddress.ip_address(getattr(request.getClientAddress(), "host", ""))
    except ValueError:
        return False
    # A listener for both families tells IPv4 addresses as IPv6 ones (RFC 4291, 2.5.5.2).
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def send_health(runner: Runner, request: Request) -> None:
    """Answer 200 while scripts run, 503 where new ones are refused."""
    document = _of(runner)
    if runner.sandbox():
        document["sandbox"] = runner.sandbox()
    _send(document, request)


def send_health_of_sites(
    sites: Iterable[tuple[SiteContext, int | None]], count: int, sandbox: str, request: Request
) -> None:
    """Tell the same of each of `sites`, those of all `count` that have been asked for; `sandbox` is that of all.

    With each site comes the user that its worker processes run as, if that is one of its own. The server fails when one
    of its sites does.
    """
    reports = {site.name: {**_of(site.runner), **_holds(site.settings, uid)} for site, uid in sites}
    failing = any(site["status"] == "failing" for site in reports.values())
    document: dict[str, object] = {"status": "failing" if failing else "ok", "count": count, "sites": reports}
    if sandbox:
        document["sandbox"] = sandbox
    _send(document, request)


def _of(runner: Runner) -> dict[str, object]:
    counts = runner.health()
    failing = counts.get("lost", 0) >= counts.get("lost_limit", 1)
    return {"status": "failing" if failing else "ok", "scripts": counts}


def _holds(settings: ServerSettings, uid: int | None) -> dict[str, object]:
    """How the scripts of a site are held."""
    holds: dict[str, object] = {"isolation": settings.isolation}
    if settings.isolation == "workers":
        granted = {"network": settings.workers.network, "exec": settings.workers.exec}
        holds["granted"] = [name for name, given in granted.items() if given]
        if uid is not None:
            holds["uid"] = uid
    return holds


def _send(document: dict[str, object], request: Request) -> None:
    failing = document["status"] == "failing"
    body = msgspec.json.encode(document) + b"\n"
    request.setResponseCode(503 if failing else 200)
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"x-content-type-options", b"nosniff")
    request.setHeader(b"content-length", b"%d" % len(body))
    if request.method != b"HEAD":
        request.write(body)
    request.finish()
