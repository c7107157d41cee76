"""A folder served by the real server on a free port of this machine, for as long as a test needs it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import Any

import attrs

from twistedsite.origins.interface import Origin
from twistedsite.settings.load import convert
from twistedsite.settings.server import ServerSettings
from twistedsite.tap.service import make_service
from twistedsite.testing.connection import RawConnection, connect


@attrs.frozen
class Response:
    """An answer, as it came: redirects are not followed."""

    status: int
    headers: Mapping[str, str]
    """Name in lower case -> value; several of one name are joined by a comma. Those of the connection itself, as
    Content-Length is one, are seen by `ServedSite.raw` only."""
    body: bytes
    """The content, uncompressed."""
    fields: tuple[tuple[str, str], ...]
    """Every header field in its order, names in lower case."""

    @property
    def text(self) -> str:
        """The content as UTF-8."""
        return self.body.decode("utf-8")


class ServedSite:
    """A site that answers at `url`. Made by `serving`."""

    def __init__(self, port: int, reactor: Any) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        """Without a closing slash."""
        self._reactor = reactor

    async def get(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, str] | None = None,
        jar: MutableMapping[str, str] | None = None,
    ) -> Response:
        """Ask for `path`, which begins with a slash and may have a query, over a connection of its own.

        A dict as `body` is sent as a form. `jar`, any dict, is a visitor: its cookies are sent, and what the answer
        sets or expires is changed in it.
        """
        from treq.client import HTTPClient
        from twisted.web.client import Agent

        sent: Any = dict(headers or {})
        if jar:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        # A client for each request: treq's has a cookie jar of its own, ours is the caller's.
        client = HTTPClient(Agent(self._reactor))
        data: Any = body
        response = await client.request(method, self.url + path, headers=sent, data=data, allow_redirects=False)
        content = await response.content()
        fields = tuple(
            (name.decode("ascii").lower(), value.decode("utf-8"))
            for name, values in response.headers.getAllRawHeaders()
            for value in values
            if value  # treq leaves an empty Content-Encoding behind
        )
        if jar is not None:
            _keep_cookies(jar, fields)
        return Response(response.code, _joined(fields), content, fields)

    async def raw(self, request: bytes) -> bytes:
        """Send exactly `request` and return all that comes until the server closes: ask for `Connection: close`."""
        connection = await self.connect()
        connection.send(request)
        return await connection.everything()

    async def connect(self) -> RawConnection:
        """A new connection, for tests of what goes on while a request or an answer is under way."""
        return await connect(self._reactor, self.port)


@asynccontextmanager
async def serving(
    root: str | os.PathLike[str], *, reactor: Any = None, origin: Origin | None = None, **settings: Any
) -> AsyncIterator[ServedSite]:
    """Serve the folder `root` until the `async with` block ends: then its requests have `drain` seconds to finish, its
    scripts are stopped, and nothing of it is left in the reactor.

    `settings` are those of the settings file, in its own terms: `timeout="2s"`, `pool={"lost": 1}`. Raises
    SettingsError for one that cannot be used. `reactor` is the running one unless given. `origin` is served in place of
    the folder, whose settings still count.
    """
    if reactor is None:
        from twisted.internet import reactor
    ours = {"root": os.fspath(root), "listen": ["tcp:0:interface=127.0.0.1"], "access_log": "off"}
    open_origin = None if origin is None else lambda site: origin
    service = make_service(convert({**ours, **settings}, ServerSettings, "settings"), reactor, open_origin)
    service.privilegedStartService()
    service.startService()
    try:
        address: Any = service.ports[0].getHost()
        yield ServedSite(address.port, reactor)
    finally:
        await service.stopService()


def _joined(fields: tuple[tuple[str, str], ...]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in fields:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _keep_cookies(jar: MutableMapping[str, str], fields: tuple[tuple[str, str], ...]) -> None:
    for name, value in fields:
        if name == "set-cookie":
            for cookie, morsel in SimpleCookie(value).items():
                if morsel["max-age"] == "0":
                    jar.pop(cookie, None)
                else:
                    jar[cookie] = morsel.value
