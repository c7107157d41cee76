"""`scriptsite hash-password`, and the check of `[auth]` in `scriptsite check`."""

from __future__ import annotations

import ast
import getpass
import os
import re
import sys
import warnings
from collections.abc import Iterator

from twistedsite.resources.auth.users import FILE_LIMIT, PasswordFile, UsersError, users_line
from twistedsite.scripts.code.outline import outline
from twistedsite.scripts.dialects.guard import NAMES
from twistedsite.settings.auth import FolderAuth

MAX_PASSWORD = 1024
"""Characters of the longest password that is taken."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class PasswordError(Exception):
    """The typed password or name cannot be used. The message says why."""


def new_line(user: str) -> str:
    """The line of a users' file for `user`, with a password that is read twice from the terminal.

    Where standard input is no terminal, its first line is the password. Raises PasswordError; nothing typed is shown.
    """
    try:
        password = _asked(user)
        if not 1 <= len(password) <= MAX_PASSWORD or _CONTROL.search(password):
            raise PasswordError(f"expected 1 to {MAX_PASSWORD} characters, none of them a control character")
        return users_line(user, password)
    except UnicodeError:
        raise PasswordError("expected UTF-8") from None
    except ValueError as error:
        raise PasswordError(str(error)) from None


def _asked(user: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    password = getpass.getpass(f"Password for {user}: ")
    if getpass.getpass("Once more: ") != password:
        raise PasswordError("the two passwords are not the same")
    return password


def auth_faults(auth: FolderAuth, folder: str) -> Iterator[tuple[str, int, str]]:
    """The faults of the files that `auth` of `folder` names: file (empty: the settings), line and problem."""
    if auth.file:
        path = os.path.join(folder, *auth.file.split("/"))
        if not os.path.isfile(path):
            yield "", 0, f"auth.file: {auth.file}: there is no such file"
        else:
            yield from _faults_of_users(path)
    elif auth.module:
        *way, stem = auth.module.removesuffix(".py").split("/")
        paths = [os.path.join(folder, *way, name) for name in (f"{stem}.py", f"_{stem}.py")]
        path = next((path for path in paths if os.path.isfile(path)), "")
        if not path:
            yield "", 0, f"auth.module: {auth.module}: there is no {stem}.py and no _{stem}.py"
        elif not _decides(path):
            yield path, 1, "defines neither authenticate(user, password, request) nor AuthHandler"


def _faults_of_users(path: str) -> Iterator[tuple[str, int, str]]:
    with open(path, "rb") as file:
        content = file.read(FILE_LIMIT + 1)
    if len(content) > FILE_LIMIT:
        yield path, 1, f"is longer than {FILE_LIMIT} bytes"
        return
    try:
        PasswordFile.parse(content)
    except UsersError as error:
        yield path, error.line, error.problem


def _decides(path: str) -> bool:
    """Whether the module defines a name of `NAMES`. A syntax error is reported elsewhere, and counts as True."""
    with open(path, "rb") as file:
        source = file.read()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            defined = outline(ast.parse(source, path)).names
    except (SyntaxError, ValueError):
        return True
    return any(name in defined for name in NAMES)
