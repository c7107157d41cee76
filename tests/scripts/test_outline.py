"""What a script defines is known from its syntax tree, before any of it runs."""

from __future__ import annotations

from pathlib import Path

from twistedsite.scripts.code import CodeCache, Outline, file_version


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
