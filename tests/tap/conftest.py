from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder to serve, with one page and two scripts."""
    root = tmp_path / "site"
    root.mkdir()
    (root / "index.html").write_text("<!doctype html><title>Home</title><h1>Home</h1>")
    (root / "hello.py").write_text("print('Hello from a script')")
    (root / "fail.py").write_text("password = 'swordfish'\nraise RuntimeError('out of \\x1b[31mpaint\\nforged line')")
    return root
