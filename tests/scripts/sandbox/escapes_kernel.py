"""Ways into the kernel: calls that no web script needs, each with a history. What is before `yield` is outside."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import struct
from collections.abc import Iterator
from errno import EACCES, EMFILE, EPERM
from signal import SIGSYS

from attempts import LANDLOCK, LIMITS, SECCOMP, USER, attempts
from cell import Case, memory

from twistedsite.scripts.sandbox.kernel import syscall
from twistedsite.scripts.sandbox.syscalls import DEADLY, MACHINES, X32_BIT

ATTEMPTS, attempt = attempts()
MACHINE = os.uname().machine
COLUMN = MACHINES[MACHINE][0]
CLONE_NEWNS, CLONE_NEWUTS = 0x00020000, 0x04000000  # include/uapi/linux/sched.h
MS_PRIVATE_TREE = 0x40000 | 0x4000  # MS_PRIVATE | MS_REC (include/uapi/linux/mount.h)
IO_URING_SETUP = 425
MAP_CREATE, LPM_TRIE, NO_PREALLOC = 0, 11, 1  # include/uapi/linux/bpf.h
UFFD_USER_MODE_ONLY = 1  # include/uapi/linux/userfaultfd.h
READ_IMPLIES_EXEC = 0x0400000  # include/uapi/linux/personality.h
KEY_SPEC_PROCESS_KEYRING = -2  # include/uapi/linux/keyctl.h
IPC_CREAT, IPC_RMID = 0o1000, 0  # include/uapi/linux/ipc.h
# The CPU clock of this process in user mode only, as is open to everybody (include/uapi/linux/perf_event.h).
PERF = struct.pack("=IIQQQQQ", 1, 112, 0, 0, 0, 0, 1 << 5 | 1 << 6) + bytes(64)

libc = ctypes.CDLL(None, use_errno=True)


def number(x86_64: int, aarch64: int) -> int:
    return (x86_64, aarch64)[COLUMN]


def own_mounts() -> None:
    libc.unshare(CLONE_NEWNS)
    libc.mount(None, b"/", None, MS_PRIVATE_TREE, 0)


@attempt({SECCOMP: EPERM}, apart_from=LIMITS)  # newer kernels count its memory as locked
def io_uring(case: Case) -> Iterator[None]:
    yield
    syscall(IO_URING_SETUP, 1, memory(bytes(120)))


@attempt({SECCOMP: EPERM})
def the_key_store(case: Case) -> Iterator[None]:
    yield
    syscall(
        number(248, 217),
        memory(b"user\0"),
        memory(b"mine\0"),
        memory(b"x"),
        1,
        ctypes.c_ulong(KEY_SPEC_PROCESS_KEYRING).value,
    )


@attempt({SECCOMP: SIGSYS, USER: EPERM}, root=True)
def bpf(case: Case) -> Iterator[None]:
    yield
    syscall(DEADLY["bpf"][COLUMN] or 0, MAP_CREATE, memory(struct.pack("=5I", LPM_TRIE, 8, 1, 1, NO_PREALLOC)), 20)


@attempt({SECCOMP: EPERM})
def performance_events(case: Case) -> Iterator[None]:
    yield
    syscall(number(298, 241), memory(PERF), 0, ctypes.c_ulong(-1).value, ctypes.c_ulong(-1).value, 0)


@attempt({SECCOMP: EPERM})
def faults_handled_by_itself(case: Case) -> Iterator[None]:
    yield
    syscall(number(323, 282), UFFD_USER_MODE_ONLY)


@attempt({SECCOMP: EPERM})
def another_personality(case: Case) -> Iterator[None]:
    yield
    syscall(number(135, 92), READ_IMPLIES_EXEC)


@attempt({LANDLOCK: EPERM, SECCOMP: EPERM, USER: EPERM}, root=True)
def mounting(case: Case) -> Iterator[None]:
    own_mounts()
    target, kind = memory(bytes(case.temporary) + b"\0"), memory(b"tmpfs\0")
    yield
    syscall(number(165, 40), kind, target, kind, 0, 0)


@attempt({SECCOMP: EPERM, USER: EPERM}, root=True)
def a_root_of_its_own(case: Case) -> Iterator[None]:
    yield
    os.chroot(case.temporary)


@attempt({LANDLOCK: EPERM, SECCOMP: SIGSYS, USER: EPERM}, root=True)
def pivoting_the_root(case: Case) -> Iterator[None]:
    own_mounts()
    libc.mount(b"tmpfs", bytes(case.temporary), b"tmpfs", 0, 0)
    place = memory(bytes(case.temporary) + b"\0")
    yield
    syscall(DEADLY["pivot_root"][COLUMN] or 0, place, place)


@attempt({SECCOMP: EPERM, USER: EPERM}, root=True)
def naming_the_host(case: Case) -> Iterator[None]:
    libc.unshare(CLONE_NEWUTS)
    yield
    syscall(number(170, 161), memory(b"mine"), 4)


@attempt({SECCOMP: EPERM})
def shared_memory(case: Case) -> Iterator[None]:
    yield
    made = syscall(number(29, 194), 0, 4096, IPC_CREAT | 0o600)
    syscall(number(31, 195), made, IPC_RMID, 0)


@attempt({SECCOMP: EPERM})
def semaphores(case: Case) -> Iterator[None]:
    yield
    made = syscall(number(64, 190), 0, 1, IPC_CREAT | 0o600)
    syscall(number(66, 191), made, 0, IPC_RMID, 0)


@attempt({SECCOMP: EPERM})
def a_message_queue(case: Case) -> Iterator[None]:
    yield
    made = syscall(number(68, 186), 0, IPC_CREAT | 0o600)
    syscall(number(71, 187), made, IPC_RMID, 0)


def queue_name(case: Case) -> ctypes.Array[ctypes.c_char]:
    return memory(f"queue-{case.victim}\0".encode())


def remove_queue(case: Case) -> None:
    """Landlock refuses to open a queue that has been made already: it stays, and the kernel allows a user ten."""
    with contextlib.suppress(FileNotFoundError):
        syscall(number(241, 181), queue_name(case))


@attempt({SECCOMP: EPERM, LIMITS: EMFILE, LANDLOCK: EACCES}, after=remove_queue)
def a_posix_message_queue(case: Case) -> Iterator[None]:
    name = queue_name(case)
    yield
    syscall(number(240, 180), name, os.O_CREAT | os.O_RDWR, 0o600, 0)


@attempt({SECCOMP: EPERM})
def a_filter_of_its_own(case: Case) -> Iterator[None]:
    yield
    syscall(number(317, 277), 2, 0, memory(struct.pack("=I", 0x7FFF0000)))  # SECCOMP_GET_ACTION_AVAIL, RET_ALLOW


if MACHINE == "x86_64":

    @attempt({SECCOMP: SIGSYS})
    def the_32_bit_calls(case: Case) -> Iterator[None]:
        """By `mov eax, 20 (getpid); int 0x80; ret`: the filter sees another architecture."""
        code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
        yield
        assert function() == os.getpid()

    @attempt({SECCOMP: SIGSYS})
    def the_x32_numbers(case: Case) -> Iterator[None]:
        yield
        # Most kernels are built without, and tell so themselves.
        with contextlib.suppress(OSError):
            syscall(X32_BIT | 39)  # getpid
