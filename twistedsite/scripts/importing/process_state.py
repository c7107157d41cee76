"""What scripts change of the process, put back at their end: a log's handlers, the environment, a random seed.

A program of its own would take its changes with it. What belongs to the context of a thread needs no care: that is
`decimal` and the streams of `sys`. All else stands in one list, `KEPT`. Each entry is looked at only for scripts that
mention one of its names, so others pay nothing. What a module does while it is imported stays, as the module does.
"""

from __future__ import annotations

import builtins
import functools
import gc
import locale
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, Final


class State:
    """One thing of the process: `save` tells it, `put` makes it what `save` has told.

    It is saved when the first script begins that mentions one of `names`, and put back at the end of each: several may
    run at once. There is no lock, as a script that is stopped might leave it held.
    """

    def __init__(self, names: set[str], save: Callable[[], Any], put: Callable[[Any], object]) -> None:
        self.names: Final = frozenset(names)
        self.save: Final = save
        self._put = put
        self._scripts: list[object] = []
        self._saved: Any = None

    @property
    def is_watched(self) -> bool:
        """A script runs that may change it."""
        return bool(self._scripts)

    def begin(self, script: object) -> None:
        """`script` begins, which may change it."""
        self._scripts.append(script)
        if self._scripts[0] is script:
            self._saved = self.save()

    def end(self, script: object) -> None:
        """`script` has ended."""
        self._scripts.remove(script)
        if self.save() != self._saved:
            self._put(self._saved)

    def keep(self, before: Any) -> None:
        """What it is now is to stay, if that is not `before`."""
        if (now := self.save()) != before:
            self._saved = now


Logger = tuple[int, list[logging.Handler], list[Any], bool, bool]


def _loggers() -> tuple[int, dict[str, Logger]]:
    known = {"": logging.root, **logging.root.manager.loggerDict}
    return logging.root.manager.disable, {
        name: (logger.level, logger.handlers[:], logger.filters[:], logger.propagate, logger.disabled)
        for name, logger in known.items()
        if isinstance(logger, logging.Logger)
    }


def _put_loggers(saved: tuple[int, dict[str, Logger]]) -> None:
    logging.disable(saved[0])
    for name, now in _loggers()[1].items():
        before = saved[1].get(name, (logging.NOTSET, [], [], True, False))
        if now != before:
            logger = logging.getLogger(name or None)
            logger.setLevel(before[0])
            _, logger.handlers[:], logger.filters[:], logger.propagate, logger.disabled = before


def _put_filters(saved: list[Any]) -> None:
    warnings.filters[:] = saved  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _put_environment(saved: dict[str, str]) -> None:
    for name in os.environ.keys() - saved.keys():
        del os.environ[name]
    os.environ.update(saved)
    time.tzset()


def _put_locale(saved: str) -> None:
    locale.setlocale(locale.LC_ALL, saved)


_SIGNALS: Final = [number for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP)]


def _signals() -> list[Any]:
    return [signal.getsignal(number) for number in _SIGNALS]


def _put_signals(saved: list[Any]) -> None:
    # In a thread of the server, a script cannot have set one.
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(_SIGNALS, saved, strict=True):
            if handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)


def _builtins() -> dict[str, Any]:
    return dict(vars(builtins))


def _put_builtins(saved: dict[str, Any]) -> None:
    now = vars(builtins)
    for name in now.keys() - saved.keys():
        del now[name]
    now.update(saved)


def _collector() -> tuple[bool, tuple[int, int, int], int]:
    return gc.isenabled(), gc.get_threshold(), gc.get_debug()


def _put_collector(saved: tuple[bool, tuple[int, int, int], int]) -> None:
    (gc.enable if saved[0] else gc.disable)()
    gc.set_threshold(*saved[1])
    gc.set_debug(saved[2])


_HOOKS: Final = {"excepthook", "unraisablehook", "displayhook"}
_THREAD_HOOKS: Final = ("excepthook", "_trace_hook", "_profile_hook")


def _hooks() -> tuple[dict[str, Any], dict[str, Any]]:
    return {name: getattr(sys, name) for name in _HOOKS}, {name: getattr(threading, name) for name in _THREAD_HOOKS}


def _put_hooks(saved: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for module, hooks in zip((sys, threading), saved, strict=True):
        for name, hook in hooks.items():
            setattr(module, name, hook)


def _seed(saved: object) -> None:
    """Whatever comes next must be as hard to guess as ever."""
    random.seed()


KEPT: Final = (
    State({"logging"}, _loggers, _put_loggers),
    State({"warnings"}, lambda: warnings.filters[:], _put_filters),
    State({"environ", "putenv", "tzset"}, lambda: dict(os.environ), _put_environment),
    State({"locale", "setlocale"}, lambda: locale.setlocale(locale.LC_ALL), _put_locale),
    State({"signal"}, _signals, _put_signals),
    State({"setdefaulttimeout"}, socket.getdefaulttimeout, socket.setdefaulttimeout),
    State({"seed", "setstate"}, random.getstate, _seed),
    State({"setrecursionlimit"}, sys.getrecursionlimit, sys.setrecursionlimit),
    State({"setswitchinterval"}, sys.getswitchinterval, sys.setswitchinterval),
    State({"builtins"}, _builtins, _put_builtins),
    State({"gc"}, _collector, _put_collector),
    State({*_HOOKS, "settrace", "setprofile"}, _hooks, _put_hooks),
)


@functools.lru_cache(2048)
def may_change(mentioned: frozenset[str]) -> tuple[State, ...]:
    """The entries of KEPT that a script that mentions these names may change."""
    return tuple(state for state in KEPT if not state.names.isdisjoint(mentioned))


class importing:  # noqa: N801  # used as a function, like contextlib's own
    """A block in which a module is imported: what it changes stays.

    No generator: a script that is stopped in the block would be stopped again in the code of contextlib.
    """

    def __enter__(self) -> None:
        self._before = [(state, state.save()) for state in KEPT if state.is_watched]

    def __exit__(self, *raised: object) -> None:
        for state, before in self._before:
            state.keep(before)
