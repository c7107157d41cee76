"""The outline of a Python file: what its top-level code defines and whether it prints, read from its syntax tree.

Code in functions and classes is ignored, and so is code below `if __name__ == "__main__":`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

PRINTING_NAMES: Final = frozenset(
    {
        "Session",
        "background_request",
        "body",
        "cookies",
        "environ",
        "files",
        "form",
        "headers",
        "options",
        "renew_session",
        "request",
    }
    | {"resp_headers", "storage", "HTTP_REDIRECTION", "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME"}
)
"""Names that scripts that print are given; of the CGI variables those that they use often."""

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.GeneratorExp)
_NO_PLAIN: Final = (ast.Import, ast.ImportFrom, *_FUNCTIONS)


class Outline(msgspec.Struct, frozen=True):
    """What a Python file defines at its top level. It is known before any of the file is executed."""

    functions: dict[str, tuple[str, ...]]
    """Name -> the parameters that can be passed by position. Coroutines are included."""
    classes: frozenset[str]
    names: frozenset[str]
    """All names that the file binds: functions, classes, assigned and imported names."""
    made: frozenset[str]
    """Names that are assigned the result of a call, as in `app = Flask(__name__)`."""
    prints: bool
    """The top-level code prints, or uses a name of `PRINTING_NAMES`: the file is to be run, not to be imported."""

    is_plain: bool
    """It imports nothing, and makes no function, class or generator: nothing of it can refer to its globals."""

    @property
    def has_code(self) -> bool:
        """It defines functions or classes."""
        return bool(self.functions or self.classes)


def outline(tree: ast.Module) -> Outline:
    """The outline of the module `tree`. Its `if`, `try`, `with` and loops count as top level."""
    functions: dict[str, tuple[str, ...]] = {}
    classes: set[str] = set()
    bound: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                bound.add(node.name)
                functions[node.name] = tuple(arg.arg for arg in (*node.args.posonlyargs, *node.args.args))
            case ast.ClassDef():
                bound.add(node.name)
                classes.add(node.name)
            case ast.Import() | ast.ImportFrom():
                bound.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
            case ast.Name(ctx=ast.Store()):
                bound.add(node.id)
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                pass  # names of its own
            case _:
                waiting.extend(ast.iter_child_nodes(node))
    return Outline(
        functions,
        frozenset(classes),
        frozenset(bound),
        made_by_calls(tree),
        prints(tree, bound),
        not _has(tree, _NO_PLAIN),
    )


def _has(tree: ast.Module, kinds: tuple[type[ast.AST], ...]) -> bool:
    return any(isinstance(node, kinds) for node in ast.walk(tree))


def prints(tree: ast.Module, bound: Iterable[str]) -> bool:
    """Whether the top-level code of `tree`, which binds the names `bound`, prints a page."""
    telling = PRINTING_NAMES.difference(bound) | {"print"}
    for node in _executed(tree.body):
        if isinstance(node, ast.Name) and node.id in telling:
            return True
        if isinstance(node, ast.Attribute) and node.attr == "stdout":
            return True
    return False


def made_by_calls(tree: ast.Module) -> frozenset[str]:
    """The names to which the top-level code of `tree` assigns the result of a call."""
    made: set[str] = set()
    for node in _executed(tree.body):
        match node:
            case ast.Assign(targets=targets, value=ast.Call()):
                made.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call()):
                made.add(name)
    return frozenset(made)


def _executed(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes that are executed when the module is imported."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                waiting.extend(node.decorator_list if not isinstance(node, ast.Lambda) else ())
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__")), orelse=orelse):
                waiting.extend(orelse)
            case _:
                yield node
                waiting.extend(ast.iter_child_nodes(node))
