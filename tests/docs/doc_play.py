"""Does what a page of the documentation tells its reader to do, block by block, in an empty folder.

- `run`: each command after `$` ends with status 0 (or `exit=N`); output that is shown is what it writes.
- `serve`: a server that runs until the next such block, or until the page ends.
- `dry`: a command for this checkout that takes minutes: its words are checked, its work is not done.
- `file=PATH`: is written to that file.
- `shows=URL-PATH`: what the server answers there; shown lines come in this order, `…` stands for anything.

Ports that a page names are exchanged for free ones.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from doc_pages import ROOT, Block
from server_process import BIN, PATIENCE, clean_environment

from benchmarks.process import free_port

_PORT = re.compile(r"(?<![\w.])(8080|8081|8443)\b")
_WITHOUT_WORK = {"make": "--dry-run", "pytest": "--collect-only", "benchmarks": "--help"}
"""Part of a command -> the option with which it checks its words only."""
_TELLS_THAT_IT_LISTENS = re.compile(r"Serving | starting on ")


class Player:
    """Plays the blocks of one page in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: dict[str, str] = {}
        self.server: subprocess.Popen[str] | None = None
        # A command that names no port means 8080.
        listen = self.translated("tcp:8080:interface=127.0.0.1")
        path = f"{BIN}:{os.environ['PATH']}"
        self.environment = clean_environment(PATH=path, HOME=str(folder), SCRIPTSITE_LISTEN=listen)
        # The commands are on the PATH already; a page may activate the environment all the same.
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".venv" / "bin" / "activate").touch()

    def translated(self, text: str) -> str:
        """`text` with the ports of this run."""
        return _PORT.sub(lambda match: self.ports.setdefault(match[1], str(free_port())), text)

    def play(self, block: Block) -> None:
        """Do what `block` says."""
        text = self.translated(block.text)
        match block.kind:
            case "run":
                for command, expected in _commands(text):
                    self._run(block, command, expected)
            case "serve":
                ((command, _),) = _commands(text)
                self.serve(command)
            case "dry":
                for command, _ in _commands(text):
                    self._run_dry(block, command)
            case "file":
                path = self.folder / block.value
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            case "shows":
                shown = _get(f"http://127.0.0.1:{self.ports['8080']}{block.value}")
                assert re.search(_pattern(text, r"\s+"), shown), f"{block.place}: the answer is {shown!r}"

    def close(self) -> None:
        """Stop what still runs."""
        if self.server is not None:
            self.server.terminate()
            self.server.communicate(timeout=PATIENCE)
            self.server = None
        for pidfile in self.folder.rglob("*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pidfile.read_text()), 15)

    def _run_dry(self, block: Block, command: str) -> None:
        program, *words = command.replace(".venv/bin", str(BIN)).split()
        without_work = next(option for name, option in _WITHOUT_WORK.items() if name in command)
        done = subprocess.run([program, *words, without_work], cwd=ROOT, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{block.place}: $ {command}\n{done.stdout}{done.stderr}"

    def _run(self, block: Block, command: str, expected: str) -> None:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == block.exit, f"{block.place}: $ {command}\n{done.stdout}"
        if expected:
            same = re.fullmatch(_pattern(expected, "\n"), done.stdout.replace("\r", "").strip())
            assert same, f"{block.place}: $ {command}\n{done.stdout}"

    def serve(self, command: str) -> None:
        """Run the server `command`, in place of the one before."""
        self.close()
        # `exec`: the process that is stopped later is the server, not the shell.
        self.server = subprocess.Popen(
            ["bash", "-c", f"exec env {command}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        guard = threading.Timer(PATIENCE, self.server.kill)
        guard.start()
        assert self.server.stdout is not None
        lines: list[str] = []
        for line in self.server.stdout:
            lines.append(line)
            if _TELLS_THAT_IT_LISTENS.search(line):
                break
        else:
            raise AssertionError(f"$ {command}\n{''.join(lines)}")
        guard.cancel()


@contextlib.contextmanager
def playing(folder: Path) -> Iterator[Player]:
    """A Player for the length of a `with` block."""
    player = Player(folder)
    try:
        yield player
    finally:
        player.close()


def _commands(text: str) -> list[tuple[str, str]]:
    """Each command of a console's text, and the output shown below it."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    split = (re.fullmatch(r"((?:.*\\\n)*.*\n?)((?:.*\n?)*)", part) for part in parts)
    return [(match[1].strip(), match[2].strip()) for match in split if match]


def _pattern(text: str, line_break: str) -> str:
    lines = [re.escape(line.strip() if line_break != "\n" else line.rstrip()) for line in text.strip().splitlines()]
    return f"(?s:{line_break.join(lines)})".replace("…", ".*?")


def _get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()
