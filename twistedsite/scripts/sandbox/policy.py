"""What a worker process may do, and what the kernel was seen to hold it to: plain data, no act.

A SandboxPolicy is made by the server, sent to the zygote, and applied by `enter`; a SandboxReport comes back.
"""

from __future__ import annotations

import os
import sysconfig
from typing import Final

import msgspec

_MIB: Final = 1024 * 1024


class SandboxPolicy(msgspec.Struct, frozen=True):
    """What one site's workers may do. Paths are absolute; one that does not exist grants nothing."""

    root: str
    """The site's folder: readable."""
    readable: tuple[str, ...] = ()
    """Further files and folders that are readable; `system_paths` names what an interpreter needs."""
    temporary: str | None = None
    """The only folder that is writable, the caller's to make, to hand to `uid`, and to remove."""
    uid: int | None = None
    """To run as; None keeps the user. Needs a process of root."""
    gid: int | None = None
    memory: int = 512 * _MIB
    """Bytes of address space (RLIMIT_AS)."""
    cpu: int = 600
    """Seconds of processor time in the worker's whole life."""
    file_size: int = 64 * _MIB
    """Bytes of any one file that is written."""
    open_files: int = 64
    processes: int = 64
    """Processes and threads of the user, all its workers together: applied where `uid` is given."""
    network: bool = False
    """May connect to others by TCP and UDP; never listen."""
    exec: bool = False
    """May start programs."""


class Layer(msgspec.Struct, frozen=True):
    """One thing that the sandbox is there for."""

    name: str
    holds: bool
    detail: str = ""
    """By what it holds, or why it does not."""
    essential: bool = True
    """Without it there is no sandbox; the others are second locks on doors that these keep shut."""


class SandboxReport(msgspec.Struct, frozen=True):
    """What holds and what does not; whether that is enough is the caller's to decide."""

    layers: tuple[Layer, ...]

    @property
    def sufficient(self) -> bool:
        """Everything essential holds: what `sandbox = "required"` asks for."""
        return all(layer.holds for layer in self.layers if layer.essential)

    @property
    def missing(self) -> tuple[Layer, ...]:
        """What does not hold."""
        return tuple(layer for layer in self.layers if not layer.holds)

    def summary(self) -> str:
        """One line for the log and for health."""
        holds = ", ".join(f"{layer.name} ({layer.detail})" for layer in self.layers if layer.holds)
        missing = "; ".join(f"{layer.name}: {layer.detail}" for layer in self.missing)
        verdict = "holds" if self.sufficient else "does not hold"
        return f"sandbox {verdict}: {holds or 'nothing'}. Missing: {missing or 'nothing'}."


_SYSTEM: Final = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/ssl/openssl.cnf",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
)
_FOR_NETWORK: Final = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ssl/certs",
    "/usr/share/ca-certificates",
    "/etc/pki",
)
_FOR_EXEC: Final = ("/bin", "/usr/bin", "/usr/local/bin")
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def system_paths(network: bool = False, exec_: bool = False) -> tuple[str, ...]:
    """What a script's imports need to read: standard library, site-packages, this package, shared libraries, zones."""
    names = sysconfig.get_paths()
    wanted = [names[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    wanted += [os.path.join(sysconfig.get_config_var("base"), "lib"), _PACKAGE, *_SYSTEM]
    wanted += [*(_FOR_NETWORK if network else ()), *(_FOR_EXEC if exec_ else ())]
    found = sorted({os.path.realpath(path) for path in wanted if os.path.exists(path)})
    return tuple(path for path in found if not any(path.startswith(f"{other}/") for other in found))
