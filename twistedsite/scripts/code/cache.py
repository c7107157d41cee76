"""Compiled code, kept by the version of its source: an edited file is compiled anew, an unchanged one never again."""

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
    """Of the source."""
    outline: Outline


class CodeCache:
    """Compiled files by name; at most `limit` of them, the one made first goes first. Thread-safe."""

    def __init__(self, limit: int = 2048) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, tuple[str, Compiled]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, filename: str, version: str) -> Compiled:
        """Return the Python file `filename`, whose content is `version`, compiled.

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
    """Tells sources apart."""
    return hashlib.blake2b(source, digest_size=16).digest()


def file_version(filename: str) -> str:
    """The version of a file on this machine; never twice the same while it may still be being written.

    Raises FileNotFoundError.
    """
    now = time.time_ns()
    status = os.stat(filename)
    version = local_version(status)
    return version if is_settled(status, now) else f"{version}-{now:x}"


def _parse(source: bytes, filename: str) -> ast.Module:
    """`ast.parse`, for any thread.

    CPython counts how deep a tree is in one place for all threads, and raises SystemError where two have disturbed each
    other's count. So ours take turns; against code of a site, or of a library, that parses too, it is tried again.
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
