"""Runs one script from start to end, in its dialect, for every runner. The result is an `Outcome`."""

from __future__ import annotations

import os
import traceback
from typing import Final

from twistedsite.http.message.forms import FormError
from twistedsite.scripts.code.failures import report_exception
from twistedsite.scripts.dialects import dialect_of
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.messages.failure import FailureReport
from twistedsite.scripts.messages.outcome import ExitKind, Outcome, RefusedError, ScriptStop

_GONE: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What `open` raises for a script that was deleted or replaced after it had been looked up."""


def run_script(exchange: Exchange, interpreters: Interpreters) -> Outcome:
    """Run the script of `exchange` in its dialect. An exception becomes an Outcome, except ScriptStop, which is raised.

    It may be interrupted at any point. `finish_script` must follow in any case. In a process that the script has forked
    it does not return.
    """
    try:
        outcome = _run(exchange, interpreters)
    except ScriptStop:
        if os.getpid() == exchange.process:
            raise
    if os.getpid() != exchange.process:
        exchange.end_child()
    return outcome


def _run(exchange: Exchange, interpreters: Interpreters) -> Outcome:
    try:
        dialect_of(exchange, interpreters).run(exchange, interpreters)
        return Outcome(ExitKind.DONE)
    except ScriptStop:
        raise
    except FormError as error:
        return Outcome(ExitKind.REFUSED, error.status, error.message)
    except RefusedError as error:
        return Outcome(ExitKind.REFUSED, error.status, error.message, error.allow)
    except _GONE as error:
        if error.filename == exchange.request.filename:
            return Outcome(ExitKind.GONE, 404)
        return _failed(error, exchange)
    except BaseException as error:
        return _failed(error, exchange)


def finish_script(exchange: Exchange, outcome: Outcome) -> Outcome:
    """Save the session and send the rest of the answer, if the script has succeeded; release its resources in any case.

    It must not be interrupted. Returns `outcome`, or the failure that happened here.
    """
    try:
        if outcome.kind == ExitKind.DONE:
            exchange.finish()
        return outcome
    except ScriptStop:
        return Outcome(ExitKind.STOPPED)
    except Exception as error:
        return _failed(error, exchange)
    finally:
        exchange.close()


def _failed(error: BaseException, exchange: Exchange) -> Outcome:
    exchange.exit_status = 1
    report = getattr(error, "report", None)
    if not isinstance(report, FailureReport):
        report = report_exception(error, exchange.request.root)
    # What the functions that have failed hold in their variables goes now, not when the cycle of frames is collected.
    traceback.clear_frames(error.__traceback__)
    return Outcome(ExitKind.FAILED, 500, report.message, report=report)
