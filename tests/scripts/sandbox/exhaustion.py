"""Ways to take more than one's share. What is before `yield` is done outside of the sandbox."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from errno import EAGAIN, EFBIG, EMFILE
from signal import SIGKILL

from attempts import LIMITS, attempts
from cell import Case

ATTEMPTS, attempt = attempts()
MIB = 1024 * 1024


@attempt({LIMITS: "MemoryError"})
def much_memory(case: Case) -> Iterator[None]:
    yield
    bytearray(1024 * MIB)


@attempt({LIMITS: EFBIG}, file_size=MIB)
def a_large_file(case: Case) -> Iterator[None]:
    yield
    (case.temporary / "large").write_bytes(bytes(2 * MIB))


@attempt({LIMITS: EFBIG}, file_size=MIB)
def a_large_hole(case: Case) -> Iterator[None]:
    yield
    with open(case.temporary / "large", "wb") as file:
        file.truncate(2 * MIB)


@attempt({LIMITS: EMFILE}, open_files=32)
def many_open_files(case: Case) -> Iterator[None]:
    yield
    for _ in range(64):
        os.open(os.devnull, os.O_RDONLY)


@attempt({LIMITS: "RuntimeError"}, root=True, uid=23456, processes=8)
def many_threads(case: Case) -> Iterator[None]:
    yield
    release = threading.Event()
    try:
        for _ in range(16):
            threading.Thread(target=release.wait).start()
    finally:
        release.set()


@attempt({LIMITS: EAGAIN}, root=True, uid=23457, processes=8, exec=True)
def many_processes(case: Case) -> Iterator[None]:
    yield
    for _ in range(16):
        if os.fork() == 0:
            os._exit(0)  # not waited for, it counts on


@attempt({LIMITS: SIGKILL}, cpu=1)
def computing_on_and_on(case: Case) -> Iterator[None]:
    yield
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while time.process_time() < 2.5:
        pass
