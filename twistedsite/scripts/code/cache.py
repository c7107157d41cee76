"""Compiled code by the version of its source: a file is compiled again only after it has been edited."""

from __future__ import annotations

import ast
import hashlib
import os
import threading
import time
from collections import OrderedDict
from types import CodeType
from typing import Final

import msgspec

from twistedsite.origins.version import is_settled, local_version
from twistedsite.scripts.code.outline import Outline, outline

_parsing: Final = threading.Lock()
_PARSE_ATTEMPTS: Final = 10


class Compiled(msgspec.Struct, frozen=True):
    """A Python file, compiled."""

    code: CodeType
    names: frozenset[str]
    """Every global name that the source mentions, in functions and classes too."""
    digest: bytes
    """Digest of the source."""
    outline: Outline


class CodeCache:
    """Compiled files by name, at most `limit` of them; the one compiled first is dropped first. Thread-safe."""

    def __init__(self, limit: int = 2048) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, tuple[str, Compiled]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, filename: str, version: str) -> Compiled:
        """Return the compiled form of the Python file `filename`, whose content has the version `version`.

        Raises SyntaxError, ValueError (a NUL in the source, or not its declared encoding) or OSError.
        """
        kept = self._kept.get(filename)
        if kept is not None and kept[0] == version:
            return kept[1]
        with open(filename, "rb") as file:
            now = time.time_ns()
            settled = is_settled(os.fstat(file.fileno()), now)
            source = file.read()
        tree = _parse(source, filename)
        code = compile(tree, filename, "exec", dont_inherit=True)
        compiled = Compiled(code, frozenset(_names(code)), source_digest(source), outline(tree))
        if settled:
            self._keep(filename, version, compiled)
        return compiled

    def _keep(self, filename: str, version: str, compiled: Compiled) -> None:
        with self._lock:
            self._kept[filename] = (version, compiled)
            self._kept.move_to_end(filename)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)


def source_digest(source: bytes) -> bytes:
    """A digest of `source`."""
    return hashlib.blake2b(source, digest_size=16).digest()


def file_version(filename: str) -> str:
    """The version of a file on this machine. It is a new one at each call while the file may still be written.

    Raises FileNotFoundError.
    """
    now = time.time_ns()
    status = os.stat(filename)
    version = local_version(status)
    return version if is_settled(status, now) else f"{version}-{now:x}"


def _parse(source: bytes, filename: str) -> ast.Module:
    """`ast.parse`, for any thread.

    CPython keeps one count of the tree's depth for all threads, and raises SystemError where two threads have disturbed
    it. So the server's threads take turns. Code of a site or a library may parse meanwhile: then it is tried again.
    """
    with _parsing:
        for _ in range(_PARSE_ATTEMPTS - 1):
            try:
                return ast.parse(source, filename)
            except SystemError:
                continue
        return ast.parse(source, filename)


def _names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
