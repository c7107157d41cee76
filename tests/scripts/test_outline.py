"""What a script defines is known from its syntax tree, before any of it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from twistedsite.scripts.code.cache import CodeCache, file_version
from twistedsite.scripts.code.outline import PRINTING_NAMES, Outline
from twistedsite.scripts.dialects.printing import GIVEN


def outline_of(folder: Path, source: str) -> Outline:
    path = folder / "script.py"
    path.write_text(source)
    return CodeCache().get(str(path), file_version(str(path))).outline


def test_functions_are_known_with_their_parameters(tmp_path: Path) -> None:
    found = outline_of(tmp_path, "def get(request, /, page=1, *, deep=False): ...\nasync def post(): ...\n")
    assert found.functions == {"get": ("request", "page"), "post": ()}


def test_classes_assignments_and_imports_are_known_by_the_names_that_they_bind(tmp_path: Path) -> None:
    found = outline_of(
        tmp_path,
        "import os.path\nfrom flask import Flask as F\nclass RequestHandler: inner = 1\n"
        "application: object = F('x')\nfirst, (second, *rest) = 1, (2, 3)\n",
    )
    assert found.classes == {"RequestHandler"}
    assert found.names == {"os", "F", "RequestHandler", "application", "first", "second", "rest"}


def test_what_stands_in_an_if_or_a_try_counts_and_what_stands_in_a_function_does_not(tmp_path: Path) -> None:
    found = outline_of(
        tmp_path,
        "try:\n    import fast\nexcept ImportError:\n    fast = None\n"
        "if fast:\n    def head(request): hidden = 1\nsquares = [inner for inner in range(3)]\n",
    )
    assert found.names == {"fast", "head", "squares"}


def test_nothing_is_executed(tmp_path: Path) -> None:
    outline_of(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert not (tmp_path / "ran").exists()


MADE = "app = Flask(__name__)\nother: object = make()\nname = 'x'\nif True:\n    late = f()\n"


def test_what_is_made_by_a_call_is_known(tmp_path: Path) -> None:
    assert outline_of(tmp_path, MADE + "def f():\n    inner = g()\n").made == {"app", "other", "late"}


@pytest.mark.parametrize(
    "source",
    [
        "print('a')",
        "if x:\n    for y in z:\n        print(y)",
        "import sys\nsys.stdout.write('a')",
        "name = form['name']",
        "@decorated(print)\ndef f(): pass",
        "show = print",
    ],
)
def test_a_script_that_prints_is_known(tmp_path: Path, source: str) -> None:
    assert outline_of(tmp_path, source).prints


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    print('a')",
        "class C:\n    def f(self):\n        print(form)",
        "from flask import request\nname = request",
        "if __name__ == '__main__':\n    print('a')",
        "show = lambda: print('a')",
        "form = 1\nuse(form)",
    ],
)
def test_what_prints_only_when_it_is_called_or_started_as_a_program_is_no_such_script(
    tmp_path: Path, source: str
) -> None:
    assert not outline_of(tmp_path, source).prints


def test_every_name_that_a_script_is_given_tells_that_it_prints() -> None:
    assert set(GIVEN) <= PRINTING_NAMES
