"""Attacks that need a server around them: what a script may do to the protocol, the log, the neighbours, the machine.

Each is the text of a script; beside it stands what must become of it: `answers` are what it may print (the errno or the
exception that stopped it), a status where the server answers in its place, `cut` where its answer breaks off.
"""

from __future__ import annotations

from typing import NamedTuple


class Assault(NamedTuple):
    """A script and what must become of it."""

    script: str
    outcome: str
    """What it prints, or the status of the answer, or `cut`; `|` where it depends on the moment."""
    logged: str = ""
    """What the server's log says of it."""
    impatient: bool = False
    """It is ended by its deadline only."""


FRAMES = """
import os, struct
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.messages.outcome import ExitKind, Outcome
from twistedsite.scripts.runners.workers.wire.frames import *
def send(data):
    while data: data = data[os.write(3, data):]
"""
_BAD_FRAME = "a worker has sent"


def _frames(script: str) -> Assault:
    return Assault(FRAMES + script + "\nimport time\nwhile True: time.sleep(10)", "502", _BAD_FRAME)


def _end(payload: str) -> Assault:
    """An end that a script has left, for itself, in the memory that its worker shares with the server."""
    return _frames(
        "import mmap, sys\nfrom twistedsite.scripts.runners.workers.wire import answers\ncaller = sys._getframe()\n"
        "while 'number' not in caller.f_locals: caller = caller.f_back\n"
        f"answers.put(mmap.mmap(4, answers.SIZE), caller.f_locals['number'], {payload})\n"
        "send(frame(FrameKind.BELL, b''))"
    )


def _caught(script: str, outcome: str) -> Assault:
    """An attack whose script tells what stopped it."""
    body = "\n".join("    " + line for line in script.strip().splitlines())
    return Assault(
        "import errno, os, socket, sys, tempfile, threading\n"
        f"try:\n{body}\n"
        "except OSError as error: print(errno.errorcode.get(error.errno, type(error).__name__))\n"
        "except Exception as error: print(type(error).__name__)\n"
        "else: print('success')\n",
        outcome,
    )


ATTEMPT = """
import errno

import tempfile
from pathlib import Path

import cell

case = cell.Case(Path(form["root"]), Path(tempfile.gettempdir()), Path(form["outside"]), int(form["victim"]))
attempt = __import__(form["module"]).ATTEMPTS[form["name"]]
try:
    for _ in attempt.act(case):
        pass
except OSError as error:
    print(errno.errorcode.get(error.errno, type(error).__name__))
except Exception as error:
    print(type(error).__name__)
else:
    print("success")
"""
"""A page of the attacker: makes one of the attempts that the sandbox's own tests make, and says how it has ended."""

