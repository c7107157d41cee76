"""The `scriptsite` command: `serve`, `check`, `init`, `hash-password`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from twistedsite import __version__
from twistedsite.tap.check import check
from twistedsite.tap.init import FolderNotEmptyError, write_sample
from twistedsite.tap.passwords import PasswordError, new_line

HELP = """\
Usage: scriptsite COMMAND

Makes a folder a web site, scripts included: put a file into it, and it is there at the next request.

  scriptsite init FOLDER           write a small sample site into a new folder
  scriptsite serve --root FOLDER   serve a folder until Ctrl-C is pressed
  scriptsite check PATH ...        judge settings, scripts and templates without running them
  scriptsite hash-password USER    ask for a password, write the line for a folder's file of users

  scriptsite serve --help          all that can be set
  scriptsite --version             the version

To begin: "scriptsite init mysite", then "scriptsite serve --root mysite", then open http://127.0.0.1:8080/.
"""


_EXPECTED = {
    "init": "the folder to make",
    "check": "the files or folders to check",
    "hash-password": "the name of a user, and nothing else: the password is asked for",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command with `arguments`, by default those of this process; ends by SystemExit."""
    arguments = sys.argv[1:] if arguments is None else arguments
    match list(arguments):
        case [] | ["--help" | "-h" | "help"] | ["check" | "init" | "hash-password", "--help"]:
            print(HELP, end="")
        case ["--version"]:
            print(f"scriptsite {__version__}")
        case ["serve", *rest]:
            _serve(rest)
        case ["check", first, *rest]:
            sys.exit(_check([first, *rest]))
        case ["init", folder]:
            sys.exit(_init(folder))
        case ["hash-password", user] if not user.startswith("-"):
            sys.exit(_hash_password(user))
        case ["check" | "init" | "hash-password" as command, *_]:
            what = _EXPECTED[command]
            sys.exit(f"scriptsite: {command}: expected {what}; see scriptsite --help")
        case [unknown, *_]:
            sys.exit(f"scriptsite: there is no command {unknown!r}; see scriptsite --help")


def _serve(arguments: list[str]) -> None:
    from twisted.scripts._twistd_unix import ServerOptions
    from twisted.scripts.twistd import runApp

    from twistedsite.tap.options import Options

    # Our own --help and errors come first; then twistd takes over.
    Options().parseOptions(arguments)
    config = ServerOptions()
    config.parseOptions(["--nodaemon", "--pidfile=", "scriptsite", *arguments])
    runApp(config)


def _check(paths: list[str]) -> int:
    checked = found = 0
    for path in paths:
        try:
            verdict = check(path)
        except OSError as error:
            print(f"{error.filename}:1: cannot be read: {error.strerror}")
            found += 1
            continue
        for fault in verdict.faults:
            print(fault)
        checked += verdict.checked
        found += len(verdict.faults)
    faults = {0: "no faults", 1: "1 fault"}.get(found, f"{found} faults")
    print(f"{checked} file{'' if checked == 1 else 's'} checked: {faults}", file=sys.stderr)
    return 1 if found else 0


def _init(folder: str) -> int:
    try:
        written = write_sample(folder)
    except FolderNotEmptyError as error:
        print(f"scriptsite: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"scriptsite: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    for path in written:
        print(path)
    print(f"Now: scriptsite serve --root {folder}")
    return 0


def _hash_password(user: str) -> int:
    try:
        line = new_line(user)
    except PasswordError as error:
        print(f"scriptsite: hash-password: {error}", file=sys.stderr)
        return 1
    except (EOFError, KeyboardInterrupt):
        print("scriptsite: hash-password: no password", file=sys.stderr)
        return 1
    print(line)
    return 0
