"""The server as a part of another Twisted program: `twistedsite.site_resource` and `make_service`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from twisted.application.service import IService
from twisted.web.resource import IResource

from twistedsite.resources.mapping.builder import build_site
from twistedsite.scripts.dialects import check_handlers
from twistedsite.sessions.stores import open_store
from twistedsite.settings.load import SettingsError, convert
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sites import anchored, site_faults
from twistedsite.tap import service

_WORDS = "settings"
"""What a SettingsError names as its source."""


def site_resource(root: str | os.PathLike[str], reactor: Any, settings: Mapping[str, object]) -> IResource:
    """See `twistedsite.site_resource`."""
    found = _settings({**settings, "root": os.fspath(root)})
    check_handlers(found.extensions, _WORDS)
    reactor = reactor or _running_reactor()
    built = build_site(found, open_store(found.sessions, found.session, time.time), reactor)
    reactor.addSystemEventTrigger("during", "shutdown", built.stop)
    return built.resource


def make_service(settings: ServerSettings | Mapping[str, object], reactor: Any) -> IService:
    """See `twistedsite.make_service`."""
    return service.make_service(_settings(settings), reactor or _running_reactor())


def _settings(given: ServerSettings | Mapping[str, object]) -> ServerSettings:
    settings = given if isinstance(given, ServerSettings) else convert(given, ServerSettings, _WORDS)
    for fault in site_faults(settings.sites, _WORDS):
        raise fault
    settings = msgspec.structs.replace(settings, sites=anchored(settings.sites, os.getcwd()))
    if settings.sites and not settings.root:
        return settings
    root = os.path.abspath(settings.root)
    if not settings.root or not os.path.isdir(root):
        raise SettingsError(_WORDS, "root", f"expected a folder that exists, got {settings.root!r}")
    return msgspec.structs.replace(settings, root=root)


def _running_reactor() -> Any:
    from twisted.internet import reactor

    return reactor
