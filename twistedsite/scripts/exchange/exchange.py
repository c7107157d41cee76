"""The `Exchange`: what one run of a script is given. The dialects put their own names on top of it.

A `ScriptRequest` and a file of the body come in; a `ResponseHead` and bytes go out.
"""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Callable
from typing import BinaryIO

from twistedsite.http.message.cookies import parse_cookies
from twistedsite.http.message.forms import Form, Upload, parse_body, parse_query
from twistedsite.scripts.exchange.background import Params, background_call
from twistedsite.scripts.exchange.environ import cgi_environ
from twistedsite.scripts.exchange.headers import ResponseHeaders
from twistedsite.scripts.exchange.interface import BackgroundSender, Broker, ResponseWriter, Storage
from twistedsite.scripts.exchange.lazy import lazy
from twistedsite.scripts.exchange.session import SESSION_COOKIE, Session, SessionAccess
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import BODILESS, ResponseHead, checked_status


class OutputClosedError(ValueError):
    """A script wrote after the end of its answer."""


class Exchange:
    """One request to a script, from the script's side: the request, and the answer as it grows.

    The answer is buffered until the script ends, flushes, or has written `buffer` bytes. Until then its status and
    header fields may change. One thread at a time may write.
    """

    def __init__(
        self, request: ScriptRequest, body: BinaryIO, writer: ResponseWriter, broker: Broker, buffer: int = 256 * 1024
    ) -> None:
        self.request = request
        self.body = body
        self.process = os.getpid()
        self.exit_status = 0
        """Status with which a process that the script has forked ends."""
        self.status = 200
        self.headers = ResponseHeaders()
        self.length: int | None = None
        """Bytes of the whole body, where the script declares them (see `ResponseHead`). It must write so many."""
        self.default_type: bytes | None = b"text/html; charset=utf-8"
        """The Content-Type of an answer that sets none."""
        self._writer = writer
        self._broker = broker
        self._limit = buffer
        self._buffered = bytearray()
        self._begun = False
        self._closed = False
        self._session: SessionAccess | None = None
        self._storage: Storage | None = None
        self._storage_over = False
        self._at_end: list[Callable[[], None]] = []

    @lazy
    def query(self) -> list[tuple[str, str]]:
        """The fields of the query string, in order, blank values included."""
        return parse_query(self.request.query, self.request.form_limits.fields)

    @lazy
    def _posted(self) -> tuple[list[tuple[str, str]], list[Upload]]:
        content_type = self.request.header("content-type")
        return parse_body(self.body, content_type, self.request.form_limits) if content_type else ([], [])

    @property
    def posted(self) -> list[tuple[str, str]]:
        """The fields of a form in the body. Raises FormError where it is malformed or too large."""
        return self._posted[0]

    @lazy
    def files(self) -> dict[str, Upload]:
        """The uploaded files by field name; the last one of a name."""
        return {upload.name: upload for upload in self._posted[1]}

    @lazy
    def form(self) -> Form:
        """The fields of the query string and of the body."""
        posted = self.posted
        return Form([*self.query, *posted] if posted else self.query)

    def lists(self) -> dict[str, list[str]]:
        """The values of each field by name, of the query string and of the body."""
        return self.form.lists()

    @lazy
    def cookies(self) -> dict[str, str]:
        """The cookies of the request."""
        return parse_cookies(self.request.header("cookie"))

    @lazy
    def environ(self) -> dict[str, str]:
        """The CGI environment of the request (RFC 3875, 4.1)."""
        return cgi_environ(self.request)

    def session(self) -> Session:
        """The visitor's session. Waits while another request of the same visitor holds it."""
        return self.session_access().open(head_sent=self._begun)

    def session_access(self) -> SessionAccess:
        """The object that opens, renews and ends the visitor's session."""
        if self._session is None:
            self._broker.asks_for_session(self.request)
            self._session = SessionAccess(
                self._broker.sessions,
                self.cookies.get(SESSION_COOKIE, ""),
                self.request.scheme == "https",
                self.request.timeout,
            )
        return self._session

    @property
    def storage(self) -> Storage:
        """The files of the site; raises OSError when the request is over."""
        if self._storage is None:
            storage = self._storage = self._broker.storage(self.request)
            # Checked last: a thread that the script has left behind must not open what nobody will close.
            if self._storage_over:
                storage.close()
        return self._storage

    @lazy
    def _background(self) -> BackgroundSender:
        return self._broker.background(self.request)

    def send_background(self, url: str, method: str = "get", params: Params | None = None, local: bool = False) -> bool:
        """Send a request without waiting for the answer. Returns False where too many have been sent.

        `local`: `url` is a path of this site. Raises ValueError for a wrong URL.
        """
        return self._background.send(background_call(self.request.script[:-1], url, method, params, local))

    def read_source(self) -> str:
        """The text of the script or template itself. Raises FileNotFoundError where it has been deleted."""
        with open(self.request.filename, encoding="utf-8-sig") as file:
            return file.read()

    def write(self, data: bytes) -> None:
        """Add `data` to the body. Raises OutputClosedError after the end."""
        if self._closed:
            raise OutputClosedError("this page is finished: its script has ended")
        self._buffered += data
        if len(self._buffered) > self._limit:
            self.flush()

    def flush(self) -> None:
        """Send what has been written so far. Status and header fields are fixed from now on."""
        if self._closed:
            return
        # Taken out first, so that it is not kept for ever where the writer raises.
        data, self._buffered = bytes(self._buffered), bytearray()
        if not self._begun:
            head = self._head()
            self._begun = self.headers.sent = True
            self._writer.begin(head)
        if data:
            self._writer.write(data)

    def discard(self) -> None:
        """Drop what was written and not sent."""
        self._buffered.clear()

    @property
    def in_worker(self) -> bool:
        """See `ResponseWriter.in_worker`."""
        return self._writer.in_worker

    def when_stopped(self, call: Callable[[], None]) -> None:
        """See `ResponseWriter.when_stopped`."""
        self._writer.when_stopped(call)

    @property
    def has_content(self) -> bool:
        """Something has been written, or the head has been sent."""
        return self._begun or bool(self._buffered)

    @property
    def begun(self) -> bool:
        """The head has been sent."""
        return self._begun

    def check_not_begun(self, name: str) -> None:
        """Raise RuntimeError, about `name`, where the head has been sent."""
        if self._begun:
            raise RuntimeError(f"too late for {name}: a part of the page has been sent already")

    def redirect(self, location: str, status: int) -> None:
        """Make the answer a redirect to `location`, the value of a field Location, in place of what was written."""
        self.discard()
        self.status = status
        self.headers["location"] = location
        self.headers["content-type"] = "text/plain; charset=utf-8"
        self.write(b"See the Location field.\n")

    def at_end(self, call: Callable[[], None]) -> None:
        """Have `call` called at the end of the script, before the end of its answer is sent; it must not raise."""
        self._at_end.append(call)

    def exited(self, error: SystemExit) -> None:
        """The script has called `sys.exit`. A message goes to standard error, as in CPython, and onto a debug page."""
        code = error.code
        self.exit_status = 0 if code is None else code & 0xFF if isinstance(code, int) else 1
        if code is not None and not isinstance(code, int):
            sys.stderr.write(f"{code}\n")
            if self.request.debug:
                self.write(f"<pre>{html.escape(str(code))}</pre>\n".encode("utf-8", "replace"))

    def end_child(self) -> None:
        """End this process, which the script has forked, with `exit_status`: it has no request to answer."""
        try:
            self._end()
        finally:
            os._exit(self.exit_status)

    def _end(self) -> None:
        while self._at_end:
            self._at_end.pop()()

    def finish(self) -> None:
        """Save the session, send the rest of the answer, and close."""
        if self._session is not None:
            self._session.close()
        # Whoever has the answer finds what the script has written.
        self._end()
        head = None if self._begun else self._head()
        self._closed = True
        # Before the last write, which a slow client may delay.
        self.close_storage()
        self._writer.end(head, bytes(self._buffered))

    def close_storage(self) -> None:
        """Release all locks on files, and refuse further calls. It may be called from any thread."""
        self._storage_over = True
        if self._storage is not None:
            self._storage.close()

    def close(self) -> None:
        """Release the session's lock, locks on files and temporary files, in any case."""
        self._closed = True
        self._buffered.clear()
        self._end()
        self.close_storage()
        if self._session is not None:
            self._session.close(save=False)
        if "_posted" in self.__dict__:
            for upload in self._posted[1]:
                upload.close()

    def _head(self) -> ResponseHead:
        if self._session is None and not self.headers:
            kind = None if self.status in BODILESS else self.default_type
            return ResponseHead(self.status, [] if kind is None else [(b"content-type", kind)], self.length)
        # A field `Status` names the status, as in CGI (RFC 3875, 6.3.3).
        if "status" in self.headers:
            self.status = checked_status(self.headers.pop("status"))
        elif self.status == 200 and "location" in self.headers:
            # RFC 3875, 6.2.4.
            self.status = 302
        headers = self.headers.encoded()
        has_content = self.status not in BODILESS
        if has_content and self.default_type is not None and "content-type" not in self.headers:
            headers.append((b"content-type", self.default_type))
        if self._session is not None and (cookie := self._session.set_cookie_value()):
            headers.append((b"set-cookie", cookie.encode("ascii")))
        return ResponseHead(self.status, headers, self.length)
