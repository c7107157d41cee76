"""Forms: from a query string or a request's body to names, values and files, within limits.

The HTTP engine runs a `body_check` over the body while it arrives; the script's side calls `parse_query` and
`parse_body` when the script looks. The grammar of multipart is the `multipart` library's. No Twisted here: a worker
process imports this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Protocol

from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    StrictParserError,
    parse_options_header,
)

from twistedsite.http.message.uploads import Upload, UploadSpool, close_all

__all__ = [
    "Form",
    "FormError",
    "Limits",
    "MultipartCheck",
    "Upload",
    "UrlencodedCheck",
    "body_check",
    "close_all",
    "parse_body",
    "parse_query",
]

BLOCK = 16 * 1024
"""Bytes given to the parser at once. Always exactly so many: then no verdict hangs on how the network cut the body."""

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
"""RFC 2046, 5.1.1."""

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")

_CHARSETS = frozenset(
    ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "latin-1", "iso-8859-15", "windows-1252")
)
"""What a part may be encoded in. Python knows codecs that need quadratic time, and remembers every name looked up."""


class Limits(Protocol):
    """What a form may hold, in numbers and bytes: see `FormLimits`, which is one of these."""

    @property
    def fields(self) -> int: ...
    @property
    def field_size(self) -> int: ...
    @property
    def memory(self) -> int: ...
    @property
    def part_headers(self) -> int: ...


class FormError(Exception):
    """A form that is refused: `status` is 400 (malformed) or 413 (too much), `message` is fit for the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Form(Mapping[str, str]):
    """Names and values in the order in which they came; as a mapping, the first value of each name."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = list(pairs)
        self._values: dict[str, list[str]] = {}
        for name, value in self._pairs:
            self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        return self._values[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def getlist(self, name: str) -> list[str]:
        """All values of `name`; none: an empty list."""
        return list(self._values.get(name, ()))

    def lists(self) -> dict[str, list[str]]:
        """A new dict, name -> all its values."""
        return {name: list(values) for name, values in self._values.items()}

    def items_all(self) -> list[tuple[str, str]]:
        """Every name and value, as they came."""
        return list(self._pairs)

    def __repr__(self) -> str:
        return f"Form({self._pairs!r})"


def parse_query(query: str, limit: int) -> list[tuple[str, str]]:
    """Names and values of a query string or urlencoded form (WHATWG URL, 5.1); blank values kept, `;` is no separator.

    What is not UTF-8 becomes U+FFFD. Raises FormError 413 for more than `limit` fields.
    """
    if not query:
        return []
    if query.count("&") >= limit:
        raise _too_many(limit)
    pairs = (part.partition("=") for part in query.split("&") if part)
    if "%" in query or "+" in query:
        return [(_decoded(name), _decoded(value)) for name, _, value in pairs]
    return [(name, value) for name, _, value in pairs]


def _decoded(text: str) -> str:
    # Not by urllib's `unquote`: that cuts at each percent sign, which takes seconds where there are nothing else.
    return _ESCAPES.sub(_unescaped, text.replace("+", " "))


def _unescaped(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace")


def body_check(content_type: str, limits: Limits) -> MultipartCheck | UrlencodedCheck | None:
    """Return the check of a body of this Content-Type while it arrives; None: not a form.

    Raises FormError 400 where multipart has no usable boundary.
    """
    kind, options = parse_options_header(content_type)
    if kind == "application/x-www-form-urlencoded":
        return UrlencodedCheck(limits)
    if kind == "multipart/form-data":
        return MultipartCheck(_boundary(options), limits)
    return None


def parse_body(body: BinaryIO, content_type: str, limits: Limits) -> tuple[list[tuple[str, str]], list[Upload]]:
    """Fields and files of `body`, which is read from its start and left there; ([], []) where it is no form.

    The caller closes the uploads (`close_all`). Raises FormError 400 for a malformed or truncated form, 413 above the
    limits; OSError where a file finds no room on disk.
    """
    kind, options = parse_options_header(content_type)
    body.seek(0)
    try:
        if kind == "application/x-www-form-urlencoded":
            return _read_urlencoded(body, limits), []
        if kind == "multipart/form-data":
            return _read_multipart(body, _boundary(options), limits)
        return [], []
    finally:
        body.seek(0)


class UrlencodedCheck:
    """Counts the fields of an urlencoded body, and their bytes as sent, while it arrives."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._separators = 0
        self._field = 0
        self._total = 0

    def feed(self, data: bytes) -> None:
        """Judge the next piece; raises FormError 413."""
        self._total += len(data)
        fields = [data]
        if b"&" in data:
            fields = data.split(b"&", self._limits.fields - self._separators)
            self._separators += len(fields) - 1
            if self._separators >= self._limits.fields:
                raise _too_many(self._limits.fields)
            _check_sizes(max(self._field + len(fields[0]), *map(len, fields)), self._total, self._limits)
            self._field = 0
        self._field += len(fields[-1])
        _check_sizes(self._field, self._total, self._limits)

    def finish(self) -> None:
        """The body is complete: nothing more to find."""


