"""One script from start to end, whatever its dialect and wherever it runs: what happened comes back as plain data."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from twistedsite.http.message.forms import FormError
from twistedsite.scripts.dialects import dialect_of
from twistedsite.scripts.exchange import Exchange
from twistedsite.scripts.failures import FailureReport, report_exception
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.refusal import RefusedError

_GONE: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What opening a script raises that was deleted or replaced after it had been looked up."""


class ScriptStop(BaseException):  # not an error: it ends a script, as SystemExit does
    """Raised inside a script that has to end: its time is up, or nobody waits for it any more."""


class Ending:
    """How a script has ended.

    Not an Enum: on Python 3.11 a look at a member of one costs four times as much, and each script takes several.
    """

    DONE: Final = "done"
    REFUSED: Final = "refused"
    """The request could not be used: a malformed or too large form."""
    GONE: Final = "gone"
    """Its file was deleted before it could be read."""
    FAILED: Final = "failed"
    STOPPED: Final = "stopped"


Method = Annotated[str, msgspec.Meta(pattern="^[A-Z]+$", max_length=20)]


class Outcome(msgspec.Struct, array_like=True):
    """What there is to say of a script that has ended."""

    ending: Literal["done", "refused", "gone", "failed", "stopped"]
    """See `Ending`."""
    status: int = 200
    message: str = ""
    allow: list[Method] = []
    """The methods that would be answered."""
    report: FailureReport | None = None


def run_script(exchange: Exchange, interpreters: Interpreters) -> Outcome:
    """Run the script of `exchange` in its dialect. What it raises is an Outcome, but for a ScriptStop, which goes on.

    It may be interrupted at any point. `finish_script` must follow, whatever has happened.
    """
    try:
        dialect_of(exchange, interpreters).run(exchange, interpreters)
        return Outcome(Ending.DONE)
    except ScriptStop:
        raise
    except FormError as error:
        return Outcome(Ending.REFUSED, error.status, error.message)
    except RefusedError as error:
        return Outcome(Ending.REFUSED, error.status, error.message, error.allow)
    except _GONE as error:
        if error.filename == exchange.request.filename:
            return Outcome(Ending.GONE, 404)
        return _failed(error, exchange)
    except BaseException as error:
        return _failed(error, exchange)


def finish_script(exchange: Exchange, outcome: Outcome) -> Outcome:
    """Keep the session and send what is left, if the script has ended well; release what it held in any case.

    Not to be interrupted. Returns `outcome`, or what went wrong only now.
    """
    try:
        if outcome.ending == Ending.DONE:
            exchange.finish()
        return outcome
    except ScriptStop:
        return Outcome(Ending.STOPPED)
    except Exception as error:
        return _failed(error, exchange)
    finally:
        exchange.close()


def _failed(error: BaseException, exchange: Exchange) -> Outcome:
    report = getattr(error, "report", None)
    if not isinstance(report, FailureReport):
        report = report_exception(error, exchange.request.root)
    return Outcome(Ending.FAILED, 500, report.message, report=report)
