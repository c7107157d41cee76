"""One script from start to end, whatever its dialect and wherever it runs: what happened comes back as plain data."""

from __future__ import annotations

import enum

import msgspec

from twistedsite.http.forms import FormError
from twistedsite.scripts.dialects import load_dialect
from twistedsite.scripts.exchange import Exchange
from twistedsite.scripts.failures import FailureReport, report_exception
from twistedsite.scripts.interpreters import Interpreters


class ScriptStop(BaseException):  # not an error: it ends a script, as SystemExit does
    """Raised inside a script that has to end: its time is up, or nobody waits for it any more."""


class Ending(enum.Enum):
    """How a script has ended."""

    DONE = "done"
    REFUSED = "refused"
    """The request could not be used: a malformed or too large form."""
    GONE = "gone"
    """Its file was deleted before it could be read."""
    FAILED = "failed"
    STOPPED = "stopped"


class Outcome(msgspec.Struct):
    """What there is to say of a script that has ended."""

    ending: Ending
    status: int = 200
    message: str = ""
    report: FailureReport | None = None


def run_script(exchange: Exchange, interpreters: Interpreters) -> Outcome:
    """Run the script of `exchange` in its dialect and send its answer; never raises for what the script does."""
    try:
        load_dialect(exchange.request.dialect).run(exchange, interpreters)
        exchange.finish()
        return Outcome(Ending.DONE)
    except ScriptStop:
        return Outcome(Ending.STOPPED)
    except FormError as error:
        return Outcome(Ending.REFUSED, error.status, error.message)
    except BaseException as error:
        if isinstance(error, FileNotFoundError) and error.filename == exchange.request.filename:
            return Outcome(Ending.GONE, 404)
        report = getattr(error, "report", None) or report_exception(error, exchange.request.root)
        return Outcome(Ending.FAILED, 500, report.message, report)
    finally:
        exchange.close()
