"""The `Runner` of one site whose scripts run in worker processes."""

from __future__ import annotations

from typing import BinaryIO, Final

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from twistedsite.scripts.broker.direct import DirectBroker
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.runners.interface import ResponseSink, RunnerBusyError
from twistedsite.scripts.runners.workers.server.job import ScriptJob
from twistedsite.scripts.runners.workers.server.pool import SitePool
from twistedsite.scripts.runners.workers.server.services import WorkerServices
from twistedsite.scripts.runners.workers.server.users import closed_to
from twistedsite.scripts.sandbox.policy import SandboxPolicy, system_paths
from twistedsite.settings.server import WorkerSettings

_ADDRESS_SPACE: Final = 512 * 1024 * 1024
_FILES: Final = 256
_PROCESSES: Final = 32
"""Processes and threads of a site's user, for each worker that it may have."""
_PROCESSOR: Final = 24 * 3600
"""Seconds in a worker's life, past any honest one: each script has its deadline, what it leaves behind has this."""


class WorkerRunner:
    """Runs the scripts of the site `name`, the folder `root`, in worker processes. `services` stay the caller's.

    `settings` are the site's own; the server's unless given. `uid` is the user to run as; the server's unless given.
    `readable`: absolute paths of further folders that its scripts may read.
    """

    _log = Logger()

    def __init__(
        self,
        services: WorkerServices,
        name: str,
        root: str,
        broker: DirectBroker,
        settings: WorkerSettings | None = None,
        uid: int | None = None,
        readable: tuple[str, ...] = (),
    ) -> None:
        settings = settings or services.settings
        policy = SandboxPolicy(
            root,
            (*system_paths(settings.network, settings.exec), *readable),
            uid=uid,
            memory=max(_ADDRESS_SPACE, 2 * settings.memory),
            cpu=_PROCESSOR,
            open_files=_FILES,
            processes=_PROCESSES * settings.max_workers,
            network=settings.network,
            exec=settings.exec,
        )
        if uid is not None and (closed := closed_to(root, uid)):
            self._log.warn(
                "{site}: its scripts run as user {uid}, who cannot enter {folder}: "
                "say chmod o+x {folder}, or setfacl -m u:{uid}:x {folder}",
                site=name,
                uid=uid,
                folder=closed,
            )
        self._services = services
        self._pool = SitePool(services, name, policy, broker, settings)

    def run(self, request: ScriptRequest, body: BinaryIO, sink: ResponseSink) -> Deferred[None]:
        """See `Runner.run`."""
        job = ScriptJob(self._pool, self._services, request, body, sink)
        try:
            self._pool.submit(job)
        except RunnerBusyError as error:
            job.withdraw()
            return fail(error)
        return job.result

    def health(self) -> dict[str, int]:
        """See `Runner.health`."""
        pool = self._pool
        return {
            "workers": len(pool.members),
            "running": sum(bool(process.jobs) for process in pool.members),
            "queued": len(pool.queue) + sum(max(0, len(process.jobs) - 1) for process in pool.members),
            "restarts": self._services.spawner.restarts,
        }

    def sandbox(self) -> str:
        """See `Runner.sandbox`."""
        return self._services.holds

    def stop(self) -> None:
        """Stop every script, and end the site's workers."""
        self._pool.stop()
