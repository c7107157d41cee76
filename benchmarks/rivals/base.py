"""What a rival is: how it is started on a site, and the path at which it answers each case."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import NAME

ROOT = Path(__file__).resolve().parent.parent.parent
"""The checkout."""

VENV = ROOT / ".venv-bench"
"""The environment of the rivals from PyPI."""

PYTHON = str(VENV / "bin" / "python")

QUERY = f"?name={NAME}"

STATIC = {
    "file-1k": "/1k.txt",
    "file-100k": "/100k.txt",
    "file-100m": "/100m.bin",
    "not-modified": "/1k.txt",
    "not-found": "/missing.txt",
}
LISTING = {"listing": "/listing/"}
SCRIPTS = {"hello": f"/hello{QUERY}", "page-64k": f"/page{QUERY}", "template": f"/table{QUERY}"}


@dataclass(frozen=True)
class Place:
    """Where one server runs."""

    site: Path
    """The folder that is served."""
    work: Path
    """What `build_site` made; the site lies in it."""
    folder: Path
    """The server's own folder, for its configuration and log."""
    port: int
    """The port of 127.0.0.1 to listen on."""

    def write(self, name: str, text: str) -> str:
        """Write a configuration file; its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)


@dataclass(frozen=True)
class Rival:
    """One server to measure."""

    key: str
    title: str
    paths: Mapping[str, str]
    """Case -> path; a case that is not here does not concern this rival."""
    commands: Callable[[Place], list[list[str]]]
    """Writes the configuration and tells what to start."""
    versions: tuple[tuple[str, ...], ...]
    """Commands whose output holds a version number, one for each part of the title between ` + `."""
    needs: tuple[str, ...] = ()
    """Programs and files without which it cannot run."""
    counts_cpu: bool = True
    """Whether the processor time of children that have ended can be seen."""
    least_seconds: int = 1
    """Seconds that a round needs at least: a server that starts a program for each request may have answered none of
    them after the first second, where many came at once."""
    keeps_idle: bool = False
    """Whether it is made to keep thousands of idle connections."""

    @property
    def first_path(self) -> str:
        """What is asked for to see whether the server is up: the hello script, or a file where it has no scripts."""
        return self.paths.get("hello") or self.paths["file-1k"]

    def lacks(self) -> str:
        """Which of its needs is not installed; empty where none."""
        return ", ".join(need for need in self.needs if program(need) is None and not Path(need).exists())


def program(name: str) -> str | None:
    """The path of an installed program; servers may lie where only root's search path leads."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")


def package_version(package: str) -> tuple[str, ...]:
    """A command that prints the version of a package in the rivals' environment."""
    return (PYTHON, "-c", f"from importlib.metadata import version; print(version({package!r}))")
