"""`python -m twistedsite.scripts.sandbox [UID [GID]]`: print a SandboxReport of this machine as JSON."""

from __future__ import annotations

import sys

import msgspec

from twistedsite.scripts.sandbox.probe import probe


def main() -> None:
    """The program."""
    report = probe(*map(int, sys.argv[1:3]))
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")


if __name__ == "__main__":
    main()
