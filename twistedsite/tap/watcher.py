"""The watchdog's own process: `python -m twistedsite.tap.watcher BEATS STACKS SERVER SECONDS FORM LOG`.

It reads the server's heartbeats from a pipe. Without one for SECONDS, the reactor is frozen. Then it has all stacks of
the server written, which works while a call into C holds the interpreter, logs them, and ends the server by SIGABRT. It
imports nothing of Twisted, because it must be small. It ends when the server ends.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from typing import Final

STACK_SIGNAL: Final = signal.SIGUSR2
"""Has the server write its stacks: see `faulthandler.register`."""
END_SIGNAL: Final = signal.SIGABRT
"""What ends the frozen server, and nothing else does; a core is written where the system wants one."""
_LOOKS: Final = 8
"""Looks in a row, SECONDS together, that find no heartbeat. A machine that was suspended misses one of them only."""
_SETTLED: Final = 0.2
"""Seconds in which no more is written: the stacks are complete."""
_PATIENCE: Final = 5.0
"""Seconds for the stacks, and for the end."""


def watch(beats: int, server: int, seconds: float) -> bool:
    """Return True when the process `server` has been frozen for `seconds`, False when it has ended."""
    poll = select.poll()
    poll.register(beats, select.POLLIN)
    silent = 0
    while silent < _LOOKS:
        if poll.poll(1000 * seconds / _LOOKS):
            if not os.read(beats, 4096):
                return False
            silent = 0
        else:
            silent = 0 if _is_stopped(server) else silent + 1
    return True


def stacks_of(pidfd: int, stacks: int) -> str:
    """Have the server write all its stacks into the file `stacks`, and return them."""
    signal.pidfd_send_signal(pidfd, STACK_SIGNAL)
    end = time.monotonic() + _PATIENCE
    size = 0
    while time.monotonic() < end:
        time.sleep(_SETTLED)
        before, size = size, os.fstat(stacks).st_size
        if size and size == before:
            break
    return os.pread(stacks, size, 0).decode("ascii", "replace").strip()


def end(pidfd: int) -> None:
    """End the server, and wait for it."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    for number in (END_SIGNAL, signal.SIGKILL):
        signal.pidfd_send_signal(pidfd, number)
        if poll.poll(1000 * _PATIENCE):
            return


def log_line(text: str, form: str) -> str:
    """`text` as an event of the server's log."""
    if form == "json":
        now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        return json.dumps({"time": now, "level": "critical", "logger": __name__, "message": text}) + "\n"
    return time.strftime("%Y-%m-%d %H:%M:%S critical: ") + text.replace("\n", "\n    ") + "\n"


def _is_stopped(pid: int) -> bool:
    """Whether the process was stopped by a signal or a debugger, which is no fault."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    except OSError:
        return False


def main() -> None:
    """The program."""
    beats, stacks, server = map(int, sys.argv[1:4])
    seconds, form, log = float(sys.argv[4]), sys.argv[5], sys.argv[6]
    pidfd = os.pidfd_open(server)
    if os.getppid() != server or not watch(beats, server, seconds):
        return
    try:
        found = stacks_of(pidfd, stacks) or "(it has written no stacks)"
        line = log_line(f"the reactor has stood still for {seconds:g} s: the server is ended\n{found}", form)
        with open(sys.stdout.fileno() if log == "-" else log, "a", encoding="utf-8", closefd=log != "-") as file:
            file.write(line)
    finally:
        end(pidfd)


if __name__ == "__main__":
    main()