ASSAULTS: dict[str, Assault] = {
    # The neighbours and the server, by names that the script can know.
    "reading the server's settings": _caught("open('PLACE/server.toml')", "EACCES"),
    "reading the sessions of all sites": _caught("open('PLACE/sessions.db', 'rb')", "EACCES"),
    "opening the sessions as a database": _caught(
        "import sqlite3\nsqlite3.connect('file:PLACE/sessions.db?mode=ro', uri=True).execute('select 1 from sessions')",
        "OperationalError",
    ),
    "writing into the access log": _caught("open('PLACE/access.log', 'a')", "EACCES"),
    "reading the server's environment": _caught("open('/proc/SERVER/environ')", "EACCES"),
    "reading the server's memory": _caught("open('/proc/SERVER/mem', 'rb')", "EACCES"),
    "the server's descriptors": _caught("os.listdir('/proc/SERVER/fd')", "EACCES"),
    "the connections of the machine": _caught("open('/proc/SERVER/net/tcp')", "EACCES"),
    "killing the server": _caught("os.kill(SERVER, 9)", "EPERM"),
    "killing the zygote": _caught("os.kill(os.getppid(), 9)", "EPERM"),
    "leaving descriptors in a socket": _caught("a, b = socket.socketpair()\nsocket.send_fds(a, [b'x'], [0])", "EPERM"),
    "asking another site over the network": _caught("socket.create_connection(('127.0.0.1', PORT))", "EPERM"),
    "the temporary folders of others": _caught("os.listdir(tempfile.gettempdir() + '/..')", "EACCES"),
    "a name in the environment": Assault(
        "import os\nprint([n for n in os.environ if 'SECRET' in n or 'SCRIPTSITE' in n])", "[]"
    ),
    "a file of the victim as a page of its own": _caught(
        "import os\nos.symlink('PLACE/neighbour/secret', 'page')", "EACCES"
    ),
    "a link that changes while it is followed": _caught(
        """
import itertools
link, own = tempfile.gettempdir() + '/race', tempfile.gettempdir() + '/own'
open(own, 'w').close()
for turn in range(2000):
    other = tempfile.gettempdir() + f'/race{turn}'
    os.symlink('PLACE/neighbour/secret' if turn % 2 else own, other)
    os.rename(other, link)
    try: found = open(link).read()
    except PermissionError as error: refused = error
    else: assert not found, found
raise refused
""",
        "EACCES",
    ),
    # The server's hand in writing and reading files of the site.
    "reading out of the site by the server": _caught("storage.read('/../neighbour/secret')", "EPERM"),
    "writing out of the site by the server": _caught("storage.write('/../neighbour/secret', 'x')", "EPERM"),
    "reading by the server through a link": _caught("storage.read('/linked/secret')", "EACCES"),
    "writing by the server through a link": _caught("storage.write('/linked/secret', 'x')", "EPERM"),
    "removing by the server through a link": _caught("storage.remove('/linked/secret')", "EPERM"),
    "settings of its own": _caught("storage.write('/_folder.toml', 'timeout = 1000')", "EPERM"),
    "more than the site may occupy": _caught("storage.write('/_large', bytes(2 * 10**6))", "EDQUOT"),
    # The protocol of its socket.
    "text instead of frames": _frames("send(b'GET / HTTP/1.1\\r\\n\\r\\n' * 100)"),
    "a frame of an unknown kind": _frames("send(frame(99, b''))"),
    "a frame that only the server sends": _frames("send(frame(FrameKind.ANSWER, b''))"),
    "a frame of four gigabytes": _frames("send(struct.pack('>BI', FrameKind.DATA, 2**32 - 1))"),
    "a stack that nobody has asked for": _frames("send(frame(FrameKind.STACK, b''))"),
    "a head that splits the answer": _frames(
        "send(frame(FrameKind.BEGIN, encode(ResponseHead(200, [(b'a', b'b\\r\\nset-cookie: c=d')]))))"
    ),
    "a status that is none": _frames("send(frame(FrameKind.BEGIN, encode(ResponseHead(99, []))))"),
    "an end without a head": _frames("send(frame(FrameKind.END, encode(End(Outcome(ExitKind.DONE), None, b''))))"),
    "an outcome of another type": _frames("send(frame(FrameKind.END, encode([1, 2, 3])))"),
    "an end in memory of another type": _end("encode([1, 2, 3])"),
    "an end in memory that is none": _end("os.urandom(400)"),
    "an end in memory without a head": _end("encode(End(Outcome(ExitKind.DONE), None, b''))"),
    "an end in memory with a status that is none": _end(
        "encode(End(Outcome(ExitKind.DONE), ResponseHead(99, []), b''))"
    ),
    "a bell with something in it": _frames("send(frame(FrameKind.BELL, b'x'))"),
    "bells for nothing": Assault(FRAMES + "send(frame(FrameKind.BELL, b'') * 10_000)\nprint('rung')", "rung"),
    "taking the shared memory away": _caught("os.ftruncate(4, 0)", "EPERM"),
    "overwriting the shared memory": _caught(
        "for place in range(0, 16384, 8): os.pwrite(4, b'\\xff' * 8, place)\nraise ValueError", "ValueError"
    ),
    "a hundred thousand lists in each other": _frames("send(frame(FrameKind.CALL, b'\\x91' * 100_000))"),
    "a call for a session with a path as its name": _frames(
        "send(frame(FrameKind.CALL, encode(LoadSession('../' * 200))))"
    ),
    "two calls at once": _frames("send(frame(FrameKind.CALL, encode(LoadSession('x' * 43))) * 2)"),
    "the victim's session by its id": Assault(
        "from twistedsite.scripts.runners.workers.wire.frames import LoadSession\n"
        "import gc\n"
        "from twistedsite.scripts.runners.workers.child.channel import WorkerChannel\n"
        "channel = next(o for o in gc.get_objects() if isinstance(o, WorkerChannel))\n"
        "print(channel.call(LoadSession('SESSION'))[0].data)\n",
        "None",
    ),
    "overwriting the victim's session by its id": Assault(
        "from twistedsite.scripts.runners.workers.wire.frames import SaveSession\n"
        "import gc\n"
        "from twistedsite.scripts.runners.workers.child.channel import WorkerChannel\n"
        "channel = next(o for o in gc.get_objects() if isinstance(o, WorkerChannel))\n"
        "answer = channel.call(SaveSession('SESSION', b'{\"stolen\": true}'))\n"
        "print('sent')\n",
        "sent",
    ),
    "descriptors given to the server": Assault(
        FRAMES + "import array, socket\n"
        "own = socket.socket(fileno=os.dup(3))\n"
        "rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 50))]\n"
        "for _ in range(4): own.sendmsg([frame(FrameKind.LOG, b'x\\n')], rights)\n"
        "own.close()\nprint('sent')\n",
        "500",
        "PermissionError",
    ),
    "closing its socket": Assault("import os\nos.close(3)\nwhile True: pass", "502"),
    # The log.
    "forging lines of the log": Assault(
        "import sys\nprint('one\\n2026-01-01 00:00:00 critical: FORGED', file=sys.stderr)\nprint('sent')", "sent"
    ),
    "colours and bells in the log": Assault(
        "import sys\nprint('\\x1b[31mRED\\x07', file=sys.stderr)\nprint('sent')", "sent"
    ),
    "a flood of the log": Assault(
        "import sys\nfor _ in range(1000): print('x' * 1000, file=sys.stderr)\nprint('sent')",
        "sent",
        "it has written too much",
    ),
    # More than its share.
    "memory": _caught("bytearray(10**10)", "MemoryError"),
    "memory in small pieces": _caught("pieces = []\nwhile True: pieces.append(bytearray(10**6))", "MemoryError"),
    "a large file": _caught(
        "file = open(tempfile.gettempdir() + '/large', 'wb')\nwhile True: file.write(bytes(10**6))", "EFBIG"
    ),
    "a file that is one hole": _caught("open(tempfile.gettempdir() + '/hole', 'wb').truncate(10**9)", "EFBIG"),
    "descriptors": _caught("while True: os.dup(0)", "EMFILE"),
    # It ends its worker: what so many threads leave of the address space would not do for the next assault.
    "threads": Assault(
        "import os, threading\nend = threading.Event()\n"
        "try:\n    while True: threading.Thread(target=end.wait).start()\nexcept RuntimeError: os._exit(7)",
        "502",
        "exit status 7",
    ),
    "processes": _caught("while True: os.fork()", "EPERM"),
    "programs": _caught("import subprocess\nsubprocess.run(['/bin/true'])", "EPERM"),
    "recursion": _caught("def f(): f()\nf()", "RecursionError"),
    "recursion without a limit": Assault(
        "import sys\nsys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**6): x = [x]\nrepr(x)\n",
        "502",
        "SIGSEGV",
    ),
    "killing itself": Assault("import os\nos.kill(os.getpid(), 9)", "502", "SIGKILL"),
    "leaving": Assault("import os\nos._exit(0)", "502", "exit status 0"),
    "a jump to nowhere": Assault("import ctypes\nctypes.string_at(1)", "502", "SIGSEGV"),
    # Time.
    "computing without end": Assault("while True: pass", "504", "still running", True),
    "a regular expression": Assault("import re\nre.match('(a+)+$', 'a' * 50 + 'b')", "504", "still running", True),
    "ignoring every signal": Assault(
        "import signal\n"
        "for n in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(n, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: pass",
        "504",
        "still running",
        True,
    ),
    "stopping itself": Assault("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "504", "still running", True),
    "output without end": Assault("while True: print('x' * 10_000)", "cut", "still running", True),
    "output without end, and slow": Assault(
        "import time\nwhile True:\n    print('x', flush=True)\n    time.sleep(0.01)", "cut", "still running", True
    ),
    "errors without end": Assault(
        "import sys\nwhile True: print('x' * 1000, file=sys.stderr)", "504", "still running", True
    ),
    "beginning at its deadline": Assault(
        "import time\ntime.sleep(0.29)\nprint('x' * 100, flush=True)\nwhile True: print('x', flush=True)",
        "cut|504",
        "still running",
        True,
    ),
    "holding its visitor's session": Assault("Session().n = 1\nwhile True: Session().n", "504", "still running", True),
}
