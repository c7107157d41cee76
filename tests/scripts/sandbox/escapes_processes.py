"""Ways to other processes, and to more processes. What is before `yield` is done outside of the sandbox."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import struct
import subprocess
from collections.abc import Iterator
from errno import EACCES, ENOSYS, EPERM
from resource import RLIMIT_NOFILE, prlimit
from signal import SIGSYS

from attempts import LANDLOCK, SECCOMP, USER, attempts
from cell import Case, memory

from twistedsite.scripts.sandbox.kernel import prctl, syscall
from twistedsite.scripts.sandbox.syscalls import ABSENT, DEADLY, MACHINES

ATTEMPTS, attempt = attempts()
COLUMN = MACHINES[os.uname().machine][0]
PTRACE_SEIZE = 0x4206  # include/uapi/linux/ptrace.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4  # include/uapi/linux/prctl.h
F_SETOWN = 8  # include/uapi/asm-generic/fcntl.h
EXECVEAT = (322, 281)[COLUMN]
UNSHARE = (272, 97)[COLUMN]
SETNS = (308, 268)[COLUMN]
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # include/uapi/linux/sched.h
AT_EMPTY_PATH = 0x1000


def leave(pid: int) -> None:
    """End the new process, in it; bury it, in its parent."""
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@attempt({LANDLOCK: EPERM, SECCOMP: EPERM})
def a_signal_to_a_neighbour(case: Case) -> Iterator[None]:
    yield
    os.kill(case.victim, signal.SIGTERM)


@attempt({LANDLOCK: EPERM, SECCOMP: EPERM})
def a_signal_to_the_parent(case: Case) -> Iterator[None]:
    parent = os.getppid()
    yield
    os.kill(parent, 0)


@attempt({LANDLOCK: EPERM, SECCOMP: EPERM})
def a_signal_to_a_group(case: Case) -> Iterator[None]:
    group = os.getpgrp()
    yield
    os.killpg(group, 0)


@attempt({LANDLOCK: EPERM, SECCOMP: EPERM})
def a_signal_by_a_descriptor(case: Case) -> Iterator[None]:
    victim = os.pidfd_open(case.victim)
    yield
    signal.pidfd_send_signal(victim, signal.SIGTERM)


@attempt({SECCOMP: EPERM})
def having_the_kernel_signal_a_neighbour(case: Case) -> Iterator[None]:
    reader, _ = os.pipe()
    yield
    fcntl.fcntl(reader, F_SETOWN, case.victim)


@attempt({LANDLOCK: EPERM, SECCOMP: SIGSYS})
def tracing_a_neighbour(case: Case) -> Iterator[None]:
    yield
    syscall(DEADLY["ptrace"][COLUMN] or 0, PTRACE_SEIZE, case.victim, 0, 0)


@attempt({LANDLOCK: EPERM, SECCOMP: SIGSYS})
def reading_a_neighbours_memory(case: Case) -> Iterator[None]:
    here = memory(bytes(8))
    vector = memory(struct.pack("PN", ctypes.addressof(here), 8))
    there = memory(struct.pack("PN", id(None), 8))  # the neighbour, a fork, has it at the same address
    yield
    syscall(DEADLY["process_vm_readv"][COLUMN] or 0, case.victim, vector, 1, there, 1, 0)


@attempt({SECCOMP: EPERM})
def limiting_a_neighbour(case: Case) -> Iterator[None]:
    yield
    prlimit(case.victim, RLIMIT_NOFILE, (1, 1))


@attempt({SECCOMP: EPERM})
def moving_a_neighbour_to_one_processor(case: Case) -> Iterator[None]:
    yield
    os.sched_setaffinity(case.victim, [min(os.sched_getaffinity(0))])


@attempt({SECCOMP: EPERM})
def slowing_a_neighbour_down(case: Case) -> Iterator[None]:
    yield
    os.setpriority(os.PRIO_PROCESS, case.victim, 19)


@attempt({SECCOMP: EPERM})
def outliving_its_parent(case: Case) -> Iterator[None]:
    yield
    prctl(PR_SET_PDEATHSIG, 0)


@attempt({SECCOMP: EPERM})
def letting_itself_be_traced(case: Case) -> Iterator[None]:
    yield
    prctl(PR_SET_DUMPABLE, 1)


@attempt({SECCOMP: EPERM})
def a_fork(case: Case) -> Iterator[None]:
    yield
    leave(os.fork())


@attempt({SECCOMP: ENOSYS})
def a_process_by_clone3(case: Case) -> Iterator[None]:
    arguments = memory(struct.pack("=11Q", *(0,) * 4, signal.SIGCHLD, *(0,) * 6))  # struct clone_args
    yield
    leave(syscall(ABSENT["clone3"][COLUMN] or 0, arguments, 88))


@attempt({LANDLOCK: EACCES, SECCOMP: EPERM})
def becoming_another_program(case: Case) -> Iterator[None]:
    yield
    os.execv("/bin/true", ["true"])


@attempt({LANDLOCK: EACCES, SECCOMP: EPERM})
def becoming_a_program_that_is_no_file(case: Case) -> Iterator[None]:
    program = os.memfd_create("true")
    with open("/bin/true", "rb") as file:
        os.write(program, file.read())
    nothing, arguments = memory(b"\0"), memory(bytes(8))
    yield
    syscall(EXECVEAT, program, nothing, arguments, arguments, AT_EMPTY_PATH)


@attempt({SECCOMP: EPERM})
def a_subprocess(case: Case) -> Iterator[None]:
    yield
    try:
        subprocess.run(["/nonexistent"], check=True)
    except FileNotFoundError:
        return  # it was forked, and looked for


@attempt({SECCOMP: EPERM})
def a_user_namespace(case: Case) -> Iterator[None]:
    yield
    syscall(UNSHARE, CLONE_NEWUSER)


@attempt({SECCOMP: EPERM, USER: EPERM}, root=True)
def a_network_namespace(case: Case) -> Iterator[None]:
    yield
    syscall(UNSHARE, CLONE_NEWNET)


@attempt({SECCOMP: EPERM, USER: EPERM}, root=True)
def joining_a_namespace(case: Case) -> Iterator[None]:
    namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
    yield
    syscall(SETNS, namespace, CLONE_NEWNET)


@attempt({SECCOMP: EPERM, USER: EPERM}, root=True, uid=12345)
def becoming_root_again(case: Case) -> Iterator[None]:
    yield
    os.setresuid(0, 0, 0)


@attempt({SECCOMP: EPERM, USER: EPERM}, root=True, uid=12345)
def joining_a_group(case: Case) -> Iterator[None]:
    yield
    os.setgroups([0])