class MultipartCheck:
    """Judges a multipart/form-data body (RFC 7578) while it arrives, and keeps nothing of it.

    Time is linear in the body's length, whatever is in it and however it is cut.
    """

    def __init__(self, boundary: str, limits: Limits) -> None:
        # Strict: in its lenient mode each folded header line costs the length of the whole header again.
        self._parser = PushMultipartParser(boundary, max_header_count=limits.part_headers, strict=True)
        self._limits = limits
        self._pending = bytearray()
        self._parts = 0
        self._in_file = False
        self._field = 0
        self._total = 0

    def feed(self, data: bytes) -> None:
        """Judge the next piece; raises FormError."""
        pending = self._pending
        pending += data
        while len(pending) >= BLOCK:
            self._parse(pending[:BLOCK])
            del pending[:BLOCK]

    def finish(self) -> None:
        """The body is complete: judge the rest; raises FormError."""
        if self._pending:
            self._parse(self._pending)
            self._pending = bytearray()
        try:
            self._parser.close()
        except MultipartError:
            raise FormError(400, "The form ends before its last boundary.") from None

    def _parse(self, block: bytearray) -> None:
        if self._parser.closed:
            return
        try:
            for event in self._parser.parse(block):
                if event is None:
                    self._end_part()
                elif isinstance(event, MultipartSegment):
                    self._begin_part(event)
                else:
                    self._add(event)
        except StrictParserError as error:
            try:
                # Passes only behind the last boundary: what is there is an epilogue, to be ignored (RFC 2046, 5.1.1).
                self._parser.close()
            except MultipartError:
                raise _malformed(error) from None
        except MultipartError as error:
            raise _malformed(error) from None

    def _begin_part(self, part: MultipartSegment) -> None:
        self._parts += 1
        if self._parts > self._limits.fields:
            raise _too_many(self._limits.fields)
        self._in_file = part.filename is not None
        self._field = 0
        if not self._in_file and _charset(part) not in _CHARSETS:
            raise FormError(400, "A field of the form is in an unknown charset.")

    def _add(self, data: bytes) -> None:
        if not self._in_file:
            self._field += len(data)
            self._total += len(data)
            _check_sizes(self._field, self._total, self._limits)

    def _end_part(self) -> None:
        pass


class _MultipartReader(MultipartCheck):
    """The same check, which keeps fields and files."""

    def __init__(self, boundary: str, limits: Limits) -> None:
        super().__init__(boundary, limits)
        self.fields: list[tuple[str, str]] = []
        self.uploads: list[Upload] = []
        self.spool = UploadSpool()
        self._part = MultipartSegment([])
        self._value = bytearray()

    def _begin_part(self, part: MultipartSegment) -> None:
        super()._begin_part(part)
        self._part = part

    def _add(self, data: bytes) -> None:
        super()._add(data)
        if self._in_file:
            self.spool.write(data)
        else:
            self._value += data

    def _end_part(self) -> None:
        part = self._part
        if not self._in_file:
            self.fields.append((part.name, self._value.decode(_charset(part), "replace")))
            self._value.clear()
            return
        file, size = self.spool.take()
        if part.filename or size:
            kind = part.content_type or "application/octet-stream"
            self.uploads.append(Upload(part.name, part.filename, kind, file, size))


def _read_urlencoded(body: BinaryIO, limits: Limits) -> list[tuple[str, str]]:
    check = UrlencodedCheck(limits)
    content = bytearray()
    while block := body.read(BLOCK):
        check.feed(block)
        content += block
    return parse_query(content.decode("utf-8", "replace"), limits.fields)


def _read_multipart(body: BinaryIO, boundary: str, limits: Limits) -> tuple[list[tuple[str, str]], list[Upload]]:
    reader = _MultipartReader(boundary, limits)
    try:
        while block := body.read(BLOCK):
            reader.feed(block)
        reader.finish()
    except BaseException:
        close_all(reader.uploads)
        raise
    finally:
        reader.spool.close()
    return reader.fields, reader.uploads


def _boundary(options: Mapping[str, str]) -> str:
    boundary = options.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise FormError(400, "The form's Content-Type has no usable boundary.")
    return boundary


def _charset(part: MultipartSegment) -> str:
    return (part.charset or "utf-8").lower()


def _check_sizes(field: int, total: int, limits: Limits) -> None:
    if field > limits.field_size:
        raise FormError(413, f"A field of the form is longer than {limits.field_size} bytes.")
    if total > limits.memory:
        raise FormError(413, f"The form's fields are longer than {limits.memory} bytes together.")


def _too_many(limit: int) -> FormError:
    return FormError(413, f"The form has more than {limit} fields.")


def _malformed(error: MultipartError) -> FormError:
    return FormError(400, f"The form is malformed: {error}.")
