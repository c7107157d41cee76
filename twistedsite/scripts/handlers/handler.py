"""The base class of handlers: `from twistedsite import RequestHandler`."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from twistedsite.scripts.exchange.headers import location
from twistedsite.scripts.exchange.lazy import lazy
from twistedsite.scripts.exchange.page import PageBytes, PageText
from twistedsite.scripts.exchange.streams import printing_to
from twistedsite.scripts.handlers.blocks import Pblock, Rq, Sn

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from twistedsite.scripts.handlers.request import HandlerRequest


class RequestHandler:
    """Answers one request. A module defines a subclass `RequestHandler`; one instance is made for each request.

    Override `Content`, and where more is needed `Headers`, `Status`, `Send` or `Handle`.
    """

    content_type = "text/html"
    """The media type of the answer. A text type without a charset gets UTF-8, in which text is sent."""
    redirect = ""
    """A URL, relative or not. Where it is set, the answer is 302 to it, without a body."""

    _hook: printing_to | None = None

    def __init__(self, req: HandlerRequest | Pblock, rq: Rq | None = None, sn: Sn | None = None) -> None:
        """Takes the request `req` or, as in Httpdapy, `pb`, `rq` and `sn`: see `made_for`."""
        self.req: HandlerRequest = cast("HandlerRequest", req) if rq is None else rq._req
        """The request."""
        if rq is not None:
            self.__dict__.update(pb=req, rq=rq, sn=sn)

    @lazy
    def pb(self) -> Pblock:
        """The options of the folder, and its settings `debug`, `autoreload`, `rootpkg`, `handler`, `pythonpath`,
        `interpreter`."""
        return _options(self.req)

    @lazy
    def rq(self) -> Rq:
        """The request, by its older names."""
        return Rq(self.req, self.req._exchange.request)

    @lazy
    def sn(self) -> Sn:
        """The connection, by its older names."""
        return Sn(self.req)

    def Content(self) -> str | bytes | None:
        """The body."""
        return ""

    def Header(self) -> None:
        """Set the header fields in `rq.srvhdrs`."""
        content_type = self.content_type
        if content_type.startswith("text/") and "charset=" not in content_type.lower():
            content_type += "; charset=utf-8"
        self.rq.srvhdrs["content-type"] = content_type
        if self.redirect:
            self.rq.srvhdrs["location"] = location(self.redirect)

    def Headers(self) -> None:
        """The same under its newer name."""
        self.Header()

    def Status(self) -> None:
        """Set the status: 302 where `redirect` is set."""
        if self.redirect:
            self.rq.protocol_status(self.sn, 302)

    def Send(self, content: str | bytes | None) -> None:
        """Send the body."""
        if content:
            self.sn.net_write(content)

    def Handle(self, debug: bool = False) -> None:
        """Answer the request. `debug`: the browser may show tracebacks."""
        content = self.Content()
        self._begin()
        if not self.redirect:
            self.Send(content)

    def form_data(self) -> dict[str, list[str]]:
        """The fields of the query string and of the body, by name."""
        return self.req.form.lists()

    def build_cgi_env(self) -> dict[str, str]:
        """The variables that a CGI program would find in its environment (RFC 3875, 4.1)."""
        return dict(self.req.environ)

    def hook_stdout(self) -> None:
        """Send what is printed to the client from now on, line by line. The first line sends the head."""
        if self._hook is None:
            exchange = self.req._exchange
            self._hook = printing_to(PageText(exchange, _StraightPage(self)))
            self._hook.__enter__()

    def unhook_stdout(self) -> None:
        """Undo `hook_stdout`."""
        hook, self._hook = self._hook, None
        if hook is not None:
            hook.__exit__()

    def _begin(self) -> None:
        if not self.rq.started:
            self.Headers()
            self.Status()
            self.rq.start_response(self.sn)


class _StraightPage(PageBytes):
    """The `sys.stdout.buffer` of a handler that has hooked it."""

    def __init__(self, handler: RequestHandler) -> None:
        super().__init__(handler.req._exchange)
        self._handler = handler

    def write(self, data: ReadableBuffer) -> int:
        self._handler._begin()
        written = super().write(data)
        if b"\n" in bytes(data):
            self.flush()
        return written

    def flush(self) -> None:
        self._handler._begin()
        super().flush()


def made_for(req: HandlerRequest, kind: type[RequestHandler]) -> RequestHandler:
    """A handler of class `kind` for `req`. One whose `__init__` takes three arguments gets `pb`, `rq` and `sn`."""
    init = kind.__init__
    if init is not RequestHandler.__init__ and isinstance(init, FunctionType):
        asked = init.__code__.co_argcount - len(init.__defaults__ or ())
        if asked == 4:  # with self
            return kind(_options(req), Rq(req, req._exchange.request), Sn(req))
    return kind(req)


def _options(req: HandlerRequest) -> Pblock:
    request = req._exchange.request
    imports = request.imports
    return Pblock(
        {
            "debug": request.debug,
            "autoreload": request.autoreload,
            "rootpkg": imports.rootpkg,
            "handler": request.handler,
            "pythonpath": list(imports.pythonpath or ()),
            "interpreter": imports.interpreter,
            **request.options,
        }
    )


def handler_class(module: Any) -> type[RequestHandler]:
    """The handler class of `module`. Raises TypeError where its `RequestHandler` is no handler class."""
    found = getattr(module, "RequestHandler", None)
    if not isinstance(found, type) or not issubclass(found, RequestHandler) or found is RequestHandler:
        raise TypeError("RequestHandler in this module must be a class of its own, derived from twistedsite's")
    return found
