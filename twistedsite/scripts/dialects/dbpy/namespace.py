"""The name `dbpy`. Each part is made when it is first read."""

from __future__ import annotations

import time

from twistedsite.scripts.dialects.dbpy import text
from twistedsite.scripts.dialects.dbpy.dropbox import Dropbox
from twistedsite.scripts.dialects.dbpy.ending import die
from twistedsite.scripts.dialects.dbpy.files import OpenFiles
from twistedsite.scripts.dialects.dbpy.http import Http
from twistedsite.scripts.dialects.dbpy.imports import Imports
from twistedsite.scripts.dialects.dbpy.io_file import TextFiles
from twistedsite.scripts.dialects.dbpy.io_json import JsonFiles
from twistedsite.scripts.dialects.dbpy.session import SessionDict
from twistedsite.scripts.dialects.dbpy.templates import Templates
from twistedsite.scripts.exchange.background import Params
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.lazy import lazy
from twistedsite.scripts.importing.interpreter import Interpreter


class Io:
    """`dbpy.io`."""

    def __init__(self, exchange: Exchange, files: OpenFiles) -> None:
        self.json = JsonFiles(exchange, files)
        self.file = TextFiles(exchange, files, self.json)


class Dbpy:
    """The functions of this dialect, for one request."""

    def __init__(self, exchange: Exchange, interpreter: Interpreter) -> None:
        self._exchange = exchange
        self._interpreter = interpreter
        self._deadline = time.monotonic() + exchange.request.timeout

    die = staticmethod(die)
    text = text

    @lazy
    def http(self) -> Http:
        return Http(self._exchange)

    @lazy
    def io(self) -> Io:
        return Io(self._exchange, self._files)

    @lazy
    def session(self) -> SessionDict:
        return SessionDict(self._exchange)

    @lazy
    def templates(self) -> Templates:
        return Templates(self._exchange)

    @lazy
    def dropbox(self) -> Dropbox:
        return Dropbox(self._files)

    @lazy
    def _imports(self) -> Imports:
        return Imports(self._exchange, self._interpreter, self)

    def dropbox_import(self, *paths: str) -> None:
        """Load files as modules of this request, and set them in the caller's globals under their stems."""
        self._imports.load(*paths)

    def background_request(
        self, url: str, method: str = "get", params: Params | None = None, local: bool = False
    ) -> bool:
        """See `Exchange.send_background`."""
        return self._exchange.send_background(url, method, params, local)

    @lazy
    def _files(self) -> OpenFiles:
        request = self._exchange.request
        return OpenFiles(self._exchange.storage, request.script[:-1], lambda: self._deadline - time.monotonic())

    def _end(self, well: bool) -> None:
        """Save the files that the script has left open, if it has succeeded (`well`), and release them in any case."""
        if "_files" in self.__dict__:
            try:
                if well:
                    self._files.close_all()
            finally:
                self._files.discard_all()
