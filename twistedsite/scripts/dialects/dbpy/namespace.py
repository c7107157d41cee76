"""The name `dbpy`: each part is made when it is first looked at."""

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
from twistedsite.scripts.exchange.background import Params, background_call
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.lazy import lazy
from twistedsite.scripts.importing.interpreter import Interpreter


class Io:
    """`dbpy.io`."""

    def __init__(self, exchange: Exchange, files: OpenFiles) -> None:
        self.json = JsonFiles(exchange, files)
        self.file = TextFiles(exchange, files, self.json)


class Dbpy:
    """All that a script can do, for one request."""

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
        """Load files as modules of this request, and put them into the caller's globals by their stem."""
        self._imports.load(*paths)

    def background_request(
        self, url: str, method: str = "get", params: Params | None = None, local: bool = False
    ) -> bool:
        """Send a request, and do not wait for its answer; False where this one has sent too many already.

        `local`: `url` is a path of this site. Raises ValueError for what is no URL.
        """
        folder = self._exchange.request.script[:-1]
        return self._exchange.background.send(background_call(folder, url, method, params, local))

    @lazy
    def _files(self) -> OpenFiles:
        request = self._exchange.request
        return OpenFiles(self._exchange.storage, request.script[:-1], lambda: self._deadline - time.monotonic())

    def _end(self, well: bool) -> None:
        """The script has ended: save what it has left open if it has ended well, and let go of it in any case."""
        if "_files" in self.__dict__:
            try:
                if well:
                    self._files.close_all()
            finally:
                self._files.discard_all()
