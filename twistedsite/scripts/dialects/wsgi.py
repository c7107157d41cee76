"""The dialect of WSGI (PEP 3333): a module's `application`, or `app`, answers. The module is imported once.

The URL's path after the script is PATH_INFO, so applications of Flask, Django and Bottle run below their script.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from types import ModuleType, TracebackType
from typing import Any, BinaryIO, Final
from wsgiref.util import FileWrapper

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.importing.plain_names import other_django_project
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import BODILESS, checked_status

Environ = dict[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]
Application = Callable[[Environ, Callable[..., Callable[[bytes], None]]], Iterable[bytes]]

_BLOCK: Final = 64 * 1024
"""Bytes read at once from a file that an application returns."""
_PATHS: Final = ("SCRIPT_NAME", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_FILENAME", "DOCUMENT_ROOT")


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Let the application of the script of `exchange` answer."""
    request = exchange.request
    interpreter = interpreters.for_request(request)
    application = _application(interpreter.load(request.filename))
    _adapt(application, request)
    if (settings := other_django_project(interpreter.table)) is not None and _is_django(application):
        raise RuntimeError(
            f"this server runs a Django project already, that of {settings}; Django knows one, so another one needs a "
            "server of its own"
        )
    exchange.default_type = None
    answer = _Answer(exchange)
    result = application(_environ(exchange), answer.start)
    try:
        if isinstance(result, FileWrapper):
            while block := result.filelike.read(_BLOCK):
                answer.send(block)
        elif isinstance(result, list | tuple):
            for piece in result:
                answer.send(piece)
        else:
            for piece in result:
                answer.send(piece)
                answer.flush()
        answer.finish()
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()


def _application(module: ModuleType) -> Application:
    for name in ("application", "app"):
        found = getattr(module, name, None)
        if callable(found):
            application: Application = found
            return application
    raise TypeError("this module has no WSGI application: neither `application` nor `app` in it can be called")


def _adapt(application: object, request: ScriptRequest) -> None:
    """Let frameworks raise their errors where the folder shows them, and reload templates that have changed."""
    flask, bottle = sys.modules.get("flask"), sys.modules.get("bottle")
    if flask is not None and isinstance(application, flask.Flask):
        if application.config["TEMPLATES_AUTO_RELOAD"] is None:
            application.config["TEMPLATES_AUTO_RELOAD"] = request.autoreload
        if application.config["PROPAGATE_EXCEPTIONS"] is None and request.debug:
            application.config["PROPAGATE_EXCEPTIONS"] = True
    elif bottle is not None and isinstance(application, bottle.Bottle) and request.debug:
        application.catchall = False


def _is_django(application: object) -> bool:
    return type(application).__module__.partition(".")[0] == "django"


def _environ(exchange: Exchange) -> Environ:
    """The environment of PEP 3333: CGI variables, as bytes decoded by ISO 8859-1, and the server's own."""
    request, body = exchange.request, exchange.body
    body.seek(0)
    environ: Environ = dict(exchange.environ)
    for name in _PATHS:
        if not environ[name].isascii():
            environ[name] = os.fsencode(environ[name]).decode("latin-1")
    # Where the folder authenticates users, the application does not get their passwords.
    if (authorization := request.header("authorization")) and "REMOTE_USER" not in environ:
        environ["HTTP_AUTHORIZATION"] = authorization
    if environ.pop("HTTP_TRANSFER_ENCODING", None):
        # The body has been received: the application gets its length instead.
        environ["CONTENT_LENGTH"] = str(body.seek(0, os.SEEK_END))
        body.seek(0)
    for name in "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_PORT", "PATH_TRANSLATED":
        if not environ[name]:
            del environ[name]
    environ["wsgi.version"] = (1, 0)
    environ["wsgi.url_scheme"] = request.scheme
    environ["wsgi.input"] = _Input(body)
    environ["wsgi.input_terminated"] = True
    environ["wsgi.errors"] = sys.stderr
    environ["wsgi.multithread"] = not exchange.in_worker
    environ["wsgi.multiprocess"] = exchange.in_worker
    environ["wsgi.run_once"] = False
    environ["wsgi.file_wrapper"] = FileWrapper
    return environ


class _Input:
    """`wsgi.input`: the request's body, which the application can read and not close. It ends with the body."""

    def __init__(self, body: BinaryIO) -> None:
        self.read = body.read
        self.readline = body.readline
        self.readlines = body.readlines
        self._body = body

    def __iter__(self) -> Iterable[bytes]:
        return iter(self._body)


class _Answer:
    """Takes the answer of an application: `start_response`, `write`, and the pieces of its result."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._started = False
        self._sent = 0

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """`start_response`. Raises the exception in `exc_info` where the head has been sent, RuntimeError for a second
        call without `exc_info`, ValueError for a status or header field that cannot be sent.
        """
        exchange = self._exchange
        if exc_info is not None:
            try:
                if exchange.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it refers to this frame
            exchange.discard()
            self._sent = 0
        elif self._started:
            raise RuntimeError("start_response was called again, and without exc_info")
        exchange.status = checked_status(status)
        exchange.headers.clear()
        exchange.length = None
        for name, value in headers:
            if name.lower() == "content-length":
                exchange.length = _length(value)
            else:
                exchange.headers.add(name, _text(name, value))
        self._started = True
        return self._write

    def _write(self, data: bytes) -> None:
        self.send(data)
        self.flush()

    def send(self, data: bytes) -> None:
        """Add a piece of the body."""
        if not isinstance(data, bytes):
            raise TypeError(f"a piece of the body is {type(data).__name__}, not bytes")
        if not data:
            return
        if not self._started:
            raise RuntimeError("the application gave a piece of the body before it called start_response")
        exchange = self._exchange
        self._sent += len(data)
        if exchange.length is not None and self._sent > exchange.length:
            raise RuntimeError(f"the body is longer than its Content-Length, {exchange.length} bytes")
        exchange.write(data)

    def flush(self) -> None:
        """Send what has been written, unless it is the whole body, which is sent in one piece with the head."""
        if self._sent and self._sent != self._exchange.length:
            self._exchange.flush()

    def finish(self) -> None:
        """Check the answer when the application has ended."""
        if not self._started:
            raise RuntimeError("the application ended without calling start_response")
        exchange = self._exchange
        wanted = exchange.length or 0
        if self._sent < wanted and exchange.request.method != "HEAD" and exchange.status not in BODILESS:
            raise RuntimeError(f"the body is shorter than its Content-Length: {self._sent} of {wanted} bytes")


def _length(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"not a Content-Length: {value!r}")
    return int(value)


def _text(name: str, value: str) -> str:
    """`value`, which is bytes decoded by ISO 8859-1, decoded by UTF-8 as `ResponseHeaders` expects it."""
    if not isinstance(value, str):
        raise TypeError(f"the value of the header field {name} is {type(value).__name__}, not str")
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "surrogateescape")
