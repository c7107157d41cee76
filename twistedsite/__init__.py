"""twistedsite makes a folder a web site, scripts included: drop a file in, it is live.

This is what other programs import; the parts are loaded when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from twisted.application.service import IService
    from twisted.web.resource import IResource

    from twistedsite.http.message.forms import Upload
    from twistedsite.scripts.exchange.request import Request
    from twistedsite.scripts.handlers.auth import AuthHandler
    from twistedsite.scripts.handlers.handler import RequestHandler
    from twistedsite.scripts.publishing.results import Response, Template, redirect
    from twistedsite.settings.server import ServerSettings

__all__ = [
    "AuthHandler",
    "Request",
    "RequestHandler",
    "Response",
    "Template",
    "Upload",
    "__version__",
    "make_service",
    "redirect",
    "site_resource",
]

__version__ = "0.1.0"

_FOR_SCRIPTS = {
    "AuthHandler": "twistedsite.scripts.handlers.auth",
    "Request": "twistedsite.scripts.exchange.request",
    "RequestHandler": "twistedsite.scripts.handlers.handler",
    "Response": "twistedsite.scripts.publishing.results",
    "Template": "twistedsite.scripts.publishing.results",
    "Upload": "twistedsite.http.message.forms",
    "redirect": "twistedsite.scripts.publishing.results",
}
"""What scripts import from here, and where it is. None of it imports Twisted."""


def __getattr__(name: str) -> Any:
    if name not in _FOR_SCRIPTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_FOR_SCRIPTS[name]), name)
    return value


def site_resource(root: str | os.PathLike[str], *, reactor: Any = None, **settings: Any) -> IResource:
    """Return the folder `root` as a resource, for a place in the tree of any Twisted site.

    `settings` are those of the settings file, in its own terms: `debug=True`, `timeout="5s"`, `pool={"queue": 8}`.
    Those of the server around the site (`listen`, `http`, `access_log`, `drain`, `sites`) say nothing here, and
    `max_body` only of background requests to pages of `root`.
    `reactor` is the running one unless given; when it shuts down, the scripts are stopped and the sessions closed.

    Raises `twistedsite.settings.load.SettingsError` for settings that cannot be used, and where there is no such
    folder.
    """
    from twistedsite.tap import embedding

    return embedding.site_resource(root, reactor, settings)


def make_service(settings: ServerSettings | Mapping[str, object], *, reactor: Any = None) -> IService:
    """Return the whole server as a service: it listens when it is started, and drains when it is stopped.

    `settings` are a ServerSettings or what a settings file says, as a dict: `{"root": "site", "debug": True}`. Relative
    paths are relative to the current directory. `reactor` is the running one unless given.

    Raises `twistedsite.settings.load.SettingsError` for settings that cannot be used, for an endpoint that cannot be
    made, and where there is no such folder.
    """
    from twistedsite.tap import embedding

    return embedding.make_service(settings, reactor)
