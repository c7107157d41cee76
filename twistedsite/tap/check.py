"""`scriptsite check`: checks settings, scripts and templates without running any of them."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import string
import sys
from collections.abc import Callable, Iterator, Mapping

import jinja2
import msgspec

from twistedsite.resources.mapping.first_line import LENGTH, Directive
from twistedsite.scripts.dialects import PYTHON_DIALECTS, check_handlers, unknown_dialect
from twistedsite.settings.folder import FolderFile
from twistedsite.settings.load import SettingsError, convert, faults, parse_toml
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.site_table import SiteTable
from twistedsite.settings.sites import site_faults
from twistedsite.tap.passwords import auth_faults
from twistedsite.tap.python2 import script_faults

FOLDER_FILE = "_folder.toml"

_TABLE = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[^\s=#]+)\s*=""")


class Fault(msgspec.Struct, frozen=True):
    """Something that will not work."""

    file: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}"


class Verdict(msgspec.Struct):
    """The result of a check."""

    checked: int = 0
    """Files that were judged."""
    faults: list[Fault] = []


def check(path: str) -> Verdict:
    """Check the file `path`, or all that the server would read or run in the folder `path`.

    A `.toml` file named here is the server's settings file, unless its name is `_folder.toml`. Raises OSError where
    `path` cannot be read.
    """
    verdict = Verdict()
    if os.path.isdir(path):
        files = [(file, _judge_of(file, in_site=True)) for file in _walk(path)]
    else:
        files = [(path, _judge_of(path, in_site=False) or _no_judge)]
    for file, judge in files:
        if judge:
            with open(file, "rb") as opened:
                text = opened.read()
            verdict.checked += 1
            verdict.faults += judge(file, text)
    return verdict


Judge = Callable[[str, bytes], Iterator[Fault]]


