"""Bounds on the arguments of those system calls that `syscalls` allows and that would allow too much without.

A call passes when each of its bounds holds: its argument (counted from 0, its low 32 bits, which are all that the
kernel reads of these), masked, is one of the values.
"""

from __future__ import annotations

import enum
import errno
import fcntl
import os
import socket
import termios
from typing import Final, NamedTuple


class Own(enum.Enum):
    """A value that is known only in the process that installs the filter."""

    PID = "pid"


class Bound(NamedTuple):
    """A bound on one argument."""

    argument: int
    values: tuple[int | Own, ...]
    mask: int = 0xFFFFFFFF


DENIED: Final = errno.EPERM

# include/uapi/linux/sched.h
_CLONE_THREAD: Final = 0x00010000
_CLONE_PARENT: Final = 0x00008000
_CLONE_NAMESPACES: Final = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""

# include/uapi/linux/fcntl.h. Without: F_SETOWN and F_SETSIG, which have the kernel send signals to others; leases.
_FCNTL: Final = (
    fcntl.F_DUPFD,
    fcntl.F_GETFD,
    fcntl.F_SETFD,
    fcntl.F_GETFL,
    fcntl.F_SETFL,
    fcntl.F_GETLK,
    fcntl.F_SETLK,
    fcntl.F_SETLKW,
    36,  # F_OFD_GETLK
    37,  # F_OFD_SETLK
    38,  # F_OFD_SETLKW
    fcntl.F_DUPFD_CLOEXEC,
    1032,  # F_GETPIPE_SZ
)

# include/uapi/asm-generic/ioctls.h. Without TIOCSTI and all that a device driver may add.
_IOCTL: Final = (
    termios.TCGETS,
    termios.TIOCGWINSZ,
    termios.FIONREAD,
    termios.FIONBIO,
    termios.FIOCLEX,
    termios.FIONCLEX,
)

# include/uapi/linux/prctl.h: PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP,
# PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, PR_SET_VMA (glibc names its memory by it).
_PRCTL: Final = (2, 3, 15, 16, 21, 23, 39, 0x53564D41)

_SOCK_TYPE_MASK: Final = 0xF  # include/linux/net.h
_NO_TRUNCATION_BY_READERS: Final = tuple(
    mode | truncate
    for mode, truncates in ((os.O_RDONLY, (0,)), (os.O_WRONLY, (0, os.O_TRUNC)), (os.O_RDWR, (0, os.O_TRUNC)))
    for truncate in truncates
)
"""O_RDONLY with O_TRUNC empties a file. Landlock prevents that only from its ABI 3 on."""


def _opening(argument: int) -> tuple[Bound, ...]:
    return (Bound(argument, _NO_TRUNCATION_BY_READERS, os.O_ACCMODE | os.O_TRUNC),)


def _no_oob(argument: int) -> tuple[Bound, ...]:
    # Out-of-band data in AF_UNIX sockets: nobody uses it, and it has let code out of sandboxes (CVE-2025-38236).
    return (Bound(argument, (0,), socket.MSG_OOB),)


BOUNDS: Final[dict[str, tuple[Bound, ...]]] = {
    "kill": (Bound(0, (Own.PID,)),),
    "tgkill": (Bound(0, (Own.PID,)),),
    "clone": (Bound(0, (_CLONE_THREAD,), _CLONE_THREAD | _CLONE_NAMESPACES),),
    "prlimit64": (Bound(0, (0,)),),
    "fcntl": (Bound(1, _FCNTL),),
    "ioctl": (Bound(1, _IOCTL),),
    "prctl": (Bound(0, _PRCTL),),
    "open": _opening(1),
    "openat": _opening(2),
    # A pair of datagram sockets could still send to any other, by its path.
    "socketpair": (Bound(0, (socket.AF_UNIX,)), Bound(1, (socket.SOCK_STREAM,), _SOCK_TYPE_MASK)),
    "sendto": _no_oob(3),
    "recvfrom": _no_oob(3),
    "sendmsg": _no_oob(2),
    "recvmsg": _no_oob(2),
    "socket": (
        Bound(0, (socket.AF_INET, socket.AF_INET6)),
        Bound(1, (socket.SOCK_STREAM, socket.SOCK_DGRAM), _SOCK_TYPE_MASK),
        Bound(2, (0, socket.IPPROTO_TCP, socket.IPPROTO_UDP)),
    ),
}

EXEC_BOUNDS: Final[dict[str, tuple[Bound, ...]]] = {
    "clone": (Bound(0, (0,), _CLONE_NAMESPACES | _CLONE_PARENT),),
}
"""These replace the ones above where the policy grants exec: starting programs needs new processes."""

SIGNALS_BEYOND: Final[dict[str, tuple[Bound, ...]]] = {"kill": (), "tgkill": ()}
"""These replace them where Landlock restricts signals to the sandbox's own processes."""
