"""What all sites of one server share: threads for files, what is kept in memory, and the processes that run scripts.

Made once, before the first site is built; stopped after the last one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from msgspec import UNSET

from twistedsite.origins.interface import Origin
from twistedsite.origins.sorted_names import SortedNamesCache
from twistedsite.resources.content.background import Reactor
from twistedsite.resources.site.services import Services
from twistedsite.scripts.broker.background import InFlight
from twistedsite.scripts.importing.installed import installed_handlers
from twistedsite.scripts.runners.threads.shared import IThreadReactor, SharedThreads
from twistedsite.scripts.runners.workers.server.check import check_sandbox
from twistedsite.scripts.runners.workers.server.services import WorkerServices
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sites import SiteSettings
from twistedsite.settings.users import NoUserError, SiteUsers, uid_range


class ServerResources:
    """Each part is made when a site first needs it. `settings` are the server's.

    `open_origin` gives the origin of a site; None: the folder that the site's settings name, on this disk.
    """

    def __init__(
        self,
        settings: ServerSettings,
        reactor: IThreadReactor,
        open_origin: Callable[[SiteSettings], Origin] | None = None,
    ) -> None:
        # Before the reactor runs: to look for installed handlers takes a while, and happens once.
        installed_handlers()
        self.settings = settings
        self.open_origin = open_origin
        self.reactor = reactor
        self.services = Services(settings, cast(Reactor, reactor))
        self.sorted_names = SortedNamesCache()
        self.in_flight = InFlight(settings.background.in_flight)
        self._users = SiteUsers(uid_range(settings.workers.uids))
        self._threads: SharedThreads | None = None
        self._workers: WorkerServices | None = None

    def threads(self) -> SharedThreads:
        """What the runners of sites whose scripts run in threads have in common."""
        if self._threads is None:
            self._threads = SharedThreads(self.reactor)
        return self._threads

    def workers(self) -> WorkerServices:
        """The worker processes. The first call takes a while: it tries the sandbox and starts the zygote.

        Raises SettingsError where `sandbox` asks for what this machine cannot hold.
        """
        if self._workers is None:
            settings = self.settings
            holds = check_sandbox(settings.sandbox, self._any_user())
            buffer = settings.pool.output_buffer
            self._workers = WorkerServices(self.reactor, settings.workers, buffer, settings.sandbox, holds)
        return self._workers

    def user_of(self, site: SiteSettings) -> int | None:
        """The number of the user that the worker processes of `site` run as; None: the server's.

        Raises SettingsError where there is none left for it.
        """
        try:
            return self._users.of(site.name, site.uid)
        except NoUserError as error:
            raise SettingsError("", "workers.uids", str(error)) from None

    def _any_user(self) -> int | None:
        uids = uid_range(self.settings.workers.uids)
        own = (site.workers.uid for site in self.settings.sites.values() if site.workers.uid is not UNSET)
        return uids[0] if uids else next(own, None)

    @property
    def sandbox(self) -> str:
        """One line on what the kernel holds worker processes to; empty while there are none."""
        return self._workers.holds if self._workers is not None else ""

    def stop(self) -> None:
        """End the processes, and let go of threads and reactor."""
        if self._workers is not None:
            self._workers.stop()
        if self._threads is not None:
            self._threads.stop()
        self.services.stop()
