"""Makes an answer of what a function returns: text, bytes, JSON, a template, a stream, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Mapping
from typing import Any

import msgspec

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.headers import location
from twistedsite.scripts.messages.response import BODILESS, checked_status


class Template:
    """A Jinja2 template of the site, rendered as the page: `return Template("page.jinja", name="Ada")`."""

    def __init__(self, name: str, /, **values: Any) -> None:
        self.name = name
        """Searched in the folder of the script, in its `_templates/`, and in that of the site."""
        self.values = values


class Response:
    """An answer with its own status and header fields: `return Response("Not here", status=404)`.

    `content` is anything that a function may return. A list as the value of a header field sends it several times.
    """

    def __init__(
        self, content: object = "", *, status: int = 200, headers: Mapping[str, str | list[str]] | None = None
    ) -> None:
        self.content = content
        self.status = status
        self.headers = dict(headers or {})


def redirect(url: str, status: int = 303) -> Response:
    """An answer that sends the client to `url`, which may be relative, by GET (RFC 9110, 15.4.4).

    Other statuses: 302, 307 (same method), 301 and 308 (permanent).
    """
    if status not in (301, 302, 303, 307, 308):
        raise ValueError(f"not the status of a redirect: {status}")
    fields: dict[str, str | list[str]] = {
        "Location": location(url),
        "Content-Type": "text/plain; charset=utf-8",
    }
    return Response("See the Location field.\n", status=status, headers=fields)


def answer(exchange: Exchange, result: object) -> None:
    """Make `result` the answer of `exchange`. A coroutine runs in this thread, in an event loop of its own.

    Raises TypeError for a value that cannot be an answer.
    """
    if isinstance(result, Coroutine | AsyncIterator):
        _run_coroutine(exchange, _answer_awaited(exchange, result))
        return
    content = _put_head(exchange, result)
    match content:
        case _ if exchange.status in BODILESS:
            pass
        case None:
            if exchange.status == 200 and not exchange.has_content:
                exchange.status = 204
        case str():
            exchange.write(content.encode("utf-8", "replace"))
        case bytes() | bytearray() | memoryview():
            _default_type(exchange, "application/octet-stream")
            exchange.write(bytes(content))
        case dict() | list():
            _default_type(exchange, "application/json")
            exchange.write(msgspec.json.encode(content))
        case Template():
            # Here, because Jinja2 takes long to load, and few pages need it.
            from twistedsite.scripts.templates.jinja import render

            exchange.write(render(exchange, [content.name], content.values).encode("utf-8", "replace"))
        case Iterator():
            _stream(exchange, content)
        case _:
            raise TypeError(
                f"no page can be made of a {type(content).__name__}: "
                "return str, bytes, dict, list, Template, Response, an iterator or None"
            )


def _default_type(exchange: Exchange, media_type: str) -> None:
    if "content-type" not in exchange.headers:
        exchange.headers["content-type"] = media_type


def _put_head(exchange: Exchange, result: object) -> object:
    """Set status and header fields as `result` says, and return its content."""
    match result:
        case Response():
            response = result
        case tuple((int() as status, content)):
            response = Response(content, status=status)
        case tuple((int() as status, content, Mapping() as headers)):
            response = Response(content, status=status, headers=headers)
        case _:
            return result
    exchange.status = checked_status(str(int(response.status)))
    fields: Any = response.headers
    exchange.headers.update(fields)
    return response.content


def _stream(exchange: Exchange, pieces: Iterator[object]) -> None:
    try:
        # An answer to HEAD has no content.
        for piece in pieces if exchange.request.method != "HEAD" else ():
            _send(exchange, piece)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


async def _stream_awaited(exchange: Exchange, pieces: AsyncIterator[object]) -> None:
    try:
        if exchange.request.method != "HEAD":
            async for piece in pieces:
                _send(exchange, piece)
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


def _send(exchange: Exchange, piece: object) -> None:
    if not isinstance(piece, str | bytes):
        raise TypeError(f"a piece of a stream is str or bytes, not {type(piece).__name__}")
    exchange.write(piece.encode("utf-8", "replace") if isinstance(piece, str) else piece)
    exchange.flush()


async def _answer_awaited(exchange: Exchange, result: object) -> None:
    if isinstance(result, Coroutine):
        result = await result
    content = _put_head(exchange, result)
    if isinstance(content, AsyncIterator):
        await _stream_awaited(exchange, content)
    else:
        answer(exchange, content)


def _run_coroutine(exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
    """Run `work`, and cancel it when the script is stopped: an interrupt does not reach what it awaits."""

    async def cancellable() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def cancel() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it was about to end by itself
                loop.call_soon_threadsafe(task.cancel)

        try:
            exchange.when_stopped(cancel)
            await work
        finally:
            work.close()

    asyncio.run(cancellable())