def _walk(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        paths = (os.path.join(place, name) for name in sorted(files) if not name.startswith("."))
        yield from (path for path in paths if os.path.isfile(path))


def _judge_of(file: str, *, in_site: bool) -> Judge | None:
    name = os.path.basename(file)
    if name == FOLDER_FILE:
        return _folder_settings
    extension = os.path.splitext(name)[1]
    if extension == ".toml" and not in_site:
        return _server_settings
    if extension == ".dbpy":
        return None if _starts_with(file, Directive.NOEXECUTE) else _script
    judges: dict[str, Judge] = {
        ".py": _script,
        ".jinja": _jinja_template,
        ".j2": _jinja_template,
        ".tpl": _string_template,
    }
    return judges.get(extension) or (_script if _starts_with(file, Directive.EXECUTE) else None)


def _starts_with(file: str, directive: Directive) -> bool:
    with open(file, "rb") as opened:
        return directive.begins(opened.read(LENGTH))


def _no_judge(file: str, text: bytes) -> Iterator[Fault]:
    yield Fault(file, 1, "is neither settings nor a script nor a template")


def _folder_settings(file: str, text: bytes) -> Iterator[Fault]:
    found = list(_settings(file, text, FolderFile))
    yield from found
    if not found:
        said = convert(parse_toml(text, file), FolderFile, file)
        if isinstance(said.dialect, str) and said.dialect not in PYTHON_DIALECTS:
            yield Fault(file, line_of_key(text.decode(), "dialect"), f"dialect: {unknown_dialect(said.dialect)}")
        if said.auth:
            for name, line, problem in auth_faults(said.auth, os.path.dirname(file)):
                yield Fault(name or file, line or line_of_key(text.decode(), "auth"), problem)


def _server_settings(file: str, text: bytes) -> Iterator[Fault]:
    return _settings(file, text, ServerSettings)


def _settings(file: str, text: bytes, kind: type[msgspec.Struct]) -> Iterator[Fault]:
    try:
        table = parse_toml(text, file)
    except SettingsError as error:
        yield Fault(file, error.line, error.problem)
        return
    for fault in faults(table, kind, file):
        yield Fault(file, line_of_key(text.decode(), fault.key), f"{fault.key}: {fault.problem}")
    extensions = table.get("extensions")
    for extension, name in extensions.items() if isinstance(extensions, dict) else ():
        try:
            check_handlers({extension: str(name)}, file)
        except SettingsError as error:
            yield Fault(file, line_of_key(text.decode(), error.key), f"{error.key}: {error.problem}")
    if kind is not ServerSettings:
        return
    for fault in _sites(table, file):
        yield Fault(file, line_of_key(text.decode(), fault.key), f"{fault.key}: {fault.problem}")
    root = table.get("root")
    if isinstance(root, str) and not os.path.isdir(os.path.join(os.path.dirname(file), root)):
        yield Fault(file, line_of_key(text.decode(), "root"), f"root: {root}: there is no such folder")


def _sites(table: Mapping[str, object], file: str) -> Iterator[SettingsError]:
    """The faults of the sites whose tables have the right types. Faults of the others are reported already."""
    sites = table.get("sites")
    tables = {}
    for name, site in sites.items() if isinstance(sites, dict) else ():
        with contextlib.suppress(SettingsError):
            tables[name] = convert(site, SiteTable, file)
    return site_faults(tables, file, os.path.dirname(file))


def line_of_key(text: str, key: str) -> int:
    """Return the line of the TOML document `text` on which the dotted `key`, or else its table, is set; or 1."""
    wanted = re.sub(r"\[\d+\]$", "", key)
    table, nearest = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = header[1]
            place = table
        elif assignment := _KEY.match(line):
            place = f"{table}.{assignment[1].strip(chr(34) + chr(39))}".lstrip(".")
        else:
            continue
        if place == wanted:
            return number
        if wanted.startswith(f"{place}."):
            nearest = number
    return nearest


def _script(file: str, text: bytes) -> Iterator[Fault]:
    for line, problem in script_faults(text, file):
        yield Fault(file, line, problem)
    with contextlib.suppress(SyntaxError, ValueError):
        yield from _hidden_neighbours(file, ast.parse(text))


def _hidden_neighbours(file: str, tree: ast.Module) -> Iterator[Fault]:
    """The imports that find a module of Python's and not the file of that name beside `file`."""
    folder = os.path.dirname(file)
    settings = os.path.join(folder, FOLDER_FILE)
    with contextlib.suppress(OSError, SettingsError), open(settings, "rb") as opened:
        if convert(parse_toml(opened.read(), settings), FolderFile, settings).shadow_stdlib is True:
            return
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names = [alias.name for alias in aliases]
            case ast.ImportFrom(module=str(name), level=0):
                names = [name]
            case _:
                continue
        for top in {name.partition(".")[0] for name in names} & sys.stdlib_module_names:
            if os.path.isfile(os.path.join(folder, f"{top}.py")):
                problem = (
                    f"{top}.py has the name of a module of Python, which `import {top}` finds: give the file another "
                    "name, or set shadow_stdlib = true in _folder.toml"
                )
                yield Fault(file, node.lineno, problem)


def _jinja_template(file: str, text: bytes) -> Iterator[Fault]:
    try:
        jinja2.Environment(autoescape=True).parse(text.decode())
    except jinja2.TemplateSyntaxError as error:
        yield Fault(file, error.lineno, error.message or "is no Jinja template")
    except UnicodeDecodeError as error:
        yield _not_utf8(file, text, error)


def _string_template(file: str, text: bytes) -> Iterator[Fault]:
    try:
        source = text.decode()
    except UnicodeDecodeError as error:
        yield _not_utf8(file, text, error)
        return
    for found in string.Template.pattern.finditer(source):
        if found["invalid"] is not None:
            line = source.count("\n", 0, found.start()) + 1
            yield Fault(file, line, "$ without a name; write $$ for a dollar sign")


def _not_utf8(file: str, text: bytes, error: UnicodeDecodeError) -> Fault:
    return Fault(file, text.count(b"\n", 0, error.start) + 1, f"is not UTF-8 (byte {error.start})")
