"""Makes the report of a script that has failed: its frames, source lines and local variables, with secrets redacted.

It is made where the script runs, in a thread or a worker, and shown elsewhere, on the debug page and in the log.
"""

from __future__ import annotations

import linecache
import os
import reprlib
import traceback
from collections.abc import Callable
from types import FrameType

from twistedsite.scripts.messages.failure import REDACTED, TIMEOUT, FailureReport, FrameReport, is_secret, redact

CONTEXT_LINES = 5
"""Source lines shown before and after the one that failed."""
MAX_PATH = 1000
MAX_FRAMES = 60
MAX_LOCALS = 60
MAX_NAME = 200
"""Most characters of the name of an exception, a function or a variable: a script may make them up."""
MAX_REPR = 400
"""Most characters of one value."""

_PLAIN = frozenset({bool, bytes, float, int, str})


def report_exception(error: BaseException, root: str) -> FailureReport:
    """Report `error`, raised in a script of the site at `root`. Exceptions of the script's own objects are caught."""
    steps = list(traceback.walk_tb(error.__traceback__))
    report = FailureReport(type(error).__name__[:MAX_NAME], _message(error), _frames(steps, root, _repr), _notes(error))
    if isinstance(error, SyntaxError) and error.filename:
        filename, in_site = _within(error.filename, root)
        line = error.lineno or 0
        if not any(frame.in_site for frame in report.frames):
            # The other frames are only the server's way to read the script.
            report.frames.clear()
        report.frames.append(FrameReport(filename, line, "(syntax)", in_site, _source(error.filename, line)))
    return report


def report_stack(frame: FrameType | None, message: str, root: str, *, source: bool = True) -> FailureReport:
    """Report where a running script is: `frame` is its innermost frame.

    It runs no code of the script's objects, and reads no file where `source` is unset.
    """
    steps = list(traceback.walk_stack(frame))[::-1] if frame else []
    return FailureReport(TIMEOUT, message, _frames(steps, root, _plain_repr, source))


def _frames(
    steps: list[tuple[FrameType, int]], root: str, shown: Callable[[object], str], source: bool = True
) -> list[FrameReport]:
    steps = [step for step in steps if not step[0].f_code.co_filename.startswith("<frozen importlib")]
    own = next((i for i, (frame, _) in enumerate(steps) if _within(frame.f_code.co_filename, root)[1]), 0)
    frames = []
    for frame, line in steps[own:][-MAX_FRAMES:]:
        code = frame.f_code
        filename, in_site = _within(code.co_filename, root)
        report = FrameReport(filename[-MAX_PATH:], line, code.co_name[:MAX_NAME], in_site)
        if in_site:
            report.source = _source(code.co_filename, line) if source else []
            report.locals = _locals(frame, shown)
        frames.append(report)
    return frames


def _within(filename: str, root: str) -> tuple[str, bool]:
    prefix = root.rstrip(os.sep) + os.sep
    return (filename[len(prefix) :], True) if filename.startswith(prefix) else (filename, False)


def _source(filename: str, line: int) -> list[tuple[int, str]]:
    linecache.checkcache(filename)
    lines = linecache.getlines(filename)
    first = max(1, line - CONTEXT_LINES)
    return [(n, lines[n - 1].rstrip("\r\n")) for n in range(first, min(len(lines), line + CONTEXT_LINES) + 1)]


def _locals(frame: FrameType, shown: Callable[[object], str]) -> list[tuple[str, str]]:
    hidden = frame.f_globals.get("__given__", ()) if frame.f_locals is frame.f_globals else ()
    # A copy, because a frame that runs in another thread may change them meanwhile.
    held = dict(frame.f_locals)
    names = [name for name in held if not name.startswith("__") and name not in hidden]
    return [(name[:MAX_NAME], redact(name, shown(held[name]))) for name in names[:MAX_LOCALS]]


class _Repr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = MAX_REPR
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 12

    def repr_dict(self, value: dict[object, object], level: int) -> str:
        shown = {k: REDACTED if isinstance(k, str) and is_secret(k) else v for k, v in value.items()}
        return super().repr_dict(shown, level)

    def repr_bytes(self, value: bytes, level: int) -> str:
        return repr(value if len(value) <= MAX_REPR else value[:MAX_REPR]) + ("..." if len(value) > MAX_REPR else "")


def _repr(value: object) -> str:
    try:
        return _Repr().repr(value)[: 4 * MAX_REPR]
    except Exception as error:
        return f"<no repr: {type(error).__name__}>"


def _plain_repr(value: object) -> str:
    return _repr(value) if value is None or type(value) in _PLAIN else f"<{type(value).__name__[:MAX_NAME]}>"


def _message(error: BaseException) -> str:
    try:
        return str(error)[:2000]
    except Exception as failure:
        return f"<no message: {type(failure).__name__}>"


def _notes(error: BaseException) -> list[str]:
    notes = [str(note)[:2000] for note in getattr(error, "__notes__", [])][:10]
    seen = {id(error)}
    while (cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) and id(
        cause
    ) not in seen:
        word = "caused by" if error.__cause__ else "while handling"
        notes.append(f"{word} {type(cause).__name__[:MAX_NAME]}: {_message(cause)}")
        seen.add(id(cause))
        error = cause
    return notes[:20]
