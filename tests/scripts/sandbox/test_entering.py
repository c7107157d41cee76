"""Entering the sandbox: when it is refused, what it reports, and what is true of the process afterwards."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from descriptors import open_descriptors

from twistedsite.scripts.sandbox.enter import enter
from twistedsite.scripts.sandbox.policy import Layer, SandboxPolicy, SandboxReport, system_paths
from twistedsite.scripts.sandbox.probe import probe

pytestmark = pytest.mark.process

Run = Callable[..., Any]
LATER = {
    "truncation of files": 3,
    "TCP": 4,
    "ioctl of devices": 5,
    "signals and abstract sockets": 6,
}


def python(source: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, *(("-c", source) if source else ()), *map(str, arguments)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60, **options)


def test_a_process_with_several_threads_cannot_enter() -> None:
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="one thread"):
            enter(SandboxPolicy(root="/nonexistent"))
    finally:
        release.set()
        thread.join()


def test_everything_essential_holds_here(run_confined: Run) -> None:
    report = run_confined("").report
    assert report.sufficient
    assert report.summary().startswith("sandbox holds: limits (rlimits), ")


@pytest.mark.parametrize("abi", range(1, 8))
def test_an_older_landlock_holds_what_it_can_and_says_what_is_missing(abi: int, run_confined: Run) -> None:
    ran = run_confined(
        """
        import os
        own = (os.O_WRONLY, os.O_RDONLY | os.O_TRUNC)
        for path, flags in (("/etc/passwd", os.O_RDONLY), *((__file__, flags) for flags in own)):
            try:
                os.open(path, flags)
            except PermissionError:
                print("stopped")
        """,
        abi=abi,
    )
    missing = {layer.name for layer in ran.report.missing}
    assert {name for name, since in LATER.items() if since > abi} == missing & set(LATER)
    assert ran.report.sufficient
    assert ran.output == "stopped\n" * 3


def test_without_landlock_the_sandbox_does_not_hold(run_confined: Run) -> None:
    # A second sandbox inside of the first: there the filter already refuses all that entering does.
    ran = run_confined(
        """
        import msgspec
        from twistedsite.scripts.sandbox.enter import STEPS
        from twistedsite.scripts.sandbox.policy import Layer, SandboxPolicy, SandboxReport
        layers = []
        for step in STEPS[2:]:
            try:
                layers += step.apply(SandboxPolicy("/"))
            except OSError as error:
                layers.append(Layer(step.name, False, error.strerror))
        report = SandboxReport(tuple(layers))
        print(report.sufficient, report.summary())
        """
    )
    assert ran.output.startswith("False sandbox does not hold: nothing. Missing: "), ran.errors
    assert "files: system call 444: Operation not permitted" in ran.output


def test_a_report_is_one_line_and_survives_json() -> None:
    report = SandboxReport((Layer("files", True, "by a lock"), Layer("TCP", False, "too old", essential=False)))
    assert report.summary() == "sandbox holds: files (by a lock). Missing: TCP: too old."
    assert msgspec.json.decode(msgspec.json.encode(report), type=SandboxReport) == report
    assert not SandboxReport((Layer("files", False, "no lock"),)).sufficient


def test_a_program_tells_what_holds() -> None:
    ended = python("", "-m", "twistedsite.scripts.sandbox")
    report = msgspec.json.decode(ended.stdout, type=SandboxReport)
    assert report.sufficient
    assert {layer.name for layer in report.layers if layer.detail == "tried"} == {
        "seen: files outside are closed",
        "seen: sockets are refused",
        "seen: the standard library can be read",
    }


def test_a_probe_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = open_descriptors()
    probe()
    assert list(tmp_path.iterdir()) == []
    assert open_descriptors() == before


def test_the_process_is_alone_private_and_untraceable(run_confined: Run) -> None:
    ran = run_confined(
        """
        import ctypes, json, os, tempfile
        file = tempfile.gettempdir() + "/private"
        open(file, "w").close()
        asked = [ctypes.CDLL(None).prctl(option, 0, 0, 0, 0) for option in (3, 39, 21)]
        print(json.dumps([os.getpgrp() == os.getpid(), os.stat(file).st_mode, *asked]))
        """
    )
    alone, mode, *asked = json.loads(ran.output)
    assert (alone, stat.S_IMODE(mode)) == (True, 0o600)
    assert asked == [0, 1, 2]  # not dumpable, no new privileges, a filter


def test_limits_are_never_raised(run_confined: Run) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    ran = run_confined("import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[1])", open_files=hard + 1)
    assert int(ran.output) == hard


def test_the_process_ends_with_its_parent() -> None:
    reader, writer = os.pipe()
    source = """
import os, signal, sys
from twistedsite.scripts.sandbox.enter import enter
from twistedsite.scripts.sandbox.policy import SandboxPolicy
writer, parent = int(sys.argv[1]), os.getpid()
entered, tell = os.pipe()
if os.fork() == 0:
    enter(SandboxPolicy("/"), parent)
    os.write(tell, b"!")
    signal.pause()
os.read(entered, 1)
os.kill(parent, signal.SIGKILL)
"""
    ended = python(source, writer, pass_fds=[writer])
    os.close(writer)
    assert ended.returncode == -signal.SIGKILL
    assert select.select([reader], [], [], 10)[0] == [reader]
    assert os.read(reader, 1) == b""  # nobody has it open any more
    os.close(reader)


def test_a_process_whose_parent_has_died_already_ends() -> None:
    source = """
from twistedsite.scripts.sandbox.enter import enter
from twistedsite.scripts.sandbox.policy import SandboxPolicy
enter(SandboxPolicy("/"), parent=1 << 22)
print("alive")
"""
    ended = python(source)
    assert (ended.returncode, ended.stdout) == (1, "")


def test_a_policy_names_no_folder_twice_and_only_what_is_there() -> None:
    paths = system_paths(network=True, exec_=True)
    assert all(os.path.exists(path) for path in paths)
    assert not [path for path in paths for other in paths if path.startswith(f"{other}/")]


def test_the_users_other_processes_do_not_count_against_a_worker(run_confined: Run) -> None:
    ran = run_confined("import threading; t = threading.Thread(target=print); t.start(); t.join()", processes=1)
    assert ran.status == 0, ran.errors
    assert "number of threads" in {layer.name for layer in ran.report.missing}
