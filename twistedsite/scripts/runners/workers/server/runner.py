"""The `Runner` of one site whose scripts run in worker processes."""

from __future__ import annotations

import functools
from typing import BinaryIO, Final

import msgspec
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
        self._make_pool = functools.partial(SitePool, services, name, broker=broker, settings=settings)
        self._policy = policy
        self._pool = self._make_pool(policy=policy)
        self._former: list[SitePool] = []
        """Pools of workers that may read what the root was before."""

    def _move_to(self, root: str) -> None:
        """Have new workers, which may read `root`: the link that is the site's root leads there now.

        What runs goes on; the former workers end when they are idle.
        """
        self._former = [pool for pool in (*self._former, self._pool) if pool.members or pool.queue]
        self._policy = msgspec.structs.replace(self._policy, root=root)
        self._pool = self._make_pool(policy=self._policy)

    def run(self, request: ScriptRequest, body: BinaryIO, sink: ResponseSink) -> Deferred[None]:
        """See `Runner.run`."""
        if request.root != self._policy.root.rstrip("/"):
            self._move_to(request.root)
        job = ScriptJob(self._pool, self._services, request, body, sink)
        try:
            self._pool.submit(job)
        except RunnerBusyError as error:
            job.withdraw()
            return fail(error)
        return job.result

    def health(self) -> dict[str, int]:
        """See `Runner.health`."""
        pools = (self._pool, *self._former)
        members = [process for pool in pools for process in pool.members]
        return {
            "workers": len(members),
            "running": sum(bool(process.jobs) for process in members),
            "queued": sum(len(pool.queue) for pool in pools) + sum(max(0, len(p.jobs) - 1) for p in members),
            "restarts": self._services.spawner.restarts,
        }

    def sandbox(self) -> str:
        """See `Runner.sandbox`."""
        return self._services.holds

    def stop(self) -> None:
        """Stop every script, and end the site's workers."""
        for pool in (self._pool, *self._former):
            pool.stop()
