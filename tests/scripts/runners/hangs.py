"""Every way to hang: the text of a script, in which SECONDS is how long the waiting ones wait at most."""

from __future__ import annotations

from typing import Final

FEEL: Final = "len('')"
"""Where a thread feels, after a call that has failed, that it was to stop meanwhile.

Python raises what a thread has been sent at the next call that begins in Python, or has ended well in C. Without this
that is the `__exit__` by which a `with` block is left, and what it closes stays open: a ResourceWarning.
"""

ANYWHERE: Final = {
    "a loop": "while True: pass",
    "a loop that catches all": "while True:\n    try:\n        while True: int()\n    except BaseException: continue",
    "a loop in finally": "def f():\n    while True:\n        try: 1 / 0\n        finally: continue\nf()",
    "a sleep": "import time\ntime.sleep(SECONDS)",
    "a lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire(timeout=SECONDS)",
    "an empty queue": "import queue\nqueue.Queue().get(timeout=SECONDS)",
    "a socket": (
        "import socket\na, b = socket.socketpair()\n"
        "with a, b:\n    a.settimeout(SECONDS)\n"
        "    try: a.recv(1)\n    except TimeoutError: FEEL"
    ),
    "a locked database": (
        "import sqlite3, tempfile\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    one, other = [sqlite3.connect(folder + '/db', timeout=SECONDS, isolation_level=None) for _ in '12']\n"
        "    one.execute('begin exclusive')\n"
        "    try: other.execute('begin exclusive')\n    except sqlite3.OperationalError: FEEL\n"
        "    finally: one.close(), other.close()"
    ),
    "endless output": "import time\nwhile True:\n    print('x' * 10_000)\n    time.sleep(0.001)",
    "endless slow output": "import time\nwhile True:\n    print('x', flush=True)\n    time.sleep(0.02)",
    "a page that is never flushed": "while True: print(end='')",
}
"""What a thread can be stopped from, or be left with."""

PROCESSES_ONLY: Final = {
    "a regular expression": "import re\nre.match('(a+)+$', 'a' * 50 + 'b')",
    "a big power": "print(len(str(3 ** 3 ** 15)))",
    "a call into C": "import ctypes\nctypes.PyDLL(None).sleep(SECONDS)",
    "ignored signals": (
        "import signal\n"
        "for n in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(n, signal.SIG_IGN)\n"
        "while True: pass"
    ),
    "blocked signals": (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: pass"
    ),
    "a stopped process": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "endless errors": "import sys\nwhile True: print('x' * 1000, file=sys.stderr)",
    "threads that spin": (
        "import threading\ndef spin():\n    while True: pass\n"
        "threads = [threading.Thread(target=spin) for _ in range(3)]\n"
        "for thread in threads: thread.start()\nfor thread in threads: thread.join()"
    ),
}
"""What would freeze the whole server from one of its threads, so that only a watchdog helps; or change its signals."""


def _ready(script: str, seconds: int) -> str:
    return script.replace("SECONDS", str(seconds)).replace("FEEL", FEEL)


WAYS: Final = [
    *[("threads", how, _ready(script, 3)) for how, script in ANYWHERE.items()],
    *[("workers", how, _ready(script, 1000)) for how, script in (ANYWHERE | PROCESSES_ONLY).items()],
]
"""Where, what, and the script."""
