"""`pb`, `rq` and `sn`: parameter block, request and session as in Netscape's server and Httpdapy."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from twistedsite.scripts.exchange.lazy import lazy
from twistedsite.scripts.messages.request import ScriptRequest

if TYPE_CHECKING:
    from twistedsite.scripts.handlers.request import HandlerRequest

_CONTROL: Final = {code: "?" for code in (*range(0x20), 0x7F) if code not in (0x09, 0x0A)}


class Pblock(dict[str, Any]):
    """A dict with the older names of its methods."""

    def findval(self, name: str) -> Any:
        """The value of `name`, or None."""
        return self.get(name)

    def nvinsert(self, name: str, value: Any) -> None:
        """Set `name` to `value`."""
        self[name] = value

    def pblock_remove(self, name: str) -> Any:
        """Remove `name`; return what its value was, or None."""
        return self.pop(name, None)

    def has_key(self, name: str) -> bool:
        """Whether there is a `name`."""
        return name in self

    def pblock2str(self) -> str:
        """All of it as text: `name="value" other="value"`."""
        quoted = ((name, str(value).replace("\\", "\\\\").replace('"', '\\"')) for name, value in self.items())
        return " ".join(f'{name}="{value}"' for name, value in quoted)


class Client(NamedTuple):
    """The client. A pair, and a parameter block as well: `client["ip"]`, `client.findval("dns")`."""

    ip: str
    """The address."""
    dns: str
    """The host name where `session_dns` has found one, else the address."""

    def __getitem__(self, name: Any) -> Any:
        return getattr(self, name) if isinstance(name, str) else tuple.__getitem__(self, name)

    def findval(self, name: str) -> str | None:
        """`ip` or `dns`; None for any other name."""
        return getattr(self, name) if name in self._fields else None


class Rq:
    """The request."""

    def __init__(self, req: HandlerRequest, request: ScriptRequest) -> None:
        self._req = req
        self._request = request
        self.srvhdrs = Pblock()
        """The header fields of the answer, as `start_response` will take them."""
        self.started = False
        """`start_response` has been called."""

    @lazy
    def reqpb(self) -> Pblock:
        """The request line: `method`, `uri`, `query`, `protocol`, and all of it as `clf-request`."""
        request = self._request
        return Pblock(
            {
                "method": request.method,
                "uri": self._req.uri,
                "query": request.query,
                "protocol": request.protocol,
                "clf-request": f"{request.method} {request.target} {request.protocol}",
            }
        )

    @lazy
    def headers(self) -> Pblock:
        """The header fields of the request, by name in lower case."""
        return Pblock(self._req.headers_in)

    @lazy
    def vars(self) -> Pblock:
        """`path-info`, `path` (the script), `path-translated`; `auth-user`, `auth-type` after a log-in."""
        environ = self._req.environ
        known = Pblock(
            {
                "path-info": self._request.path_info,
                "path": self._request.filename,
                "path-translated": environ["PATH_TRANSLATED"] or self._request.filename,
            }
        )
        for name, variable in (("auth-user", "REMOTE_USER"), ("auth-type", "AUTH_TYPE")):
            if environ.get(variable):
                known[name] = environ[variable]
        return known

    def request_header(self, name: str, sn: Sn | None = None) -> str | None:
        """The value of the request's field `name`, in any letter case, or None."""
        return self._req.headers_in.get(name)

    def protocol_status(self, sn: Sn | None, status: int, reason: str | None = None) -> None:
        """Answer with `status`, 200 to 599. `reason` is accepted and not sent: clients ignore it (RFC 9112, 4)."""
        self._req.status = status

    def start_response(self, sn: Sn | None = None) -> None:
        """Fix status and header fields. The body follows."""
        if not self.started:
            self.started = True
            self._req.headers_out.update(self.srvhdrs)

    def log_err(self, *what: object) -> None:
        """Write a line to the server's log."""
        text = " ".join(str(part) for part in what if not isinstance(part, Rq | Sn))
        sys.stderr.write(f"{text.translate(_CONTROL)}\n")


class Sn:
    """The connection."""

    def __init__(self, req: HandlerRequest) -> None:
        self._req = req
        self._name = ""

    def client(self) -> Client:
        """Address and name of the client."""
        return Client(self._req.client, self._name or self._req.client)

    def session_dns(self) -> str:
        """The host name of the client, by a look-up in DNS that may be slow; the address where there is none."""
        if not self._name:
            try:
                self._name = socket.gethostbyaddr(self._req.client)[0]
            except OSError:
                self._name = self._req.client
        return self._name

    def net_write(self, text: str | bytes) -> int:
        """Add to the body of the answer. Returns the number of bytes."""
        data = text.encode("utf-8", "replace") if isinstance(text, str) else bytes(text)
        self._req.write(data)
        return len(data)

    def net_read(self, size: int) -> bytes:
        """The next bytes of the body, `size` at most."""
        return self._req.read(size)

    def form_data(self, size: int) -> str:
        """The next bytes of the body, `size` at most, as text: a form that has not been taken apart."""
        return self._req.read(size).decode("utf-8", "replace")
