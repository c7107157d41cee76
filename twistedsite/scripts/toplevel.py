"""What the top-level code of a Python file does, judged by its syntax tree: whether it prints, what it makes by calls.

Code in functions and classes is not looked at, nor what stands below `if __name__ == "__main__":`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

PRINTING_NAMES: Final = frozenset(
    {"Session", "body", "cookies", "environ", "files", "form", "headers", "options", "renew_session", "request"}
    | {"resp_headers", "HTTP_REDIRECTION", "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME"}
)
"""What scripts that print find without making or importing it, as far as they use it often."""


def prints(tree: ast.Module, bound: Iterable[str]) -> bool:
    """Whether the top-level code of `tree`, which binds the names `bound`, is that of a script that prints its page."""
    telling = PRINTING_NAMES.difference(bound) | {"print"}
    for node in _executed(tree.body):
        if isinstance(node, ast.Name) and node.id in telling:
            return True
        if isinstance(node, ast.Attribute) and node.attr == "stdout":
            return True
    return False


def made_by_calls(tree: ast.Module) -> frozenset[str]:
    """The names to which the top-level code of `tree` assigns what a call returns."""
    made: set[str] = set()
    for node in _executed(tree.body):
        match node:
            case ast.Assign(targets=targets, value=ast.Call()):
                made.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call()):
                made.add(name)
    return frozenset(made)


def _executed(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """What is executed when the module is imported."""
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
