"""How the server is, for supervisors on the same machine: a small JSON document at one path."""

from __future__ import annotations

import ipaddress

import msgspec
from twisted.web.server import Request

from twistedsite.scripts.runners import Runner
from twistedsite.settings.server import ServerSettings


def is_health(settings: ServerSettings, path: tuple[str, ...], request: Request) -> bool:
    """Whether `request` asks for the health document, and from this machine itself."""
    if not settings.health or "/" + "/".join(path) != settings.health:
        return False
    try:
        return ipaddress.ip_address(getattr(request.getClientAddress(), "host", "")).is_loopback
    except ValueError:
        return False


def send_health(runner: Runner, request: Request) -> None:
    """Answer 200 while scripts run, 503 where new ones are refused."""
    counts = runner.health()
    failing = counts.get("lost", 0) >= counts.get("lost_limit", 1)
    document: dict[str, object] = {"status": "failing" if failing else "ok", "scripts": counts}
    if runner.sandbox():
        document["sandbox"] = runner.sandbox()
    body = msgspec.json.encode(document) + b"\n"
    request.setResponseCode(503 if failing else 200)
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"x-content-type-options", b"nosniff")
    request.setHeader(b"content-length", b"%d" % len(body))
    if request.method != b"HEAD":
        request.write(body)
    request.finish()
