"""Finds Python 2 in a script for `scriptsite check`: the line, and what to write instead.

The text is split into tokens by patterns, because Python 3 can neither parse nor always tokenize such files. Code that
Python 3 reads without an error, but differently, is searched in every file. Faults of syntax are searched only in files
that have some.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import sys
import tokenize
import warnings
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Final, NamedTuple

from twistedsite.tap.python2_names import ATTRIBUTES, CALLED, METHODS, MODULES, NAMES

_TOKENS: Final = re.compile(
    r"""(?P<skip>[ \t\f]+|\\\r?\n|\#[^\n]*)
    |(?P<newline>\r?\n|\r)
    |(?P<string>(?i:[rbuf]{0,3})(?:'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"
        |'(?:[^\\'\n]|\\.)*'|"(?:[^\\"\n]|\\.)*"))
    |(?P<number>\.?\d[\w.]*)
    |(?P<name>[^\W\d]\w*)
    |(?P<operator><>|>>|[=!<>]=|.)""",
    re.VERBOSE | re.DOTALL,
)
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")

_COMPOUND: Final = frozenset(["class", "def", "elif", "else", "except", "finally", "for", "if", "try", "while", "with"])
"""Statements whose first colon may be followed by others in the same line."""


class Token(NamedTuple):
    """A piece of the source."""

    kind: str
    text: str
    line: int
    depth: int
    """Brackets around it."""
    starts: bool
    """A statement begins with it."""
    apart: bool
    """Something that is no token stands before it."""


Found = tuple[int, str]
"""A line, and what is wrong there."""


def script_faults(text: bytes, filename: str) -> Iterator[Found]:
    """The faults that keep the Python script `text` from running, by line."""
    error = _syntax_error(text, filename)
    tokens = _tokens(_decoded(text))
    found = set(_name_faults(tokens, filename))
    if error is not None:
        found.update(_syntax_faults(tokens))
        # Not reported again where a fault above explains it.
        if error[0] not in {line for line, _ in found}:
            found.add(error)
    yield from sorted(found)


def _syntax_error(text: bytes, filename: str) -> Found | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, filename, "exec", dont_inherit=True)
    except TabError as error:
        return error.lineno or 1, f"{error.msg}: indent with spaces only"
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except ValueError as error:
        return 1, str(error)
    return None


def _decoded(text: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(text).readline)
        return text.decode(encoding)
    except (SyntaxError, UnicodeDecodeError):
        return text.decode("latin-1")


def _tokens(source: str) -> list[Token]:
    """The tokens of `source`; a `newline` is one that ends a statement."""
    tokens: list[Token] = []
    line, depth, starts, compound, apart = 1, 0, True, False, False
    for match in _TOKENS.finditer(source):
        kind, text = match.lastgroup or "", match[0]
        if kind == "newline" and depth == 0:
            tokens.append(Token(kind, text, line, depth, False, apart))
            starts = True
        elif kind not in ("skip", "newline"):
            depth -= text in _CLOSING and depth > 0
            tokens.append(Token(kind, text, line, depth, starts, apart))
            depth += text in _OPENING
            compound = text in _COMPOUND if starts else compound
            ends_head = compound and depth == 0 and text == ":"
            starts = ends_head or (depth == 0 and text == ";")
            compound = compound and not ends_head
        apart = kind in ("skip", "newline")
        line += len(re.findall(r"\r\n|\r|\n", text))
    tokens.append(Token("newline", "", line, 0, False, False))
    return tokens


def _statement(tokens: list[Token], start: int) -> list[Token]:
    """The tokens from `start` to the end of a simple statement, or to the colon of a compound one."""
    length = next(n for n, token in enumerate(tokens[start:]) if token.kind == "newline" or token.text == ";")
    colon = (n for n, token in enumerate(tokens[start : start + length]) if token.text == ":" and token.depth == 0)
    return tokens[start : start + next(colon, length)]


def _syntax_faults(tokens: list[Token]) -> Iterator[Found]:
    ticks = 0
    for n, token in enumerate(tokens[:-1]):
        after = tokens[n + 1]
        if token.kind == "operator":
            ticks += token.text == "`"
            if token.text == "`" and ticks % 2:
                yield token.line, "backticks are gone: write repr(…)"
            elif token.text == "<>":
                yield token.line, "<> is gone: write !="
        elif token.kind == "number":
            yield from _number(token)
        elif token.kind == "string" and token.text[:2].lower() == "ur":
            yield token.line, "ur'…' is gone: write r'…', all text is Unicode"
        elif token.text == "lambda" and after.text == "(":
            yield token.line, "a tuple cannot be a parameter: take one, and unpack it inside"
        elif token.starts and (rule := _STATEMENTS.get(token.text)):
            yield from rule(_statement(tokens, n))


def _number(token: Token) -> Iterator[Found]:
    digits = token.text.rstrip("lL")
    if re.fullmatch(r"0[0-7]*[1-7][0-7]*", digits):
        yield token.line, f"octal numbers are written 0o{digits.lstrip('0')}"
    elif digits != token.text and digits.isdigit():
        yield token.line, f"numbers have no L: write {digits}"


def _exec(statement: list[Token]) -> Iterator[Found]:
    if len(statement) > 1 and (statement[1].kind != "operator" or statement[1].text == "`"):
        yield statement[0].line, "exec is a function: write exec(code, names)"


def _except(statement: list[Token]) -> Iterator[Found]:
    commas = [n for n, token in enumerate(statement) if token.text == "," and token.depth == 0]
    if commas:
        caught, name = _joined(statement[1 : commas[0]]), _joined(statement[commas[0] + 1 :])
        yield statement[0].line, f"write except {caught} as {name}:"


def _raise(statement: list[Token]) -> Iterator[Found]:
    commas = [n for n, token in enumerate(statement) if token.text == "," and token.depth == 0]
    if commas:
        end = commas[1] if len(commas) > 1 else len(statement)
        raised, value = _joined(statement[1 : commas[0]]), _joined(statement[commas[0] + 1 : end])
        yield statement[0].line, f"write raise {raised}({value})"


def _def(statement: list[Token]) -> Iterator[Found]:
    for before, token in itertools.pairwise(statement):
        if token.text == "(" and token.depth == 1 and before.text in ("(", ","):
            yield token.line, "a tuple cannot be a parameter: take one, and unpack it inside"


def _print(statement: list[Token]) -> Iterator[Found]:
    line, rest = statement[0].line, statement[1:]
    if not rest:
        yield line, "print is a function: write print()"
    elif rest[0].text == ">>":
        comma = next((n for n, token in enumerate(rest) if token.text == "," and token.depth == 0), len(rest))
        target, printed = _joined(rest[1:comma]), _joined(rest[comma + 1 :])
        yield line, f"print is a function: write print({printed}{', ' if printed else ''}file={target})"
    elif rest[0].kind != "operator" or rest[0].text in ("`", "[", "{", "-", "not"):
        ends = rest[-1].text == ","
        printed = _joined(rest[:-1] if ends else rest)
        yield line, f"print is a function: write print({printed}{', end=' + repr(' ') if ends else ''})"


_STATEMENTS: Final[dict[str, Callable[[list[Token]], Iterator[Found]]]] = {
    "def": _def,
    "except": _except,
    "exec": _exec,
    "print": _print,
    "raise": _raise,
}
"""The first word of a statement -> what judges it."""


def _joined(tokens: list[Token]) -> str:
    """`tokens` as source, in one line; long ones are cut."""
    text = "".join(" " * token.apart + token.text for token in tokens)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:60] + "…"


def _name_faults(tokens: list[Token], filename: str) -> Iterator[Found]:
    """Names, methods and modules that Python 3 does not have."""
    own = _own_names(tokens)
    for n, token in enumerate(tokens[:-1]):
        before, after = tokens[n - 1].text if n else "", tokens[n + 1].text
        if token.kind != "name":
            continue
        if token.starts and token.text in ("import", "from"):
            yield from _imports(_statement(tokens, n), filename)
        elif token.starts and token.text == "print" and (tokens[n + 1].kind == "newline" or after == ">>"):
            yield from _print(_statement(tokens, n))
        elif before == ".":
            owner = tokens[n - 2].text
            advice = ATTRIBUTES.get((owner, token.text)) or (METHODS.get(token.text) if after == "(" else None)
            if advice and token.text not in own:
                yield token.line, f"{token.text} is gone: {advice}"
        elif token.text not in own:
            advice = NAMES.get(token.text) or (CALLED.get(token.text) if after == "(" else None)
            if advice:
                yield token.line, f"{token.text} is gone: {advice}"


def _own_names(tokens: list[Token]) -> set[str]:
    """The names that the file defines or imports, as far as tokens show them."""
    own = set()
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.kind == "name" and (before.text in ("def", "class", "import", "as", "for") or after.text == "="):
            own.add(token.text)
    if len(tokens) > 1 and tokens[1].text == "=":
        own.add(tokens[0].text)
    return own


def _imports(statement: list[Token], filename: str) -> Iterator[Found]:
    first, *rest = statement
    takes_name = True
    for token in rest:
        if takes_name and token.text in MODULES and not _can_import(token.text, filename):
            yield token.line, f"the module {token.text} is gone: {MODULES[token.text]}"
        takes_name = token.text == "," and first.text == "import"
        if first.text == "from":
            return


def _can_import(name: str, filename: str) -> bool:
    beside = os.path.join(os.path.dirname(filename), name)
    if os.path.exists(beside + ".py") or os.path.isdir(beside):
        return True
    return name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None
