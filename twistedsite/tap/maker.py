"""The service maker of the plugin, which `twistd` and `twist` call with parsed options."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from functools import partial
from typing import IO, Any

import msgspec
from twisted.application.service import IService, MultiService
from twisted.logger import ILogObserver
from twisted.python.components import Componentized

from twistedsite.settings.load import SettingsError
from twistedsite.tap.descriptors import fit_descriptors
from twistedsite.tap.logs import ServerLogFile, log_observer
from twistedsite.tap.options import Options
from twistedsite.tap.service import make_service
from twistedsite.tap.supervision import Supervision

__all__ = ["Options", "makeService"]

GARBAGE = 20_000
"""New objects after which cyclic garbage is looked for. Python's 700 are made by a few dozen requests: then the looking
takes a tenth of a script page's time."""
LAST_RESORT = 0.7
"""Seconds that the process may take to end once all its requests have had their time to finish."""


def makeService(options: Options) -> IService:
    """Return the service for `options`. Settings that cannot be used end the program with one line and status 1."""
    from twisted.internet import reactor

    settings = options.settings
    settings = msgspec.structs.replace(settings, http=fit_descriptors(settings.http, reactor.callWhenRunning))
    try:
        service = make_service(settings, reactor)
    except SettingsError as error:
        raise SystemExit(f"scriptsite: {options.loaded.blame(error)}") from None
    seconds = options.settings.drain + LAST_RESORT
    reactor.addSystemEventTrigger("before", "shutdown", _end_for_certain, seconds)
    reactor.callWhenRunning(_settle)
    supervision = Supervision(reactor, options.settings.watchdog, options.settings.log_format, os.environ)
    runner: Any = options.parent or {}
    if "fileLogObserverFactory" in runner:
        _log_under_twist(runner, options)
    elif "nodaemon" in runner:
        return _logged_under_twistd(service, runner, options, reactor, supervision)
    return service


def _settle() -> None:
    """Exclude all present objects from garbage collection: they stay. The process is the server's own."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)


def _end_for_certain(seconds: float) -> None:
    """End the process after `seconds`, or at a second signal, even where a thread hangs."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    last_resort = threading.Timer(seconds, os._exit, (1,))
    last_resort.daemon = True
    last_resort.start()


def _log_under_twist(twist: Any, options: Options) -> None:
    """Have `twist`, which makes its log observer after the service, make ours. Its format is ours where it is set."""
    form = options.settings.log_format if "log_format" in options.loaded.sources else twist["logFormat"]
    twist["fileLogObserverFactory"] = partial(log_observer, form=form)


class _LoggedService(MultiService):
    """Sets the log observer in the Application, where `twistd` looks for one."""

    def __init__(self, observer: Any) -> None:
        super().__init__()
        self._observer = observer

    def setServiceParent(self, parent: Any) -> None:
        super().setServiceParent(parent)
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)


def _logged_under_twistd(
    service: IService, twistd: Any, options: Options, reactor: Any, supervision: Supervision
) -> IService:
    """`service` with our log observer, writing where twistd's options say, unless they ask for another kind of log."""
    name = twistd["logfile"]
    to_stdout = name == "-" or (twistd["nodaemon"] and not name)
    if twistd["syslog"] or twistd["logger"] or (to_stdout and not twistd["nodaemon"]):
        return service
    file: IO[Any] | ServerLogFile = sys.stdout
    if not to_stdout:
        file = ServerLogFile(os.path.abspath(name or "twistd.log"))
        supervision.log = file.path
        _rotate_on_signal(file, reactor)
    logged = _LoggedService(log_observer(file, options.settings.log_format))
    service.setServiceParent(logged)
    return logged


def _rotate_on_signal(file: ServerLogFile, reactor: Any) -> None:
    """Begin a new log file at SIGUSR1, as twistd's own log does."""
    signal.signal(signal.SIGUSR1, lambda number, frame: reactor.callFromThread(file.rotate))
