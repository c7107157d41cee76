"""Installs the rivals: Debian packages where this runs as root, PyPI packages in an environment of their own.

What cannot be installed is said; the rival is then named in the tables as not measured.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rivals import Rival
from benchmarks.rivals.base import PYTHON, VENV

PACKAGES = (
    "wrk",
    "nginx-light",
    "caddy",
    "apache2",
    "libapache2-mod-wsgi-py3",
    "python3-jinja2",
    "php-cli",
    "php-fpm",
)
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
POLICY = Path("/usr/sbin/policy-rc.d")


def install(say: Callable[[str], None]) -> None:
    """Install what is missing, telling `say` what is done and what failed."""
    _debian(say)
    _pypi(say)


def _debian(say: Callable[[str], None]) -> None:
    if shutil.which("apt-get") is None:
        say("no apt-get here: servers that are not installed are left out")
        return
    wanted = [package for package in PACKAGES if not _has(package)]
    if not wanted:
        return
    if os.geteuid() != 0:
        say(f"not root: not installed, and left out: {' '.join(wanted)}")
        return
    _run(["apt-get", "update", "-q"], say)
    with _services_stay_stopped():
        # One by one, so that a package which this release lacks does not keep the others away.
        for package in wanted:
            _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", package], say)


def _has(package: str) -> bool:
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True).stdout == "installed"


@contextmanager
def _services_stay_stopped() -> Iterator[None]:
    """Keep Debian from starting the servers that it installs (policy-rc.d, exit status 101: not allowed)."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _pypi(say: Callable[[str], None]) -> None:
    stamp = VENV / "installed.txt"
    wanted = REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    made = _run([sys.executable, "-m", "venv", str(VENV)], say)
    if made and _run([PYTHON, "-m", "pip", "install", "-q", "-r", str(REQUIREMENTS)], say):
        stamp.write_text(wanted)


def _run(command: list[str], say: Callable[[str], None]) -> bool:
    say(" ".join(command))
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        say(f"failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.returncode == 0


def name_with_versions(rival: Rival) -> str:
    """The rival's title with the version of each of its parts."""
    names = rival.title.split(" + ")
    return " + ".join(
        f"{name} {_version(command)}".rstrip() for name, command in zip(names, rival.versions, strict=True)
    )


def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except OSError:
        return ""
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else ""
