"""The filter's program, for both machines, run by an interpreter of its own: what the kernel here cannot show."""

from __future__ import annotations

import errno
import socket
import struct

import pytest

from twistedsite.scripts.sandbox import bpf, syscalls
from twistedsite.scripts.sandbox.seccomp import program

PID = 4711
EPERM, ENOSYS = bpf.refuse(errno.EPERM), bpf.refuse(errno.ENOSYS)


def judge(machine: str, call: str | int, *arguments: int, architecture: int | None = None, **grants: bool) -> int:
    """What the filter says of a call: the value that the kernel would act upon."""
    column, own_architecture = syscalls.MACHINES[machine]
    names = syscalls.ALWAYS | syscalls.NETWORK | syscalls.EXEC | syscalls.ABSENT | syscalls.DEADLY
    number = call if isinstance(call, int) else names[call][column]
    assert number is not None
    data = struct.pack("=IIQ6Q", number, architecture or own_architecture, 0, *arguments, *(0,) * (6 - len(arguments)))
    granted = {"network": False, "exec_": False, "signals": False, **grants}
    packed, places, _ = program(machine, **granted)
    code = bytearray(packed)
    for place in places:
        struct.pack_into("=I", code, place, PID)
    return _interpret(list(struct.iter_unpack("=HBBI", code)), data)


def _interpret(instructions: list[tuple[int, int, int, int]], data: bytes) -> int:
    at, accumulator = 0, 0
    while True:
        code, if_true, if_false, k = instructions[at]
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, k)[0]
        elif code == 0x54:
            accumulator &= k
        elif code == 0x05:
            at += k
        elif code == 0x15:
            at += if_true if accumulator == k else if_false
        elif code == 0x35:
            at += if_true if accumulator >= k else if_false
        else:
            assert code == 0x06
            return k


machines = pytest.mark.parametrize("machine", syscalls.MACHINES)


@machines
def test_every_number_gets_what_the_tables_say(machine: str) -> None:
    column, _ = syscalls.MACHINES[machine]
    bounded = {"kill", "tgkill", "clone", "fcntl", "ioctl", "prctl", "open", "openat", "socketpair"}
    expected: dict[int | None, int] = dict.fromkeys(range(syscalls.NEWEST + 1), EPERM)
    for table, verdict in (
        (syscalls.ALWAYS, bpf.ALLOW),
        (syscalls.ABSENT, ENOSYS),
        (syscalls.DEADLY, bpf.KILL),
    ):
        expected |= {numbers[column]: verdict for numbers in table.values()}
    for number in (None, *(syscalls.ALWAYS[name][column] for name in bounded)):
        expected.pop(number, None)
    assert {number: judge(machine, number) for number in expected if number is not None} == expected


@machines
def test_a_newer_call_is_absent(machine: str) -> None:
    assert judge(machine, syscalls.NEWEST + 1) == judge(machine, 999) == ENOSYS


@machines
def test_another_architecture_ends_the_process(machine: str) -> None:
    assert judge(machine, "read", architecture=0x40000003) == bpf.KILL  # i386
    assert judge(machine, "read", architecture=0x40000028) == bpf.KILL  # 32-bit arm


@machines
def test_x32_numbers_end_the_process(machine: str) -> None:
    assert judge(machine, syscalls.X32_BIT) == judge(machine, syscalls.X32_BIT | 39) == bpf.KILL


@machines
def test_signals_go_to_oneself_only(machine: str) -> None:
    assert judge(machine, "kill", PID, 9) == judge(machine, "tgkill", PID, 1, 9) == bpf.ALLOW
    assert judge(machine, "kill", PID + 1, 9) == judge(machine, "kill", 2**32 - 1, 9) == EPERM
    assert judge(machine, "kill", PID + 1, 9, signals=True) == bpf.ALLOW


@machines
def test_threads_are_the_only_processes(machine: str) -> None:
    thread = 0x3D0F00  # what glibc asks for
    assert judge(machine, "clone", thread) == bpf.ALLOW
    assert judge(machine, "clone", thread | 0x10000000) == EPERM
    assert judge(machine, "clone", 17) == EPERM
    assert judge(machine, "clone", 17, exec_=True) == bpf.ALLOW
    assert judge(machine, "clone", 17 | 0x8000, exec_=True) == EPERM


@machines
def test_sockets_are_only_pairs_unless_granted(machine: str) -> None:
    tcp = (socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 0)
    assert judge(machine, "socketpair", socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) == bpf.ALLOW
    assert judge(machine, "socketpair", socket.AF_UNIX, socket.SOCK_DGRAM) == EPERM
    assert judge(machine, "socket", *tcp) == EPERM
    assert judge(machine, "socket", *tcp, network=True) == bpf.ALLOW
    assert judge(machine, "socket", socket.AF_INET, socket.SOCK_RAW, 0, network=True) == EPERM
    assert judge(machine, "socket", socket.AF_INET, socket.SOCK_STREAM, 132, network=True) == EPERM  # SCTP


@machines
def test_only_the_low_half_of_an_argument_counts_as_for_the_kernel(machine: str) -> None:
    assert judge(machine, "prlimit64", 1 << 32) == bpf.ALLOW
    assert judge(machine, "prlimit64", (1 << 32) | 1) == EPERM


@machines
def test_programs_start_only_where_granted(machine: str) -> None:
    assert judge(machine, "execve") == EPERM
    assert judge(machine, "execve", exec_=True) == bpf.ALLOW


def test_a_machine_without_a_table_is_refused() -> None:
    with pytest.raises(OSError, match="riscv64"):
        program("riscv64", False, False, False)


@pytest.mark.parametrize("table", [syscalls.ALWAYS, syscalls.NETWORK, syscalls.EXEC, syscalls.ABSENT, syscalls.DEADLY])
def test_every_call_is_on_some_machine_and_known(table: syscalls.Table) -> None:
    for numbers in table.values():
        known = [number for number in numbers if number is not None]
        assert known
        assert all(0 <= number <= syscalls.NEWEST for number in known)
