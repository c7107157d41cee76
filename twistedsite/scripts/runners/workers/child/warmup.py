"""A few small scripts run in the zygote before it forks: every worker has what they load, make and adapt.

So a worker's first page is as quick as its next ones, and the memory for all of this is shared.
"""

from __future__ import annotations

import gc
import mmap
import os
import socket
import sys
import tempfile
from typing import Final
from weakref import WeakSet

from twistedsite.scripts.code.cache import CodeCache
from twistedsite.scripts.exchange.streams import restore_streams
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.importing.main_module import restore_main
from twistedsite.scripts.importing.own_builtins import make_spare
from twistedsite.scripts.importing.program import restore_atexit
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.runners.workers.child.channel import WorkerChannel
from twistedsite.scripts.runners.workers.child.worker import Worker
from twistedsite.scripts.runners.workers.wire import answers
from twistedsite.scripts.runners.workers.wire.frames import JobMessage, encode
from twistedsite.scripts.runners.workers.wire.job_queue import JobQueue, JobReceiver
from twistedsite.scripts.sandbox.enter import rehearse
from twistedsite.scripts.sandbox.policy import SandboxPolicy, system_paths

_ROUNDS: Final = 12
"""Enough for the interpreter to have adapted its code."""
_SCRIPTS: Final = {
    "python": "import warmup\nwarmup.greet(request, environ, headers, cookies)\n",
    "dbpy": "import warmup\nwarmup.greet(dbpy.http.get_params, dbpy.http.request.headers)\n",
    "string_template": "$PATH_INFO\n",
    "jinja": "{% for name in environ %}{{ name }}{% endfor %}\n",
    "markdown": "# Warm\n\n*up*\n",
}
_NEIGHBOUR: Final = "def greet(*things):\n    print([len(thing) for thing in things])\n"


def warm_up() -> None:
    """Run a script of each dialect, on sockets that lead nowhere, and all of a worker's start that changes nothing.

    Leaves no file, no module, no stdout behind.
    """
    _run()
    make_spare()


def settle() -> None:
    """Leave no garbage, and have no collection in this process or its children write to what there is now: a page of
    memory is shared until one of them writes to it."""
    gc.collect()
    gc.disable()
    gc.freeze()


def _run() -> None:
    place = os.getcwd()
    far, near = socket.socketpair()
    queue = JobQueue()
    jobs = socket.socket(fileno=queue.duplicate())
    memory = mmap.mmap(-1, answers.SIZE)
    with far, near, jobs, memory, tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "warmup.py"), "w", encoding="ascii") as file:
            file.write(_NEIGHBOUR)
        for dialect, text in _SCRIPTS.items():
            with open(os.path.join(folder, dialect), "w", encoding="ascii") as file:
                file.write(text)
        for _ in range(_ROUNDS):
            _rehearse_start(folder)
            worker = Worker(WorkerChannel(near, memory), JobReceiver(jobs), Interpreters(CodeCache()))
            for number, dialect in enumerate(_SCRIPTS):
                job = JobMessage(_request(folder, dialect), b"", 256 * 1024)
                queue.add(number, encode(job))
                worker.serve_one()
            worker.close()
            far.recv(256 * 1024)
        queue.close()
        os.chdir(place)
    restore_main()
    restore_atexit()
    restore_streams()
    sys.path_importer_cache.pop(folder, None)


def _rehearse_start(folder: str) -> None:
    """What a worker does before its first job, as far as that changes nothing."""
    for _ in WeakSet((warm_up,)):
        pass  # so does `logging`, with its handlers, in every process that is forked
    os.environ["TMPDIR"] = folder
    del os.environ["TMPDIR"]
    rehearse(SandboxPolicy(folder, system_paths(), folder))


def _request(folder: str, dialect: str) -> ScriptRequest:
    return ScriptRequest(
        root=folder,
        script=(dialect,),
        filename=os.path.join(folder, dialect),
        version="1",
        dialect=dialect,
        method="GET",
        target="/",
        scheme="http",
        protocol="HTTP/1.1",
        host="localhost",
        server_name="localhost",
        server_port=80,
        client="127.0.0.1",
        script_name="/",
        path_info="",
        query="a=1",
        headers=[("host", "localhost"), ("accept", "*/*"), ("cookie", "a=1")],
        timeout=1.0,
    )
