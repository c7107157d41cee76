"""What the resources of one site have in common."""

from __future__ import annotations

import attrs
from twisted.internet.interfaces import IReactorTime

from twistedsite.origins.interface import Origin
from twistedsite.resources.site.services import Services
from twistedsite.scripts.runners.interface import Runner
from twistedsite.settings.server import ServerSettings


@attrs.frozen(eq=False)
class SiteContext:
    """One site: its files, its settings and the runner of its scripts. Passed to every resource of the site."""

    name: str
    settings: ServerSettings
    origin: Origin
    runner: Runner
    reactor: IReactorTime
    services: Services
